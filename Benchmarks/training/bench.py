"""Whole training steps of Millrace, PyTorch eager, torch.compile and JAX jit, and of Millrace's step graph on OpenVINO: same model, data,
batch, optimizer and cores.

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
CONTENDERS = ["millrace", "openvino", "torch", "compile", "jax"]


def command(contender, name, case, folder, options):
    steps = str(max(case["steps"] // options.divide, 3))
    if contender == "millrace":
        graphs = [str(folder / f"{name}.onnx"), str(folder / f"{name}.data.onnx")]
        return [options.timer, *graphs, case["optimizer"], str(options.threads), steps]
    made = [sys.executable, str(HERE / "contender.py"), contender, name, str(options.threads), steps]
    return made + [str(folder), str(case["rate"])] if contender == "openvino" else made


def write_step_graph(name, case, folder, options):
    """NAME.step.onnx, which the contender on OpenVINO runs."""
    made = [options.timer, str(folder / f"{name}.onnx"), str(folder / f"{name}.data.onnx"), case["optimizer"], str(options.threads), "1"]
    subprocess.run([*made, str(folder / f"{name}.step.onnx")], check=True, stdout=subprocess.DEVNULL)


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
            if "openvino" in options.contenders.split(","):
                write_step_graph(name, cases.CASES[name], folder, options)
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
                        if abs(a - b) > 2e-3 * max(abs(a), 1):
                            sys.exit(f"{contender} {name}: losses {value['losses']}, expected {reference}")
            print(f"\n{name}: batch {cases.CASES[name]['batch']}, {cases.CASES[name]['optimizer']}, {options.threads} threads")
            base = None
            for contender, values in runs.items():
                medians = [statistics.median(v["seconds"]) * 1e3 for v in values]
                least = min(min(v["seconds"]) for v in values) * 1e3
                middle = statistics.median(medians)
                if contender == "torch":
                    base = middle
                peak = statistics.median(v["peak"] for v in values) / 2**20
                grown = statistics.median(v["peak"] - v["before"] for v in values) / 2**20
                print(f"  {contender:9} {middle:9.2f} ms  (rounds {min(medians):.2f} to {max(medians):.2f}, least step {least:.2f})  "
                      f"peak {peak:6.0f} MiB, {grown:6.0f} above what stood before")
            if base:
                for contender, values in runs.items():
                    middle = statistics.median(statistics.median(v["seconds"]) * 1e3 for v in values)
                    print(f"  PyTorch eager / {contender}: {base / middle:.2f}")
    if options.out:
        Path(options.out).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
