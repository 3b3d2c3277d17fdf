"""A long run under a mixed load, with a kill or a fault every now and then; what the daemon and its workers hold is looked at all the while."""
import os, sqlite3, threading, time

# What is looked at every so many seconds, and shown every so many of these.
EVERY = 2
SHOWN = 40
# The least seconds that a daemon must have run for its growth to count: until then caches fill.
WARM = 45

# What may be held, at most. A leak of one descriptor, thread or kilobyte in each of thousands of files is above this.
MOST = {
    "MiB of the daemon": 128,
    # The growth of one daemon from WARM seconds on, where it is measured.
    "MiB that a daemon grew": 48,
    # At rest, more than the first daemon had at rest.
    "descriptors more at rest": 6,
    "threads more at rest": 4,
    "bytes of the ledger for each file": 3000,
}


class Look:
    """What one process holds, of memory what is its own and no mapped file; ProcessLookupError where it is gone."""

    def __init__(self, process):
        folder = f"/proc/{process}"
        try:
            with open(folder + "/status") as file:
                lines = dict(line.split(":", 1) for line in file)
            self.descriptors = len(os.listdir(folder + "/fd"))
            self.mebibytes = (int(lines["RssAnon"].split()[0]) + int(lines["RssShmem"].split()[0])) / 1024
            self.threads = int(lines["Threads"])
        except (OSError, KeyError) as error:
            raise ProcessLookupError(process) from error


class Soak:
    def __init__(self, torture):
        self.torture, self.daemon, self.load, self.random = torture, torture.daemon, torture.load, torture.random
        self.seconds = torture.options.soak
        self.looks, self.is_over = [], threading.Event()
        self.first_rest = self.last_rest = None
        # Without its ledger nothing can be said of its size.
        torture.faults.kinds.pop("ledger deleted")
        # All that lands in that time finds room, and the ledger of it.
        torture.faults.more_megabytes = int(self.seconds * 0.4)

    # The steps.

    def steps(self):
        """Kills and faults for as long as it lasts, one every 15 seconds on average: most of them kill a worker, so that daemons grow old."""
        kinds, end, number = sorted(self.torture.faults.kinds), time.monotonic() + self.seconds, 0
        self.first_rest, self.first_bytes, self.first_files = self.rest(), self.ledger_bytes(), self.files()
        threading.Thread(target=self.look, daemon=True).start()
        while time.monotonic() < end and not self.torture.is_enough:
            time.sleep(min(self.random.uniform(5, 25), max(end - time.monotonic(), 0)))
            number += 1
            step = self.random.choices(["kill one worker", "kill the daemon", "kill all of it", ""], [10, 2, 1, 5])[0]
            yield number, step or kinds[number % len(kinds)]

    def ended(self):
        """Looks a last time, once everything is done."""
        self.is_over.set()
        self.last_rest = self.rest()

    # The looks.

    def rest(self):
        """What the daemon holds when it has nothing to do: the least of some looks."""
        self.daemon.wait_until_it_runs()
        looks = []
        for _ in range(10):
            time.sleep(0.3)
            try:
                looks.append(Look(self.daemon.process.pid))
            except (ProcessLookupError, AttributeError):
                continue
        return looks and {name: min(getattr(look, name) for look in looks) for name in ("descriptors", "threads", "mebibytes")}

    def look(self):
        begun, daemon, since = time.monotonic(), None, 0
        while not self.is_over.wait(EVERY):
            try:
                process = self.daemon.process.pid
                own, workers = Look(process), []
                for worker in self.daemon.own_workers():
                    try:
                        workers.append(Look(worker))
                    except ProcessLookupError:
                        continue
            except (ProcessLookupError, AttributeError):
                continue
            if process != daemon:
                daemon, since = process, time.monotonic()
            self.looks.append({
                "s": round(time.monotonic() - begun), "daemon": daemon, "age": time.monotonic() - since,
                "files": self.load.counts["files"], "MiB": own.mebibytes, "descriptors": own.descriptors, "threads": own.threads,
                "workers": len(workers), "MiB of workers": sum(look.mebibytes for look in workers),
                "their descriptors": sum(look.descriptors for look in workers),
            })

    # What came out.

    def ledger_bytes(self):
        path = os.path.join(self.torture.root, ".millrace/ledger.sqlite")
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as ledger:
            pages, size = (ledger.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
            return pages * size

    def files(self):
        return sum(self.load.counts[name] for name in ("files", "models", "bad models", "labelled files"))

    def growth(self):
        """The most that one daemon grew, from WARM seconds of its life on, and for how long it was seen from then on."""
        most, seconds = 0.0, 0.0
        for daemon in {look["daemon"] for look in self.looks}:
            old = [look for look in self.looks if look["daemon"] == daemon and look["age"] >= WARM]
            if len(old) > 1:
                seconds = max(seconds, old[-1]["age"] - WARM)
                most = max(most, old[-1]["MiB"] - old[0]["MiB"])
        return most, seconds

    def findings(self):
        """(what, value, whether it is too much) of everything that has a bound."""
        growth, seconds = self.growth()
        values = {
            "MiB of the daemon": max((look["MiB"] for look in self.looks), default=0),
            "MiB that a daemon grew": growth,
            "descriptors more at rest": self.last_rest["descriptors"] - self.first_rest["descriptors"],
            "threads more at rest": self.last_rest["threads"] - self.first_rest["threads"],
            "bytes of the ledger for each file": (self.ledger_bytes() - self.first_bytes) / max(self.files() - self.first_files, 1),
        }
        self.torture.say(f"the oldest daemon was seen for {seconds:.0f} s after its first {WARM}")
        return [(name, round(value, 1), value > MOST[name]) for name, value in values.items()]

    def report(self):
        """Prints the looks and what was found; returns whether anything is above its bound."""
        columns = ["s", "files", "MiB", "descriptors", "threads", "workers", "MiB of workers", "their descriptors"]
        lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
        step = max(len(self.looks) // SHOWN, 1)
        for look in self.looks[::step]:
            lines.append("| " + " | ".join(f"{look[name]:.0f}" for name in columns) + " |")
        findings = self.findings()
        lines += ["", "| held | at most | seen |", "|---|---|---|"]
        lines += [f"| {name} | {MOST[name]} | {value}{' TOO MUCH' if too_much else ''} |" for name, value, too_much in findings]
        print("\n".join(lines), flush=True)
        return any(too_much for _, _, too_much in findings) or len(self.looks) < self.seconds / EVERY / 4
