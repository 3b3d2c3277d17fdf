"""Millrace beside the peer daemon: the same cores, the same files, A B A B, medians. See README.md.

    Scripts/bench [--quick] [--only NAME]... [--millrace PATH] [--former PATH] [--peer-only] [--repeats N] [--cores 0,1]
                  [--work DIR] [--out PATH]
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import inputs
import measurements
from daemons import Daemon, Millrace, Peer
from report import Report

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Sizes:
    files: int
    rows: int
    latencies: int  # per repetition
    done: int
    blocks: int  # of 64 MiB
    repeats: int


FULL = Sizes(files=10_000, rows=2_000_000, latencies=12, done=100_000, blocks=16, repeats=5)
QUICK = Sizes(files=300, rows=100_000, latencies=4, done=1_000, blocks=2, repeats=2)


class Bench:
    def __init__(self, arguments: argparse.Namespace, work: Path) -> None:
        self.arguments = arguments
        self.work = work
        self.sizes = QUICK if arguments.quick else FULL
        self.repeats = arguments.repeats or self.sizes.repeats
        self.cores = arguments.cores
        self.model = work / "mlp.onnx"
        inputs.write_model(self.model)
        self.report = Report({"cores": len(self.cores), "repetitions": self.repeats, "peer jobs": self.peer_jobs})

    @property
    def peer_jobs(self) -> int:
        return self.arguments.peer_jobs or 2 * len(self.cores)

    def sides(self, one_file: bool) -> list[Callable[[Path], Daemon]]:
        """The sides that are compared. For one file at a time each gives that file all the cores: Millrace with a worker per core, as it
        does unless it is told otherwise, which score ranges of the file; the peer with as many engine threads, its only way."""
        if one_file:
            return self.sides_with(self.model, len(self.cores), 1, len(self.cores))
        return self.sides_with(self.model, len(self.cores), self.peer_jobs, 1)

    def sides_with(self, model: Path, ours: int, theirs: int, their_threads: int) -> list[Callable[[Path], Daemon]]:
        """The sides with so many workers of Millrace, each with one engine thread, and so many of the peer with so many threads."""
        peer = lambda root: Peer("peer", root, model, self.cores, theirs, their_threads)
        if self.arguments.peer_only:
            return [peer]

        def millrace(name: str, binary: Path) -> Callable[[Path], Daemon]:
            return lambda root: Millrace(name, root, model, self.cores, ours, binary=binary.resolve())

        other = millrace("former", self.arguments.former) if self.arguments.former else peer
        return [millrace("millrace", self.arguments.millrace), other]

    def fresh_root(self) -> Path:
        return Path(tempfile.mkdtemp(prefix="run-", dir=self.work))

    def interleave(
        self, name: str, measure: Callable[[Daemon], dict[str, float]], one_file: bool = False, keeps: bool = False
    ) -> None:
        """`keeps`: what a repetition leaves stays until the end. For some minutes, ext4 passes over each inode that was deleted when it
        looks for a free one, so that a side whose turn comes after the deletion of many files would need twice the time for each file."""
        for _ in range(self.repeats):
            for side in self.sides(one_file):
                daemon = side(self.fresh_root())
                self.report.add(name, daemon.name, measure(daemon))
                if not keeps:
                    daemon.remove()

    def small(self) -> None:
        source = self.work / "small"
        inputs.write_small_files(source, self.sizes.files)
        for in_place in (False, True):
            how = "written in place" if in_place else "renamed into place"
            name = f"{self.sizes.files:,} CSV files of 10 rows, {how}"
            self.interleave(name, lambda d: measurements.small_files(d, source, in_place), keeps=True)
        shutil.rmtree(source)

    def large(self) -> None:
        for rows in (self.sizes.rows, 4 * self.sizes.rows):
            source = self.work / f"large-{rows}.parquet"
            inputs.write_large_parquet(source, rows)
            self.interleave(f"one Parquet file of {rows:,} rows x 32", lambda d: measurements.large_file(d, source), one_file=True)
            source.unlink()

    def latency(self) -> None:
        for arrival in measurements.ARRIVALS:
            self.interleave(f"latency, {arrival}", lambda d: measurements.latency(d, arrival, self.sizes.latencies))

    def startup(self) -> None:
        """Scored once for each side, then restarted in turn."""
        name, source = f"start-up with {self.sizes.done:,} files done", self.work / "done"
        inputs.write_small_files(source, self.sizes.done)
        sides = [measurements.StartUp(side(self.fresh_root()), source) for side in self.sides(one_file=False)]
        for _ in range(self.repeats):
            for side in sides:
                self.report.add(name, side.daemon.name, side.restart())
        for side in sides:
            if shutil.which("strace"):
                self.report.add(name, side.daemon.name, side.opened_again())
            side.daemon.remove()
        shutil.rmtree(source)

    def weights(self) -> None:
        """One worker, and as many as there are cores, at most four, with the same large model."""
        model = self.work / "wide.onnx"
        inputs.write_wide_model(model, self.sizes.blocks)
        for jobs in (1, min(4, len(self.cores))) * min(self.repeats, 3):
            for side in self.sides_with(model, jobs, jobs, 1):
                daemon = side(self.fresh_root())
                name = f"{jobs} {'files' if jobs > 1 else 'file'} at once, a model of {model.stat().st_size / 2**20:,.0f} MiB"
                self.report.add(name, daemon.name, measurements.shared_weights(daemon, 512))
                daemon.remove()
        model.unlink()


MEASUREMENTS = {
    "small": Bench.small,
    "large": Bench.large,
    "latency": Bench.latency,
    "startup": Bench.startup,
    "weights": Bench.weights,
}


def cores(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, two repetitions: shows that it works, not how fast")
    parser.add_argument("--only", action="append", choices=list(MEASUREMENTS), help="may be given more than once")
    parser.add_argument("--millrace", type=Path, default=REPOSITORY / ".build/release/millrace")
    parser.add_argument("--former", type=Path, help="another build of Millrace, which is compared in place of the peer")
    parser.add_argument("--peer-only", action="store_true")
    parser.add_argument("--peer-jobs", type=int, help="default: twice the cores")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--cores", type=cores, default=sorted(os.sched_getaffinity(0))[:2], help="default: the first two")
    parser.add_argument("--work", type=Path, default=REPOSITORY / ".build", help="a folder on the disk to be measured")
    parser.add_argument("--out", type=Path, default=REPOSITORY / ".build/bench", help="gets .json and .md")
    arguments = parser.parse_args()
    for binary in [] if arguments.peer_only else filter(None, [arguments.millrace, arguments.former]):
        if not os.access(binary, os.X_OK):
            parser.error(f"{binary} is not there: make build, or give --millrace PATH, --former PATH or --peer-only")

    arguments.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=arguments.work) as work:
        bench = Bench(arguments, Path(work))
        for name in arguments.only or MEASUREMENTS:
            MEASUREMENTS[name](bench)
            bench.report.write(arguments.out)
    print("\n" + bench.report.markdown())


if __name__ == "__main__":
    main()
