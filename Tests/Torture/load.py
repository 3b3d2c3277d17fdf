"""The mixed load: four pipelines, and a writer that drops good, bad, replaced and slow files, models and labels into them."""
import hashlib, io, json, os, random, threading, time

import pyarrow, pyarrow.ipc, pyarrow.parquet

import onnx_bytes

COMMON = """
settle: { quiet: 200ms, give_up: 4s }
on_error: { attempts: 3, backoff: 200ms }
"""
SCORING = """
schema: { key: [id], keep: [id], inputs: { x: { columns: x } } }
stages: [ deserialize: {}, forward: {} ]
"""
PIPELINES = {
    "kept": SCORING + "land: { models: { path: out/kept/models, keep: 1000 }, outputs: { path: out/kept/outputs, format: csv } }\n"
    "after: keep\n",
    "archived": SCORING + "land: { models: { path: out/archived/models, keep: 1000 }, "
    "outputs: { path: out/archived/outputs, format: parquet } }\n"
    "after: archive\narchive: archive/archived\n",
    "deleted": SCORING + "land: { models: { path: out/deleted/models, keep: 1000 }, "
    "outputs: { path: out/deleted/outputs, format: jsonl } }\n"
    "after: delete\n",
    "learning": """
schema: { key: [id], label: t, keep: [id], inputs: { x: { columns: x } } }
stages:
  - deserialize: {}
  - optimize:
      gradient: { loss: mean_squared_error, optimizer: { sgd: { learning_rate: 0.1 } }, epochs: 2, batch_size: 16, validation: 0.3 }
      gate: { metric: rmse, drop_at_most: 0, rows_at_least: 3 }
  - forward: {}
land: { models: { path: out/learning/models, keep: 1000 }, outputs: { path: out/learning/outputs, format: arrow } }
after: keep
""",
}
OUTPUT = {"kept": "csv", "archived": "parquet", "deleted": "jsonl", "learning": "arrow"}
INPUTS = {"kept": ["csv", "jsonl"], "archived": ["csv", "parquet"], "deleted": ["jsonl", "csv"], "learning": ["csv", "arrow"]}
FOLDERS = ["", "", "sub/", "date=2024-01-01/", "deep/er/"]


def yaml(name):
    roles = ["models", "data"] + (["labelled"] if name == "learning" else [])
    spool = ", ".join(f"{role}: spool/{name}/{role}" for role in roles)
    notify = "notify: { published: [listener], rejected: [listener], quarantined: [listener] }"
    return f"name: {name}\nspool: {{ {spool} }}\n{notify}\n{COMMON}{PIPELINES[name]}"


def table(form, columns):
    """Bytes of these columns in that format."""
    names = list(columns)
    rows = list(zip(*columns.values()))
    if form == "csv":
        return (",".join(names) + "\n" + "".join(",".join(str(value) for value in row) + "\n" for row in rows)).encode()
    if form == "jsonl":
        return "".join(json.dumps(dict(zip(names, row))) + "\n" for row in rows).encode()
    data, sink = pyarrow.table(columns), io.BytesIO()
    if form == "parquet":
        pyarrow.parquet.write_table(data, sink)
    else:
        with pyarrow.ipc.new_file(sink, data.schema) as file:
            file.write_table(data)
    return sink.getvalue()


class Content:
    """What was dropped under one path: its digest, and its rows, or None where it is bad."""

    # Whether the bytes are kept, for whoever drops them once more.
    keeps = False

    def __init__(self, data, rows):
        self.digest, self.rows = hashlib.sha256(data).hexdigest(), rows
        self.data = data if self.keeps else None


class Load:
    def __init__(self, root, seed):
        self.root, self.random = root, random.Random(f"load {seed}")
        # Pipeline -> path -> the contents in the order in which they were dropped.
        self.data = {name: {} for name in PIPELINES}
        self.models = {name: {} for name in PIPELINES}
        self.labels = {}
        self.counts = {
            name: 0
            for name in ("files", "replaced", "bad files", "slow files", "large files", "models", "bad models", "labelled files")
        }
        self.number, self.addend = 0, 0
        self.large_rows, self.most_large = 200_000, 12
        # The least digits of the number in an id: what makes rows of large files longer.
        self.large_digits = 1
        # How often a file is a large one, a model or labels, of all that are dropped.
        self.shares = (0.008, 0.007, 0.01)
        # More of millrace.yaml.
        self.settings = ""
        # Where spools really are, and a lock for whoever moves them.
        self.places, self.moving = {}, threading.RLock()
        self.is_stopped = threading.Event()
        self.scratch = os.path.join(root, "scratch")

    def spool(self, pipeline, role):
        return self.places.get((pipeline, role), os.path.join(self.root, "spool", pipeline, role))

    def prepare(self):
        os.makedirs(self.scratch)
        os.makedirs(os.path.join(self.root, "pipelines"))
        with open(os.path.join(self.root, "millrace.yaml"), "w") as file:
            file.write(f'notify: {{ listener: {{ command: [sh, -c, "cat >> {self.root}/told.jsonl"] }} }}\n' + self.settings)
        for name in PIPELINES:
            with open(os.path.join(self.root, "pipelines", name + ".yaml"), "w") as file:
                file.write(yaml(name))
            for role in ["models", "data"] + (["labelled"] if name == "learning" else []):
                os.makedirs(self.spool(name, role), exist_ok=True)
            os.makedirs(os.path.join(self.root, "out", name), exist_ok=True)

    # Putting files there, in the ways in which programs do.

    def put(self, pipeline, role, path, data, way):
        if way == "rename":
            beside = os.path.join(self.scratch, f"{self.number}")
            with open(beside, "wb") as file:
                file.write(data)
            with self.moving:
                target = os.path.join(self.spool(pipeline, role), path)
                self.make_folder(pipeline, role, path)
                # In the folder under a hidden name first: it may be on another mount.
                hidden = os.path.join(os.path.dirname(target), f".{self.number}.tmp")
                with open(beside, "rb") as source, open(hidden, "wb") as copy:
                    copy.write(source.read())
                os.rename(hidden, target)
            os.unlink(beside)
            return
        with self.moving:
            self.make_folder(pipeline, role, path)
            file = open(os.path.join(self.spool(pipeline, role), path), "wb")
        with file:
            parts = 3 if way == "slow" else 1
            size = len(data) // parts + 1
            for start in range(0, len(data), size):
                file.write(data[start:start + size])
                file.flush()
                if way == "slow":
                    time.sleep(0.05)

    def make_folder(self, pipeline, role, path):
        folder = os.path.dirname(os.path.join(self.spool(pipeline, role), path))
        os.makedirs(folder, exist_ok=True)

    # What is dropped.

    def rows(self, count, digits=1):
        self.number += 1
        ids = [f"r{self.number}-{index:0{digits}}" for index in range(count)]
        return {"id": ids, "x": [self.random.randrange(0, 400) / 4 for _ in ids]}

    def drop_model(self, pipeline, is_bad=False):
        self.number += 1
        self.addend += 1
        make = onnx_bytes.trainable if pipeline == "learning" else onnx_bytes.adding
        data = onnx_bytes.unknown_operator() + onnx_bytes.piece(6, f"{self.number}") if is_bad else make(float(self.addend))
        path = f"m{self.number}.onnx"
        self.models[pipeline][path] = Content(data, None if is_bad else self.addend)
        self.counts["bad models" if is_bad else "models"] += 1
        self.put(pipeline, "models", path, data, self.random.choice(["rename", "write"]))

    def drop_labels(self):
        self.number += 1
        wanted = self.random.randrange(1, 9)
        rows = {"id": [f"l{self.number}-{index}" for index in range(40)], "x": [index / 4 for index in range(40)]}
        rows["t"] = [x + wanted for x in rows["x"]]
        path = f"l{self.number}.csv"
        data = table("csv", rows)
        self.labels[path] = Content(data, rows)
        self.counts["labelled files"] += 1
        self.put("learning", "labelled", path, data, "rename")

    def drop_data(self, pipeline=None, is_bad=None):
        pipeline = pipeline or self.random.choice(list(PIPELINES))
        known = self.data[pipeline]
        # The second of two files with one output is refused whatever it holds.
        replaceable = sorted(path for path in known if not path.startswith("twin"))
        replaces = replaceable and self.random.random() < 0.15
        is_bad = self.random.random() < 0.06 if is_bad is None else is_bad
        if replaces:
            path = self.random.choice(replaceable)
            form = path.rsplit(".", 1)[1]
        else:
            form = self.random.choice(INPUTS[pipeline])
            path = f"{self.random.choice(FOLDERS)}f{self.number + 1}.{form}"
        rows = self.rows(self.random.choice([1, 3, 3, 30, 3000]) if not is_bad else 3)
        if is_bad:
            columns = {"id": rows["id"], "x": ["word"] * 3}
            data, rows = table(form, columns), None
        else:
            data = table(form, rows)
        # A file that exists is replaced by a rename; in place it would be half old and half new for a while.
        way = "rename" if replaces else self.random.choice(["rename", "rename", "write", "slow"])
        known.setdefault(path, []).append(Content(data, rows))
        self.counts["files"] += 1
        self.counts["replaced"] += bool(replaces)
        self.counts["bad files"] += is_bad
        self.counts["slow files"] += way == "slow"
        self.put(pipeline, "data", path, data, way)

    def drop_large(self, pipeline, rows=None):
        """A file that takes seconds; returns its path."""
        path = f"large{self.number + 1}.csv"
        rows = self.rows(rows or self.large_rows, self.large_digits)
        data = table("csv", rows)
        self.data[pipeline][path] = [Content(data, rows)]
        self.counts["files"] += 1
        self.counts["large files"] += 1
        self.put(pipeline, "data", path, data, "rename")
        return path

    def first_models(self):
        for pipeline in PIPELINES:
            self.drop_model(pipeline)

    def run(self, pause, backlog):
        """Until stopped: about one file every `pause` seconds, as long as no more than some hundreds have no output yet."""
        count = 0
        while not self.is_stopped.is_set():
            count += 1
            while count % 20 == 0 and not self.is_stopped.is_set() and backlog() > 300:
                self.is_stopped.wait(2)
            chance = self.random.random()
            large, models, labels = self.shares
            if chance < large and self.counts["large files"] < self.most_large:
                self.drop_large(self.random.choice(list(PIPELINES)))
            elif chance < large + models:
                self.drop_model(self.random.choice(list(PIPELINES)), is_bad=self.random.random() < 0.25)
            elif chance < large + models + labels:
                self.drop_labels()
            else:
                self.drop_data()
            self.is_stopped.wait(self.random.uniform(0, 2 * pause))
