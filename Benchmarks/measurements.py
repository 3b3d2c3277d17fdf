"""The five measurements. Each takes a daemon over a fresh folder, drives it, checks what landed and returns figures."""

import os
import re
import signal
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy
import onnxruntime
import pyarrow.csv
import pyarrow.parquet

import inputs
from arrivals import Arrivals, landed, last_landed
from daemons import Daemon, DaemonFailed


class WrongOutput(Exception):
    """What landed is not what the model gives: the time it took means nothing."""


def check_output(model: Path, source: Path, output: Path) -> None:
    """Ids and the first and last probabilities of one file, against ONNX Runtime called here."""
    read = pyarrow.csv.read_csv if source.suffix == ".csv" else pyarrow.parquet.read_table
    given, found = read(source), pyarrow.parquet.read_table(output)
    if given["id"].to_pylist() != found["id"].to_pylist():
        raise WrongOutput(f"{output}: the ids are not those of {source}")
    ends = given.take([0, given.num_rows - 1])
    features = numpy.stack([ends[name].to_numpy() for name in inputs.names()], axis=1).astype(numpy.float32)
    expected = onnxruntime.InferenceSession(model).run(None, {"features": features})[0]
    scores = numpy.stack([found.take([0, found.num_rows - 1])[f"p_{at}"].to_numpy() for at in range(inputs.CLASSES)], axis=1)
    if not numpy.allclose(scores, expected, atol=1e-5):
        raise WrongOutput(f"{output}: the probabilities are not those of {source}")


def bring_in(source: Path, daemon: Daemon, name: str | None = None) -> None:
    """Renames a hard link of the file into the spool, so that large inputs need no copying."""
    name = name or source.name
    os.link(source, daemon.aside / name)
    os.rename(daemon.aside / name, daemon.spool / name)


# (i) Many small files


def small_files(daemon: Daemon, source: Path, in_place: bool) -> dict[str, float]:
    """Files per second, from the first one dropped to the last output visible."""
    names = sorted(os.listdir(source))
    contents = [(source / name).read_bytes() for name in names] if in_place else []
    if not in_place:
        for name in names:
            os.link(source / name, daemon.aside / name)
    daemon.start()
    os.sync()
    started, cpu = time.time(), daemon.cpu_seconds()
    if in_place:
        for name, content in zip(names, contents):
            with open(daemon.spool / name, "wb", buffering=0) as file:
                file.write(content)
    else:
        for name in names:
            os.rename(daemon.aside / name, daemon.spool / name)
    daemon.wait(lambda: len(landed(daemon.out)) >= len(names), 60 + len(names) / 50, f"{len(names)} outputs", interval=0.1)
    seconds, cpu = last_landed(daemon.out) - started, daemon.cpu_seconds() - cpu
    phases = daemon.where_time_goes()
    daemon.stop()
    for name in names[:: max(1, len(names) // 20)]:
        check_output(daemon.model, source / name, daemon.out / (Path(name).stem + ".parquet"))
    figures = {"files per second": len(names) / seconds, "CPU ms per file": cpu / len(names) * 1000, "peak MiB": daemon.peak_bytes / 2**20}
    return figures | _named(phases)


# (ii) One large file


def large_file(daemon: Daemon, source: Path) -> dict[str, float]:
    """Rows per second, from the rename into the spool to the output visible, and the peak of resident memory."""
    rows = pyarrow.parquet.read_metadata(source).num_rows
    daemon.start()
    os.sync()
    started, cpu = time.time(), daemon.cpu_seconds()
    bring_in(source, daemon)
    daemon.wait(lambda: landed(daemon.out) == [source.name], 1200, source.name)
    seconds, cpu = last_landed(daemon.out) - started, daemon.cpu_seconds() - cpu
    phases = daemon.where_time_goes()
    daemon.stop()
    check_output(daemon.model, source, daemon.out / source.name)
    figures = {"rows per second": rows / seconds, "CPU s per million rows": cpu / rows * 1e6, "peak MiB": daemon.peak_bytes / 2**20}
    return figures | _named(phases)


# (iii) Latency


@dataclass(frozen=True)
class Arrival:
    """How a small file arrives at an idle daemon."""

    extension: str
    in_place: bool

    def __str__(self) -> str:
        return f"{self.extension}, {'written in place' if self.in_place else 'renamed into place'}"


ARRIVALS = [Arrival(extension, in_place) for extension in ("parquet", "csv") for in_place in (False, True)]


def latency(daemon: Daemon, arrival: Arrival, count: int) -> dict[str, float]:
    """Milliseconds from the last byte written (or the rename) to the output visible; the median and the 90th percentile of `count`."""
    make = inputs.small_csv if arrival.extension == "csv" else inputs.small_parquet
    milliseconds = []
    daemon.start()
    with Arrivals(daemon.out) as outputs:
        for number in range(count + 2):  # two to warm up
            content, name = make(number), f"one-{number:04d}.{arrival.extension}"
            target = daemon.spool / name
            time.sleep(0.1)
            with open(target if arrival.in_place else daemon.aside / name, "wb", buffering=0) as file:
                file.write(content)
                started = time.monotonic()
            if not arrival.in_place:
                started = time.monotonic()
                os.rename(daemon.aside / name, target)
            seen = outputs.wait(f"one-{number:04d}.parquet", 60)
            if seen is None:
                raise DaemonFailed(f"{daemon.name}: no output of {name} within 60 s; see {daemon.log}")
            milliseconds.append((seen - started) * 1000)
    phases = daemon.where_time_goes()
    daemon.stop()
    milliseconds = milliseconds[2:]
    ninetieth = statistics.quantiles(milliseconds, n=10)[-1]
    return {"median ms": statistics.median(milliseconds), "90th percentile ms": ninetieth} | _named(phases)


# (iv) Start-up with everything done


class StartUp:
    """Restarts of one side over a spool of files already done. From the start on a new file is renamed into the spool ten times a second:
    when the first output of one is visible, the daemon has started."""

    def __init__(self, daemon: Daemon, source: Path) -> None:
        self.daemon = daemon
        self.dropped = 0
        self.done = 0
        daemon.start()
        daemon.stop()  # so that a model version stands before the first timed start
        self.empty_bytes = self._start()[1]
        names = os.listdir(source)
        for name in names:
            os.link(source / name, daemon.spool / name)
        self.done = len(names)
        daemon.start()
        self._wait_for_all(60 + len(names) / 50)
        daemon.stop()

    def restart(self) -> dict[str, float]:
        seconds, read, peak = self._start()
        return {"seconds": seconds, "peak MiB": peak / 2**20, "MiB read beyond an empty start": (read - self.empty_bytes) / 2**20}

    def opened_again(self) -> dict[str, float]:
        """Inputs already done that a further start opens, counted by strace."""
        daemon, trace = self.daemon, self.daemon.root / "trace"
        self._drop()
        daemon.start(prefix=["strace", "-f", "-qq", "-e", "trace=open,openat,openat2", "-o", str(trace)], wait=False)
        self._wait_for_all(600)
        os.kill(daemon.processes()[1], signal.SIGTERM)  # the traced daemon: strace hands no signal on
        daemon.process.wait(timeout=60)
        opened = re.findall(r'"[^"]*?(part-\d+\.csv)"[^=]*= \d+', trace.read_text(errors="replace"))
        return {"done files opened again": len(set(opened))}

    def _start(self) -> tuple[float, int, int]:
        """Seconds, bytes read and peak memory in bytes when the first new output is visible."""
        daemon, seen = self.daemon, None
        daemon.peak_bytes = 0
        os.sync()
        with Arrivals(daemon.out) as outputs:
            started = time.monotonic()
            daemon.start(wait=False)
            while seen is None:
                self._drop()
                seen = outputs.wait("new-", 0.1)
                daemon.check_alive()
        read = daemon.bytes_read()
        daemon.sample()
        peak = daemon.peak_bytes
        self._wait_for_all(60)
        daemon.stop()
        return seen - started, read, peak

    def _drop(self) -> None:
        daemon, self.dropped = self.daemon, self.dropped + 1
        name = f"new-{self.dropped:06d}.parquet"
        (daemon.aside / name).write_bytes(inputs.small_parquet(self.dropped))
        os.rename(daemon.aside / name, daemon.spool / name)

    def _wait_for_all(self, timeout: float) -> None:
        count = self.done + self.dropped
        self.daemon.wait(lambda: len(landed(self.daemon.out)) >= count, timeout, f"{count} outputs", interval=0.2)


# (v) Memory of workers that share a large model


def shared_weights(daemon: Daemon, rows: int) -> dict[str, float]:
    """Memory in which pages of several processes count once (PSS), when as many files were scored at once as there are jobs, and seconds
    from the first start to a model version, and from the files to the last output."""
    started = time.monotonic()
    daemon.start()
    version = time.monotonic() - started
    names = [f"rows-{number}.parquet" for number in range(daemon.jobs)]
    for number, name in enumerate(names):
        (daemon.aside / name).write_bytes(inputs.small_parquet(number, rows))
    started = time.time()
    for name in names:
        os.link(daemon.aside / name, daemon.root / name)
        os.rename(daemon.aside / name, daemon.spool / name)
    daemon.wait(lambda: len(landed(daemon.out)) >= len(names), 1200, f"{len(names)} outputs", interval=0.1)
    seconds = last_landed(daemon.out) - started
    memory = daemon.proportional_bytes()
    phases = daemon.where_time_goes()
    daemon.stop()
    check_output(daemon.model, daemon.root / names[0], daemon.out / names[0])
    figures = {"MiB together (PSS)": memory / 2**20, "seconds": seconds, "seconds to a version": version}
    return figures | ({"load, s": phases["load"]} if "load" in phases else {})


def _named(phases: dict[str, float]) -> dict[str, float]:
    return {f"{phase}, median ms": seconds * 1000 for phase, seconds in phases.items()}
