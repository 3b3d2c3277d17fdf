"""Judges quantized models: `judge.py FOLDER` prints a line of JSON for each `SCHEME.CASE.quantized.onnx`.

Beside each is `SCHEME.CASE.float.onnx`, the model as it was.

What the models compute is computed by ONNX Runtime and by the ONNX project's reference evaluator, and compared with NumPy, where the
formulas of the scheme are written again: from the float model or, where ranges come from calibration, with the scales of the quantized one.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

onnxruntime.set_default_logger_severity(3)


def inputs_of(model, rows=6):
    generator = np.random.default_rng(7)
    made = {}
    constants = {tensor.name for tensor in model.graph.initializer}
    for value in model.graph.input:
        if value.name in constants:
            continue
        shape = [axis.dim_value or rows for axis in value.type.tensor_type.shape.dim]
        if value.type.tensor_type.elem_type == onnx.TensorProto.INT64:
            made[value.name] = generator.integers(0, 512, shape)
        else:
            made[value.name] = (generator.standard_normal(shape) * np.linspace(0.5, 2, shape[-1]) + 0.1).astype(np.float32)
    return made


def by_runtime(path, inputs, level=onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


def grid(weight, axis, levels):
    """The scales and what a weight is after rounding, one scale for each index along an axis."""
    others = tuple(other for other in range(weight.ndim) if other != axis)
    largest = np.abs(weight).max(axis=others, keepdims=True)
    scale = np.where(largest == 0, 1, largest / np.float32(levels)).astype(np.float32)
    return scale, np.clip(np.rint(weight / scale), -levels, levels).astype(np.int32)


def product(scheme, x, weight):
    """`x @ weight` in integers, as DynamicInt8 says it: weights by column, activations by tensor or by row."""
    scale, integers = grid(weight, 1, 127)
    if scheme == "dynamic-tensor":
        low, high = min(x.min(), 0), max(x.max(), 0)
        step = np.float32((high - low) / np.float32(255))
        zero = np.clip(np.rint(-low / step), 0, 255)
        levels = np.clip(np.rint(x / step) + zero, 0, 255).astype(np.int64)
        return ((levels - int(zero)) @ integers.astype(np.int64)).astype(np.float32) * (step * scale)
    low, high = x.min(axis=-1, keepdims=True), x.max(axis=-1, keepdims=True)
    step = (high - low) / np.float32(255)
    levels = np.rint((x - low) / step).astype(np.int64)
    return (levels @ integers.astype(np.int64)).astype(np.float32) * (step * scale) + low * (integers.sum(axis=0) * scale)


def dynamic(scheme):
    class MatMul(OpRun):
        op_domain = ""

        def _run(self, a, b):
            return (product(scheme, a, b).astype(np.float32),)

    class Gemm(OpRun):
        op_domain = ""

        def _run(self, a, b, c=None, alpha=1.0, beta=1.0, transA=0, transB=0):
            y = product(scheme, a.T if transA else a, b.T if transB else b) * np.float32(alpha)
            return ((y if c is None else y + np.float32(beta) * c).astype(np.float32),)

    return [MatMul, Gemm]


def candidates(block):
    """The squared error of a block of weights for each scale that is tried, by columns."""
    for divisor in (7, 7.5, 8, 8.5, 9, 10, 11):
        largest = np.abs(block).max(axis=0)
        scale = np.where(largest == 0, 1, largest / np.float32(divisor)).astype(np.float32)
        yield ((np.clip(np.rint(block / scale), -8, 7) * scale - block) ** 2).sum(axis=0)


def rounded(scheme, node, weight, quantized, name):
    """What a weight is when it was stored by a scheme; it fails where the stored one is not that."""
    if scheme == "float16":
        return weight.astype(np.float16).astype(np.float32)
    if node.op_type == "Conv":
        scale, integers = grid(weight, 0, 127)
        return (integers * scale).astype(np.float32)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in quantized.graph.initializer}
    transposed = node.op_type == "Gemm" and any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    matrix = weight.T if transposed else weight
    blocks = []
    kind = "int4" if name + "/int4" in stored else "int8"
    if stored[name + "/scales"].ndim == 1:
        assert kind == "int8" and matrix.shape[0] % 16 != 0
        scale, expected = grid(matrix, 1, 127)
        return ((expected * scale).T if transposed else expected * scale).astype(np.float32)
    scales, integers = stored[name + "/scales"], stored[f"{name}/{kind}"].astype(np.float32)
    scales, integers = (scales.T, integers.T) if transposed else (scales, integers)
    assert kind == scheme
    size = matrix.shape[0] // scales.shape[0]
    for number, start in enumerate(range(0, matrix.shape[0], size)):
        block, scale = matrix[start:start + size], scales[number]
        if kind == "int8":
            assert np.allclose(scale, np.abs(block).max(axis=0) / np.float32(127), rtol=1e-6)
            expected = np.clip(np.rint(block / scale), -127, 127)
        else:
            expected = np.clip(np.rint(block / scale), -8, 7)
            error = ((expected * scale - block) ** 2).sum(axis=0)
            assert all((error <= other * 1.001 + 1e-12).all() for other in candidates(block)), "a better scale is among the candidates"
        assert (integers[start:start + size] == expected).all(), "integers are others than the formula's"
        blocks.append(expected * scale)
    matrix = np.concatenate(blocks).astype(np.float32)
    return matrix.T if transposed else matrix


def by_formula(scheme, path, quantized_path, inputs):
    model, quantized = onnx.load(path), onnx.load(quantized_path)
    if scheme == "static":
        stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in quantized.graph.initializer}
        scale, zero = stored["x/scale"], np.float32(stored["x/zero"])
        levels = np.clip(np.rint(inputs["x"] / scale) + zero, 0, 255) - zero
        weights, integers = grid(numpy_helper.to_array(model.graph.initializer[0]), 1, 127)
        return (levels.astype(np.int64) @ integers.astype(np.int64)).astype(np.float32) * (scale * weights)
    if scheme.startswith("dynamic"):
        return ReferenceEvaluator(model, new_ops=dynamic(scheme)).run(None, inputs)[0]
    readers = {name: node for node in model.graph.node for name in node.input}
    for tensor in model.graph.initializer:
        weight = numpy_helper.to_array(tensor)
        if weight.ndim >= 2 and weight.dtype == np.float32 and weight.size >= 1024:
            stored = rounded(scheme, readers[tensor.name], weight, quantized, tensor.name)
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(stored), tensor.name))
    return ReferenceEvaluator(model).run(None, inputs)[0]


def difference(one, other):
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if one.shape != other.shape:
        return float("inf")
    return float(np.linalg.norm(one - other) / max(np.linalg.norm(other), 1e-12))


def cosine(one, other):
    one, other = np.asarray(one, np.float64).ravel(), np.asarray(other, np.float64).ravel()
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def fused_operators(path):
    """The operators that ONNX Runtime makes of a model."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(path.with_suffix(".optimized"))
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]


def judge(path):
    name = path.name.removesuffix(".quantized.onnx")
    scheme, case = name.split(".", 1)
    base = path.with_name(name + ".float.onnx")
    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load(path)
    inputs = inputs_of(model)
    exact = by_runtime(base, inputs)
    found = by_runtime(path, inputs)
    verdict = {
        "name": name,
        "evaluator": difference(ReferenceEvaluator(model).run(None, inputs)[0], found),
        "fused": difference(by_runtime(path, inputs, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL), found),
        "error": difference(found, exact),
        "cosine": cosine(found, exact),
    }
    if not case.startswith("whole"):
        verdict["formula"] = difference(by_formula(scheme, base, path, inputs), found)
    elif scheme == "dynamic-tensor":
        from onnxruntime.quantization import QuantType, quantize_dynamic
        other = path.with_name(name + ".other.onnx")
        quantize_dynamic(str(base), str(other), per_channel=True, weight_type=QuantType.QInt8)
        verdict["other"] = cosine(by_runtime(other, inputs), exact)
    if scheme == "static":
        verdict["operators"] = fused_operators(path)
    print(json.dumps(verdict), flush=True)


for model in sorted(Path(sys.argv[1]).glob("*.quantized.onnx")):
    judge(model)
