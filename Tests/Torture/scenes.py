"""Renames a pipeline, loses a ledger, deletes inputs and prunes a root, for the fault points that nothing dropped leads to."""
import glob, os, shutil, signal, subprocess, time

from judge import contents, tree
from stimuli import ONCE


class Scenes:
    def __init__(self, points):
        self.points, self.stimuli = points, points.stimuli
        self.root, self.load, self.daemon, self.judge = points.root, points.load, points.daemon, points.judge

    def mirror(self):
        """Checks what went with its input, and what did not."""
        if not os.path.exists(os.path.join(self.root, "pipelines", "mirrored.yaml")):
            return
        folder = os.path.join(self.root, "out", "mirrored")
        there, standing = self.stimuli.mirrored_outputs(), self.stimuli.standing
        if there != standing:
            self.points.fail(
                f"mirrored: outputs {sorted(there - standing)} have no input, inputs {sorted(standing - there)} no output")
        removed = {line["path"] for line in self.judge.manifest("mirrored") if line.get("removed_at")}
        if not self.stimuli.deleted <= removed:
            self.points.fail(f"mirrored: no manifest says that {sorted(self.stimuli.deleted - removed)} went")
        versions = sorted(int(name) for name in os.listdir(os.path.join(folder, "models")) if name.isdigit())
        active = contents(os.path.join(folder, "models", "ACTIVE")).decode()
        if len(versions) > 2 or active != f"{max(versions)}\n":
            self.points.fail(f"mirrored: versions {versions} stand, and ACTIVE is {active!r}")

    def renaming(self, names):
        path = os.path.join(self.root, "pipelines", "learning.yaml")
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace("name: learning\n", "name: learned\nwas: learning\n"))
        self.judge.names["learning"] = "learned"
        for name in names:
            self.points.kill_at(name, 1, self.stimuli.nothing)
        self.load.drop_labels()
        self.stimuli.drop()
        self.points.judged("after the renaming")

    def restoring(self, names):
        for name in names:
            for file in glob.glob(os.path.join(self.root, ".millrace", "ledger.sqlite*")):
                os.unlink(file)
            self.points.kill_at(name, 1, self.stimuli.nothing)
        # What was to be told is lost with the ledger, and its numbers with it.
        self.judge.hears = False
        self.stimuli.drop()
        self.points.judged("after the ledger was restored")

    def handing_over(self, names):
        """Gives the daemon a work folder that others share, and kills it where it hands on what it knows. Some of these points are
        reached at the first start only, so that it is made a first one again."""
        state, work = os.path.join(self.root, ".millrace"), os.path.join(self.root, "work")
        if not os.path.exists(work):
            os.makedirs(work)
            for name in ("training", "staging", "prepared", "choices", "measuring"):
                if os.path.exists(os.path.join(state, name)):
                    shutil.move(os.path.join(state, name), work)
            with open(os.path.join(self.root, "millrace.yaml"), "a") as file:
                file.write("work: work\n")
            self.stimuli.own(work)
            for folder, folders, files in os.walk(work):
                for name in folders + files:
                    self.stimuli.own(os.path.join(folder, name))
        for name in names:
            lost = {"epoch.restored": glob.glob(os.path.join(state, "ledger.sqlite*"))}
            lost["epoch.noted"] = lost["epoch.raised"] = [os.path.join(folder, "epoch.json") for folder in (state, work)]
            for file in lost.get(name, []):
                if os.path.exists(file):
                    os.unlink(file)
            for count in [1] if name in ONCE else [1, 3, 8]:
                self.points.kill_at(name, count, self.stimuli.drop)
        self.stimuli.drop()
        self.points.judged(f"after {names[0]}")

    def lose_inputs(self):
        """Makes a history of inputs that are gone, with their outputs."""
        self.daemon.start()
        self.daemon.expected = True
        deadline = time.monotonic() + 60
        while len(self.stimuli.deleted) < 2 and time.monotonic() < deadline:
            self.stimuli.mirrored_data()
            time.sleep(3)
        self.daemon.stop()
        self.lost_at = time.monotonic()

    def retaining(self, names, kept={"archived": "archive: 1KiB, quarantine: 1KiB", "learning": "labels: 1KiB"}):
        """Prunes, not by the daemon, which does this every hour, but by the command that does the same."""
        if "archived" in kept:
            for _ in range(6):
                rows = self.load.rows(200)
                self.stimuli.put_data("archived", f"old{self.load.number}.csv", rows)
            for _ in range(3):
                self.load.drop_labels()
            self.points.judged("before the pruning")
        for pipeline, retain in kept.items():
            with open(os.path.join(self.root, "pipelines", pipeline + ".yaml"), "a") as file:
                file.write(f"retain: {{ {retain} }}\n")
        # History is kept for a minute at least.
        if "mirrored" in kept:
            time.sleep(max(0, self.lost_at + 65 - time.monotonic()))
        for name in names:
            for count in [1] if name in ONCE else [1, 3]:
                mark = self.points.mark(name)
                status = self.prune(MILLRACE_FAULT=f"{name}:{count}:{mark}")
                self.points.kills += 1
                if status != -signal.SIGKILL or not self.points.text(mark):
                    self.points.fail(f"{name}:{count}: prune ended with {status}")
                else:
                    self.points.say(f"{name}:{count}: the command was killed")
        if (status := self.prune()) != 0:
            self.points.fail(f"prune ended with {status} after it was killed")
        outputs = {
            path: contents(os.path.join(self.root, "out", path))
            for path in tree(os.path.join(self.root, "out")) if "_millrace" not in path
        }
        self.daemon.start()
        self.daemon.expected = True
        time.sleep(3)
        if (status := self.daemon.stop()) != 0:
            self.points.fail(f"the daemon ended with {status} after the pruning")
        if (check := self.daemon.command("check")).returncode != 0:
            self.points.fail(f"check ended with {check.returncode} after the pruning: {check.stdout}{check.stderr}")
        for path in tree(os.path.join(self.root, "out")):
            if "_millrace" not in path and outputs.get(path) != contents(os.path.join(self.root, "out", path)):
                self.points.fail(f"{path} was made again after the pruning")

    def prune(self, **environment):
        """Runs the command; returns its status."""
        user = {"user": self.daemon.user.pw_uid, "group": self.daemon.user.pw_gid, "extra_groups": []} if self.daemon.user else {}
        words = [self.daemon.binary, "prune", "--root", self.root]
        done = subprocess.run(words, env=dict(os.environ, **self.daemon.environment, **environment), capture_output=True, text=True, **user)
        if done.returncode not in (0, -signal.SIGKILL):
            self.points.say(done.stdout + done.stderr)
        return done.returncode
