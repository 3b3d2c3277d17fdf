"""One way of executing a model that others offer, in a process of its own.

It is told on standard input when to run, and answers on standard output.

    contender.py NAME MODEL ROWS THREADS FOLDER

First it says how long making the model took and writes its outputs for the rows to FOLDER/NAME.npz; then, for each line with a number of
seconds and a number of rows at a time, how many rows it scored, in which time on the clock and of the processor.
"""
import json
import os
import pathlib
import resource
import sys
import time

import numpy as np


def onnx_runtime(path, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda feeds: session.run(None, feeds)


def quantized_dynamically(path, rows, threads, folder):
    from onnxruntime.quantization import quantize_dynamic

    made = folder / "dynamic.onnx"
    quantize_dynamic(path, made)
    return onnx_runtime(made, threads)


def quantized_statically(path, rows, threads, folder):
    from onnxruntime.quantization import CalibrationDataReader, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self):
            count = min(len(next(iter(rows.values()))), 64)
            self.batches = iter([{name: value[at:at + 8] for name, value in rows.items()} for at in range(0, count, 8)])

        def get_next(self):
            return next(self.batches, None)

    prepared, made = folder / "prepared.onnx", folder / "static.onnx"
    quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    quantize_static(str(prepared), str(made), Reader())
    return onnx_runtime(made, threads)


def openvino_model(model, threads, precision):
    import openvino

    compiled = openvino.Core().compile_model(model, "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": 1})
    request = compiled.create_infer_request()
    return lambda feeds: [np.array(value) for value in request.infer(feeds, share_inputs=True).values()]


def nncf_on_openvino(path, rows, threads, folder):
    import nncf
    import openvino

    nncf.set_log_level(40)
    count = min(len(next(iter(rows.values()))), 128)
    items = [{name: value[at:at + 1] for name, value in rows.items()} for at in range(count)]
    kind = nncf.ModelType.TRANSFORMER if "input_ids" in rows else None
    return openvino_model(
        nncf.quantize(openvino.Core().read_model(path), nncf.Dataset(items), model_type=kind, subset_size=count), threads, "f32")


WAYS = {
    "onnxruntime float32": lambda path, rows, threads, folder: onnx_runtime(path, threads),
    "onnxruntime.quantization dynamic": quantized_dynamically,
    "onnxruntime.quantization static": quantized_statically,
    "openvino bfloat16": lambda path, rows, threads, folder: openvino_model(str(path), threads, "bf16"),
    "nncf int8 on openvino": nncf_on_openvino,
}


def main(name, model, rows, threads, folder):
    rows, threads, folder = dict(np.load(rows)), int(threads), pathlib.Path(folder)
    count = len(next(iter(rows.values())))
    # Libraries print to standard output: it is theirs no more.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    started = time.perf_counter()
    run = WAYS[name](model, rows, threads, folder)
    made = time.perf_counter() - started
    outputs = [run({key: value[at:at + 8] for key, value in rows.items()}) for at in range(0, count, 8)]
    np.savez(folder / f"{name}.npz", *[np.concatenate(parts) for parts in zip(*outputs)])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": made, "peak_bytes": peak}), file=answers, flush=True)
    for line in sys.stdin:
        seconds, batch = line.split()
        batches = [{key: value[at:at + int(batch)] for key, value in rows.items()} for at in range(0, count - int(batch) + 1, int(batch))]
        run(batches[0])
        scored, clock, processor = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - clock < float(seconds):
            run(batches[scored // int(batch) % len(batches)])
            scored += int(batch)
        print(json.dumps({
            "rows": scored, "clock": time.perf_counter() - clock, "processor": time.process_time() - processor}), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
