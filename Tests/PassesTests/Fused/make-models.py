#!/usr/bin/env python3
"""Makes the models of this folder: what ONNX Runtime (1.32.0) writes of small models when it has fused them.

    make-models.py        needs numpy, onnx and onnxruntime
"""

import collections
import pathlib
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

HERE = pathlib.Path(__file__).resolve().parent


class Graph:
    """Collects nodes and weights."""

    def __init__(self, opset, seed=7):
        self.opset, self.nodes, self.weights, self.count = opset, [], [], 0
        self.random = np.random.default_rng(seed)

    def add(self, operator, *inputs, name=None, **attributes):
        self.count += 1
        made = name or f"{operator.lower()}_{self.count}"
        self.nodes.append(helper.make_node(operator, list(inputs), [made], f"n{self.count}", **attributes))
        return made

    def constant(self, array):
        self.count += 1
        name = f"w{self.count}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weight(self, *shape, around=0.0):
        return self.constant((around + self.random.normal(0, 0.3, shape)).astype(np.float32))

    def axes(self, operator, value, *axes, keepdims=None):
        rest = {} if keepdims is None else {"keepdims": keepdims}
        as_input = self.opset >= (18 if operator.startswith("Reduce") else 13)
        if as_input:
            return self.add(operator, value, self.constant(np.array(axes, np.int64)), **rest)
        return self.add(operator, value, axes=list(axes), **rest)

    def layer_normalization(self, value, width):
        """Writes it as exporters did before there was an operator for it."""
        scale, shift = self.weight(width, around=1.0), self.weight(width)
        centered = self.add("Sub", value, self.axes("ReduceMean", value, -1, keepdims=1))
        square = self.add("Pow", centered, self.constant(np.float32(2)))
        variance = self.add("Add", self.axes("ReduceMean", square, -1, keepdims=1), self.constant(np.float32(1e-5)))
        return self.add("Add", self.add("Mul", self.add("Div", centered, self.add("Sqrt", variance)), scale), shift)

    def linear(self, value, rows, columns):
        return self.add("Add", self.add("MatMul", value, self.weight(rows, columns)), self.weight(columns))

    def gelu(self, value):
        curve = self.add("Erf", self.add("Div", value, self.constant(np.float32(2**0.5))))
        share = self.add("Add", curve, self.constant(np.float32(1)))
        return self.add("Mul", self.add("Mul", value, share), self.constant(np.float32(0.5)))

    def fast_gelu(self, value):
        cube = self.add("Pow", value, self.constant(np.float32(3)))
        inner = self.add("Add", value, self.add("Mul", cube, self.constant(np.float32(0.044715))))
        curve = self.add("Tanh", self.add("Mul", inner, self.constant(np.float32((2 / np.pi) ** 0.5))))
        half = self.add("Mul", value, self.constant(np.float32(0.5)))
        return self.add("Mul", half, self.add("Add", curve, self.constant(np.float32(1))))

    def attention(self, value, mask, width, heads):
        size = width // heads

        def head(order):
            shape = self.constant(np.array([0, 0, heads, size], np.int64))
            split = self.add("Reshape", self.linear(value, width, width), shape)
            return self.add("Transpose", split, perm=order)

        queries, keys, values = head([0, 2, 1, 3]), head([0, 2, 3, 1]), head([0, 2, 1, 3])
        scores = self.add("Div", self.add("MatMul", queries, keys), self.constant(np.float32(size**0.5)))
        if mask:
            scores = self.add("Add", scores, mask)
        shares = self.add("Softmax", scores, axis=-1 if self.opset >= 13 else 3)
        mixed = self.add("Transpose", self.add("MatMul", shares, values), perm=[0, 2, 1, 3])
        joined = self.add("Reshape", mixed, self.constant(np.array([0, 0, width], np.int64)))
        return self.linear(joined, width, width)

    def model(self, inputs, outputs):
        def value(name, type, shape):
            return helper.make_tensor_value_info(name, type, shape)

        graph = helper.make_graph(self.nodes, "g", [value(*i) for i in inputs], [value(*o) for o in outputs], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model


def encoder(opset, gelu="gelu", masked=True, width=16, heads=2, words=30, places=12):
    """A BERT of one layer."""
    g = Graph(opset)
    ids, segments = "ids", "segments"
    sum = g.add("Add", g.add("Gather", g.weight(words, width), ids), g.add("Gather", g.weight(2, width), segments))
    positions = g.constant(np.arange(8, dtype=np.int64).reshape(1, 8))
    sum = g.add("Add", sum, g.add("Gather", g.weight(places, width), positions))
    x = g.layer_normalization(sum, width)
    mask = None
    if masked:
        number = g.add("Cast", g.axes("Unsqueeze", g.axes("Unsqueeze", "mask", 1), 2), to=TensorProto.FLOAT)
        mask = g.add("Mul", g.add("Sub", g.constant(np.float32(1)), number), g.constant(np.float32(-10000)))
    x = g.layer_normalization(g.add("Add", g.attention(x, mask, width, heads), x), width)
    hidden = getattr(g, gelu)(g.linear(x, width, 4 * width))
    x = g.layer_normalization(g.add("Add", g.linear(hidden, 4 * width, width), x), width)
    g.add("Identity", x, name="y")
    inputs = [("ids", TensorProto.INT64, ["N", 8]), ("segments", TensorProto.INT64, ["N", 8])]
    return g.model(inputs + ([("mask", TensorProto.INT64, ["N", 8])] if masked else []), [("y", TensorProto.FLOAT, ["N", 8, width])])


def convolutions(opset):
    """Activations, and the shortcut of a residual block."""
    g = Graph(opset)
    x = g.add("Relu", g.add("Conv", "x", g.weight(4, 3, 3, 3), g.weight(4), pads=[1, 1, 1, 1]))
    x = g.add("Relu", g.add("Add", g.add("Conv", x, g.weight(4, 4, 3, 3), pads=[1, 1, 1, 1]), x))
    x = g.add("LeakyRelu", g.add("Conv", x, g.weight(4, 2, 3, 3), g.weight(4), group=2, strides=[2, 2]), alpha=0.2)
    x = g.add("HardSigmoid", g.add("Conv", x, g.weight(4, 4, 1, 1)), alpha=0.3, beta=0.4)
    x = g.add("Clip", g.add("Conv", x, g.weight(4, 4, 1, 1)), g.constant(np.float32(0)), g.constant(np.float32(6)))
    g.add("Tanh", g.add("Conv", x, g.weight(2, 4, 1, 1)), name="y")
    return g.model([("x", TensorProto.FLOAT, ["N", 3, 8, 8])], [("y", TensorProto.FLOAT, ["N", 2, "H", "W"])])


def products(opset):
    """Gemm with activations, and products of transposed values."""
    g = Graph(opset)
    x = g.add("LeakyRelu", g.add("Gemm", "x", g.weight(5, 6), g.weight(6), alpha=0.5, transB=0), alpha=0.3)
    x = g.add("Elu", g.add("Gemm", x, g.weight(7, 6), g.weight(7), transB=1, beta=0.5), alpha=0.7)
    x = g.add("Sigmoid", g.add("Gemm", x, g.weight(7, 6), g.weight(6)))
    cube = g.add("Reshape", x, g.constant(np.array([-1, 2, 3], np.int64)))
    turned = g.add("Transpose", cube, perm=[0, 2, 1])
    product = g.add("Mul", g.add("MatMul", turned, cube), g.constant(np.float32(0.25)))
    g.add("MatMul", product, g.add("Transpose", cube, perm=[0, 2, 1]), name="y")
    return g.model([("x", TensorProto.FLOAT, ["N", 5])], [("y", TensorProto.FLOAT, ["N", 3, 2])])


def quantized(opset):
    g = Graph(opset)
    x = g.add("Relu", g.linear("x", 8, 16))
    g.add("Add", g.add("MatMul", x, g.weight(16, 4)), g.weight(4), name="y")
    float_model = g.model([("x", TensorProto.FLOAT, ["N", 5, 8])], [("y", TensorProto.FLOAT, ["N", 5, 4])])
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(float_model, folder + "/float.onnx")
        quantize_dynamic(folder + "/float.onnx", folder + "/int8.onnx", per_channel=True, weight_type=QuantType.QInt8)
        return onnx.load(folder + "/int8.onnx")


def fused(model):
    """Returns the model as ONNX Runtime writes it."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = folder + "/fused.onnx"
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(folder + "/fused.onnx")


MODELS = {
    "encoder-12": encoder(12), "encoder-17": encoder(17), "encoder-21": encoder(21), "encoder-unmasked-14": encoder(14, masked=False),
    "encoder-fast-13": encoder(13, "fast_gelu"), "encoder-fast-20": encoder(20, "fast_gelu"),
    "convolutions-11": convolutions(11), "convolutions-21": convolutions(21), "products-11": products(11), "products-21": products(21),
    "quantized-13": quantized(13),
}
for name, model in MODELS.items():
    made = fused(model)
    onnx.save(made, str(HERE / (name + ".onnx")))
    types = collections.Counter((node.domain + "." if node.domain else "") + node.op_type for node in made.graph.node)
    print(name, {kind: count for kind, count in types.items() if kind.startswith("com.") or "LayerNorm" in kind})
