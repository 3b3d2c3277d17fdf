"""Whole training steps of Millrace (on ONNX Runtime, and on OpenVINO in float32 and with bfloat16 products), PyTorch eager and
torch.compile (each in float32 and under bfloat16 autocast) and JAX jit: same model, data, batch, optimizer and cores.

    python bench.py --timer .build/release/step-timer [--contenders millrace,torch,...] [--cases mlp,resnet18,encoder] [--rounds 5]
                    [--threads 2] [--out FILE.json]

Every measurement is a process of its own, the contenders in turn; a figure is the median over rounds of each round's median step.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
# The precision in which OpenVINO runs the steps of each contender of ours; none where ONNX Runtime does.
MILLRACE = {"millrace": [], "millrace-openvino": ["float32"], "millrace-bfloat16": ["bfloat16"]}
CONTENDERS = [*MILLRACE, "torch", "compile", "jax", "torch-bfloat16", "compile-bfloat16"]
# How far a contender's first losses may be from those of PyTorch in float32, relatively.
TOLERANCE = {"float32": 2e-3, "bfloat16": 2e-2}


def precision(contender):
    return "bfloat16" if contender.endswith("bfloat16") else "float32"


def command(contender, name, case, folder, options):
    steps = str(max(case["steps"] // options.divide, 3))
    if contender in MILLRACE:
        graphs = [str(folder / f"{name}.onnx"), str(folder / f"{name}.data.onnx")]
        return [options.timer, *graphs, case["optimizer"], str(options.threads), steps, *MILLRACE[contender]]
    return [sys.executable, str(HERE / "contender.py"), contender, name, str(options.threads), steps]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--timer", required=True, help="the built step-timer")
    parser.add_argument("--cases", default="mlp,resnet18,encoder")
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--divide", type=int, default=1, help="fewer steps, for a first look")
    parser.add_argument("--out", help="every value as JSON")
    options = parser.parse_args()
    sys.path.insert(0, str(HERE))
    import cases

    cores = sorted(os.sched_getaffinity(0))[: options.threads]
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name in options.cases.split(","):
            cases.export(name, folder)
            runs = {contender: [] for contender in options.contenders.split(",")}
            for _ in range(options.rounds):
                for contender, values in runs.items():
                    done = subprocess.run(
                        ["taskset", "-c", ",".join(map(str, cores)), *command(contender, name, cases.CASES[name], folder, options)],
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                    if done.returncode != 0:
                        sys.exit(f"{contender} {name} failed:\n{done.stderr[-3000:]}")
                    values.append(json.loads(done.stdout.strip().splitlines()[-1]))
            results[name] = runs
            # All must have trained the same thing.
            reference = runs.get("torch", next(iter(runs.values())))[0]["losses"]
            for contender, values in runs.items():
                for value in values:
                    for a, b in zip(reference[:3], value["losses"][:3]):
                        if abs(a - b) > TOLERANCE[precision(contender)] * max(abs(a), 1):
                            sys.exit(f"{contender} {name}: losses {value['losses']}, expected {reference}")
            print(f"\n{name}: batch {cases.CASES[name]['batch']}, {cases.CASES[name]['optimizer']}, {options.threads} threads")
            middles = {}
            for contender, values in runs.items():
                medians = [statistics.median(v["seconds"]) * 1e3 for v in values]
                least = min(min(v["seconds"]) for v in values) * 1e3
                middles[contender] = statistics.median(medians)
                peak = statistics.median(v["peak"] for v in values) / 2**20
                grown = statistics.median(v["peak"] - v["before"] for v in values) / 2**20
                print(f"  {contender:17} {middles[contender]:9.2f} ms  (rounds {min(medians):.2f} to {max(medians):.2f}, least step "
                      f"{least:.2f})  peak {peak:6.0f} MiB, {grown:6.0f} above what stood before")
            for contender, middle in middles.items():
                base = "torch" if precision(contender) == "float32" else "torch-bfloat16"
                if base in middles:
                    print(f"  {base} / {contender}: {middles[base] / middle:.2f}")
    if options.out:
        Path(options.out).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
