"""The two sides, started and stopped the same way: the same cores, the same folders, a fresh directory each time."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

PEER = Path(__file__).resolve().parent / "peer" / "daemon.py"
PIPELINE = """\
name: bench
spool:
  models: spool/models
  data: spool/data
schema:
  key: id
  types: { id: int64 }
stages:
  - deserialize: {}
  - forward: { outputs: { probabilities: "p_*" } }
land:
  models: { path: out/models }
  outputs: { path: out/predictions, format: parquet }
"""


class DaemonFailed(Exception):
    """A side ended, or did not become ready; its log says why."""


@dataclass
class Daemon:
    """One side over one fresh root folder. `spool/data` is watched and `out/predictions` is where results land."""

    name: str
    root: Path
    model: Path
    cores: list[int]
    jobs: int
    threads: int = 1
    process: subprocess.Popen | None = field(default=None, init=False)
    peak_bytes: int = field(default=0, init=False)
    log_start: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        for folder in (self.spool, self.out, self.aside):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def spool(self) -> Path:
        return self.root / "spool" / "data"

    @property
    def out(self) -> Path:
        return self.root / "out" / "predictions"

    @property
    def aside(self) -> Path:
        """Where inputs are made before they are renamed into the spool; nobody watches it."""
        return self.root / "aside"

    @property
    def log(self) -> Path:
        return self.root / f"{self.name}.log"

    def command(self) -> list[str]:
        raise NotImplementedError

    def prepare(self) -> None:
        """What stands before the daemon starts."""

    def wait_until_ready(self) -> None:
        raise NotImplementedError

    def start(self, prefix: list[str] = [], wait: bool = True) -> None:
        self.prepare()
        pinned = ["taskset", "--cpu-list", ",".join(map(str, self.cores)), *prefix, *self.command()]
        with open(self.log, "ab") as log:
            self.log_start = log.tell()
            self.process = subprocess.Popen(pinned, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.root)
        if wait:
            self.wait_until_ready()

    def stop(self) -> None:
        self.sample()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise DaemonFailed(f"{self.name} did not stop within 60 s; see {self.log}") from None
        if status != 0:
            raise DaemonFailed(f"{self.name} ended with {status}; see {self.log}")

    def remove(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.root)

    def check_alive(self) -> None:
        if self.process.poll() is not None:
            raise DaemonFailed(f"{self.name} ended with {self.process.returncode}; see {self.log}")

    def processes(self) -> list[int]:
        """The daemon and all its descendants."""
        found = [self.process.pid]
        for pid in found:
            try:
                for thread in os.listdir(f"/proc/{pid}/task"):
                    found += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split())
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    def sample(self) -> None:
        """Notes the peak of resident memory so far, summed over the processes that live now."""
        total = 0
        for pid in self.processes():
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            total += sum(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
        self.peak_bytes = max(self.peak_bytes, total)

    def proportional_bytes(self) -> int:
        """The memory of all its processes: a page that several of them have counts once (PSS)."""
        total = 0
        for pid in self.processes():
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except (FileNotFoundError, ProcessLookupError):
                continue
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
        return total

    def cpu_seconds(self) -> float:
        """User and system time that its processes have used so far."""
        ticks = 0
        for pid in self.processes():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def bytes_read(self) -> int:
        """What its processes have read so far through read calls, cached or not."""
        total = 0
        for pid in self.processes():
            try:
                total += int(Path(f"/proc/{pid}/io").read_text().split()[1])
            except (FileNotFoundError, ProcessLookupError):
                pass
        return total

    def wait(self, condition, timeout: float, what: str, interval: float = 0.02) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            self.check_alive()
            if time.monotonic() > deadline:
                raise DaemonFailed(f"{self.name}: {what} did not happen within {timeout:.0f} s; see {self.log}")
            time.sleep(interval)
            self.sample()

    def where_time_goes(self) -> dict[str, float]:
        """Median seconds of a run by phase, where the side can tell."""
        return {}


@dataclass
class Peer(Daemon):
    def command(self) -> list[str]:
        return [
            sys.executable, str(PEER), str(self.model), str(self.spool), str(self.out),
            "--jobs", str(self.jobs), "--threads", str(self.threads)]

    def wait_until_ready(self) -> None:
        self.wait(lambda: b" ready\n" in self.log.read_bytes()[self.log_start :], 60, "being ready")


@dataclass
class Millrace(Daemon):
    binary: Path = Path(".build/release/millrace")

    def command(self) -> list[str]:
        return [str(self.binary), "run", "bench.yaml", "--root", str(self.root), "--jobs", str(self.jobs), "--threads", str(self.threads)]

    def prepare(self) -> None:
        (self.root / "bench.yaml").write_text(PIPELINE)
        models = self.root / "spool" / "models"
        models.mkdir(exist_ok=True)
        if not (models / "mlp.onnx").exists():
            shutil.copy(self.model, self.aside / "mlp.onnx")
            os.rename(self.aside / "mlp.onnx", models / "mlp.onnx")

    def wait_until_ready(self) -> None:
        """A version of the model is active; the folder of data is watched before any arrival is decided."""
        self.wait(lambda: (self.root / "out" / "models" / "ACTIVE").exists(), 600, "a model version")

    def where_time_goes(self) -> dict[str, float]:
        answer = subprocess.run(
            [self.binary, "runs", "--json", "--root", self.root], capture_output=True, text=True, timeout=60)
        if answer.returncode != 0:
            return {}
        return median_timings(answer.stdout)


def median_timings(text: str) -> dict[str, float]:
    """From `millrace runs --json`: every object with `timings`, a mapping from phase to seconds, counts as a run."""
    phases: dict[str, list[float]] = {}

    def walk(value) -> None:
        if isinstance(value, dict):
            timings = value.get("timings")
            if isinstance(timings, dict):
                for phase, seconds in timings.items():
                    phases.setdefault(phase, []).append(float(seconds))
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    try:
        walk(json.loads(text))
    except ValueError:  # one object per line
        walk([json.loads(line) for line in text.splitlines() if line.strip()])
    return {phase: sorted(seconds)[len(seconds) // 2] for phase, seconds in sorted(phases.items())}
