"""Models with constants that an engine would compute while it loads them."""
import struct

from hostile import file
from models.common import FLOAT, floats, graph, integers, message, node, number, numbers, scalar, scoring, subgraph, tensor, value


def constant_node(nodes, *initializers):
    """A model that adds the largest element of the constant `w`."""
    return scoring([*nodes, node("ReduceMax", ["w"], ["m"], number("keepdims", 0)), node("Add", ["x", "m"], ["y"])], initializers)


@file("concat-40-doublings.onnx", "model.cost")
def _():
    nodes = [node("Concat", [f"c{n}", f"c{n}"], [f"c{n + 1}"], number("axis", 0)) for n in range(40)]
    return constant_node(nodes + [node("Identity", ["c40"], ["w"])], floats("c0", 1))


file("range.onnx", "model.cost")(
    lambda: constant_node([node("Range", ["from", "to", "by"], ["r"]), node("Cast", ["r"], ["w"], number("to", 1))],
                          scalar("from", 0), scalar("to", 2**40), scalar("by", 1)))
file("tile.onnx", "model.cost")(lambda: constant_node([node("Tile", ["one", "times"], ["w"])], floats("one", 1), integers("times", 2**40)))
file("expand.onnx", "model.cost")(
    lambda: constant_node([node("Expand", ["one", "to"], ["w"])], floats("one", 1), integers("to", 2**20, 2**20)))
file("pad.onnx", "model.cost")(lambda: constant_node([node("Pad", ["one", "by"], ["w"])], floats("one", 1), integers("by", 0, 2**40)))
file("one-hot.onnx", "model.cost")(
    lambda: constant_node([node("OneHot", ["at", "depth", "values"], ["w"])],
                          integers("at", 0), scalar("depth", 2**40), floats("values", 0, 1)))
file("resize.onnx", "model.cost")(
    lambda: constant_node([node("Resize", ["image", "", "scales"], ["w"])],
                          tensor("image", [1, 1, 1, 1], FLOAT, (9, struct.pack("<f", 1))), floats("scales", 1, 1, 2**20, 2**20)))
file("random.onnx", "model.cost")(lambda: constant_node([node("RandomNormal", [], ["w"], numbers("shape", 2**20, 2**20))]))
file("window.onnx", "model.cost")(lambda: constant_node([node("HannWindow", ["size"], ["w"])], scalar("size", 2**40)))
file("eye-like.onnx", "model.cost")(
    lambda: constant_node([node("ConstantOfShape", ["to"], ["z"]), node("EyeLike", ["z"], ["w"])], integers("to", 2**20, 2**20)))
file("constant-of-shape-2-to-the-36.onnx", "model.cost")(
    lambda: constant_node([node("ConstantOfShape", ["to"], ["w"])], integers("to", 2**36)))
file("product-40000.onnx", "model.cost")(
    lambda: constant_node([node("ConstantOfShape", ["to"], ["z"]), node("MatMul", ["z", "z"], ["w"])], integers("to", 40_000, 40_000)))
file("gather.onnx", "model.cost")(
    lambda: constant_node([node("Range", ["from", "to", "by"], ["at"]), node("Gather", ["rows", "at"], ["w"])],
                          tensor("rows", [2, 4096], FLOAT, (9, bytes(32768))), scalar("from", 0), scalar("to", 2**25), scalar("by", 1)))
file("outer-sum.onnx", "model.cost")(
    lambda: constant_node([node("Range", ["from", "to", "by"], ["r"]), node("Cast", ["r"], ["c"], number("to", 1)),
                           node("Unsqueeze", ["c", "axis"], ["t"]), node("Add", ["c", "t"], ["w"])],
                          scalar("from", 0), scalar("to", 2**17), scalar("by", 1), integers("axis", 1)))
file("einsum.onnx", "model.cost")(
    lambda: constant_node([node("ConstantOfShape", ["to"], ["z"]),
                           node("Einsum", ["z", "z", "z"], ["w"], message((1, "equation"), (4, "ab,bc,cd->ad"), (20, 3)))],
                          integers("to", 9000, 9000)))
file("convolution.onnx", "model.cost")(
    lambda: constant_node([node("ConstantOfShape", ["to"], ["i"]), node("ConstantOfShape", ["kernel"], ["k"]),
                           node("Conv", ["i", "k"], ["w"])],
                          integers("to", 1, 64, 2000, 2000), integers("kernel", 64, 64, 9, 9)))
file("scan.onnx", "model.cost")(
    lambda: constant_node([node("ConstantOfShape", ["to"], ["z"]),
                           node("Scan", ["z"], ["w"],
                                subgraph("body", graph([node("Neg", ["i"], ["o"])], [value("i", FLOAT, ())], [value("o", FLOAT, ())])),
                                number("num_scan_inputs", 1))],
                          integers("to", 2**33)))
