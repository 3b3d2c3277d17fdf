"""The four measurements. Each takes a daemon over a fresh folder, drives it, checks what landed and returns figures."""

import os
import re
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy
import onnxruntime
import pyarrow.csv
import pyarrow.parquet

import inputs
from arrivals import Arrivals, landed, last_landed
from daemons import Daemon


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
    started = time.time()
    if in_place:
        for name, content in zip(names, contents):
            with open(daemon.spool / name, "wb", buffering=0) as file:
                file.write(content)
    else:
        for name in names:
            os.rename(daemon.aside / name, daemon.spool / name)
    daemon.wait(lambda: len(landed(daemon.out)) >= len(names), 60 + len(names) / 50, f"{len(names)} outputs", interval=0.1)
    seconds = last_landed(daemon.out) - started
    phases = daemon.where_time_goes()
    daemon.stop()
    for name in names[:: max(1, len(names) // 20)]:
        check_output(daemon.model, source / name, daemon.out / (Path(name).stem + ".parquet"))
    return {"files per second": len(names) / seconds, "peak MiB": daemon.peak_bytes / 2**20} | _named(phases)


# (ii) One large file


def large_file(daemon: Daemon, source: Path) -> dict[str, float]:
    """Rows per second, from the rename into the spool to the output visible, and the peak of resident memory."""
    rows = pyarrow.parquet.read_metadata(source).num_rows
    daemon.start()
    os.sync()
    started = time.time()
    bring_in(source, daemon)
    daemon.wait(lambda: landed(daemon.out) == [source.name], 1200, source.name)
    seconds = last_landed(daemon.out) - started
    phases = daemon.where_time_goes()
    daemon.stop()
    check_output(daemon.model, source, daemon.out / source.name)
    return {"rows per second": rows / seconds, "peak MiB": daemon.peak_bytes / 2**20} | _named(phases)


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
            milliseconds.append((outputs.wait(f"one-{number:04d}.parquet", 60) - started) * 1000)
    phases = daemon.where_time_goes()
    daemon.stop()
    milliseconds = milliseconds[2:]
    ninetieth = statistics.quantiles(milliseconds, n=10)[-1]
    return {"median ms": statistics.median(milliseconds), "90th percentile ms": ninetieth} | _named(phases)


# (iv) Start-up with everything done


def start_up(daemon: Daemon, source: Path) -> dict[str, float]:
    """Restarts over a spool of files already done. One new file waits beside them: when its output is visible, the daemon has started."""
    count = len(os.listdir(source))
    empty = _bytes_read_at_start(daemon)
    for name in os.listdir(source):
        os.link(source / name, daemon.spool / name)
    _score_all(daemon, count + 1)
    daemon.peak_bytes = 0

    os.sync()
    _drop_new(daemon, 10_000_001)
    with Arrivals(daemon.out) as outputs:
        started = time.monotonic()
        daemon.start(wait=False)
        seconds = outputs.wait("new-10000001.parquet", 600) - started
    bytes_read = daemon.bytes_read() - empty
    daemon.stop()
    figures = {"seconds": seconds, "peak MiB": daemon.peak_bytes / 2**20, "MiB read beyond an empty start": bytes_read / 2**20}
    if shutil.which("strace"):
        figures["done files opened again"] = _opened_again(daemon, len(landed(daemon.out)))
    return figures


def _score_all(daemon: Daemon, count: int) -> None:
    daemon.start()
    daemon.wait(lambda: len(landed(daemon.out)) >= count, 60 + count / 50, f"{count} outputs", interval=0.5)
    daemon.stop()


def _drop_new(daemon: Daemon, number: int) -> None:
    (daemon.aside / f"new-{number}.csv").write_bytes(inputs.small_csv(number))
    os.rename(daemon.aside / f"new-{number}.csv", daemon.spool / f"new-{number}.csv")


def _bytes_read_at_start(daemon: Daemon) -> int:
    """What a start with one new file and nothing done reads: programs, libraries, the model."""
    _drop_new(daemon, 10_000_000)
    daemon.start(wait=False)
    daemon.wait(lambda: len(landed(daemon.out)) == 1, 120, "the first output")
    read = daemon.bytes_read()
    daemon.stop()
    return read


def _opened_again(daemon: Daemon, done: int) -> int:
    """Inputs that a further start opens, counted by strace; directories and the one new file are not among them."""
    _drop_new(daemon, 10_000_002)
    trace = daemon.root / "trace"
    daemon.start(prefix=["strace", "-f", "-qq", "-e", "trace=open,openat,openat2", "-o", str(trace)], wait=False)
    daemon.wait(lambda: len(landed(daemon.out)) > done, 600, "the output under strace", interval=0.2)
    traced = max(daemon.processes())  # strace forwards no signal: end what it traces
    subprocess.run(["kill", "-TERM", str(traced)], check=True)
    daemon.process.wait(timeout=60)
    opened = re.findall(r'"[^"]*?(part-\d+\.csv)"[^=]*= \d+', trace.read_text(errors="replace"))
    return len(set(opened))


def _named(phases: dict[str, float]) -> dict[str, float]:
    return {f"{phase}, median ms": seconds * 1000 for phase, seconds in phases.items()}
