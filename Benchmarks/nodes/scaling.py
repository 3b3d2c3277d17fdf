"""What a second machine gives: workers that have joined a daemon, each limited to half a core by a control group, and one or two of them.

    python Benchmarks/nodes/scaling.py --millrace .build/release/millrace --repeats 3

It measures many small files, each of which costs about 20 ms of a whole core; one large file, which is scored in ranges; and cheap files,
where the daemon's own work is the bound. Runs with one and with two workers take turns, and the median of each is shown. Needs root, for the
control groups, and onnx and numpy.
"""
import argparse
import json
import os
import pathlib
import statistics
import tempfile
import time

from root import Root, model


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
    groups = [Group(f"millrace-bench-{os.getpid()}-{number}") for number in range(workers)]
    try:
        with Root(millrace, folder, make_model) as root:
            for number, group in enumerate(groups):
                root.join(number, group.command)
            # One file for each worker loads the model.
            for number in range(4 * workers):
                root.drop(f"warm{number}.csv", "id,x\na,1\n")
            root.wait(lambda: root.done() == 4 * workers)
            time.sleep(1)
            for name, text in files:
                root.stage(name, text)
            start = time.monotonic()
            for name, _ in files:
                root.show(name)
            root.wait(lambda: root.done() == 4 * workers + len(files))
            seconds = time.monotonic() - start
            status = root.status()
            assert sum("process" in line and "done" in line for line in status.splitlines()) == workers, status
            return seconds
    finally:
        for group in groups:
            group.remove()


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
