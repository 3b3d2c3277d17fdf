"""Models whose loops do not end. The body has iteration, condition and `a`."""

from hostile import file
from models.common import BOOL, FLOAT, INT64, TRUE, graph, integers, node, number, scalar, scoring, subgraph, value


def loop(nodes, results, inputs, outputs):
    body = graph([node("Identity", ["k"], ["on"])] + nodes, [value("i", INT64, ()), value("k", BOOL, ()), value("a")],
                 [value("on", BOOL, ())] + results)
    return node("Loop", inputs, outputs, subgraph("body", body))


@file("loop-with-condition.onnx", "attempt.load-time", "attempt.time")
def _():
    """A condition ends it, after 2^62 turns."""
    body = graph([node("Less", ["i", "end"], ["on"]), node("Neg", ["a"], ["b"])], [value("i", INT64, ()), value("k", BOOL, ()), value("a")],
                 [value("on", BOOL, ()), value("b")])
    return scoring([node("Loop", ["", "yes", "x"], ["y"], subgraph("body", body))], [TRUE, scalar("end", 2**62)])


@file("loop-without-end.onnx", "model.cost")
def _():
    """Neither a trip count nor a condition that changes."""
    return scoring([loop([node("Neg", ["a"], ["b"])], [value("b")], ["", "yes", "x"], ["y"])], [TRUE])


@file("loop-that-grows.onnx", "attempt.memory", "attempt.load-time", "attempt.time", "model.invalid")
def _():
    """Each turn doubles what is carried."""
    nodes = [loop([node("Concat", ["a", "a"], ["b"], number("axis", 0))], [value("b")], ["forty", "yes", "x"], ["big"])]
    return scoring(nodes + [node("ReduceMax", ["big"], ["m"], number("keepdims", 0)), node("Add", ["x", "m"], ["y"])],
                   [TRUE, scalar("forty", 40)])


@file("loop-that-collects.onnx", "attempt.memory", "attempt.load-time", "attempt.time", "model.invalid")
def _():
    """Each turn adds 4 MB to what is collected."""
    body = [node("Identity", ["a"], ["b"]), node("Expand", ["a", "to"], ["c"])]
    big = loop(body, [value("b"), value("c", FLOAT, ("A", "B"))], ["many", "yes", "x"], ["last", "all"])
    return scoring([big, node("ReduceMax", ["all"], ["m"], number("keepdims", 0)), node("Add", ["x", "m"], ["y"])],
                   [TRUE, scalar("many", 100_000), integers("to", 1, 1_000_000)])


@file("grows-from-a-row.onnx", "attempt.memory", "attempt.load-time", "attempt.time")
def _():
    """Nothing is constant: each node doubles the rows."""
    nodes = [node("Concat", [f"c{n}" if n else "x", f"c{n}" if n else "x"], [f"c{n + 1}"], number("axis", 0)) for n in range(36)]
    return scoring(nodes + [node("ReduceMax", ["c36"], ["m"], number("keepdims", 0)), node("Add", ["x", "m"], ["y"])])


@file("expands-a-row.onnx", "attempt.memory", "attempt.load-time", "attempt.time", "model.invalid")
def _():
    nodes = [node("Expand", ["x", "to"], ["big"]), node("ReduceMax", ["big"], ["m"], number("keepdims", 0)), node("Add", ["x", "m"], ["y"])]
    return scoring(nodes, [integers("to", 1, 2**36)])


@file("collects-texts.onnx", "attempt.memory", "attempt.load-time", "attempt.time")
def _():
    """Columns of texts of 16 MB each, made of each row."""
    nodes = [node("Cast", ["x"], ["t"], number("to", 8)), node("Expand", ["t", "to"], ["big"]),
             node("Cast", ["big"], ["f"], number("to", 1)), node("ReduceMax", ["f"], ["m"], number("keepdims", 0)),
             node("Add", ["x", "m"], ["y"])]
    return scoring(nodes, [integers("to", 1, 100_000_000)])
