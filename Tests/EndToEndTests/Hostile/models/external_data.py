"""Models with external data that was made to do harm."""
import os
import struct

from hostile import file, sparse
from models.common import FLOAT, STRING, adding, integers, message, node, number, scoring, tensor


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
outside("external-memory", OUTSIDE, plain, "*/_ORT_MEM_ADDR_/*", offset="4096")
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


@file("external-1-gib-unused.onnx", "done", "attempt.load-time", "attempt.time")
def _(path):
    """A weight that nothing uses costs no memory: the engine gets it mapped, and never looks at it. To publish it takes time."""
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
    nodes = [node("Expand", ["x", "to"], ["r"]), node("MatMul", ["r", "w"], ["p"]),
             node("ReduceMax", ["p"], ["m"], number("keepdims", 0)), node("Add", ["x", "m"], ["y"])]
    with open(path, "wb") as out:
        out.write(scoring(nodes, [weight, integers("to", 1, 1 << 14)]))
