"""Makes a daemon get to each fault point of Sources/README.md."""
import os, time

import onnx_bytes
from judge import tree
from load import COMMON, Content, table, yaml
from measured import Measured

# Points that are reached once in the life of a process, or of a root.
ONCE = {
    "claim.made", "claim.held", "start.locked", "start.ledger", "start.recovered", "start.inputs", "start.swept", "start.running",
    "recover.output", "recover.model", "recover.interrupted", "recover.removal", "rename.moved", "rename.recorded", "restore.begin",
    "restore.recorded", "training.resumed", "pins.recorded", "remove.returning", "retention.labels", "retention.history",
    "worker.lost", "worker.removed", "worker.again", "edit.begin", "edit.in-force", "ahead.begun", "ahead.taken", "tuned.written",
    "tuned.removed", "range.planned", "range.scored", "range.finished", "range.appended", "worker.start", "worker.greeted",
    "worker.spawned", "copy.begun", "copy.whole", "epoch.noted", "epoch.raised", "epoch.taken", "epoch.restored",
}
# The point in which the daemon or a worker is killed before, so that there is something to settle.
BEFORE = {
    "recover.output": "land.renamed", "recover.model": "version.landed", "recover.interrupted": "order.sent",
    "recover.removal": "remove.taken", "training.resumed": "checkpoint.written", "away.adopted": "away.sent",
}
MIRRORED = f"""name: mirrored
spool: {{ models: spool/mirrored/models, data: spool/mirrored/data }}
{COMMON}
schema: {{ key: [id], keep: [id] }}
stages: [ deserialize: {{}}, forward: {{}} ]
land: {{ models: {{ path: out/mirrored/models, keep: 2 }}, outputs: {{ path: out/mirrored/outputs, format: csv }} }}
on_input_deleted: remove
"""


class Stimuli:
    def __init__(self, torture, random, points):
        self.root, self.load, self.daemon, self.judge = torture.root, torture.load, torture.daemon, torture.judge
        self.random = random
        # Inputs of the pipeline `mirrored` that stand, and those that were deleted.
        self.standing, self.deleted = set(), set()
        self.ranged, self.held = False, None
        self.measured = Measured(self, points)

    def of(self, point):
        """Returns what makes a daemon get to the point. It is done again and again until the daemon is there."""
        part = point.split(".")[0]
        labels = self.load.drop_labels
        by_name = {
            "worker.spawned": self.nothing, "worker.start": self.nothing, "worker.greeted": self.nothing,
            "worker.lost": self.kill_worker, "worker.removed": self.kill_worker, "worker.again": self.kill_worker,
            "worker.copied": self.drop_model, "worker.accepted": self.drop_model, "intake.refused": self.drop_twin,
            "land.replace": self.replace, "reason.clear": self.mend, "remove.returning": self.hold_open,
            "version.pruned": self.mirrored_model, "version.card": self.mirrored_model, "version.away": self.mirrored_model,
            "edit.begin": self.edit, "edit.in-force": self.edit, "pins.recorded": self.mirrored_data, "float.copied": labels,
            "float.pruned": labels, "labels.decided": self.drop_labels_together, "training.discard": labels,
            "recover.model": self.nothing, "worker.measured": self.measured.drop,
        }
        by_part = {
            "claim": self.nothing, "start": self.nothing, "recover": self.nothing, "labels": labels, "training": labels,
            "checkpoint": labels, "tuned": labels, "version": self.drop_model, "quarantine": self.drop_bad, "range": self.drop_ranged,
            "ahead": self.drop_ahead, "measure": self.measured.drop, "inputs": self.mirrored_data, "removal": self.mirrored_data,
            "request": self.pause,
        }
        return by_name.get(point) or by_part.get(part) or self.drop

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
        """Drops labels that wait for their own training when a model is tuned on them."""
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
        """Drops two files of one output: the second one is refused before anything runs."""
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
        """Waits until it is so, the daemon has died, or for so many seconds; returns whether it is so."""
        deadline = time.monotonic() + within
        while not is_so() and time.monotonic() < deadline and self.daemon.process.poll() is None:
            time.sleep(0.02)
        return bool(is_so())

    def mend(self):
        """Replaces a bad file by a good one, once there is a reason for it."""
        self.load.number += 1
        path = f"mended{self.load.number}.csv"
        self.put_data("kept", path, self.load.rows(3), is_bad=True)
        self.wait_for(lambda: path in self.judge.reasons("kept"))
        self.put_data("kept", path, self.load.rows(3))

    def kill_worker(self):
        """Kills the process of an attempt that takes long."""
        self.load.drop_large("kept")
        for _ in range(400):
            time.sleep(0.005)
            for pid in self.busy_workers():
                self.daemon.end(pid)
                return

    def drop_ranged(self):
        """Drops a file that is so large that it is scored in ranges."""
        if not self.ranged:
            self.ranged = True
            self.load.drop_large("kept", rows=2_300_000)

    def drop_ahead(self):
        """Drops a file of which ranges are scored while it is read for its digest, unless something of its pipeline waits."""
        self.load.drop_large("kept", rows=2_300_000)

    def busy_workers(self):
        """Returns the processes of workers that write an output."""
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
        """Opens a file for writing while it is scored, so that it is to be given back when it has been."""
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
        """Adds another pipeline, which keeps two versions and no output without its input."""
        self.add("mirrored", MIRRORED)

    def add(self, name, text):
        """Adds a pipeline, if it is not there."""
        path = os.path.join(self.root, "pipelines", name + ".yaml")
        if not os.path.exists(path):
            for role in ("models", "data"):
                os.makedirs(os.path.join(self.root, "spool", name, role), exist_ok=True)
            os.makedirs(os.path.join(self.root, "out", name), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)
            self.own(path)
            for folder in (("spool", name), ("spool", name, "models"), ("spool", name, "data"), ("out", name)):
                self.own(os.path.join(self.root, *folder))

    def own(self, path):
        if self.daemon.user:
            os.chown(path, self.daemon.user.pw_uid, self.daemon.user.pw_gid)

    def mirrored_data(self):
        """Drops files, and deletes those that were scored."""
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

    def mirrored_outputs(self):
        return {path for path in tree(os.path.join(self.root, "out", "mirrored", "outputs")) if not path.startswith("_millrace/")}
