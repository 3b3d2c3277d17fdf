"""What the makers of hostile models share: the messages of onnx.proto, as bytes."""
import struct


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
