#!/usr/bin/env python3
"""Scores with a model of more than 2 GiB (`millrace forward`), trains it (`millrace optimize`), and holds the peak memory against what
it may be.

    python check.py --millrace ../../.build/release/millrace [--gib 2.5] [--folder DIR]

The model is made here: external data, random weights, 64 features, blocks `h = h + tanh(h W)` of width 4096, a head with three classes.
Allowed are the frozen weights once, the trained ones and their optimizer state as often as stated for each case, and 400 MiB for
everything else: the program, the engine, activations of one batch, and when scoring the weight that the engine is laying out for its
kernels.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
from onnx import TensorProto, helper

WIDTH, FEATURES, CLASSES, ROWS = 4096, 64, 3, 160
REST = 400 << 20


def make_model(folder, blocks):
    """Writes model.onnx and weights.bin, block by block."""
    random = np.random.default_rng(1)
    initializers, nodes = [], []
    with open(os.path.join(folder, "weights.bin"), "wb") as file:
        def weight(name, shape, scale):
            values = random.standard_normal(shape, dtype=np.float32) * np.float32(scale)
            offset = file.tell()
            file.write(values.tobytes())
            tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
            for key, value in (("location", "weights.bin"), ("offset", offset), ("length", values.nbytes)):
                tensor.external_data.add(key=key, value=str(value))
            initializers.append(tensor)
            return name

        nodes.append(helper.make_node("MatMul", ["x", weight("embed.weight", (FEATURES, WIDTH), 0.1)], ["h0"]))
        for block in range(blocks):
            nodes.append(helper.make_node(
                "MatMul", [f"h{block}", weight(f"block.{block}.weight", (WIDTH, WIDTH), 0.3 / WIDTH**0.5)], [f"p{block}"]))
            nodes.append(helper.make_node("Tanh", [f"p{block}"], [f"t{block}"]))
            nodes.append(helper.make_node("Add", [f"h{block}", f"t{block}"], [f"h{block + 1}"]))
        nodes.append(helper.make_node("MatMul", [f"h{blocks}", weight("head.weight", (WIDTH, CLASSES), 0.01)], ["scores"]))
    graph = helper.make_graph(
        nodes, "large", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", FEATURES])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", CLASSES])], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = os.path.join(folder, "model.onnx")
    with open(path, "wb") as file:
        file.write(model.SerializeToString())
    return path


def make_rows(folder):
    random = np.random.default_rng(2)
    x = random.standard_normal((ROWS, FEATURES), dtype=np.float32)
    label = (x[:, 0] > np.abs(x[:, 1])) + 2 * (x[:, 1] > np.abs(x[:, 0]))
    path = os.path.join(folder, "rows.csv")
    with open(path, "w") as file:
        file.write(",".join(f"x{i}" for i in range(FEATURES)) + ",label\n")
        for row, answer in zip(x, label):
            file.write(",".join(f"{value:.6f}" for value in row) + f",{min(int(answer), 2)}\n")
    return path


def peak(command):
    """Runs it; its CPU seconds, and the most memory that was resident at once (VmHWM), in bytes. The kernel's own sum for an ended
    process begins with what its parent had before `exec`, so that it is asked while it runs."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        most = 0
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            with open(f"/proc/{process.pid}/status") as file:
                most = max([most] + [int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM:")])
            time.sleep(0.02)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            sys.exit(f"{' '.join(command)}\nended with {process.returncode}: {errors.read().decode()}")
    return usage.ru_utime + usage.ru_stime, most


def tensors(path):
    """Of each initializer, its bytes, mapped."""
    model = onnx.load(path, load_external_data=False)
    folder = os.path.dirname(path)
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            told = {entry.key: entry.value for entry in tensor.external_data}
            data = np.memmap(os.path.join(folder, told["location"]), np.uint8, "r", int(told["offset"]), int(told["length"]))
        else:
            data = np.frombuffer(tensor.raw_data, np.uint8)
        yield tensor.name, data


def changed(before, after):
    first, second = dict(tensors(before)), dict(tensors(after))
    if first.keys() != second.keys():
        sys.exit(f"the tuned model has other initializers: {first.keys() ^ second.keys()}")
    return {name for name in first if not np.array_equal(first[name], second[name])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millrace", required=True)
    parser.add_argument("--gib", type=float, default=2.5, help="of frozen weights")
    parser.add_argument("--folder", help="on a disk with thrice the room; default: a temporary one")
    parser.add_argument("--threads", default="2")
    options = parser.parse_args()
    blocks = max(2, round(options.gib * 2**30 / (4 * WIDTH * WIDTH)))
    block, head = 4 * WIDTH * WIDTH, 4 * WIDTH * CLASSES
    total = blocks * block + head + 4 * FEATURES * WIDTH
    last = [f"block.{blocks - 2}.weight", f"block.{blocks - 1}.weight"]
    factors = 2 * 2 * 4 * WIDTH * 8
    adapters = ["--adapter-rank", "8", "--adapter-target", last[0], "--adapter-target", last[1], "--learning-rate", "0.0005"]
    alone = ["--freeze", "embed.*", "--freeze", "head.*"] + sum((["--freeze", f"block.{i}.weight"] for i in range(blocks - 2)), [])
    # What is trained, twice; with AdamW two moments of each; the gradients. What is written then is in memory when these are gone.
    cases = [
        ("head alone", ["--freeze", "block.*", "--freeze", "embed.*", "--learning-rate", "0.0005"], {"head.weight"}, 5 * head,
         "tuned.onnx"),
        ("adapters of rank 8 on two weights, merged", adapters, set(last), 5 * factors, "tuned.onnx"),
        ("the same, beside the model", adapters + ["--no-merge"], set(), 5 * factors, "adapter.safetensors"),
        ("two weights themselves", alone + ["--learning-rate", "0.00002"], set(last), 5 * 2 * block, "tuned.onnx"),
    ]
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        model, rows = make_model(folder, blocks), make_rows(folder)
        common = ["--labelled", rows, "--label", "label", "--loss", "cross_entropy", "--epochs", "2", "--batch-size", "32",
                  "--validation", "0.2", "--threads", options.threads]
        print(f"{total / 2**30:.2f} GiB of weights in {blocks + 2} initializers\n")
        print("| done | CPU s | peak MiB | allowed MiB |\n|---|---|---|---|")
        scores = os.path.join(folder, "scores.csv")
        seconds, used = peak([options.millrace, "forward", model, rows, scores, "--columns", "x=x*", "--threads", options.threads])
        failed = used > total + REST
        print(f"| scored | {seconds:.0f} | {used / 2**20:.0f} | {(total + REST) / 2**20:.0f} |", flush=True)
        with open(scores) as file:
            if len(file.readlines()) != ROWS + 1:
                sys.exit("forward: a row of scores for each row is expected")
        for name, how, expected, trained, out in cases:
            target = os.path.join(folder, out)
            seconds, used = peak([options.millrace, "optimize", model, *common, *how, "--out", target])
            allowed = total + trained + REST
            failed |= used > allowed
            print(f"| {name} | {seconds:.0f} | {used / 2**20:.0f} | {allowed / 2**20:.0f} |", flush=True)
            if out.endswith(".onnx"):
                found = changed(model, target)
                if found != expected:
                    sys.exit(f"{name}: changed are {sorted(found)}, and should be {sorted(expected)}")
                os.remove(target + ".data")
            os.remove(target)
        if failed:
            sys.exit("more than is allowed")


if __name__ == "__main__":
    main()
