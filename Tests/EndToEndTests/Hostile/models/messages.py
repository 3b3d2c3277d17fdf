"""Models whose messages and names were made to do harm."""
import struct

from hostile import file, sparse
from models.common import FLOAT, TRUE, adding, floats, graph, message, model, node, scoring, subgraph, value, varint


def nested(depth):
    """So many If nodes in one another."""
    inner = graph([node("Identity", ["x"], ["o0"])], [], [value("o0")])
    for level in range(1, depth + 1):
        branches = [subgraph("then_branch", inner),
                    subgraph("else_branch", graph([node("Identity", ["x"], [f"e{level}"])], [], [value(f"e{level}")]))]
        inner = graph([node("If", ["yes"], [f"o{level}"], *branches)], [], [value(f"o{level}")])
    final = [subgraph("then_branch", inner), subgraph("else_branch", graph([node("Identity", ["x"], ["e"])], [], [value("e")]))]
    return scoring([node("If", ["yes"], ["y"], *final)], [TRUE])


file("nested-50.onnx", "model.limit")(lambda: nested(50))
file("nested-2000.onnx", "model.limit")(lambda: nested(2000))


@file("types-nested.onnx", "model.limit")
def _():
    """An input that is a list of lists of lists."""
    kind = message((1, message((1, FLOAT))))
    for _ in range(5000):
        kind = message((4, message((1, kind))))
    return model(graph([node("Add", ["x", "one"], ["y"])], [value("x"), message((1, "z"), (2, kind))], [value("y")], [floats("one", 1)]))


file("messages-empty.onnx", "model.limit")(lambda: adding() + message((14, [b""] * 5_000_001)))
file("nodes-empty.onnx", "model.cost", "model.limit")(lambda: adding() + message((7, message((1, [b""] * 1_000_000)))))
file("group.onnx", "model.truncated", "model.invalid")(lambda: adding() + b"\x0b" * 1000)
file("long-number.onnx", "model.truncated", "model.invalid")(lambda: adding() + b"\x08" + b"\xff" * 1000)
file("cut.onnx", "model.truncated")(lambda: adding()[:-20])
file("length-2-to-the-63.onnx", "model.truncated")(lambda: adding() + b"\x72" + varint(2**63 - 1))
file("length-2-to-the-64.onnx", "model.truncated")(lambda: adding() + b"\x72" + varint(2**64 - 1))
file("zeros-2-gb.onnx", "model.truncated", "model.limit")(sparse(b"", 2_000_000_000))
file("image.onnx", "model.truncated")(lambda: b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + bytes(1000))
file("archive.onnx", "model.truncated")(lambda: b"PK\3\4" + bytes(1000) + b"PK\5\6" + bytes(18))
file("pickle.onnx", "model.truncated")(lambda: b"\x80\2c__builtin__\nexec\nq\0X\4\0\0\0passq\1\x85q\2Rq\3.")
file("page.onnx", "model.truncated")(lambda: b"<html><body>Sign in</body></html>")
file("pointer.onnx", "model.truncated")(lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
file("empty.onnx", "model.truncated")(lambda: b"")
file("noise.onnx", "model.truncated")(lambda: bytes(n * n * 37 >> 3 & 255 for n in range(100_000)))
file("ir-version.onnx", "model.invalid", "done")(lambda: message((1, 2**63 - 1)) + adding())
file("operator-set.onnx", "model.invalid")(lambda: scoring([node("Add", ["x", "x"], ["y"])], opsets=[("", 2**62)]))


# Names.


file("name-with-zero.onnx", "model.invalid")(
    lambda: scoring([node("Add", ["x", "one"], ["y\0z"])], [floats("one", 1)], outputs=[value("y\0z")]))
file("name-with-line.onnx", "done", "model.signature")(
    lambda: scoring([node("Add", ["x", "one"], ["y\nz"])], [floats("one", 1)], outputs=[value("y\nz")]))
file("name-64-mib.onnx", "done", "model.signature", "model.invalid", "model.limit", "attempt.load-time", "attempt.time")(
    lambda: scoring([node("Add", ["x", "one"], ["y" * (64 << 20)])], [floats("one", 1)], outputs=[value("y" * (64 << 20))]))
file("doc-200-mb.onnx", "done", "attempt.memory", "attempt.load-time", "attempt.time")(lambda: adding() + message((6, "d" * 200_000_000)))
file("name-not-utf-8.onnx", "model.invalid", "model.truncated")(
    lambda: scoring([node("Add", ["x", "one"], ["y"])], [floats("one", 1)]) + message((7, message((2, b"\xff\xfe")))))
file("inputs-100000.onnx", "model.signature", "attempt.load-time", "attempt.time")(
    lambda: model(graph([node("Add", ["x", "one"], ["y"])], [value("x")] + [value(f"x{n}") for n in range(100_000)],
                        [value("y")], [floats("one", 1)])))
file("outputs-100000.onnx", "model.signature", "attempt.load-time", "attempt.time", "done")(
    lambda: scoring([node("Add", ["x", "one"], ["y"])] + [node("Neg", ["x"], [f"y{n}"]) for n in range(100_000)], [floats("one", 1)],
                    outputs=[value("y")] + [value(f"y{n}") for n in range(100_000)]))
file("node-inputs-300000.onnx", "model.invalid", "attempt.load-time", "attempt.time", "attempt.memory", "model.cost", "done")(
    lambda: scoring([node("Sum", ["x"] * 300_000, ["y"])]))
