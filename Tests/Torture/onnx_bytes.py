"""Models that add a number, written and read field by field: no library of ONNX, and none of the program's code."""
import struct


def varint(number):
    out = b""
    while number >= 128:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def number(field, value):
    return varint(field << 3) + varint(value)


def piece(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def tensor(name, shape, value):
    return b"".join(number(1, size) for size in shape) + number(2, 1) + piece(8, name) + piece(9, struct.pack("<f", value))


def column(name):
    shape = piece(1, piece(2, "N")) + piece(1, number(1, 1))
    return piece(1, name) + piece(2, piece(1, number(1, 1) + piece(2, shape)))


def node(kind, inputs, output):
    return piece(1, b"".join(piece(1, name) for name in inputs) + piece(2, output) + piece(3, output) + piece(4, kind))


def model(graph):
    return number(1, 8) + piece(2, "torture") + piece(7, graph) + piece(8, piece(1, "") + number(2, 13))


def adding(addend):
    """y = x + addend."""
    return model(
        node("Add", ["x", "addend"], "y") + piece(2, "adding") + piece(5, tensor("addend", [1], addend))
        + piece(11, column("x")) + piece(12, column("y")))


def trainable(addend):
    """y = x + o W with o a column of ones: what gradient descent learns is what is added."""
    nodes = [
        ("Mul", ["x", "zero"], "zeros"), ("Add", ["zeros", "one"], "ones"), ("MatMul", ["ones", "addend"], "product"),
        ("Add", ["x", "product"], "y"),
    ]
    values = [("addend", [1, 1], addend), ("zero", [1], 0.0), ("one", [1], 1.0)]
    return model(
        b"".join(node(*parts) for parts in nodes) + piece(2, "adding") + b"".join(piece(5, tensor(*parts)) for parts in values)
        + piece(11, column("x")) + piece(12, column("y")))


def unknown_operator():
    return model(node("NoSuchOperator", ["x"], "y") + piece(2, "odd") + piece(11, column("x")) + piece(12, column("y")))


def fields(data):
    """(field, value) of one message; values are integers or bytes."""
    at = 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = read()
        if key & 7 == 0:
            yield key >> 3, read()
        elif key & 7 == 2:
            length = read()
            at += length
            yield key >> 3, data[at - length:at]
        elif key & 7 == 5:
            at += 4
            yield key >> 3, data[at - 4:at]
        elif key & 7 == 1:
            at += 8
            yield key >> 3, data[at - 8:at]
        else:
            raise ValueError("no such wire type")


def addend(data):
    """What a published model of ours adds: the float of its initializer `addend`."""
    for field, graph in fields(data):
        if field != 7:
            continue
        for field, initializer in fields(graph):
            if field != 5:
                continue
            parts = list(fields(initializer))
            if (8, b"addend") in parts:
                for field, value in parts:
                    if field in (4, 9) and len(value) == 4:
                        return struct.unpack("<f", value)[0]
    raise ValueError("no initializer `addend`")
