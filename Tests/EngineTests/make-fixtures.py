#!/usr/bin/env python3
"""Writes the models in Fixtures/. Needs: pip install onnx==1.23.2. The same run gives the same bytes."""

import os
import random
import struct

import onnx
from onnx import TensorProto as T
from onnx import helper as h

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "Fixtures")
OPSET = 17


def value(name, element, shape):
    return h.make_tensor_value_info(name, element, shape)


def model(nodes, inputs, outputs, initializers=(), opsets=(("", OPSET),), ir=8):
    graph = h.make_graph(nodes, "g", inputs, outputs, list(initializers))
    made = h.make_model(graph, opset_imports=[h.make_opsetid(d, v) for d, v in opsets], ir_version=ir)
    made.producer_name = ""
    return made


def write(name, made):
    with open(os.path.join(OUT, name + ".onnx"), "wb") as file:
        file.write(made.SerializeToString(deterministic=True))


def floats(name, shape, seed):
    source = random.Random(seed)
    count = 1
    for extent in shape:
        count *= extent
    return h.make_tensor(name, T.FLOAT, shape, [round(source.uniform(-0.5, 0.5), 4) for _ in range(count)])


def mlp(name, batch):
    weights = [floats("w1", [4, 8], 1), floats("b1", [8], 2), floats("w2", [8, 3], 3), floats("b2", [3], 4)]
    nodes = [
        h.make_node("Gemm", ["x", "w1", "b1"], ["h"], "dense1"),
        h.make_node("Relu", ["h"], ["a"], "relu"),
        h.make_node("Gemm", ["a", "w2", "b2"], ["logits"], "dense2"),
        h.make_node("Softmax", ["logits"], ["p"], "softmax", axis=1),
    ]
    write(name, model(nodes, [value("x", T.FLOAT, [batch, 4])],
                      [value("logits", T.FLOAT, [batch, 3]), value("p", T.FLOAT, [batch, 3])], weights))


def pass_throughs():
    """No node at all: what a type needs to go in and come out, without asking for a kernel."""
    for number in sorted(v for v in T.DataType.values() if v != 0):
        name = T.DataType.Name(number).lower()
        write("through-" + name, model([], [value("x", number, ["N"])], [value("x", number, ["N"])]))


def classifier():
    """Logistic regression over two features with string classes, ZipMap behind it, as scikit-learn converters write it."""
    nodes = [
        h.make_node("LinearClassifier", ["x"], ["label", "scores"], "linear", domain="ai.onnx.ml",
                    classlabels_strings=["no", "yes"], coefficients=[-1.0, -2.0, 1.0, 2.0], intercepts=[0.25, -0.25],
                    post_transform="SOFTMAX"),
        h.make_node("ZipMap", ["scores"], ["probabilities"], "zipmap", domain="ai.onnx.ml",
                    classlabels_strings=["no", "yes"]),
    ]
    maps = h.make_sequence_type_proto(h.make_map_type_proto(T.STRING, h.make_tensor_type_proto(T.FLOAT, [])))
    write("zipmap", model(nodes, [value("x", T.FLOAT, ["N", 2])],
                          [value("label", T.STRING, ["N"]), h.make_value_info("probabilities", maps)],
                          opsets=(("", OPSET), ("ai.onnx.ml", 1))))
    nodes[0] = h.make_node("LinearClassifier", ["x"], ["label", "scores"], "linear", domain="ai.onnx.ml",
                           classlabels_ints=[7, 9], coefficients=[-1.0, -2.0, 1.0, 2.0], intercepts=[0.25, -0.25],
                           post_transform="SOFTMAX")
    nodes[1] = h.make_node("ZipMap", ["scores"], ["probabilities"], "zipmap", domain="ai.onnx.ml",
                           classlabels_int64s=[7, 9])
    maps = h.make_sequence_type_proto(h.make_map_type_proto(T.INT64, h.make_tensor_type_proto(T.FLOAT, [])))
    write("zipmap-int64", model(nodes, [value("x", T.FLOAT, ["N", 2])],
                                [value("label", T.INT64, ["N"]), h.make_value_info("probabilities", maps)],
                                opsets=(("", OPSET), ("ai.onnx.ml", 1))))
    nodes = [h.make_node("DictVectorizer", ["m"], ["y"], "vectorize", domain="ai.onnx.ml",
                         string_vocabulary=["a", "b", "c"])]
    one = h.make_map_type_proto(T.STRING, h.make_tensor_type_proto(T.FLOAT, []))
    write("map-input", model(nodes, [h.make_value_info("m", one)], [value("y", T.FLOAT, None)],
                             opsets=(("", OPSET), ("ai.onnx.ml", 1))))


def control_flow():
    constant = lambda name, number: h.make_node("Constant", [], [name], value_float=number)
    branch = lambda name, number: h.make_graph(
        [constant(name + "_c", number), h.make_node("Mul", ["x", name + "_c"], [name])], name, [],
        [value(name, T.FLOAT, ["N"])])
    write("if", model([h.make_node("If", ["condition"], ["y"], "branch", then_branch=branch("twice", 2.0),
                                   else_branch=branch("thrice", 3.0))],
                      [value("condition", T.BOOL, []), value("x", T.FLOAT, ["N"])], [value("y", T.FLOAT, ["N"])]))
    body = h.make_graph(
        [h.make_node("Cast", ["i"], ["i_f"], to=T.FLOAT), h.make_node("Mul", ["x", "i_f"], ["step"]),
         h.make_node("SequenceInsert", ["sequence", "step"], ["longer"]), h.make_node("Identity", ["go"], ["go_on"])],
        "body",
        [value("i", T.INT64, []), value("go", T.BOOL, []), h.make_tensor_sequence_value_info("sequence", T.FLOAT, None)],
        [value("go_on", T.BOOL, []), h.make_tensor_sequence_value_info("longer", T.FLOAT, None)])
    write("loop", model([h.make_node("SequenceEmpty", [], ["none"], dtype=T.FLOAT),
                         h.make_node("Loop", ["count", "", "none"], ["steps"], "repeat", body=body)],
                        [value("count", T.INT64, []), value("x", T.FLOAT, ["N"])],
                        [h.make_tensor_sequence_value_info("steps", T.FLOAT, None)]))
    # Runs until it is cancelled, or for hours.
    body = h.make_graph([h.make_node("Add", ["a", "one"], ["b"]), h.make_node("Identity", ["go"], ["go_on"])], "body",
                        [value("i", T.INT64, []), value("go", T.BOOL, []), value("a", T.FLOAT, [1])],
                        [value("go_on", T.BOOL, []), value("b", T.FLOAT, [1])])
    write("endless", model([h.make_node("Constant", [], ["one"], value_floats=[1.0]),
                            h.make_node("Loop", ["count", "", "x"], ["y"], "repeat", body=body)],
                           [value("count", T.INT64, []), value("x", T.FLOAT, [1])], [value("y", T.FLOAT, [1])]))


def containers():
    sequence = h.make_tensor_sequence_value_info
    write("sequence-input", model([h.make_node("SequenceLength", ["s"], ["n"], "length")],
                                  [sequence("s", T.FLOAT, None)], [value("n", T.INT64, [])]))
    write("string-sequence", model([h.make_node("Identity", ["s"], ["t"], "same")],
                                   [sequence("s", T.STRING, None)], [sequence("t", T.STRING, None)]))
    optional = h.make_optional_type_proto(h.make_tensor_type_proto(T.FLOAT, ["N"]))
    write("optional", model([h.make_node("Identity", ["o"], ["p"], "same"),
                             h.make_node("OptionalHasElement", ["o"], ["has"], "has")],
                            [h.make_value_info("o", optional)],
                            [h.make_value_info("p", optional), value("has", T.BOOL, [])], opsets=(("", 18),)))


def failing():
    x, y = value("x", T.FLOAT, ["N", 4]), value("y", T.FLOAT, None)
    acme = (("", OPSET), ("com.acme", 1))
    write("missing-operator", model([h.make_node("Frobnicate", ["x"], ["y"], "frob", domain="com.acme")], [x], [y],
                                    opsets=acme))
    write("unknown-operator", model([h.make_node("Frobnicate", ["x"], ["y"], "frob")], [x], [y]))
    half = value("x", T.BFLOAT16, ["N", 4]), value("y", T.BFLOAT16, None)
    write("missing-kernel", model([h.make_node("Add", ["x", "x"], ["y"], "sum")], [half[0]], [half[1]]))
    write("invalid", model([h.make_node("Add", ["x", "nowhere"], ["y"], "sum")], [x], [y]))
    write("failing-reshape", model([h.make_node("Reshape", ["x", "shape"], ["y"], "reshape")],
                                   [x, value("shape", T.INT64, [2])], [y]))


def batches():
    mean = h.make_node("ReduceMean", ["x"], ["y"], "mean", axes=[0], keepdims=0)
    write("no-batch-output", model([mean], [value("x", T.FLOAT, [4, 2])], [value("y", T.FLOAT, [2])]))
    write("two-batches", model([h.make_node("Add", ["x", "shape"], ["y"], "sum")],
                               [value("x", T.FLOAT, [4, 1]), value("shape", T.FLOAT, [2])], [value("y", T.FLOAT, [4, 2])]))
    write("open-axis", model([h.make_node("Relu", ["x"], ["y"], "relu")], [value("x", T.FLOAT, ["N", "T"])],
                             [value("y", T.FLOAT, ["N", "T"])]))
    # Every row becomes the largest of the batch.
    write("batch-maximum", model([h.make_node("ReduceMax", ["x"], ["m"], "maximum", axes=[0]),
                                  h.make_node("Expand", ["m", "shape"], ["y"], "spread")],
                                 [value("x", T.FLOAT, [4, 1])], [value("y", T.FLOAT, [4, 1])],
                                 [h.make_tensor("shape", T.INT64, [2], [4, 1])]))
    # Declares [N, N] and gives [N, 2], in a way that shape inference does not see.
    write("false-shape", model([h.make_node("Shape", ["x"], ["s"], "shape"), h.make_node("Add", ["s", "more"], ["t"], "add"),
                                h.make_node("Expand", ["x", "t"], ["y"], "widen")],
                               [value("x", T.FLOAT, ["N", 1])], [value("y", T.FLOAT, ["N", "N"])],
                               [h.make_tensor("more", T.INT64, [2], [0, 1])]))
    write("strings", model([h.make_node("Identity", ["x"], ["y"], "same")], [value("x", T.STRING, [4, 1])],
                           [value("y", T.STRING, [4, 1])]))


def odd_outputs():
    """Outputs that the engine does not write into memory that is bound for them, or that have none to write."""
    x = value("x", T.FLOAT, ["N", 2])
    relu = h.make_node("Relu", ["x"], ["y"], "relu")
    # As PyTorch's exporter writes a value that is handed through.
    write("input-is-output", model([relu], [x], [value("y", T.FLOAT, ["N", 2]), x]))
    # One value under one name, twice.
    write("outputs-twice", model([relu], [x], [value("y", T.FLOAT, ["N", 2]), x, value("y", T.FLOAT, ["N", 2])]))
    limits = [h.make_tensor("zero", T.INT64, [1], [0]), h.make_tensor("one", T.INT64, [1], [1])]
    nothing = h.make_node("Slice", ["x", "zero", "zero", "one"], ["none"], "nothing")
    write("empty-output", model([relu, nothing], [x], [value("none", T.FLOAT, ["N", 0]), value("y", T.FLOAT, ["N", 2])], limits))
    texts = value("x", T.STRING, ["N", 2])
    write("empty-strings", model([nothing], [texts], [value("none", T.STRING, ["N", 0])], limits))
    constant = h.make_tensor("c", T.FLOAT, [2, 2], [1.0, 2.0, 3.0, 4.0])
    fixed = value("x", T.FLOAT, [2, 2])
    write("constant-outputs", model(
        [relu, h.make_node("Constant", [], ["k"], value=constant), h.make_node("Add", ["c", "k"], ["folded"], "add")], [fixed],
        [value(name, T.FLOAT, [2, 2]) for name in ("y", "c", "k", "folded")], [constant]))
    write("alias-outputs", model(
        [relu, h.make_node("Identity", ["y"], ["same"], "same"), h.make_node("Reshape", ["y", "keep"], ["view"], "view"),
         h.make_node("Identity", ["x"], ["copy"], "copy")], [x],
        [value(name, T.FLOAT, ["N", 2]) for name in ("same", "y", "view", "copy")], [h.make_tensor("keep", T.INT64, [2], [0, 2])]))
    # As many columns as the first row has positive values.
    write("varying-output", model(
        [h.make_node("Slice", ["x", "zero", "one", "zero"], ["first"], "first"), h.make_node("Squeeze", ["first", "zero"], ["row"], "row"),
         h.make_node("Greater", ["row", "nought"], ["keep"], "positive"), h.make_node("Compress", ["x", "keep"], ["y"], "columns", axis=1)],
        [value("x", T.FLOAT, ["N", 4])], [value("y", T.FLOAT, ["N", "K"])], limits + [h.make_tensor("nought", T.FLOAT, [], [0.0])]))


def external():
    weights = [floats("w", [4, 3], 5), floats("b", [3], 6)]
    data = b""
    for tensor in weights:
        raw = struct.pack(f"<{len(tensor.float_data)}f", *tensor.float_data)
        del tensor.float_data[:]
        tensor.data_location = T.EXTERNAL
        for key, number in ("location", "external.weights"), ("offset", str(len(data))), ("length", str(len(raw))):
            tensor.external_data.add(key=key, value=number)
        data += raw
        data += b"\0" * (-len(data) % 64)
    write("external", model([h.make_node("Gemm", ["x", "w", "b"], ["y"], "dense")], [value("x", T.FLOAT, ["N", 4])],
                            [value("y", T.FLOAT, ["N", 3])], weights))
    with open(os.path.join(OUT, "external.weights"), "wb") as file:
        file.write(data)


os.makedirs(OUT, exist_ok=True)
mlp("mlp", "N")
mlp("mlp-fixed", 4)
pass_throughs()
classifier()
control_flow()
containers()
failing()
batches()
odd_outputs()
external()
