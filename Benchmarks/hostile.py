"""How long a small file of one pipeline takes while another pipeline gets the hostile files of Tests/EndToEndTests/Hostile.

    .deps/bench/bin/python Benchmarks/hostile.py BINARY FOLDER

The scripts that make the files run in .deps/oracle (Scripts/test-tools). FOLDER must not exist; it stays. Latencies are from the rename
into the spool to the output visible, seen by inotify; about forty small files a second, one at a time.
"""

import ctypes
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import numpy
from onnx import TensorProto, helper, numpy_helper

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS = {"models": "make-models.py", "data": "make-tables.py"}
MOVED_TO = 0x80  # IN_MOVED_TO
PIPELINE = """\
name: {name}
spool: {{ models: spool/{name}/models, data: {{ path: spool/{name}/data, include: all }} }}
settle: {{ quiet: 200ms, give_up: 5s }}
on_error: {{ attempts: 2, backoff: 100ms }}
schema: {{ key: [id], keep: [id], inputs: {{ x: {{ columns: x }} }} }}
stages: [ deserialize: {{}}, forward: {{}} ]
land: {{ models: out/{name}/models, outputs: {{ path: out/{name}/outputs, format: csv }} }}
"""


def adding_model() -> bytes:
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1])
    one = numpy_helper.from_array(numpy.ones((1, 1), numpy.float32), "one")
    graph = helper.make_graph([helper.make_node("Add", ["x", "one"], ["y"])], "adding", [value("x")], [value("y")], [one])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


class Scene:
    """A daemon with two pipelines, and the hostile files beside their spools."""

    def __init__(self, binary: str, root: Path) -> None:
        self.binary, self.root, self.count = binary, root, 0
        (root / "pipelines").mkdir(parents=True)
        (root / "millrace.yaml").write_text("workers: 2\n")
        for name, limits in (("good", ""), ("bad", "limits: { time: 3s, load_time: 3s, memory: 512MiB }\n")):
            (root / "pipelines" / f"{name}.yaml").write_text(PIPELINE.format(name=name) + limits)
            for kind in SCRIPTS:
                (root / "spool" / name / kind).mkdir(parents=True)
        for script in SCRIPTS.values():
            (root / script).mkdir()
            make = REPOSITORY / "Tests" / "EndToEndTests" / "Hostile" / script
            subprocess.run([REPOSITORY / ".deps" / "oracle" / "bin" / "python", "-B", make, root / script], check=True)
        (root / "spool/good/models/adding.onnx").write_bytes(adding_model())
        outputs = root / "out/good/outputs"
        outputs.mkdir(parents=True)
        with open(root / "log", "wb") as log:
            self.daemon = subprocess.Popen([binary, "run", "pipelines", "--root", root], stdout=log, stderr=log, cwd=root)
        while not (root / "out/good/models/ACTIVE").exists():
            time.sleep(0.05)
        libc = ctypes.CDLL(None)
        self.events = libc.inotify_init()
        libc.inotify_add_watch(self.events, str(outputs).encode(), MOVED_TO)

    def small_file(self) -> float:
        """Returns the seconds from the rename of a new file to its output."""
        self.count += 1
        aside, name = self.root / "aside", f"{self.count}.csv"
        aside.write_text(f"id,x\nrow-{self.count},1\n")
        start = time.perf_counter()
        os.rename(aside, self.root / "spool/good/data" / name)
        while select.select([self.events], [], [], 60)[0]:
            if name.encode() in os.read(self.events, 1 << 16):
                seconds = time.perf_counter() - start
                time.sleep(0.02)
                return seconds
        sys.exit(f"{name} has no output; see {self.root / 'log'}")

    def drop_hostile_files(self) -> int:
        count = 0
        for kind, script in SCRIPTS.items():
            made, spool = self.root / script, self.root / "spool/bad" / kind
            for name in sorted(json.loads((made / "rules.json").read_text())):
                companions = Path(name).stem + ".d"
                if (made / companions).exists():
                    os.rename(made / companions, spool / companions)
                os.rename(made / name, spool / name)
                count += 1
            if kind == "models":
                (spool / "zz-adding.onnx").write_bytes(adding_model())
        return count

    def is_busy(self) -> bool:
        status = json.loads(subprocess.run([self.binary, "status", "--json", "--root", self.root], capture_output=True, check=True).stdout)
        waits = [one for one in status["conditions"] if one["pipeline"] == "bad" and one["kind"] in ("settling", "hashing")]
        counts = next(one["counts"] for one in status["pipelines"] if "bad" in one.values())
        return bool(waits) or any(one["state"] in ("waiting", "running") for one in counts)


def show(name: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    share = lambda part: 1000 * ordered[min(int(len(ordered) * part), len(ordered) - 1)]
    print(f"| {name} | {len(ordered)} | {share(0.5):.1f} | {share(0.9):.1f} | {share(0.99):.0f} | {share(1):.0f} |", flush=True)


def main() -> None:
    scene = Scene(sys.argv[1], Path(sys.argv[2]).resolve())
    for _ in range(10):
        scene.small_file()
    print("| | files | median ms | 90 of 100 | 99 of 100 | all |\n|---|---|---|---|---|---|")
    show("before", [scene.small_file() for _ in range(60)])
    hostile, start, asked = scene.drop_hostile_files(), time.time(), time.time()
    seconds: list[tuple[float, float]] = []
    while True:
        seconds.append((time.time() - start, scene.small_file()))
        if time.time() - asked > 3:
            asked = time.time()
            if asked - start > 10 and not scene.is_busy():
                break
    show(f"beside {hostile} hostile files, {time.time() - start:.0f} s", [took for _, took in seconds])
    show("of these the first 10 s", [took for at, took in seconds if at < 10])
    show("after", [scene.small_file() for _ in range(60)])
    scene.daemon.terminate()
    print("the daemon ended with", scene.daemon.wait(60))


if __name__ == "__main__":
    main()
