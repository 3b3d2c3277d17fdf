"""A process is killed in each fault point of Sources/README.md, the first time that it gets there and a later time, over one root with mixed load."""
import glob, json, os, random, re, signal, sqlite3, subprocess, time

import onnx_bytes
from judge import contents, tree
from load import COMMON, Content, SCORING, table, yaml

# A few of each part, for every run of the tests.
SAMPLE = [
    "claim.made", "start.recovered", "worker.greeted", "intake.numbered", "open.recorded", "order.sent", "worker.batch", "worker.answered", "range.finished",
    "land.intended", "land.renamed", "manifest.written", "close.recorded", "version.renamed", "version.active", "checkpoint.written", "remove.taken", "quarantine.moved",
    "notify.told", "recover.output",
]
# Points that are reached once in the life of a process, or of a root.
ONCE = {
    "claim.made", "claim.held", "start.locked", "start.ledger", "start.recovered", "start.inputs", "start.swept", "start.running", "recover.output",
    "recover.model", "recover.interrupted", "recover.removal", "rename.moved", "rename.recorded", "restore.begin", "restore.recorded", "training.resumed",
    "pins.recorded", "remove.returning", "retention.labels", "retention.history", "worker.lost", "worker.removed", "worker.again", "edit.begin", "edit.in-force",
    "ahead.begun", "ahead.taken", "tuned.written", "tuned.removed", "range.planned", "range.scored", "range.finished", "range.appended", "worker.start", "worker.greeted", "worker.spawned",
}
# The point in which the daemon or a worker is killed before, so that there is something to settle.
BEFORE = {
    "recover.output": "land.renamed", "recover.model": "version.landed", "recover.interrupted": "order.sent", "recover.removal": "remove.taken",
    "training.resumed": "checkpoint.written",
}
MIRRORED = f"""name: mirrored
spool: {{ models: spool/mirrored/models, data: spool/mirrored/data }}
{COMMON}
schema: {{ key: [id], keep: [id] }}
stages: [ deserialize: {{}}, forward: {{}} ]
land: {{ models: {{ path: out/mirrored/models, keep: 2 }}, outputs: {{ path: out/mirrored/outputs, format: csv }} }}
on_input_deleted: remove
"""


class Points:
    def __init__(self, torture):
        self.torture, self.root, self.load, self.daemon, self.judge = torture, torture.root, torture.load, torture.daemon, torture.judge
        self.say = torture.say
        self.random = random.Random(f"points {torture.options.seed}")
        self.failures, self.kills, self.number = [], 0, 0
        self.standing, self.deleted = set(), set()
        self.marks = os.path.join(self.root, "marks")
        with open(os.path.join(os.path.dirname(__file__), "..", "..", "Sources", "README.md")) as file:
            self.names = re.findall(r"^\| `([a-z]+\.[a-z-]+)` \|", file.read(), re.M)

    # What makes a daemon get to a point. Each is done again and again until it is there.

    def nothing(self):
        pass

    def drop(self):
        for pipeline in self.load.data:
            self.load.drop_data(pipeline, is_bad=False)

    def drop_bad(self):
        self.load.drop_data("archived", is_bad=True)
        self.load.drop_data("kept", is_bad=False)

    def drop_model(self):
        self.load.drop_model(self.random.choice(["kept", "archived", "deleted"]))
        self.load.drop_data("kept", is_bad=False)

    def drop_labels_together(self):
        """Labels that wait for their own training when a model is tuned on them."""
        self.daemon.command("pause", "learning")
        for _ in range(3):
            self.load.drop_labels()
        time.sleep(1)
        self.load.drop_model("learning")
        time.sleep(1)
        self.daemon.command("resume", "learning")

    def replace(self):
        path = sorted(path for path in self.load.data["kept"])[0]
        self.put_data("kept", path, self.load.rows(3))

    def put_data(self, pipeline, path, rows, is_bad=False):
        columns = rows if not is_bad else dict(rows, x=["word"] * len(rows["id"]))
        data = table(path.rsplit(".", 1)[1], columns)
        self.load.data[pipeline].setdefault(path, []).append(Content(data, None if is_bad else rows))
        self.load.counts["files"] += 1
        self.load.put(pipeline, "data", path, data, "rename")

    def drop_twin(self):
        """Two files of one output: the second one is refused before anything runs."""
        self.load.number += 1
        stem = f"twin{self.load.number}"
        self.put_data("kept", stem + ".csv", self.load.rows(2))
        # The first one must be known; which of two that are found together is first, their settling decides.
        if not self.wait_for(lambda: os.path.exists(os.path.join(self.root, "out", "kept", "outputs", stem + ".csv"))):
            return
        rows = self.load.rows(2)
        data = table("jsonl", rows)
        self.load.data["kept"].setdefault(stem + ".jsonl", []).append(Content(data, None))
        self.load.put("kept", "data", stem + ".jsonl", data, "rename")

    def wait_for(self, is_so, within=20):
        """Until it is so, the daemon has died, or for so long; returns whether it is so."""
        deadline = time.monotonic() + within
        while not is_so() and time.monotonic() < deadline and self.daemon.process.poll() is None:
            time.sleep(0.02)
        return bool(is_so())

    def mend(self):
        """A bad file that is replaced by a good one, once there is a reason for it."""
        self.load.number += 1
        path = f"mended{self.load.number}.csv"
        self.put_data("kept", path, self.load.rows(3), is_bad=True)
        self.wait_for(lambda: path in self.judge.reasons("kept"))
        self.put_data("kept", path, self.load.rows(3))

    def kill_worker(self):
        """An attempt that takes long loses its process."""
        self.load.drop_large("kept")
        for _ in range(8):
            time.sleep(0.25)
            for pid in self.busy_workers():
                self.daemon.end(pid)
                return

    def drop_ranged(self):
        """A file that is so large that it is scored in ranges."""
        if not self.ranged:
            self.ranged = True
            self.load.drop_large("kept", rows=2_300_000)

    def drop_ahead(self):
        """A file of which ranges are scored while it is read for its digest, unless something of its pipeline waits."""
        self.load.drop_large("kept", rows=2_300_000)

    def busy_workers(self):
        """Those that write an output."""
        found = []
        for pid in self.daemon.own_workers():
            try:
                for name in os.listdir(f"/proc/{pid}/fd"):
                    if "-output." in os.readlink(f"/proc/{pid}/fd/{name}"):
                        found.append(pid)
            except OSError:
                continue
        return found

    def hold_open(self):
        """A file is opened for writing while it is scored, and is to be given back when it has been."""
        path = self.load.drop_large("archived")
        # Only of its own files a daemon can tell who has them open.
        self.own(os.path.join(self.load.spool("archived", "data"), path))
        self.wait_for(self.busy_workers)
        self.held = open(os.path.join(self.load.spool("archived", "data"), path), "r+b")

    def pause(self):
        self.daemon.command("pause", "kept")
        self.daemon.command("resume", "kept")

    def edit(self):
        path = os.path.join(self.root, "pipelines", "deleted.yaml")
        with open(path + ".new", "w") as file:
            file.write(yaml("deleted").replace("quiet: 200ms", f"quiet: {200 + self.random.randrange(50)}ms"))
        os.rename(path + ".new", path)
        self.own(path)

    def add_mirrored(self):
        """Another pipeline, which keeps two versions and no output without its input."""
        path = os.path.join(self.root, "pipelines", "mirrored.yaml")
        if not os.path.exists(path):
            for role in ("models", "data"):
                os.makedirs(os.path.join(self.root, "spool", "mirrored", role), exist_ok=True)
            os.makedirs(os.path.join(self.root, "out", "mirrored"), exist_ok=True)
            with open(path, "w") as file:
                file.write(MIRRORED)
            self.own(path)
            for folder in (("spool", "mirrored"), ("spool", "mirrored", "models"), ("spool", "mirrored", "data"), ("out", "mirrored")):
                self.own(os.path.join(self.root, *folder))

    def own(self, path):
        if self.daemon.user:
            os.chown(path, self.daemon.user.pw_uid, self.daemon.user.pw_gid)

    def mirrored_data(self):
        """Files come, and those that were scored are deleted."""
        self.add_mirrored()
        self.mirrored_model(only_first=True)
        for path in sorted(self.standing):
            if os.path.exists(os.path.join(self.root, "out", "mirrored", "outputs", path)):
                os.unlink(os.path.join(self.root, "spool", "mirrored", "data", path))
                self.standing.discard(path)
                self.deleted.add(path)
        for _ in range(2):
            rows = self.load.rows(2)
            path = f"m{self.load.number}.csv"
            self.load.put("mirrored", "data", path, table("csv", rows), "rename")
            self.standing.add(path)

    def mirrored_model(self, only_first=False):
        self.add_mirrored()
        if only_first and os.listdir(os.path.join(self.root, "spool", "mirrored", "models")):
            return
        self.load.number += 1
        self.load.addend += 1
        self.load.put("mirrored", "models", f"m{self.load.number}.onnx", onnx_bytes.adding(float(self.load.addend)), "rename")

    def stimulus(self, point):
        part = point.split(".")[0]
        by_name = {
            "worker.spawned": self.nothing, "worker.start": self.nothing, "worker.greeted": self.nothing, "worker.lost": self.kill_worker,
            "worker.removed": self.kill_worker, "worker.again": self.kill_worker, "worker.copied": self.drop_model, "worker.accepted": self.drop_model,
            "intake.refused": self.drop_twin, "land.replace": self.replace, "reason.clear": self.mend, "remove.returning": self.hold_open,
            "version.pruned": self.mirrored_model, "version.card": self.mirrored_model, "version.away": self.mirrored_model, "edit.begin": self.edit,
            "edit.in-force": self.edit, "pins.recorded": self.mirrored_data, "float.copied": self.load.drop_labels, "float.pruned": self.load.drop_labels,
            "labels.decided": self.drop_labels_together, "training.discard": self.load.drop_labels, "recover.model": self.nothing,
        }
        by_part = {
            "claim": self.nothing, "start": self.nothing, "recover": self.nothing, "labels": self.load.drop_labels, "training": self.load.drop_labels,
            "checkpoint": self.load.drop_labels, "tuned": self.load.drop_labels, "version": self.drop_model, "quarantine": self.drop_bad,
            "range": self.drop_ranged, "ahead": self.drop_ahead, "inputs": self.mirrored_data, "removal": self.mirrored_data, "request": self.pause,
        }
        return by_name.get(point) or by_part.get(part) or self.drop

    # One kill.

    def kill_at(self, point, count, stimulus, within=60, goes_on=True):
        """Starts a daemon that is to die, or to lose a worker, at that point; returns whether that was so. One that does not go on is killed as
        soon as its worker is."""
        self.number += 1
        self.ranged = False
        mark = os.path.join(self.marks, f"{self.number}-{point}")
        self.daemon.environment["MILLRACE_FAULT"] = f"{point}:{count}:{mark}"
        self.daemon.start()
        self.daemon.expected = True
        process = self.daemon.process
        deadline, again = time.monotonic() + within, time.monotonic() + 0.3
        while not self.text(mark):
            if process.poll() is not None and not self.text(mark):
                return self.fail(f"{point}:{count}: the daemon ended with {process.returncode} before it got there")
            if time.monotonic() >= deadline:
                self.daemon.kill()
                return self.fail(f"{point}:{count}: it was never reached")
            if time.monotonic() >= again:
                stimulus()
                again = time.monotonic() + 3
            time.sleep(0.02)
        self.kills += 1
        killed = int(self.text(mark))
        if killed != process.pid and not goes_on:
            self.daemon.kill_all()
        elif killed == process.pid:
            if process.wait(20) != -signal.SIGKILL:
                self.fail(f"{point}:{count}: the daemon ended with {process.returncode}")
        else:
            while (is_there := self.runs(killed)) and time.monotonic() < deadline:
                time.sleep(0.02)
            if is_there:
                self.fail(f"{point}:{count}: the killed worker is still there")
            # Sometimes nothing has come of it yet, sometimes it has begun anew, and sometimes the daemon ends as it should.
            time.sleep(self.random.choice([0, 0.3, 1]))
            if process.poll() is not None:
                self.fail(f"{point}:{count}: the daemon ended with {process.returncode} when its worker was killed")
            if self.random.random() < 0.5:
                self.daemon.kill()
            elif (status := self.daemon.stop()) != 0:
                self.fail(f"{point}:{count}: the daemon ended with {status} when it was stopped")
        self.daemon.environment.pop("MILLRACE_FAULT", None)
        left = self.daemon.orphans()
        if left:
            self.fail(f"{point}:{count}: workers {left} outlive their daemon")
        self.say(f"{point}:{count}: the {'daemon' if killed == process.pid else 'worker'} was killed")
        return True

    def runs(self, pid):
        """One that executed nothing is waited for by its daemon when there is something to execute."""
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
        except OSError:
            return False

    def text(self, path):
        try:
            with open(path) as file:
                text = file.read()
            return text if text.endswith("\n") else ""
        except FileNotFoundError:
            return ""

    def fail(self, line):
        self.say(f"FAILED: {line}")
        self.failures.append(line)
        return False

    # All of them.

    def run(self, wanted):
        unknown = set(wanted) - set(self.names)
        if unknown:
            raise SystemExit(f"Sources/README.md has no point {', '.join(sorted(unknown))}")
        self.torture.prepare()
        if self.daemon.user:
            # What is archived leaves its mount.
            archive = os.path.join(self.root, "archive")
            os.makedirs(archive, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m,mode=755", "tmpfs", archive], check=True)
            self.own(archive)
        os.makedirs(self.marks)
        os.chmod(self.marks, 0o777)
        self.judge.hears = True
        is_sample = wanted == SAMPLE
        wanted = set(wanted or self.names)
        order = [name for name in self.names if name in wanted]
        # A root that nobody has used yet first, then the first file of a pipeline that pins.
        order.sort(key=lambda name: (name.split(".")[0] not in ("claim", "start"), name != "pins.recorded"))
        early = [name for name in order if name.split(".")[0] in ("claim", "start") or name in ("worker.spawned", "worker.start", "worker.greeted")]
        late = [name for name in order if name.split(".")[0] in ("rename", "restore", "retention")]
        for name in early:
            self.point(name, is_sample)
        self.load.first_models()
        self.drop()
        for name in order:
            if name not in early and name not in late:
                self.point(name, is_sample)
        if "retention.history" in wanted:
            self.lose_inputs()
        self.judged("after the points")
        self.mirror()
        if "retention.history" in wanted:
            self.retaining(["retention.history"], {"mirrored": "history: 1m"})
            late.remove("retention.history")
        for part, scene in [("rename", self.renaming), ("restore", self.restoring), ("retention", self.retaining)]:
            names = [name for name in late if name.startswith(part)]
            if names:
                scene(names)
        return self.report(len(order))

    def point(self, name, is_sample):
        if name == "remove.copied" and not self.daemon.user:
            return
        for count in [1] if is_sample or name in ONCE else [1, 3] if not name.startswith("ledger") else [1, 2, 4, 7, 12, 20]:
            before = BEFORE.get(name)
            if before and not self.kill_at(before, 1, self.stimulus(before), goes_on=False):
                return
            self.kill_at(name, count, self.drop_twin if name.startswith("ledger") and count % 2 == 0 else self.stimulus(name))

    def judged(self, when):
        """Everything is done by a daemon that nobody kills, and the judge looks at it."""
        self.daemon.environment.pop("MILLRACE_FAULT", None)
        self.daemon.start()
        self.daemon.expected = True
        self.torture.settle()
        if os.path.exists(os.path.join(self.root, "pipelines", "mirrored.yaml")):
            # All known files are looked for every ten seconds.
            self.wait_for(lambda: self.mirrored_outputs() == self.standing, within=60)
        if (status := self.daemon.stop()) != 0:
            self.fail(f"{when}: the daemon ended with {status}")
        for kind, lines in self.judge.judge().items():
            for line in lines:
                self.fail(f"{when}: {kind}: {line}")
            self.torture.found[kind] += lines
        with sqlite3.connect(f"file:{self.root}/.millrace/ledger.sqlite?mode=ro", uri=True) as ledger:
            for row in ledger.execute("SELECT run, outcome, error FROM attempts WHERE outcome = 'worker-died'"):
                self.fail(f"{when}: a worker that was killed once has cost an attempt: {row}")

    def mirrored_outputs(self):
        return {path for path in tree(os.path.join(self.root, "out", "mirrored", "outputs")) if not path.startswith("_millrace/")}

    def mirror(self):
        """What went with its input, and what did not."""
        if not os.path.exists(os.path.join(self.root, "pipelines", "mirrored.yaml")):
            return
        folder = os.path.join(self.root, "out", "mirrored")
        there = self.mirrored_outputs()
        if there != self.standing:
            self.fail(f"mirrored: outputs {sorted(there - self.standing)} have no input, inputs {sorted(self.standing - there)} no output")
        removed = {line["path"] for line in self.judge.manifest("mirrored") if line.get("removed_at")}
        if not self.deleted <= removed:
            self.fail(f"mirrored: no manifest says that {sorted(self.deleted - removed)} went")
        versions = sorted(int(name) for name in os.listdir(os.path.join(folder, "models")) if name.isdigit())
        active = contents(os.path.join(folder, "models", "ACTIVE")).decode()
        if len(versions) > 2 or active != f"{max(versions)}\n":
            self.fail(f"mirrored: versions {versions} stand, and ACTIVE is {active!r}")

    def renaming(self, names):
        path = os.path.join(self.root, "pipelines", "learning.yaml")
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace("name: learning\n", "name: learned\nwas: learning\n"))
        self.judge.names["learning"] = "learned"
        for name in names:
            self.kill_at(name, 1, self.nothing)
        self.load.drop_labels()
        self.drop()
        self.judged("after the renaming")

    def restoring(self, names):
        for name in names:
            for file in glob.glob(os.path.join(self.root, ".millrace", "ledger.sqlite*")):
                os.unlink(file)
            self.kill_at(name, 1, self.nothing)
        # What was to be told is lost with the ledger, and its numbers with it.
        self.judge.hears = False
        self.drop()
        self.judged("after the ledger was restored")

    def lose_inputs(self):
        """History of inputs that are gone, with their outputs."""
        self.daemon.start()
        self.daemon.expected = True
        deadline = time.monotonic() + 60
        while len(self.deleted) < 2 and time.monotonic() < deadline:
            self.mirrored_data()
            time.sleep(3)
        self.daemon.stop()
        self.lost_at = time.monotonic()

    def retaining(self, names, kept={"archived": "archive: 1KiB, quarantine: 1KiB", "learning": "labels: 1KiB"}):
        """Not by the daemon, which does this every hour, but by the command that does the same."""
        if "archived" in kept:
            for _ in range(6):
                rows = self.load.rows(200)
                self.put_data("archived", f"old{self.load.number}.csv", rows)
            for _ in range(3):
                self.load.drop_labels()
            self.judged("before the pruning")
        for pipeline, retain in kept.items():
            with open(os.path.join(self.root, "pipelines", pipeline + ".yaml"), "a") as file:
                file.write(f"retain: {{ {retain} }}\n")
        # History is kept for a minute at least.
        if "mirrored" in kept:
            time.sleep(max(0, self.lost_at + 65 - time.monotonic()))
        for name in names:
            for count in [1] if name in ONCE else [1, 3]:
                self.number += 1
                mark = os.path.join(self.marks, f"{self.number}-{name}")
                status = self.prune(MILLRACE_FAULT=f"{name}:{count}:{mark}")
                self.kills += 1
                if status != -signal.SIGKILL or not self.text(mark):
                    self.fail(f"{name}:{count}: prune ended with {status}")
                else:
                    self.say(f"{name}:{count}: the command was killed")
        if (status := self.prune()) != 0:
            self.fail(f"prune ended with {status} after it was killed")
        outputs = {path: contents(os.path.join(self.root, "out", path)) for path in tree(os.path.join(self.root, "out")) if "_millrace" not in path}
        self.daemon.start()
        self.daemon.expected = True
        time.sleep(3)
        if (status := self.daemon.stop()) != 0:
            self.fail(f"the daemon ended with {status} after the pruning")
        if (check := self.daemon.command("check")).returncode != 0:
            self.fail(f"check ended with {check.returncode} after the pruning: {check.stdout}{check.stderr}")
        for path in tree(os.path.join(self.root, "out")):
            if "_millrace" not in path and outputs.get(path) != contents(os.path.join(self.root, "out", path)):
                self.fail(f"{path} was made again after the pruning")

    def prune(self, **environment):
        user = {"user": self.daemon.user.pw_uid, "group": self.daemon.user.pw_gid, "extra_groups": []} if self.daemon.user else {}
        words = [self.daemon.binary, "prune", "--root", self.root]
        done = subprocess.run(words, env=dict(os.environ, **self.daemon.environment, **environment), capture_output=True, text=True, **user)
        if done.returncode not in (0, -signal.SIGKILL):
            self.say(done.stdout + done.stderr)
        return done.returncode

    def report(self, count):
        for line in self.failures:
            print(f"FAILED: {line}")
        found = self.torture.found
        print(f"{count} points, {self.kills} kills, {sum(len(self.judge.manifest(name)) for name in self.load.data)} outputs")
        for kind, lines in found.items():
            print(f"| **{kind}** | **{len(lines)}** |")
        return 1 if self.failures else 0
