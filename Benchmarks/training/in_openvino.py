"""Millrace's step graph on OpenVINO: what another engine makes of the same nodes."""
import numpy as np
import onnx
import openvino as ov
from onnx import helper, numpy_helper


def filled(values):
    """A tensor that OpenVINO allocated, holding these values."""
    tensor = ov.Tensor(ov.Type(values.dtype), list(values.shape))
    tensor.data[...] = values
    return tensor


def stepper(step_path, model_path, x, y, rate, threads):
    """A function that takes one step and returns its loss. Two requests write into each other's parameters, as Millrace's own do."""
    graph = onnx.load(step_path).graph
    weights = {t.name: numpy_helper.to_array(t) for t in onnx.load(model_path).graph.initializer}
    batch = {}
    for port in graph.input:
        if port.name == "x":
            batch[port.name] = x
        elif port.name.startswith("train/target"):
            batch[port.name] = y
        elif port.name.startswith("train/sample_weight"):
            batch[port.name] = np.ones(len(x), np.float32)
        elif port.name.startswith("train/learning_rate"):
            batch[port.name] = np.array(rate, np.float32)
    held = []
    for port in graph.input:
        if port.name not in batch:
            shape = [d.dim_value for d in port.type.tensor_type.shape.dim]
            zeros = np.zeros(shape, helper.tensor_dtype_to_np_dtype(port.type.tensor_type.elem_type))
            held.append((port.name, weights.get(port.name, zeros)))
    loss, outputs = graph.output[0].name, [o.name for o in graph.output[2:]]
    if len(held) != len(outputs):
        raise SystemExit(f"{step_path}: {len(held)} inputs that are kept and {len(outputs)} outputs for them")

    core = ov.Core()
    model = core.read_model(step_path)
    model.reshape({name: list(value.shape) for name, value in [*batch.items(), *held]})
    compiled = core.compile_model(model, "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1})
    sides = [[filled(value) for _, value in held] for _ in range(2)]
    requests = []
    for side in range(2):
        request = compiled.create_infer_request()
        for name, value in batch.items():
            request.set_tensor(name, filled(value))
        for (name, _), output, here, there in zip(held, outputs, sides[side], sides[1 - side]):
            request.set_tensor(name, here)
            request.set_tensor(output, there)
        requests.append(request)
    taken = 0

    def step():
        nonlocal taken
        request = requests[taken % 2]
        taken += 1
        request.infer()
        return request.get_tensor(loss).data

    return step
