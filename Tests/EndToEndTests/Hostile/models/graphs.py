"""Models whose graphs break the rules."""

from hostile import file
from models.common import message, node, scoring


file("cycle.onnx", "model.invalid")(lambda: scoring([node("Add", ["x", "b"], ["a"]), node("Neg", ["a"], ["b"]), node("Neg", ["b"], ["y"])]))
file("value-twice.onnx", "model.invalid")(lambda: scoring([node("Neg", ["x"], ["y"]), node("Abs", ["x"], ["y"])]))
file("value-from-nowhere.onnx", "model.invalid")(lambda: scoring([node("Neg", ["nowhere"], ["y"])]))
file("operator-unknown.onnx", "model.invalid")(lambda: scoring([node("Explode", ["x"], ["y"])]))
file("domain-unknown.onnx", "model.invalid")(
    lambda: scoring([node("Run", ["x"], ["y"], domain="com.evil")], opsets=[("", 17), ("com.evil", 1)]))
file("domain-not-imported.onnx", "model.invalid")(lambda: scoring([node("Run", ["x"], ["y"], domain="com.evil")]))


def function(name, nodes):
    return message((1, name), (4, "x"), (5, "y"), (7, list(nodes)), (9, [message((1, ""), (2, 17)), message((1, "f"), (2, 1))]), (10, "f"))


def calling(*functions):
    return scoring([node("f0", ["x"], ["y"], domain="f")], (), (25, list(functions)), opsets=[("", 17), ("f", 1)])


file("calls-itself.onnx", "model.invalid")(lambda: calling(function("f0", [node("f0", ["x"], ["y"], domain="f")])))
file("call-each-other.onnx", "model.invalid")(
    lambda: calling(function("f0", [node("f1", ["x"], ["y"], domain="f")]), function("f1", [node("f0", ["x"], ["y"], domain="f")])))
file("functions-20000.onnx", "model.cost")(
    lambda: calling(*[function(f"f{n}", [node(f"f{n + 1}", ["x"], ["y"], domain="f")]) for n in range(20_000)],
                    function("f20000", [node("Neg", ["x"], ["y"])])))
