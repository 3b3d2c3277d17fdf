"""What a second machine gives: workers that have joined a daemon, each limited to half a core by a control group, and one or two of them.

    python Benchmarks/nodes/scaling.py --millrace .build/release/millrace --repeats 3

It measures many small files, each of which costs about 20 ms of a whole core; one large file, which is scored in ranges; and cheap files,
where the daemon's own work is the bound. Runs with one and with two workers take turns, and the median of each is shown. Needs root, for the control groups, and onnx and numpy.
"""
import argparse
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

PIPELINE = """
name: p
spool: { models: spool/models, data: spool/data }
settle: { quiet: 200ms }
schema: { key: [id], keep: [id], inputs: { x: { columns: x } } }
stages: [ deserialize: {}, forward: {} ]
land: { models: out/models, outputs: { path: out/outputs, format: csv } }
"""


def model(path, width, layers, rows=0):
    """A model of one column that multiplies `layers` times with a matrix of `width`; each row of the file counts as `rows`, if given."""
    random = numpy.random.default_rng(1)
    nodes, weights, now = [], [], "x"
    if rows:
        weights.append(numpy_helper.from_array(numpy.ones((1, rows), "f4"), "wide"))
        nodes += [helper.make_node("MatMul", ["x", "wide"], ["w0"]), helper.make_node("Reshape", ["w0", "tall"], ["w1"])]
        weights.append(numpy_helper.from_array(numpy.array([-1, 1], "i8"), "tall"))
        now = "w1"
    weights.append(numpy_helper.from_array(random.normal(0, 1, (1, width)).astype("f4"), "first"))
    nodes.append(helper.make_node("MatMul", [now, "first"], ["h0"]))
    for layer in range(layers):
        weights.append(numpy_helper.from_array(random.normal(0, width ** -0.5, (width, width)).astype("f4"), f"m{layer}"))
        nodes.append(helper.make_node("MatMul", [f"h{layer}", f"m{layer}"], [f"h{layer + 1}"]))
    weights.append(numpy_helper.from_array(random.normal(0, 1, (width, 1)).astype("f4"), "last"))
    nodes.append(helper.make_node("MatMul", [f"h{layers}", "last"], ["z"]))
    if rows:
        weights.append(numpy_helper.from_array(numpy.array([-1, rows], "i8"), "back"))
        nodes += [helper.make_node("Reshape", ["z", "back"], ["zz"]),
                  helper.make_node("ReduceMax", ["zz"], ["y"], axes=[1], keepdims=1)]
    else:
        nodes.append(helper.make_node("Identity", ["z"], ["y"]))
    column = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", column[:1], column[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


class Group:
    """A control group of half a core."""

    def __init__(self, name):
        self.path = pathlib.Path("/sys/fs/cgroup/cpu") / name
        self.path.mkdir(exist_ok=True)
        (self.path / "cpu.cfs_period_us").write_text("20000")
        (self.path / "cpu.cfs_quota_us").write_text("10000")

    def command(self, words):
        return ["/bin/sh", "-c", f'echo $$ >"{self.path}/tasks"; exec "$@"', "sh", *words]

    def remove(self):
        for _ in range(50):
            try:
                return self.path.rmdir()
            except OSError:
                time.sleep(0.1)


def run(millrace, folder, workers, make_model, files):
    """The seconds from the first file to the last output, with that many workers."""
    root = pathlib.Path(tempfile.mkdtemp(dir=folder))
    for name in ("pipelines", "spool/models", "spool/data"):
        (root / name).mkdir(parents=True)
    (root / "pipelines/p.yaml").write_text(PIPELINE)
    (root / "millrace.yaml").write_text('workers: 0\nexecutor: { listen: "127.0.0.1:0" }\n')
    make_model(str(root / "spool/models/m.onnx"))
    processes, groups = [], []
    try:
        log = open(root / "log", "w")
        processes.append(subprocess.Popen([millrace, "run", "--root", str(root)], stdout=log, stderr=log))
        def pause():
            ended = [process for process in processes if process.poll() is not None]
            if ended:
                raise SystemExit(f"a process has ended: {(root / 'log').read_text()}")
            time.sleep(0.02)

        while not (root / ".millrace/workers/daemon.json").exists():
            pause()
        for number in range(workers):
            groups.append(Group(f"millrace-bench-{os.getpid()}-{number}"))
            words = [millrace, "worker", "--join", str(root / ".millrace/workers"), "--workers", "1"]
            words += ["--cache", str(root / f"cache{number}")]
            processes.append(subprocess.Popen(groups[-1].command(words), stdout=log, stderr=log))

        def outputs():
            try:
                return sum(not name.startswith("_") for name in os.listdir(root / "out/outputs"))
            except FileNotFoundError:
                return 0

        def drop(name, text):
            (root / "spool/data" / ("." + name)).write_text(text)
            os.rename(root / "spool/data" / ("." + name), root / "spool/data" / name)

        # One file for each worker loads the model.
        for number in range(4 * workers):
            drop(f"warm{number}.csv", "id,x\na,1\n")
        while outputs() < 4 * workers:
            pause()
        time.sleep(1)
        staged = []
        for name, text in files:
            (root / "spool/data" / ("." + name)).write_text(text)
            staged.append(name)
        start = time.monotonic()
        for name in staged:
            os.rename(root / "spool/data" / ("." + name), root / "spool/data" / name)
        while outputs() < 4 * workers + len(staged):
            pause()
        seconds = time.monotonic() - start
        status = subprocess.run([millrace, "status", "--root", str(root)], capture_output=True, text=True).stdout
        assert sum("process" in line and "done" in line for line in status.splitlines()) == workers, status
        return seconds
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
    parser.add_argument("--only", choices=["small", "large", "cheap"])
    parser.add_argument("--small", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=8_000_000)
    parser.add_argument("--folder", default=tempfile.gettempdir())
    arguments = parser.parse_args()
    small = [(f"{number}.csv", f"id,x\nr,{number}\n") for number in range(arguments.small)]
    large = [("large.csv", "id,x\n" + "".join(f"row-{number:024d},{number % 977}\n" for number in range(arguments.rows)))]
    cases = {
        "small": (lambda path: model(path, 1024, 8, rows=160), small),
        "large": (lambda path: model(path, 64, 4), large),
        "cheap": (lambda path: model(path, 4, 1), small),
    }
    for name, (make, files) in cases.items():
        if arguments.only not in (None, name):
            continue
        seconds = {1: [], 2: []}
        for _ in range(arguments.repeats):
            for workers in (1, 2):
                seconds[workers].append(run(arguments.millrace, arguments.folder, workers, make, files))
        one, two = (statistics.median(seconds[workers]) for workers in (1, 2))
        figures = {"case": name, "one": round(one, 2), "two": round(two, 2), "ratio": round(one / two, 3), "all": seconds}
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
