"""What every exporter's script shares: tables of rows, what a model's columns are called when they land, and the index."""
import csv
import importlib.metadata
import json
import pathlib

import numpy as np
import onnx

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOLERANCES = [1e-5, 1e-4, 1e-3, 1e-2]


def clean(text):
    """An exception's text on one line: without paths and, where it is long, without its middle."""
    words = [word for word in str(text).split() if "/" not in word and "\x1b" not in word]
    line = " ".join(words)
    return line if len(line) < 200 else line[:100] + " … " + line[-90:]


def yaml(value):
    """A value of the pipeline in YAML's flow form."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)}: {yaml(inner)}" for key, inner in value.items()) + " }"
    return value if value == "nan" else json.dumps(value)


class Zoo:
    """The models of one exporter. Each is `EXPORTER/NAME.onnx` with what the framework predicts for the rows of its table in
    `EXPORTER/NAME.csv`."""

    def __init__(self, exporter, *packages):
        self.exporter = exporter
        self.versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in packages)
        self.models, self.unwritten = [], []
        (ROOT / exporter).mkdir(parents=True, exist_ok=True)
        (ROOT / "rows").mkdir(exist_ok=True)
        for old in (ROOT / exporter).iterdir():
            old.unlink()

    def add(self, name, model, rows, predictions, inputs=None, subject=None, outputs=None):
        """
        model: a ModelProto.
        rows: the table's name in `rows/`.
        predictions: by model output, an array with the rows first, or (keys, array) for a ZipMap; outputs that the framework has nothing
            for are left out.
        inputs: by model input what the pipeline says of it, as {"columns": ..., "missing": ...}; left out, nothing is said.
        outputs: what the pipeline says of the model's outputs, by name; left out, all are written.
        """
        inputs = inputs or {}
        path = ROOT / self.exporter / (name + ".onnx")
        columns = {}
        for output, values in predictions.items():
            columns.update(landed(output, values))
        entry = {"name": f"{self.exporter}/{name}", "subject": subject or name, "versions": self.versions, "rows": rows}
        entry["schema"] = yaml({"key": ["id"], "inputs": inputs} if inputs else {"key": ["id"]})
        if outputs:
            entry["outputs"] = yaml(outputs)
        entry["tolerance"], differs = agreement(model, rows, inputs, outputs or {}, columns)
        if differs:
            entry["differs"] = differs
        onnx.save(model, path)
        with open(path.with_suffix(".csv"), "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*[[text(value) or "nan" for value in values] for values in columns.values()]))
        self.models.append(entry)
        if differs:
            print("differs:", entry["name"], differs[:200])

    def cannot(self, subject, reason):
        self.unwritten.append({"subject": subject, "versions": self.versions, "reason": clean(reason)})
        print(f"{self.exporter}: {subject} cannot be written: {clean(reason)}")

    def finish(self, subjects=None):
        """subjects: the exporter's own list of what it writes; every one of them must have a model or a reason."""
        subjects = sorted(subjects or {entry["subject"] for entry in self.models + self.unwritten})
        index = {"subjects": subjects, "unwritten": self.unwritten, "models": self.models}
        lines = [f'"{key}": [\n' + ",\n".join(json.dumps(value, ensure_ascii=False) for value in values) + "\n]"
                 for key, values in index.items()]
        (ROOT / self.exporter / "index.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
        size = sum(file.stat().st_size for file in (ROOT / self.exporter).iterdir())
        largest = max((ROOT / self.exporter).iterdir(), key=lambda file: file.stat().st_size)
        print(f"{self.exporter}: {len(self.models)} models, {len(self.unwritten)} not written, {size >> 10} KiB, "
              f"largest {largest.name} {largest.stat().st_size}")


def table(name, /, **columns):
    """Writes `rows/NAME.csv`: a key `id`, and columns whose cells hold neither commas nor quotes. None and NaN are empty cells."""
    count = len(next(iter(columns.values())))
    with open(ROOT / "rows" / (name + ".csv"), "w") as file:
        file.write(",".join(["id", *columns]) + "\n")
        for row in range(count):
            cells = [f"r{row}"] + [text(values[row]) for values in columns.values()]
            assert not any("," in cell or '"' in cell for cell in cells)
            file.write(",".join(cells) + "\n")


def text(value):
    if value is None or isinstance(value, (float, np.floating)) and np.isnan(value):
        return ""
    if isinstance(value, np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, np.float32):
        return repr(float(value)) if abs(value) < 1e-30 else np.format_float_positional(value, unique=True, trim="0")
    if isinstance(value, np.floating):
        return f"{value:.9g}"
    return str(value)


def landed(output, values):
    """The columns that an output becomes: its name alone for one value a row, else with positions, or with the keys of a ZipMap."""
    if isinstance(values, tuple):
        keys, values = values
        return {f"{output}_{key}": list(values[:, place]) for place, key in enumerate(keys)}
    values = np.asarray(values)
    if np.prod(values.shape[1:]) == 1:
        return {output: list(values.reshape(-1))}
    return {
        "_".join([output, *map(str, place)]): list(values[(slice(None), *place)])
        for place in np.ndindex(*values.shape[1:])
    }


def feeds(model, rows, inputs):
    """What ONNX Runtime is given: the same rule that the tests follow."""
    with open(ROOT / "rows" / (rows + ".csv")) as file:
        records = list(csv.DictReader(file))
    types = {1: np.float32, 6: np.int32, 7: np.int64, 8: str, 9: bool, 11: np.float64, 2: np.uint8}
    fed = {}
    initializers = {i.name for i in model.graph.initializer}
    ports = [port for port in model.graph.input if port.name not in initializers]
    for port in ports:
        rule = inputs.get(port.name, {}).get("columns")
        names = [name for name in records[0] if name != "id"]
        if isinstance(rule, list):
            names = rule
        elif rule:
            names = [name for name in names if name.startswith(rule[:-1])]
        elif len(ports) > 1 or port.name in names:
            names = [port.name]
        kind = types[port.type.tensor_type.elem_type]
        cells = [[record[name] for name in names] for record in records]
        if kind is str:
            values = np.array(cells, dtype=object)
        elif kind is bool:
            values = np.array([[cell == "true" for cell in row] for row in cells])
        else:
            values = np.array([[kind(cell) if cell else kind("nan") for cell in row] for row in cells], dtype=kind)
        shape = [d.dim_value for d in port.type.tensor_type.shape.dim]
        if len(shape) == 1:
            values = values.reshape(-1)
        elif len(shape) > 2:
            values = values.reshape([len(records), *shape[1:]])
        fed[port.name] = values
    return fed


def agreement(model, rows, inputs, outputs, columns):
    """The tolerance within which ONNX Runtime for Python gives the framework's predictions, or how far off it is."""
    import onnxruntime

    # ONNX Runtime asks the system for the locale that a text model names; C.UTF-8 does the same and is everywhere.
    model = onnx.ModelProto.FromString(model.SerializeToString())
    for node in model.graph.node:
        if node.op_type == "StringNormalizer":
            kept = [attribute for attribute in node.attribute if attribute.name != "locale"]
            del node.attribute[:]
            node.attribute.extend([*kept, onnx.helper.make_attribute("locale", "C.UTF-8")])
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found = {}
    fed = feeds(model, rows, inputs)
    fixed = session.get_inputs()[0].shape[0]
    if isinstance(fixed, int) and fixed > 0:
        count = len(next(iter(fed.values())))
        parts = [session.run(None, {name: value[first:first + fixed] for name, value in fed.items()}) for first in range(0, count, fixed)]
        values = [np.concatenate(outputs) for outputs in zip(*parts)]
    else:
        values = session.run(None, fed)
    for port, value in zip(session.get_outputs(), values):
        if isinstance(value, list) and not isinstance(value[0], dict):
            continue
        if isinstance(value, list):
            keys = list(value[0])
            value = (keys, np.array([[row[key] for key in keys] for row in value]))
        rule = outputs.get(port.name)
        if isinstance(rule, dict) and "batch_axis" in rule:
            value = np.moveaxis(value, rule["batch_axis"], 0)
        found.update(landed(port.name, value))
    worst = 0.0
    for name, expected in columns.items():
        if name not in found:
            return 0, f"it has no column {name}: {', '.join(list(found)[:4])} …"
        for mine, theirs in zip(expected, found[name]):
            if isinstance(mine, (str, np.str_)):
                if str(theirs) != mine:
                    return 0, f"column {name}: {theirs} for {mine}"
            elif not (np.isnan(mine) and np.isnan(theirs)):
                worst = max(worst, abs(float(mine) - float(theirs)) / max(1.0, abs(float(mine))))
    for tolerance in TOLERANCES:
        if worst < tolerance / 2:
            return tolerance, None
    return 0, f"ONNX Runtime for Python is off by {worst:.3g}"


def read(name, *shape):
    """The numbers of a table that another script has written, each row as an array of `shape`."""
    with open(ROOT / "rows" / (name + ".csv")) as file:
        cells = [row[1:] for row in csv.reader(file)][1:]
    return np.array(cells, dtype=np.float32).reshape(len(cells), *shape)
