#!/usr/bin/env python3
"""Measures the memory of a daemon that finds many files in place when it starts, and when its first output is there.

    Benchmarks/waiting.py BINARY FOLDER FILES [SECONDS]

FOLDER is made, and kept for the next measurement with as many files. BINARY is killed after SECONDS (60).
"""
import os
import shutil
import signal
import struct
import subprocess
import sys
import time

PIPELINE = """name: p
spool: { models: spool/models, data: spool/data }
settle: { quiet: 2s }
schema: { key: [id], keep: [id] }
stages: [ deserialize: {}, forward: {} ]
land: { models: out/models, outputs: { path: out/outputs, format: csv } }
"""


def varint(number):
    encoded = b""
    while number > 127:
        encoded += bytes([number & 127 | 128])
        number >>= 7
    return encoded + bytes([number])


def integer(field, value):
    return varint(field << 3) + varint(value)


def message(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def column(name):
    shape = message(1, message(2, "N")) + message(1, integer(1, 1))
    return message(1, name) + message(2, message(1, integer(1, 1) + message(2, shape)))


def model():
    """y = x + 1 for float x of shape [N, 1], as ONNX."""
    one = integer(1, 1) + integer(2, 1) + message(8, "one") + message(9, struct.pack("<f", 1))
    node = message(1, "x") + message(1, "one") + message(2, "y") + message(4, "Add")
    graph = message(1, node) + message(2, "adding") + message(5, one) + message(11, column("x")) + message(12, column("y"))
    return integer(1, 8) + message(7, graph) + message(8, integer(2, 17))


def fill(folder, count):
    spool = f"{folder}/spool/data"
    # A daemon that was killed leaves its claim, under a hidden name.
    if not os.path.isdir(spool) or sum(not name.startswith(".") for name in os.listdir(spool)) != count:
        shutil.rmtree(folder, ignore_errors=True)
        for name in ["spool/models", "spool/data", "pipelines"]:
            os.makedirs(f"{folder}/{name}")
        for number in range(count):
            with open(f"{spool}/file-{number:07}.csv", "w") as file:
                file.write(f"id,x\nr{number},{number % 7}\n")
    with open(f"{folder}/pipelines/p.yaml", "w") as file:
        file.write(PIPELINE)
    with open(f"{folder}/spool/models/m.onnx", "wb") as file:
        file.write(model())
    for name in [".millrace", "out"]:
        shutil.rmtree(f"{folder}/{name}", ignore_errors=True)


def outputs(folder):
    path = f"{folder}/out/outputs"
    return [name for name in os.listdir(path) if name.endswith(".csv")] if os.path.isdir(path) else []


def main():
    binary, folder, count = sys.argv[1], os.path.abspath(sys.argv[2]), int(sys.argv[3])
    seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 60
    fill(folder, count)
    start = time.time()
    with open(f"{folder}/log", "w") as log:
        daemon = subprocess.Popen([binary, "run", f"{folder}/pipelines/p.yaml", "--root", folder], stderr=log)
    first, heap, peak = None, 0, 0
    while time.time() < start + seconds and daemon.poll() is None:
        time.sleep(0.1 if first is None else 0.5)
        if first is None and outputs(folder):
            first = time.time() - start
        with open(f"/proc/{daemon.pid}/status") as status:
            values = dict(line.split(":", 1) for line in status if ":" in line)
        heap = max(heap, int(values["RssAnon"].split()[0]))
        peak = int(values["VmHWM"].split()[0])
    print(f"{count} files: first output after {first and round(first, 1)} s, {len(outputs(folder))} in {seconds:.0f} s; "
          f"peak {peak / 1024:.0f} MiB, of which {heap / 1024:.0f} are not files")
    daemon.send_signal(signal.SIGKILL)
    daemon.wait()


main()
