"""Kills a process in each fault point of Sources/README.md, the first time that it gets there and a later time, over one root with
mixed load."""
import os, random, re, signal, sqlite3, subprocess, time

from handing import Handing
from scenes import Scenes
from stimuli import BEFORE, ONCE, Stimuli

# A few of each part, for every run of the tests.
SAMPLE = [
    "claim.made", "start.recovered", "worker.greeted", "intake.numbered", "open.recorded", "order.sent", "worker.batch",
    "worker.answered", "range.finished", "away.compared", "land.intended", "land.renamed", "manifest.written", "close.recorded", "version.renamed",
    "version.active", "measure.kept", "checkpoint.written", "remove.taken", "quarantine.moved", "notify.told", "recover.output",
]


class Points:
    def __init__(self, torture):
        self.torture, self.root, self.load, self.daemon, self.judge = torture, torture.root, torture.load, torture.daemon, torture.judge
        self.say = torture.say
        self.random = random.Random(f"points {torture.options.seed}")
        self.failures, self.kills, self.number = [], 0, 0
        self.marks = os.path.join(self.root, "marks")
        self.stimuli = Stimuli(torture, self.random, self)
        self.scenes = Scenes(self)
        self.handing = Handing(self)
        with open(os.path.join(os.path.dirname(__file__), "..", "..", "Sources", "README.md")) as file:
            self.names = re.findall(r"^\| `([a-z]+\.[a-z-]+)` \|", file.read(), re.M)

    # One kill.

    def kill_at(self, point, count, stimulus, within=60, goes_on=True):
        """Starts a daemon that is to die, or to lose a worker, at that point; returns whether that was so. One that does not go on is
        killed as soon as its worker is."""
        self.stimuli.ranged = False
        mark = self.mark(point)
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

    def mark(self, point):
        """Returns the path of a new file, which the process that is killed makes before it ends."""
        self.number += 1
        return os.path.join(self.marks, f"{self.number}-{point}")

    def runs(self, pid):
        """Returns whether it runs. One that executed nothing is waited for by its daemon when there is something to execute."""
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
        except OSError:
            return False

    def text(self, path):
        """Returns the text of a mark, or nothing as long as it is not whole."""
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
            self.stimuli.own(archive)
        os.makedirs(self.marks)
        os.chmod(self.marks, 0o777)
        self.judge.hears = True
        is_sample = wanted == SAMPLE
        wanted = set(wanted or self.names)
        order = [name for name in self.names if name in wanted]
        # A root that nobody has used yet first, then the first file of a pipeline that pins.
        order.sort(key=lambda name: (name.split(".")[0] not in ("claim", "start"), name != "pins.recorded"))
        first = ("worker.spawned", "worker.start", "worker.greeted")
        early = [name for name in order if name.split(".")[0] in ("claim", "start") or name in first]
        late = [name for name in order if name.split(".")[0] in ("away", "rename", "restore", "retention", "copy", "epoch")]
        for name in early:
            self.point(name, is_sample)
        self.load.first_models()
        self.stimuli.drop()
        for name in order:
            if name not in early and name not in late:
                self.point(name, is_sample)
        if "retention.history" in wanted:
            self.scenes.lose_inputs()
        self.judged("after the points")
        self.scenes.mirror()
        self.stimuli.measured.judge()
        if "retention.history" in wanted:
            self.scenes.retaining(["retention.history"], {"mirrored": "history: 1m"})
            late.remove("retention.history")
        scenes = {
            "away": self.handing.run, "rename": self.scenes.renaming, "restore": self.scenes.restoring, "retention": self.scenes.retaining,
            "copy": self.scenes.handing_over, "epoch": self.scenes.handing_over,
        }
        for part, scene in scenes.items():
            names = [name for name in late if name.startswith(part)]
            if names:
                scene(names)
        return self.report(len(order))

    def point(self, name, is_sample):
        if name == "remove.copied" and not self.daemon.user:
            return
        for count in [1] if is_sample or name in ONCE else [1, 3] if not name.startswith("ledger") else [1, 2, 4, 7, 12, 20]:
            before = BEFORE.get(name)
            if before and not self.kill_at(before, 1, self.stimuli.of(before), goes_on=False):
                return
            twins = name.startswith("ledger") and count % 2 == 0
            self.kill_at(name, count, self.stimuli.drop_twin if twins else self.stimuli.of(name))

    def judged(self, when):
        """Has everything done by a daemon that nobody kills, and the judge look at it."""
        self.daemon.environment.pop("MILLRACE_FAULT", None)
        self.daemon.start()
        self.daemon.expected = True
        self.torture.settle()
        if os.path.exists(os.path.join(self.root, "pipelines", "mirrored.yaml")):
            # All known files are looked for every ten seconds.
            self.stimuli.wait_for(lambda: self.stimuli.mirrored_outputs() == self.stimuli.standing, within=60)
        self.stimuli.wait_for(self.stimuli.measured.is_settled, within=60)
        if (status := self.daemon.stop()) != 0:
            self.fail(f"{when}: the daemon ended with {status}")
        for kind, lines in self.judge.judge().items():
            for line in lines:
                self.fail(f"{when}: {kind}: {line}")
            self.torture.found[kind] += lines
        with sqlite3.connect(f"file:{self.root}/.millrace/ledger.sqlite?mode=ro", uri=True) as ledger:
            for row in ledger.execute("SELECT run, outcome, error FROM attempts WHERE outcome = 'worker-died'"):
                self.fail(f"{when}: a worker that was killed once has cost an attempt: {row}")

    def report(self, count):
        for line in self.failures:
            print(f"FAILED: {line}")
        found = self.torture.found
        print(f"{count} points, {self.kills} kills, {sum(len(self.judge.manifest(name)) for name in self.load.data)} outputs")
        for kind, lines in found.items():
            print(f"| **{kind}** | **{len(lines)}** |")
        return 1 if self.failures else 0
