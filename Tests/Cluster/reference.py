"""What one machine that nobody disturbs makes of the same files, with the same models: each output must be the same, byte by
byte. Of Parquet and Arrow, which say in themselves where they come from, what they say of that and their rows are compared."""
import io, json, os, re, subprocess

import pyarrow, pyarrow.ipc, pyarrow.parquet

from load import PIPELINES, yaml


# What is said of an output's origin that is different in another root, or where a model that was learnt is dropped.
OWN = {b"millrace.arrival", b"millrace.model.digest", b"millrace.model.version", b"millrace.revision"}


def told(data):
    """The rows of an output in their parts, its columns, and what it says of itself but for what is its own."""
    if data[:4] == b"PAR1":
        file = pyarrow.parquet.ParquetFile(io.BytesIO(data))
        schema, parts = file.schema_arrow, [file.read_row_group(number).to_pydict() for number in range(file.num_row_groups)]
    else:
        file = pyarrow.ipc.open_file(io.BytesIO(data))
        schema, parts = file.schema, [file.get_batch(number).to_pydict() for number in range(file.num_record_batches)]
    said = {name: value for name, value in (schema.metadata or {}).items() if name not in OWN}
    return schema.remove_metadata(), said, parts


class Reference:
    def __init__(self, root, binary, load, judge, say):
        self.root, self.binary, self.load, self.judge, self.say = os.path.join(root, "reference"), binary, load, judge, say

    def prepare(self):
        os.makedirs(os.path.join(self.root, "pipelines"))
        for name in PIPELINES:
            # A model that was learnt is dropped as one that is ready.
            text = re.sub(r"  - optimize:\n(      .*\n)+", "", yaml(name)).replace(" label: t,", "").replace("after: delete", "after: keep")
            text = re.sub(r"notify: .*\n|, labelled: [^ ]*", "", text)
            with open(os.path.join(self.root, "pipelines", name + ".yaml"), "w") as file:
                file.write(text)
            for role in ("models", "data"):
                os.makedirs(os.path.join(self.root, "spool", name, role))

    def put(self, pipeline, role, path, data):
        target = os.path.join(self.root, "spool", pipeline, role, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(data)

    def newest(self, pipeline):
        """The line of each output that stands."""
        lines = sorted(self.judge.manifest(pipeline), key=lambda line: (line["arrival"], line["run"]))
        return {line["path"]: line for line in lines}.values()

    def content(self, pipeline, line):
        contents = self.load.data[pipeline].get(line["input"], [])
        return next((one.data for one in contents if one.digest == line["input_digest"]), None)

    def model(self, pipeline, version):
        """The model that was dropped, or the one that was learnt."""
        folder = self.judge.path("out", pipeline, "models", str(version))
        with open(os.path.join(folder, "card.json")) as file:
            card = json.load(file)
        dropped = self.load.models[pipeline].get(card["arrival_path"])
        if dropped and dropped.digest == card["arrival_digest"] and "training_data" not in card:
            return dropped.data
        with open(os.path.join(folder, "model.onnx"), "rb") as file:
            return file.read()

    def problems(self):
        """Yields what differs, in words. Each version of a model gets the files that it has scored, before there is the next one."""
        self.prepare()
        newest = {pipeline: list(self.newest(pipeline)) for pipeline in PIPELINES}
        versions = {pipeline: sorted(self.judge.versions(pipeline)) for pipeline in PIPELINES}
        for turn in range(max(map(len, versions.values()), default=0)):
            for pipeline, numbers in versions.items():
                if turn >= len(numbers):
                    continue
                self.put(pipeline, "models", f"m{turn}.onnx", self.model(pipeline, numbers[turn]))
                for line in newest[pipeline]:
                    data = self.content(pipeline, line)
                    if line["model_version"] == numbers[turn] and data is not None:
                        self.put(pipeline, "data", line["input"], data)
            words = [self.binary, "run", os.path.join(self.root, "pipelines"), "--root", self.root, "--jobs", "2", "--once"]
            done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if done.returncode != 0:
                yield f"the undisturbed run ended with {done.returncode}: {done.stderr[-1000:]}"
        count = 0
        for pipeline, lines in newest.items():
            for line in lines:
                count += 1
                try:
                    one, other = (open(os.path.join(root, "out", pipeline, "outputs", line["path"]), "rb").read() for root in (
                        self.judge.root, self.root))
                except FileNotFoundError as error:
                    yield f"{pipeline}: there is no {error.filename}"
                    continue
                if one != other and (line["path"].endswith((".csv", ".jsonl")) or told(one) != told(other)):
                    yield f"{pipeline}: {line['path']} of version {line['model_version']} is not what one machine makes of it"
        self.say(f"{count} outputs compared with those of one machine")
