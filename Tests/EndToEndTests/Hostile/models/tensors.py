"""Models whose tensors say one thing and hold another."""
import struct

from hostile import file, sparse
from models.common import FLOAT, STRING, adding, floats, graph, integers, message, model, node, number, scoring, tensor, value


file("dims-2-to-the-62.onnx", "model.invalid")(lambda: adding(tensor("w", [2**62])))
file("dims-overflow.onnx", "model.invalid")(lambda: adding(tensor("w", [2**40, 2**40])))
file("dims-negative.onnx", "model.invalid")(lambda: adding(tensor("w", [-4])))
file("dims-without-bytes.onnx", "model.invalid")(lambda: adding(tensor("w", [2**31])))
file("dims-100000-axes.onnx", "model.invalid", "done")(lambda: adding(tensor("w", [1] * 100_000, FLOAT, (9, bytes(4)))))
file("raw-short.onnx", "model.invalid")(lambda: adding(tensor("w", [4], FLOAT, (9, bytes(15)))))
file("raw-text.onnx", "model.invalid")(lambda: adding(tensor("w", [4], STRING, (9, bytes(16)))))
file("two-contents.onnx", "model.invalid")(lambda: adding(tensor("w", [1], FLOAT, (9, bytes(4)), (4, struct.pack("<f", 1)))))
file("element-type-99.onnx", "model.invalid")(lambda: adding(tensor("w", [1], 99, (9, bytes(4)))))
file("location-7.onnx", "model.invalid")(lambda: adding(tensor("w", [1], FLOAT, (9, bytes(4)), (14, 7))))


def sparse_tensor(name, extent, at):
    return message((1, floats(name, 1)), (2, integers(name + "_at", at)), (3, [extent]))


@file("sparse-4-tib.onnx", "model.cost", "model.invalid")
def _():
    """One value, and 10^12 zeros that an engine would fill in."""
    content = graph([node("Add", ["x", "one"], ["y"])], [value("x")], [value("y")], [floats("one", 1)])
    return model(content + message((15, sparse_tensor("w", 10**12, 5))))


@file("sparse-constant-4-tib.onnx", "model.cost", "model.invalid")
def _():
    sparse = message((1, "sparse_value"), (22, sparse_tensor("w", 10**12, 5)), (20, 11))
    return scoring([node("Constant", [], ["w"], sparse), node("ReduceMax", ["w"], ["m"], number("keepdims", 0)),
                    node("Add", ["x", "m"], ["y"])])


@file("sparse-outside.onnx", "model.invalid")
def _():
    content = graph([node("Add", ["x", "one"], ["y"])], [value("x")], [value("y")], [floats("one", 1)])
    return model(content + message((15, sparse_tensor("w", 10, 10**12))))
