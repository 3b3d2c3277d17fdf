"""What a second machine gives a training: ResNet-18 for 32 x 32 images, whose batches of 32 have four shares, on one or two workers that have
joined a daemon, each limited to half a core by a control group.

    python Benchmarks/nodes/training.py --millrace .build/release/millrace --repeats 3

The speed is that between two steps, once the second worker helps: what is paid once (packing rows, building graphs, loading them) is shown
apart. The model of both must have the same bytes. Needs root, for the control groups, and onnx and numpy.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

from scaling import Group

PIPELINE = """
name: p
spool: {{ models: spool/models, labelled: spool/labelled }}
settle: {{ quiet: 200ms }}
schema: {{ key: [id], label: y, inputs: {{ x: {{ columns: "p_*" }} }} }}
stages:
  - deserialize: {{}}
  - optimize:
      gradient: {{ loss: cross_entropy, optimizer: {{ sgd: {{ learning_rate: 0.01 }} }}, epochs: {epochs}, batch_size: 32, shares: 4, validation: 0,
                  threads: 1, batch_normalization: {normalization} }}
  - forward: {{}}
land: {{ models: out/models, outputs: {{ path: out/outputs, format: csv }} }}
"""
ROWS = 256


def resnet(path):
    """As in Benchmarks/training/cases.py, with BatchNormalization by running statistics."""
    random = numpy.random.default_rng(1)
    nodes, weights = [], []

    def stored(name, values):
        weights.append(numpy_helper.from_array(values.astype("f4"), name))
        return name

    def normalized(x, name, inputs, outputs, kernel, stride):
        scale = (2 / (inputs * kernel * kernel)) ** 0.5
        stored(name + ".w", random.normal(0, scale, (outputs, inputs, kernel, kernel)))
        nodes.append(helper.make_node("Conv", [x, name + ".w"], [name + ".c"], kernel_shape=[kernel] * 2, strides=[stride] * 2,
                                      pads=[kernel // 2] * 4))
        statistics = [stored(f"{name}.{key}", random.normal(value, 0.01, outputs)) for key, value in
                      (("scale", 1), ("bias", 0), ("mean", 0), ("var", 2))]
        nodes.append(helper.make_node("BatchNormalization", [name + ".c", *statistics], [name + ".n"]))
        return name + ".n"

    def relu(x):
        nodes.append(helper.make_node("Relu", [x], [x + ".r"]))
        return x + ".r"

    x = relu(normalized("x", "stem", 3, 64, 3, 1))
    widths = [64, 64, 128, 128, 256, 256, 512, 512]
    for block, width in enumerate(widths):
        before = widths[max(block - 1, 0)]
        stride = 2 if width != before else 1
        y = relu(normalized(x, f"b{block}.1", before, width, 3, stride))
        y = normalized(y, f"b{block}.2", width, width, 3, 1)
        side = x if stride == 1 else normalized(x, f"b{block}.side", before, width, 1, stride)
        nodes.append(helper.make_node("Add", [y, side], [f"b{block}"]))
        x = relu(f"b{block}")
    nodes.append(helper.make_node("ReduceMean", [x], ["mean"], axes=[2, 3], keepdims=0))
    nodes.append(helper.make_node("Gemm", ["mean", stored("head.w", random.normal(0, 0.05, (512, 10))), stored("head.b", numpy.zeros(10))], ["s"]))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 32, 32])],
                              [helper.make_tensor_value_info("s", TensorProto.FLOAT, ["N", 10])], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def rows(path):
    random = numpy.random.default_rng(2)
    with open(path, "w") as file:
        file.write("id,y," + ",".join(f"p_{pixel}" for pixel in range(3072)) + "\n")
        for row in range(ROWS):
            file.write(f"r{row},{row % 10}," + ",".join(f"{value:.3f}" for value in random.normal(row % 10 / 10, 1, 3072)) + "\n")


def run(millrace, folder, workers, epochs, normalization):
    """The steps per second with that many workers, the seconds before, and a digest of what was learnt."""
    root = pathlib.Path(tempfile.mkdtemp(dir=folder))
    for name in ("pipelines", "spool/models", "spool/labelled"):
        (root / name).mkdir(parents=True)
    (root / "pipelines/p.yaml").write_text(PIPELINE.format(epochs=epochs, normalization=normalization))
    (root / "millrace.yaml").write_text('workers: 0\nexecutor: { listen: "127.0.0.1:0" }\n')
    processes, groups = [], []
    try:
        log = open(root / "log", "w")
        processes.append(subprocess.Popen([millrace, "run", "--root", str(root)], stdout=log, stderr=log))

        def wait(until, pause=0.05):
            while not (found := until()):
                if any(process.poll() is not None for process in processes):
                    raise SystemExit(f"a process has ended: {(root / 'log').read_text()}")
                time.sleep(pause)
            return found

        wait((root / ".millrace/workers/daemon.json").exists)
        for number in range(workers):
            groups.append(Group(f"millrace-bench-{os.getpid()}-{number}"))
            words = [millrace, "worker", "--join", str(root / ".millrace/workers"), "--workers", "1"]
            words += ["--cache", str(root / f"cache{number}")]
            processes.append(subprocess.Popen(groups[-1].command(words), stdout=log, stderr=log))
        wait(lambda: (root / "log").read_text().count("has joined") == workers)
        resnet(root / "spool/models/.m.onnx")
        os.rename(root / "spool/models/.m.onnx", root / "spool/models/m.onnx")
        wait((root / "out/models/1/card.json").exists)
        rows(root / "spool/labelled/.l.csv")
        begun = time.monotonic()
        os.rename(root / "spool/labelled/.l.csv", root / "spool/labelled/l.csv")

        def facts():
            if (root / "out/models/2/card.json").exists():
                raise SystemExit("the training was over before it was measured: give more --epochs")
            status = subprocess.run([millrace, "status", "--root", str(root), "--json"], capture_output=True, text=True).stdout
            found = []

            def look(value):
                if isinstance(value, dict):
                    if "helpers" in value and "steps" in value:
                        found.append(value)
                    for inner in value.values():
                        look(inner)
                elif isinstance(value, list):
                    for inner in value:
                        look(inner)

            look(json.loads(status))
            return found[0] if found else None

        def step(least):
            known = facts()
            return known if known and known["helpers"] == workers - 1 and known["step"] >= least else None

        first = wait(lambda: step(2), 0.5)
        seen = first["step"]
        # The board is written twice a second at most: a step is timed as it appears.
        second = wait(lambda: step(seen + 1), 0.1)
        start = time.monotonic()
        last = wait(lambda: step(second["step"] + (epochs * ROWS // 32 - second["step"]) * 2 // 3), 0.1)
        seconds = time.monotonic() - start
        wait((root / "out/models/2/card.json").exists)
        digest = hashlib.sha256((root / "out/models/2/model.onnx").read_bytes()).hexdigest()
        card = json.loads((root / "out/models/2/card.json").read_text())
        return (last["step"] - second["step"]) / seconds, start - begun, digest, card["decisions"]["shares_computed_by_others"]
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait()
        for group in groups:
            group.remove()
        shutil.rmtree(root, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--millrace", required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--normalization", default="frozen", choices=["frozen", "affine", "train"])
    parser.add_argument("--folder", default=tempfile.gettempdir())
    arguments = parser.parse_args()
    speeds, digests, rest = {1: [], 2: []}, set(), []
    for _ in range(arguments.repeats):
        for workers in (1, 2):
            speed, before, digest, helped = run(
                arguments.millrace, arguments.folder, workers, arguments.epochs, arguments.normalization)
            speeds[workers].append(round(speed, 3))
            digests.add(digest)
            rest.append({"workers": workers, "seconds_before": round(before, 1), "shares_by_others": helped})
    one, two = (statistics.median(speeds[workers]) for workers in (1, 2))
    print(json.dumps({"steps_per_second": speeds, "ratio": round(two / one, 3), "same_bytes": len(digests) == 1, "runs": rest}), flush=True)


if __name__ == "__main__":
    main()
