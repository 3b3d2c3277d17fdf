"""A root with a daemon whose work is done by workers that have joined it; the benchmarks of this folder measure such roots."""
import os
import pathlib
import shutil
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


class Root:
    """A root in a temporary folder, with its daemon; `with` ends what was started and removes it."""

    def __init__(self, millrace, folder, make_model, settings='workers: 0\nexecutor: { listen: "127.0.0.1:0" }\n'):
        self.millrace, self.path = millrace, pathlib.Path(tempfile.mkdtemp(dir=folder))
        self.spool, self.outputs = self.path / "spool/data", self.path / "out/outputs"
        self.workers, self.processes = self.path / ".millrace/workers", []
        for name in ("pipelines", "spool/models", "spool/data"):
            (self.path / name).mkdir(parents=True)
        (self.path / "pipelines/p.yaml").write_text(PIPELINE)
        (self.path / "millrace.yaml").write_text(settings)
        make_model(str(self.path / "spool/models/m.onnx"))
        self.log = open(self.path / "log", "w")
        self.daemon = self.start([millrace, "run", "--root", str(self.path)])
        if "executor" in settings:
            self.wait(lambda: (self.workers / "daemon.json").exists())

    def start(self, words):
        self.processes.append(subprocess.Popen(words, stdout=self.log, stderr=self.log))
        return self.processes[-1]

    def join(self, number=0, start=lambda words: words):
        """Starts a worker with one place; `start` may have it started by another program."""
        words = [self.millrace, "worker", "--join", str(self.workers), "--workers", "1", "--cache", str(self.path / f"cache{number}")]
        return self.start(start(words))

    def stage(self, name, text):
        """Writes a file under a name that the daemon does not look at; `show` gives it its own."""
        (self.spool / ("." + name)).write_text(text)

    def show(self, name):
        os.rename(self.spool / ("." + name), self.spool / name)

    def drop(self, name, text):
        self.stage(name, text)
        self.show(name)

    def done(self):
        try:
            return sum(not name.startswith("_") for name in os.listdir(self.outputs))
        except FileNotFoundError:
            return 0

    def wait(self, until):
        while not until():
            if any(process.poll() is not None for process in self.processes):
                raise SystemExit(f"a process has ended: {(self.path / 'log').read_text()}")
            time.sleep(0.02)

    def status(self):
        return subprocess.run([self.millrace, "status", "--root", str(self.path)], capture_output=True, text=True).stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait()
        shutil.rmtree(self.path, ignore_errors=True)
