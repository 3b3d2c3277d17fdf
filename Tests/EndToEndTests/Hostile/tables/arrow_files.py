"""Arrow files that were made to do harm: a number is found in the messages by its value, and another is put in its place."""
import io
import struct

import numpy
import pyarrow
import pyarrow.ipc

from hostile import file
from tables.common import honest, arrow, replaced


@file("footer-noise-ipc.arrow", "data.format")
def _():
    data = arrow(honest())
    length = struct.unpack("<i", data[-10:-6])[0]
    return data[:-10 - length] + bytes(n * 37 & 255 for n in range(length)) + data[-10:]


@file("rows-1e12-null.arrow", "data.format", "data.columns", "data.value", "attempt.memory", "attempt.time")
def _():
    table = pyarrow.table({"id": pyarrow.nulls(123_457), "x": pyarrow.nulls(123_457)})
    return arrow(table).replace(struct.pack("<q", 123_457), struct.pack("<q", 10**12))


@file("rows-lie.arrow", "data.format")
def _():
    return arrow(honest(123_457)).replace(struct.pack("<q", 123_457), struct.pack("<q", 10**12))


@file("rows-negative-ipc.arrow", "data.format")
def _():
    return arrow(honest(123_457)).replace(struct.pack("<q", 123_457), struct.pack("<q", -7))


@file("rows-none-ipc.arrow", "data.format")
def _():
    """The batch says that it has no rows, and its columns have them all the same."""
    data = arrow(honest(123_457))
    at = data.index(struct.pack("<q", 123_457))
    return data[:at] + struct.pack("<q", 0) + data[at + 8:]


@file("texts-outside.arrow", "data.format")
def _():
    """The places of texts lead 2 GiB past them."""
    data = arrow(honest(5))
    return replaced(data, struct.pack("<6i", 0, 2, 4, 6, 8, 10), struct.pack("<6i", 0, 2, 2**31 - 9, 2**31 - 7, 2**31 - 5, 2**31 - 1))


@file("texts-backwards.arrow", "data.format")
def _():
    data = arrow(honest(5))
    return replaced(data, struct.pack("<6i", 0, 2, 4, 6, 8, 10), struct.pack("<6i", 0, 2**30, -(2**30), 6, 8, 10))


@file("dictionary-outside.arrow", "data.format")
def _():
    ids = pyarrow.DictionaryArray.from_arrays(pyarrow.array([3, 2, 1, 0, 1], pyarrow.int32()), ["a", "b", "c", "d"])
    data = arrow(pyarrow.table({"id": ids, "x": [1.0] * 5}))
    return replaced(data, struct.pack("<5i", 3, 2, 1, 0, 1), struct.pack("<5i", 2**30, -5, 1, 0, 1))


@file("buffer-outside.arrow", "data.format")
def _():
    """A buffer that begins in the middle of nowhere."""
    data = arrow(honest(5))
    length = struct.pack("<q", 20)
    at = data.find(struct.pack("<q", 64) + length)
    assert at >= 0 or data.find(length) >= 0
    at = data.find(length)
    return data[:at - 8] + struct.pack("<q", 2**60) + data[at:]


@file("unpacked-size-lies.arrow", "data.format", "attempt.memory", "attempt.resources", "data.limit.compression")
def _():
    """A compressed buffer says that it unpacks to 1 TiB."""
    table = pyarrow.table({"id": ["r"] * 100_000, "x": numpy.ones(100_000, dtype="f4")})
    return replaced(arrow(table, compression="zstd"), struct.pack("<q", 400_000) + b"\x28\xb5\x2f\xfd",
                    struct.pack("<q", 2**40) + b"\x28\xb5\x2f\xfd")


@file("zstd-rows.arrow", "attempt.time", "attempt.memory")
def _():
    """200 million rows in some kilobytes."""
    buffer = io.BytesIO()
    batch = pyarrow.record_batch(
        {"id": pyarrow.array(numpy.zeros(4_000_000, dtype="i8")), "x": pyarrow.array(numpy.zeros(4_000_000, dtype="f4"))})
    with pyarrow.ipc.new_file(buffer, batch.schema, options=pyarrow.ipc.IpcWriteOptions(compression="zstd")) as writer:
        for _ in range(50):
            writer.write_batch(batch)
    return buffer.getvalue()


@file("fields-100005.arrow", "data.limit.columns", "attempt.time")
def _():
    fields = [pyarrow.field("id", pyarrow.string()), pyarrow.field("x", pyarrow.float32())]
    fields += [pyarrow.field(f"f{n}", pyarrow.float32()) for n in range(100_005)]
    buffer = io.BytesIO()
    with pyarrow.ipc.new_file(buffer, pyarrow.schema(fields)):
        pass
    return buffer.getvalue()


@file("lists-60-deep.arrow", "done")
def _():
    """As deep as Arrow's own writer goes."""
    value = pyarrow.array([1.0], pyarrow.float32())
    for _ in range(60):
        value = pyarrow.ListArray.from_arrays(pyarrow.array([0, 1], pyarrow.int32()), value)
    return arrow(pyarrow.table({"id": ["a"], "x": [1.0], "deep": value}))


@file("message-length.arrows", "data.truncated")
def _():
    """A stream whose first message would have 2 GiB."""
    return struct.pack("<Ii", 0xFFFFFFFF, 2**31 - 1) + bytes(64)


@file("messages-empty.arrows", "data.format", "data.truncated")
def _():
    """A hundred thousand messages without a schema."""
    return (struct.pack("<Ii", 0xFFFFFFFF, 8) + bytes(8)) * 100_000
