#!/usr/bin/env python3
"""Makes models that were made to do harm: make-models.py DIRECTORY.

Those of which an engine would make too much while it loads them are in `Tests/ModelSupport/BombModels.swift`; here is what needs the bytes of
a file: what its messages say and do not hold, external data, names, nesting, and graphs that outgrow the machine only when they run. What
belongs to NAME.onnx is in NAME.d.
"""
import os
import struct
import sys

import hostile
from hostile import file, sparse

# Messages of onnx.proto: a field is (number, value); a number is a varint, bytes and texts are as they are, a list repeats the field.


def varint(number):
    number &= 2**64 - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def message(*fields):
    out = bytearray()
    for number, value in fields:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int):
                out += varint(number << 3) + varint(one)
            else:
                one = one.encode() if isinstance(one, str) else one
                out += varint(number << 3 | 2) + varint(len(one)) + one
    return bytes(out)


FLOAT, INT64, STRING, BOOL = 1, 7, 8, 9


def value(name, kind=FLOAT, shape=("N", 1)):
    extents = [message((1, extent) if isinstance(extent, int) else (2, extent)) for extent in shape]
    return message((1, name), (2, message((1, message((1, kind), (2, message((1, extents))))))))


def tensor(name, dims, kind=FLOAT, *more):
    return message((1, list(dims)), (2, kind), (8, name), *more)


def floats(name, *values):
    return tensor(name, [len(values)], FLOAT, (9, struct.pack(f"<{len(values)}f", *values)))


def integers(name, *values):
    return tensor(name, [len(values)], INT64, (9, struct.pack(f"<{len(values)}q", *values)))


def scalar(name, number):
    return tensor(name, [], INT64, (9, struct.pack("<q", number)))


TRUE = tensor("yes", [], BOOL, (9, b"\1"))


def node(kind, inputs, outputs, *attributes, domain=""):
    return message((1, inputs), (2, outputs), (3, outputs[0]), (4, kind), (5, list(attributes)), (7, domain))


def number(name, wanted):
    return message((1, name), (3, wanted), (20, 2))


def numbers(name, *wanted):
    return message((1, name), (8, list(wanted)), (20, 7))


def subgraph(name, content):
    return message((1, name), (6, content), (20, 5))


def graph(nodes, inputs=(), outputs=(), initializers=(), name="g"):
    return message((1, list(nodes)), (2, name), (5, list(initializers)), (11, list(inputs)), (12, list(outputs)))


def model(content, *more, opsets=(("", 17),)):
    return message((1, 8), (2, "tests"), (7, content), (8, [message((1, domain), (2, version)) for domain, version in opsets]), *more)


def scoring(nodes, initializers=(), *more, opsets=(("", 17),), outputs=None):
    """A model from `x` to `y`."""
    return model(graph(nodes, [value("x")], outputs or [value("y")], initializers), *more, opsets=opsets)


def adding(*weights):
    """A model that adds one, and holds `weights` besides."""
    return scoring([node("Add", ["x", "one"], ["y"])], [floats("one", 1), *weights])


# Tensors that say one thing and hold another.


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
    return scoring([node("Constant", [], ["w"], sparse), node("ReduceMax", ["w"], ["m"], number("keepdims", 0)), node("Add", ["x", "m"], ["y"])])


@file("sparse-outside.onnx", "model.invalid")
def _():
    content = graph([node("Add", ["x", "one"], ["y"])], [value("x")], [value("y")], [floats("one", 1)])
    return model(content + message((15, sparse_tensor("w", 10, 10**12))))


# Messages.


def nested(depth):
    """So many If nodes in one another."""
    inner = graph([node("Identity", ["x"], ["o0"])], [], [value("o0")])
    for level in range(1, depth + 1):
        branches = [subgraph("then_branch", inner), subgraph("else_branch", graph([node("Identity", ["x"], [f"e{level}"])], [], [value(f"e{level}")]))]
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
    lambda: model(graph([node("Add", ["x", "one"], ["y"])], [value("x")] + [value(f"x{n}") for n in range(100_000)], [value("y")], [floats("one", 1)])))
file("outputs-100000.onnx", "model.signature", "attempt.load-time", "attempt.time", "done")(
    lambda: scoring([node("Add", ["x", "one"], ["y"])] + [node("Neg", ["x"], [f"y{n}"]) for n in range(100_000)], [floats("one", 1)],
                    outputs=[value("y")] + [value(f"y{n}") for n in range(100_000)]))
file("node-inputs-300000.onnx", "model.invalid", "attempt.load-time", "attempt.time", "attempt.memory", "model.cost", "done")(
    lambda: scoring([node("Sum", ["x"] * 300_000, ["y"])]))


# Graphs that break the rules.


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
    lambda: calling(*[function(f"f{n}", [node(f"f{n + 1}", ["x"], ["y"], domain="f")]) for n in range(20_000)], function("f20000", [node("Neg", ["x"], ["y"])])))


# Constants that an engine would compute while it loads.


def constant_node(nodes, *initializers):
    """A model that adds the largest element of the constant `w`."""
    return scoring([*nodes, node("ReduceMax", ["w"], ["m"], number("keepdims", 0)), node("Add", ["x", "m"], ["y"])], initializers)


@file("concat-40-doublings.onnx", "model.cost")
def _():
    nodes = [node("Concat", [f"c{n}", f"c{n}"], [f"c{n + 1}"], number("axis", 0)) for n in range(40)]
    return constant_node(nodes + [node("Identity", ["c40"], ["w"])], floats("c0", 1))


file("range.onnx", "model.cost")(
    lambda: constant_node([node("Range", ["from", "to", "by"], ["r"]), node("Cast", ["r"], ["w"], number("to", 1))], scalar("from", 0), scalar("to", 2**40), scalar("by", 1)))
file("tile.onnx", "model.cost")(lambda: constant_node([node("Tile", ["one", "times"], ["w"])], floats("one", 1), integers("times", 2**40)))
file("expand.onnx", "model.cost")(lambda: constant_node([node("Expand", ["one", "to"], ["w"])], floats("one", 1), integers("to", 2**20, 2**20)))
file("pad.onnx", "model.cost")(lambda: constant_node([node("Pad", ["one", "by"], ["w"])], floats("one", 1), integers("by", 0, 2**40)))
file("one-hot.onnx", "model.cost")(
    lambda: constant_node([node("OneHot", ["at", "depth", "values"], ["w"])], integers("at", 0), scalar("depth", 2**40), floats("values", 0, 1)))
file("resize.onnx", "model.cost")(
    lambda: constant_node([node("Resize", ["image", "", "scales"], ["w"])], tensor("image", [1, 1, 1, 1], FLOAT, (9, struct.pack("<f", 1))), floats("scales", 1, 1, 2**20, 2**20)))
file("random.onnx", "model.cost")(lambda: constant_node([node("RandomNormal", [], ["w"], numbers("shape", 2**20, 2**20))]))
file("window.onnx", "model.cost")(lambda: constant_node([node("HannWindow", ["size"], ["w"])], scalar("size", 2**40)))
file("eye-like.onnx", "model.cost")(
    lambda: constant_node([node("ConstantOfShape", ["to"], ["z"]), node("EyeLike", ["z"], ["w"])], integers("to", 2**20, 2**20)))
file("constant-of-shape-2-to-the-36.onnx", "model.cost")(lambda: constant_node([node("ConstantOfShape", ["to"], ["w"])], integers("to", 2**36)))
file("product-40000.onnx", "model.cost")(
    lambda: constant_node([node("ConstantOfShape", ["to"], ["z"]), node("MatMul", ["z", "z"], ["w"])], integers("to", 40_000, 40_000)))
file("gather.onnx", "model.cost")(
    lambda: constant_node([node("Range", ["from", "to", "by"], ["at"]), node("Gather", ["rows", "at"], ["w"])],
                          tensor("rows", [2, 4096], FLOAT, (9, bytes(32768))), scalar("from", 0), scalar("to", 2**25), scalar("by", 1)))
file("outer-sum.onnx", "model.cost")(
    lambda: constant_node([node("Range", ["from", "to", "by"], ["r"]), node("Cast", ["r"], ["c"], number("to", 1)), node("Unsqueeze", ["c", "axis"], ["t"]), node("Add", ["c", "t"], ["w"])],
                          scalar("from", 0), scalar("to", 2**17), scalar("by", 1), integers("axis", 1)))
file("einsum.onnx", "model.cost")(
    lambda: constant_node([node("ConstantOfShape", ["to"], ["z"]), node("Einsum", ["z", "z", "z"], ["w"], message((1, "equation"), (4, "ab,bc,cd->ad"), (20, 3)))], integers("to", 9000, 9000)))
file("convolution.onnx", "model.cost")(
    lambda: constant_node([node("ConstantOfShape", ["to"], ["i"]), node("ConstantOfShape", ["kernel"], ["k"]), node("Conv", ["i", "k"], ["w"])],
                          integers("to", 1, 64, 2000, 2000), integers("kernel", 64, 64, 9, 9)))
file("scan.onnx", "model.cost")(
    lambda: constant_node([node("ConstantOfShape", ["to"], ["z"]),
                           node("Scan", ["z"], ["w"], subgraph("body", graph([node("Neg", ["i"], ["o"])], [value("i", FLOAT, ())], [value("o", FLOAT, ())])), number("num_scan_inputs", 1))],
                          integers("to", 2**33)))


# Loops. The body has iteration, condition and `a`.


def loop(nodes, results, inputs, outputs):
    body = graph([node("Identity", ["k"], ["on"])] + nodes, [value("i", INT64, ()), value("k", BOOL, ()), value("a")], [value("on", BOOL, ())] + results)
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
    return scoring(nodes + [node("ReduceMax", ["big"], ["m"], number("keepdims", 0)), node("Add", ["x", "m"], ["y"])], [TRUE, scalar("forty", 40)])


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
    nodes = [node("Cast", ["x"], ["t"], number("to", 8)), node("Expand", ["t", "to"], ["big"]), node("Cast", ["big"], ["f"], number("to", 1)),
             node("ReduceMax", ["f"], ["m"], number("keepdims", 0)), node("Add", ["x", "m"], ["y"])]
    return scoring(nodes, [integers("to", 1, 100_000_000)])


# External data: NAME.d/w.bin has 4 bytes where nothing else is said.


def external(location, offset="0", length="4", dims=(1,), kind=FLOAT, more=()):
    pairs = [("location", location), ("offset", offset), ("length", length), *more]
    entries = [message((1, key), (2, content)) for key, content in pairs if content is not None]
    return tensor("w", list(dims), kind, (13, entries), (14, 1))


def with_weights(*weights):
    return scoring([node("Add", ["x", "w"], ["y"])], weights)


def outside(name, rules, prepare=None, location="{name}.d/w.bin", **options):
    """A model whose weight lies where `location` says; `prepare` makes what is there."""

    def make(path):
        folder = path.removesuffix(".onnx") + ".d"
        os.makedirs(folder)
        if prepare:
            prepare(folder + "/w.bin")
        with open(path, "wb") as out:
            out.write(with_weights(external(location.format(name=name), **options)))

    file(name + ".onnx", *rules)(make)


def plain(path):
    with open(path, "wb") as out:
        out.write(struct.pack("<f", 1))


def hard_link(path):
    plain(path + ".other")
    os.link(path + ".other", path)


OUTSIDE, LINK, CUT, BAD = ["model.external-data.outside"], ["model.external-data.link"], ["model.truncated"], ["model.invalid"]
outside("external-honest", ["done"], plain)
outside("external-upwards", OUTSIDE, plain, "../w.bin")
outside("external-upwards-inside", OUTSIDE, plain, "{name}.d/../../w.bin")
outside("external-absolute", OUTSIDE, plain, "/etc/passwd")
outside("external-zero-device", OUTSIDE, plain, "/dev/zero")
outside("external-backslash", OUTSIDE, plain, "..\\w.bin")
outside("external-nul", OUTSIDE + BAD, plain, "w.bin\0/../../etc/passwd")
outside("external-empty", OUTSIDE + BAD, plain, "")
outside("external-memory", CUT + BAD + OUTSIDE, plain, "*/_ORT_MEM_ADDR_/*", offset="4096")
outside("external-link", LINK, lambda path: os.symlink("/etc/passwd", path))
outside("external-link-inside", LINK, lambda path: (plain(path + ".other"), os.symlink("w.bin.other", path)))
outside("external-folder-link", LINK, lambda path: (os.rmdir(os.path.dirname(path)), os.symlink("/tmp", os.path.dirname(path))))
outside("external-hard-link", LINK, hard_link)
outside("external-fifo", CUT, os.mkfifo)
outside("external-folder", CUT, os.mkdir)
outside("external-missing", CUT)
outside("external-itself", CUT + BAD, plain, "{name}.onnx", length="100000")
outside("external-offset-negative", BAD, plain, offset="-4")
outside("external-length-negative", BAD, plain, length="-4")
outside("external-offset-2-to-the-63", CUT + BAD, plain, offset=str(2**63 - 8))
outside("external-offset-2-to-the-64", BAD + CUT, plain, offset=str(2**64 - 8))
outside("external-offset-behind-end", CUT, plain, offset="1000000")
outside("external-length-lies", BAD, plain, length="2")
outside("external-number", BAD, plain, length="0x4")
outside("external-key", BAD, plain, more=[("command", "rm -rf /")])
outside("external-key-twice", OUTSIDE, plain, more=[("location", "/etc/passwd")])
outside("external-texts", BAD, plain, kind=STRING)
outside("external-too-short", CUT, plain, length="4000000000", dims=(10**9,))
outside(
    "external-4-gib", ["attempt.resources"], lambda path: sparse(b"", 4 << 30)(path), length=str(4 << 30), dims=(1, 1 << 30))


@file("external-overlapping.onnx", "attempt.resources")
def _(path):
    """A thousand weights of 64 MiB, all of them the same bytes of one file."""
    folder = path.removesuffix(".onnx") + ".d"
    os.makedirs(folder)
    sparse(b"", 64 << 20)(folder + "/w.bin")
    names = [f"w{n}" for n in range(1000)]
    pairs = [message((1, key), (2, content)) for key, content in (("location", "external-overlapping.d/w.bin"), ("length", str(64 << 20)))]
    weights = [tensor(name, [16 << 20], FLOAT, (13, pairs), (14, 1)) for name in names]
    with open(path, "wb") as out:
        out.write(adding(*weights))


@file("external-in-constant.onnx", "attempt.resources")
def _(path):
    """The weight of 4 GiB is not among the initializers."""
    folder = path.removesuffix(".onnx") + ".d"
    os.makedirs(folder)
    sparse(b"", 4 << 30)(folder + "/w.bin")
    weight = external("external-in-constant.d/w.bin", length=str(4 << 30), dims=(1 << 30,))
    nodes = [node("Constant", [], ["w"], message((1, "value"), (5, weight), (20, 4)))]
    with open(path, "wb") as out:
        out.write(scoring([*nodes, node("ReduceMax", ["w"], ["m"], number("keepdims", 0)), node("Add", ["x", "m"], ["y"])]))


@file("external-1-gib-unused.onnx", "attempt.memory", "attempt.load-time", "attempt.time")
def _(path):
    """A weight that nothing uses is read all the same."""
    folder = path.removesuffix(".onnx") + ".d"
    os.makedirs(folder)
    sparse(b"", 1 << 30)(folder + "/w.bin")
    pairs = [message((1, key), (2, content)) for key, content in (("location", "external-1-gib-unused.d/w.bin"), ("length", str(1 << 30)))]
    with open(path, "wb") as out:
        out.write(adding(tensor("unused", [1 << 28], FLOAT, (13, pairs), (14, 1))))


@file("external-1-gib-used.onnx", "attempt.memory", "attempt.resources", "attempt.load-time", "attempt.time")
def _(path):
    """A sparse file, of which nothing is on the disk, multiplied with something."""
    folder = path.removesuffix(".onnx") + ".d"
    os.makedirs(folder)
    sparse(b"", 1 << 30)(folder + "/w.bin")
    pairs = [message((1, key), (2, content)) for key, content in (("location", "external-1-gib-used.d/w.bin"), ("length", str(1 << 30)))]
    weight = tensor("w", [1 << 14, 1 << 14], FLOAT, (13, pairs), (14, 1))
    nodes = [node("Expand", ["x", "to"], ["r"]), node("MatMul", ["r", "w"], ["p"]), node("ReduceMax", ["p"], ["m"], number("keepdims", 0)), node("Add", ["x", "m"], ["y"])]
    with open(path, "wb") as out:
        out.write(scoring(nodes, [weight, integers("to", 1, 1 << 14)]))


if __name__ == "__main__":
    hostile.main(sys.argv[1])
