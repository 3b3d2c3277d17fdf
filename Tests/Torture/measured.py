"""A pipeline that lets measurements decide how its models are executed: what leads to its fault points, and what must be so at the end."""
import hashlib, json, os

import onnx_bytes
from judge import contents, rows_of
from load import COMMON, table

MEASURED = f"""name: measured
spool: {{ models: spool/measured/models, data: spool/measured/data }}
{COMMON}
schema: {{ key: [id], keep: [id] }}
stages: [ deserialize: {{}}, optimize: {{ precision: float32, budget: 1s }}, forward: {{}} ]
land: {{ models: {{ path: out/measured/models, keep: 1000 }}, outputs: {{ path: out/measured/outputs, format: csv }} }}
"""


class Measured:
    def __init__(self, stimuli, points):
        self.stimuli, self.points, self.root, self.load = stimuli, points, stimuli.root, stimuli.load
        # The rows that were dropped, by path, and the number of models.
        self.rows, self.models = {}, 0

    def output(self, path):
        return os.path.join(self.root, "out", "measured", "outputs", path)

    def drop(self):
        """Drops rows, which wait until their version is measured, and then a model, which is measured before it is published."""
        self.stimuli.add("measured", MEASURED)
        if self.models == 0:
            self.drop_model()
        rows = self.load.rows(3)
        path = f"s{self.load.number}.csv"
        self.rows[path] = rows
        self.load.put("measured", "data", path, table("csv", rows), "rename")
        if self.stimuli.wait_for(lambda: os.path.exists(self.output(path))):
            self.drop_model()

    def drop_model(self):
        self.load.number += 1
        self.load.addend += 1
        self.models += 1
        self.load.put("measured", "models", f"m{self.load.number}.onnx", onnx_bytes.adding(float(self.load.addend)), "rename")

    def versions(self):
        folder = os.path.join(self.root, "out", "measured", "models")
        return sorted(int(name) for name in os.listdir(folder) if name.isdigit()) if os.path.isdir(folder) else []

    def is_settled(self):
        return len(self.versions()) == self.models and all(os.path.exists(self.output(path)) for path in self.rows)

    def judge(self):
        """Checks that each file was scored once, by a version that was measured, and that nothing of measuring is left."""
        if not self.models:
            return
        fail, models = self.points.fail, os.path.join(self.root, "out", "measured", "models")
        versions = {version: contents(os.path.join(models, str(version), "model.onnx")) for version in self.versions()}
        digests = {version: hashlib.sha256(data).hexdigest() for version, data in versions.items()}
        if len(set(digests.values())) != self.models or sorted(versions) != list(range(1, self.models + 1)):
            fail(f"measured: {self.models} models gave the versions {sorted(versions)}")
        lines = {}
        for line in self.points.judge.manifest("measured"):
            lines.setdefault(line["path"], []).append(line)
        choices, folder = set(), os.path.join(self.root, ".millrace", "choices")
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            with open(os.path.join(folder, name)) as file:
                choices.add(json.load(file)["model"])
        for path, rows in self.rows.items():
            if len(found := lines.get(path, [])) != 1:
                fail(f"measured: {path} is in {len(found)} lines of the manifest")
                continue
            if found[0].get("execution", "").split(" ")[0] not in ("onnxruntime", "openvino"):
                fail(f"measured: the manifest does not say how {path} was made: {found[0]}")
            version = found[0]["model_version"]
            if digests.get(version) not in choices:
                fail(f"measured: {path} was scored by version {version}, which was not measured")
            addend = onnx_bytes.addend(versions[version])
            given, wanted = rows_of("csv", contents(self.output(path))), [x + addend for x in rows["x"]]
            if given["id"] != rows["id"] or [float(y) for y in given["y"]] != wanted:
                fail(f"measured: {path} has {given}, and version {version} gives {wanted}")
        if os.path.exists(os.path.join(self.root, ".millrace", "measuring")):
            fail("measured: the folder in which models are measured is still there")
