"""What one would write instead of Millrace: watches a folder, scores each CSV or Parquet file with an ONNX model, lands Parquet.

    python daemon.py MODEL SPOOL OUT [--key id] [--jobs N] [--threads N]

The model has one float input, which takes every column but the key in file order; its last output lands as p_0, p_1, ….
An input whose output exists is done. A file is read when it is closed after writing or renamed into place.
"""

import argparse
import logging
import os
import queue
import signal
import threading
from pathlib import Path

import numpy
import onnxruntime
import pyarrow
import pyarrow.csv
import pyarrow.parquet
from watchdog.events import FileClosedEvent, FileMovedEvent, FileSystemEventHandler
from watchdog.observers.inotify import InotifyObserver

log = logging.getLogger("peer")
BATCH_ROWS = 16_384
SUFFIXES = {".csv", ".parquet"}


class Scorer:
    def __init__(self, model: Path, key: str, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        output = self.session.get_outputs()[-1]
        self.output = output.name
        self.key = key
        self.names = [f"p_{at}" for at in range(output.shape[1])]

    def batches(self, path: Path):
        """Record batches of bounded size, so that memory does not grow with the file."""
        if path.suffix == ".parquet":
            with pyarrow.parquet.ParquetFile(path, pre_buffer=False) as file:  # buffering ahead holds the whole file by its end
                yield from file.iter_batches(batch_size=BATCH_ROWS)
        else:
            with pyarrow.csv.open_csv(path) as reader:
                yield from reader

    def score(self, batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
        columns = [name for name in batch.schema.names if name != self.key]
        features = numpy.empty((batch.num_rows, len(columns)), numpy.float32)
        for at, name in enumerate(columns):
            features[:, at] = batch.column(name)
        scores = self.session.run([self.output], {self.input: features})[0]
        arrays = [batch.column(self.key)] + [pyarrow.array(scores[:, at]) for at in range(scores.shape[1])]
        return pyarrow.record_batch(arrays, names=[self.key] + self.names)


class Landing:
    """Writes beside the target's folder on the same file system; what has its final name is whole and durable."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.staging = out.parent / f".{out.name}.staging"
        for folder in (self.out, self.staging):
            folder.mkdir(parents=True, exist_ok=True)
        for left_over in self.staging.iterdir():
            left_over.unlink()

    def target(self, source: Path) -> Path:
        return self.out / (source.stem + ".parquet")

    def publish(self, source: Path, batches) -> None:
        target = self.target(source)
        temporary = self.staging / target.name
        with open(temporary, "wb") as file:
            writer = None
            for batch in batches:
                writer = writer or pyarrow.parquet.ParquetWriter(file, batch.schema)
                writer.write_batch(batch)
            if writer is None:
                raise ValueError("no rows")
            writer.close()
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, target)
        folder = os.open(self.out, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class Spool(FileSystemEventHandler):
    """Queues each new file once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pending: queue.Queue[Path | None] = queue.Queue()

    def add(self, path: Path) -> None:
        if path.suffix in SUFFIXES and not path.name.startswith("."):
            self.pending.put(path)

    def on_closed(self, event: FileClosedEvent) -> None:
        self.add(Path(os.fsdecode(event.src_path)))

    def on_moved(self, event: FileMovedEvent) -> None:
        self.add(Path(os.fsdecode(event.dest_path)))

    def scan(self, done: set[str]) -> None:
        """What arrived while nobody watched."""
        with os.scandir(self.folder) as entries:
            for entry in entries:
                stem = os.path.splitext(entry.name)[0]
                if stem not in done:
                    self.add(Path(entry.path))


def work(spool: Spool, scorer: Scorer, landing: Landing) -> None:
    while (source := spool.pending.get()) is not None:
        try:
            landing.publish(source, map(scorer.score, scorer.batches(source)))
        except Exception:
            log.exception("%s could not be scored", source)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("spool", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--key", default="id")
    parser.add_argument("--jobs", type=int, default=1, help="files at a time")
    parser.add_argument("--threads", type=int, default=1, help="ONNX Runtime's threads for one file")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    pyarrow.set_cpu_count(len(os.sched_getaffinity(0)))
    scorer = Scorer(arguments.model, arguments.key, arguments.threads)
    landing = Landing(arguments.out)
    spool = Spool(arguments.spool)
    observer = InotifyObserver(generate_full_events=True)  # a rename from an unwatched folder is a move too, not a creation
    observer.schedule(spool, str(arguments.spool), event_filter=[FileClosedEvent, FileMovedEvent])
    observer.start()
    spool.scan(done={os.path.splitext(name)[0] for name in os.listdir(arguments.out)})
    workers = [threading.Thread(target=work, args=(spool, scorer, landing)) for _ in range(arguments.jobs)]
    for worker in workers:
        worker.start()
    log.info("ready")

    stop.wait()
    observer.stop()
    for worker in workers:
        spool.pending.put(None)
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
