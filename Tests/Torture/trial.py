"""What the tortures of one daemon and of a cluster have in common: a load, a daemon, a reader of its outputs all the while, and a judge."""
import collections, os, platform, random, signal, subprocess, sys, threading, time

from daemon import Daemon
from judge import Judge
from load import PIPELINES, Load

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(os.path.dirname(HERE))


def processor():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


class Trial:
    """What is done to the daemon is a matter of `steps`, which yields a number and what is to be done, and of `step`, which does it."""

    daemon_kind = Daemon

    def __init__(self, options, root):
        self.options, self.root, self.started = options, root, time.monotonic()
        self.random = random.Random(f"faults {options.seed}")
        self.load = Load(root, options.seed)
        self.load.large_rows = options.large
        self.daemon = self.daemon_kind(os.path.abspath(options.millrace), root, self.say)
        self.judge = Judge(root, self.load, self.daemon)
        self.is_enough = False
        self.reading = None
        self.found = {kind: [] for kind in ("lost", "doubled", "partial", "wrong")}

    def say(self, text):
        print(f"{time.monotonic() - self.started:8.1f} s  {text}", flush=True)

    def prepare(self):
        self.load.prepare()
        os.makedirs(os.path.join(self.root, "home"))

    def begin(self):
        """Called when the load has begun, before the first step."""

    def end(self):
        """Called when nothing is left to do, before the daemon stops; the last chance to break something is over."""

    def ended(self):
        """Called when the daemon has stopped, before the judge looks at anything."""

    def run(self):
        self.prepare()
        self.say(f"seed {self.options.seed}, root {self.root}")
        self.daemon.start()
        self.load.first_models()
        threading.Thread(target=self.daemon.watch_orphans, daemon=True).start()
        writer = threading.Thread(target=self.load.run, args=[self.options.pause, self.judge.backlog], daemon=True)
        self.reading = reader = self.reader()
        writer.start()
        self.begin()
        # Who has seen enough gets the verdict of what was done.
        signal.signal(signal.SIGINT, lambda *_: setattr(self, "is_enough", True))
        for number, step in self.steps():
            if self.is_enough:
                break
            self.step(number, step)
            if not writer.is_alive():
                self.say("the writer of the load ended; see above")
                return 2
        self.load.is_stopped.set()
        writer.join()
        self.settle()
        self.end()
        status = self.daemon.stop()
        if status != 0:
            self.daemon.ends.append((status, set()))
        self.daemon.is_over.set()
        self.ended()
        found = self.judge.judge()
        with open(os.path.join(self.root, "stop"), "w"):
            pass
        said, _ = reader.communicate()
        found["partial"] += [line for line in said.splitlines() if line.startswith("WRONG")]
        return self.report(found)

    def reader(self):
        """Someone who reads the outputs all the while."""
        words = [
            os.path.join(PROJECT, "Scripts", "oracle-landing"), "watch", "--stop", os.path.join(self.root, "stop"), "--pause", "0.1",
            "--away", os.path.join(self.root, "away"), "--keeps-versions",
        ]
        for pipeline in self.load.data:
            for folder in ("outputs", "models"):
                path = os.path.join(self.root, "out", pipeline, folder)
                os.makedirs(path, exist_ok=True)
                if self.daemon.user:
                    os.chown(path, self.daemon.user.pw_uid, self.daemon.user.pw_gid)
                words += ["--" + folder, path]
        return subprocess.Popen([sys.executable] + words, stdout=subprocess.PIPE, text=True, start_new_session=True)

    def settle(self):
        """Until everything is done, or for so long."""
        end, pending, told = time.monotonic() + self.options.patience, [], time.monotonic()
        while time.monotonic() < end:
            pending = list(self.judge.pending()) or list(self.judge.waiting())
            if not pending:
                break
            if time.monotonic() - told > 15:
                told = time.monotonic()
                self.say(f"{len(pending)} left: {pending[0]}")
            time.sleep(0.5)
        self.say(f"quiet, {len(pending)} left")

    def close(self):
        self.daemon.close()
        if self.reading and self.reading.poll() is None:
            self.reading.kill()

    # What came out.

    def made(self):
        """(name, number) of what was done to the daemon."""
        return []

    def report(self, found):
        for kind, lines in found.items():
            for line in lines[:40]:
                print(f"{kind.upper()}: {line}")
        outputs = sum(len(self.judge.manifest(pipeline)) for pipeline in PIPELINES)
        versions = collections.Counter()
        for pipeline in PIPELINES:
            versions["learning" if pipeline == "learning" else "others"] += len(self.judge.versions(pipeline))
        rows = [
            *self.made(), *self.load.counts.items(), ("outputs published", outputs), ("versions of models", versions["others"]),
            ("versions with what was learnt", versions["learning"]),
            ("the longest that a worker outlived its daemon, in s", round(self.daemon.longest_orphan, 1)),
            ("reasons left of files that are done", len(self.judge.stale)),
            ("ended by itself, honestly", sum(1 for status, _ in self.daemon.ends if status)),
            ("seconds", round(time.monotonic() - self.started)),
            *((f"**{kind}**", f"**{len(lines)}**") for kind, lines in found.items()),
        ]
        table = "".join(f"| {name} | {value} |\n" for name, value in rows)
        text = f"Seed {self.options.seed}, {processor()}:\n\n| | |\n|---|---|\n{table}"
        print(text)
        if self.options.table:
            with open(self.options.table, "w") as file:
                file.write(text)
        return 1 if any(found.values()) else 0
