"""What handing a small file to another machine costs: files come one by one, and the ledger has how long each took beside its computing.

    python Benchmarks/nodes/handoff.py --millrace .build/release/millrace

A process of the daemon and a worker that has joined take turns. Needs onnx and numpy.
"""
import argparse
import json
import sqlite3
import statistics
import tempfile
import time

from root import Root, model

FILES = 200
WARM = 20


def run(millrace, folder, is_away):
    """The milliseconds of each hand-out, without those in which the attempt computed."""
    settings = {} if is_away else {"settings": "workers: 1\n"}
    with Root(millrace, folder, lambda path: model(path, 4, 1), **settings) as root:
        if is_away:
            root.join()
        for number in range(FILES):
            root.drop(f"{number}.csv", f"id,x\nr,{number}\n")
            time.sleep(0.05)
        root.wait(lambda: root.done() == FILES)
        time.sleep(1)
        ledger = sqlite3.connect(f"file:{root.path}/.millrace/ledger.sqlite?mode=ro", uri=True)
        timings = [json.loads(row[0]) for row in ledger.execute("SELECT timings FROM runs WHERE timings IS NOT NULL ORDER BY rowid")]
        return [1000 * each["handoff"] for each in timings if "handoff" in each][WARM:]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--millrace", required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", default=tempfile.gettempdir())
    arguments = parser.parse_args()
    found = {"here": [], "away": []}
    for _ in range(arguments.repeats):
        for name in found:
            found[name] += run(arguments.millrace, arguments.folder, name == "away")
    for name, times in found.items():
        figures = {"worker": name, "hand_outs": len(times), "median_ms": round(statistics.median(times), 3),
                   "of_ten_nine_ms": round(statistics.quantiles(times, n=10)[8], 3)}
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
