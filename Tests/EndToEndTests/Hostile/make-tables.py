#!/usr/bin/env python3
"""Makes tables that were made to do harm: make-tables.py DIRECTORY.

The columns that an honest file has are `id`, which is kept, and `x`, a number.
"""
import gzip
import io
import os
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib

import numpy
import pyarrow
import pyarrow.ipc
import pyarrow.parquet

import hostile
from hostile import file, sparse


def honest(rows=3):
    return pyarrow.table({"id": [f"r{n}" for n in range(rows)], "x": numpy.arange(rows, dtype="f4")})


def parquet(table, **options):
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, **options)
    return buffer.getvalue()


def arrow(table, **options):
    buffer = io.BytesIO()
    with pyarrow.ipc.new_file(buffer, table.schema, options=pyarrow.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def replaced(data, old, new, last=False):
    """The same bytes with one place changed, which must be there."""
    at = data.rfind(old) if last else data.find(old)
    assert at >= 0 and len(old) == len(new), (old, new)
    return data[:at] + new + data[at + len(old):]


# Parquet: the footer is Thrift's compact protocol. A struct is a list of (field, value); an int is an i32 or an i64, bytes a text.


def varint(number):
    out = b""
    while True:
        out += bytes([number & 127 | (128 if number > 127 else 0)])
        number >>= 7
        if not number:
            return out


def zigzag(number):
    return varint((number << 1) ^ (number >> 63) if number >= 0 else ((-number - 1) << 1) | 1)


def kind(value):
    return {bool: 1, int: 6, bytes: 8, list: 9, tuple: 12}[type(value)]


def thrift(value):
    if isinstance(value, int):
        return zigzag(value)
    if isinstance(value, bytes):
        return varint(len(value)) + value
    if isinstance(value, list):
        element = kind(value[0]) if value else 12
        head = bytes([len(value) << 4 | element]) if len(value) < 15 else bytes([0xF0 | element]) + varint(len(value))
        return head + b"".join(thrift(part) for part in value)
    out, before = b"", 0
    for number, part in value:
        wire = 5 if isinstance(part, I32) else kind(part)
        out += bytes([(number - before) << 4 | wire]) if number - before < 16 else bytes([wire]) + zigzag(number)
        out += zigzag(part.value) if isinstance(part, I32) else thrift(part)
        before = number
    return out + b"\0"


class I32:
    def __init__(self, value):
        self.value = value


def schema(*fields):
    root = ((4, b"schema"), (5, I32(len(fields))))
    return [root, *fields]


ID = ((1, I32(6)), (3, I32(0)), (4, b"id"), (6, I32(0)))
X = ((1, I32(4)), (3, I32(0)), (4, b"x"))


def footer(rows, groups, fields=(ID, X)):
    body = thrift(((1, I32(1)), (2, schema(*fields)), (3, rows), (4, groups)))
    return body + struct.pack("<I", len(body)) + b"PAR1"


def chunk(name, physical, values, offset, size, codec=0, dictionary=None, plain=None):
    meta = [(1, I32(physical)), (2, [0]), (3, [name]), (4, I32(codec)), (5, values), (6, size if plain is None else plain), (7, size), (9, offset)]
    if dictionary is not None:
        meta.append((11, dictionary))
    return ((2, offset), (3, tuple(meta)))


def page(values, data, plain=None, encoding=0):
    """A data page of version 1."""
    head = ((1, I32(0)), (2, I32(len(data) if plain is None else plain)), (3, I32(len(data))),
            (5, ((1, I32(values)), (2, I32(encoding)), (3, I32(3)), (4, I32(3)))))
    return thrift(head) + data


def dictionary_page(values, data, plain=None):
    head = ((1, I32(2)), (2, I32(len(data) if plain is None else plain)), (3, I32(len(data))), (7, ((1, I32(values)), (2, I32(0)))))
    return thrift(head) + data


def columns(rows, first, second, codec=0, dictionaries=(None, None), plain=(None, None)):
    """A file of one row group with the pages of `id` and of `x`."""
    out = b"PAR1"
    chunks = []
    for name, physical, pages, dictionary, size in ((b"id", 6, first, dictionaries[0], plain[0]), (b"x", 4, second, dictionaries[1], plain[1])):
        start = len(out)
        if dictionary is not None:
            out += dictionary
        chunks.append(chunk(name, physical, rows, len(out), len(out) - start + len(pages), codec, None if dictionary is None else start, size))
        out += pages
    return out + footer(rows, [((1, chunks), (2, len(out)), (3, rows))])


IDS = struct.pack("<I", 1) + b"a"
ONES = struct.pack("<f", 1)


@file("honest-3.parquet", "done")
def _():
    """Shows that the files below would be read but for what is wrong with them."""
    return columns(3, page(3, IDS * 3), page(3, ONES * 3))


@file("footer-noise.parquet", "data.format")
def _():
    data = parquet(honest())
    return data[:-40] + bytes(range(7, 39)) + data[-8:]


@file("footer-long.parquet", "data.truncated")
def _():
    return parquet(honest())[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1"


@file("footer-short.parquet", "data.format")
def _():
    return parquet(honest())[:-8] + struct.pack("<I", 1) + b"PAR1"


@file("footer-list.parquet", "data.format")
def _():
    """A list in it has 2^31 - 1 elements, none of which is there."""
    body = b"\x15\x02\x19\xfc" + varint(2**31 - 1)
    return b"PAR1" + body + struct.pack("<I", len(body)) + b"PAR1"


@file("schema-200000-deep.parquet", "data.format", "data.limit.nesting")
def _():
    group = ((3, I32(0)), (4, b"g"), (5, I32(1)))
    fields = [((4, b"schema"), (5, I32(1)))] + [group] * 200_000 + [X]
    body = thrift(((1, I32(1)), (2, fields), (3, 0), (4, [])))
    return b"PAR1" + body + struct.pack("<I", len(body)) + b"PAR1"


@file("schema-children.parquet", "data.format")
def _():
    """A group says that it has 2^31 - 1 children."""
    fields = [((4, b"schema"), (5, I32(2**31 - 1))), ID, X]
    body = thrift(((1, I32(1)), (2, fields), (3, 0), (4, [])))
    return b"PAR1" + body + struct.pack("<I", len(body)) + b"PAR1"


@file("columns-100005.parquet", "data.limit.columns", "attempt.time")
def _():
    return b"PAR1" + footer(0, [], [ID, X] + [((1, I32(4)), (3, I32(0)), (4, b"f%d" % n)) for n in range(100_005)])


@file("rows-1e9-no-groups.parquet", "data.format", "done")
def _():
    return b"PAR1" + footer(10**9, [])


@file("rows-1e12-no-pages.parquet", "data.format")
def _():
    return columns(10**12, b"", b"")


@file("rows-more-than-pages.parquet", "data.format")
def _():
    return columns(10**9, page(3, IDS * 3), page(3, ONES * 3))


@file("rows-negative.parquet", "data.format", "done")
def _():
    return columns(-5, page(3, IDS * 3), page(3, ONES * 3))


@file("page-values-lie.parquet", "data.format")
def _():
    return columns(10**9, page(10**9, IDS * 3), page(10**9, ONES * 3))


@file("page-values-negative.parquet", "data.format")
def _():
    return columns(3, page(-1, IDS * 3), page(-2**31, ONES * 3))


@file("page-size-lies.parquet", "data.format", "attempt.memory", "attempt.resources")
def _():
    """Compressed pages of some bytes that say they unpack to 2 GiB."""
    data = pyarrow.compress(IDS * 3, "zstd", asbytes=True)
    return columns(3, page(3, data, plain=2**31 - 1), page(3, data, plain=2**31 - 1), codec=6)


@file("page-bomb.parquet", "data.format", "attempt.memory", "attempt.resources")
def _():
    """A page of 1 GiB of zeros in 100 kB: as many empty texts, and more bytes than it has values."""
    data = pyarrow.compress(b"\0" * (1 << 30), "zstd", asbytes=True)
    return columns(3, page(3, data, plain=1 << 30), page(3, data, plain=1 << 30), codec=6)


@file("dictionary-size-lies.parquet", "data.format", "attempt.memory", "attempt.resources")
def _():
    indices = b"\1" + varint(3 << 1) + b"\0"
    return columns(
        3, page(3, indices, encoding=8), page(3, ONES * 3), dictionaries=(dictionary_page(2**31 - 1, IDS), None))


@file("dictionary-index.parquet", "data.format")
def _():
    """Rows of entries that the dictionary does not have."""
    indices = b"\x20" + varint(3 << 1) + struct.pack("<I", 2**31 - 1)
    return columns(3, page(3, indices, encoding=8), page(3, ONES * 3), dictionaries=(dictionary_page(1, IDS), None))


@file("dictionary-page-huge.parquet", "attempt.memory", "attempt.time", "attempt.resources", "output.fills-disk")
def _():
    """One text of 64 MiB in a dictionary, and a million rows of it: 64 TB."""
    text = b"a" * (64 << 20)
    rows = 1_000_000
    dictionary = pyarrow.compress(struct.pack("<I", len(text)) + text, "zstd", asbytes=True)
    indices = pyarrow.compress(b"\1" + varint(rows << 1) + b"\0", "zstd", asbytes=True)
    ones = pyarrow.compress(ONES * rows, "zstd", asbytes=True)
    plain = 2 + len(varint(rows << 1))
    return columns(
        rows, page(rows, indices, plain=plain, encoding=8), page(rows, ones, plain=4 * rows), codec=6,
        dictionaries=(dictionary_page(1, dictionary, plain=4 + len(text)), None))


@file("rows-1e9-run.parquet", "attempt.time")
def _():
    """Really 10^9 rows, in 200 bytes: runs of one dictionary entry."""
    rows = 10**9
    indices = b"\1" + varint(rows << 1) + b"\0"
    return columns(
        rows, page(rows, indices, encoding=8), page(rows, indices, encoding=8),
        dictionaries=(dictionary_page(1, IDS), dictionary_page(1, ONES)))


@file("text-length-lies.parquet", "data.format")
def _():
    return columns(3, page(3, struct.pack("<I", 2**32 - 1) + b"abc"), page(3, ONES * 3))


@file("offsets-outside.parquet", "data.format")
def _():
    rows = 3
    chunks = [chunk(b"id", 6, rows, 2**62, 40), chunk(b"x", 4, rows, -40, 2**62)]
    return b"PAR1" + footer(rows, [((1, chunks), (2, 80), (3, rows))])


@file("lists-200-deep.parquet", "data.limit.nesting", "data.format")
def _():
    value = pyarrow.array([1.0], pyarrow.float32())
    for _ in range(200):
        value = pyarrow.ListArray.from_arrays(pyarrow.array([0, 1], pyarrow.int32()), value)
    return parquet(pyarrow.table({"id": ["a"], "x": [1.0], "deep": value}))


@file("encrypted-footer.parquet", "data.format", "data.unsupported")
def _():
    return b"PARE" + os.urandom(64) + struct.pack("<I", 40) + b"PARE"


# Arrow: a number is found in the messages by its value, and another is put in its place.


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
    return replaced(arrow(table, compression="zstd"), struct.pack("<q", 400_000) + b"\x28\xb5\x2f\xfd", struct.pack("<q", 2**40) + b"\x28\xb5\x2f\xfd")


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


# Arrays.


def npy(descr, shape, data=b"", version=1):
    header = ("{'descr': %s, 'fortran_order': False, 'shape': %s, }" % (descr, shape)).encode()
    length = struct.pack("<H", len(header)) if version == 1 else struct.pack("<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


@file("header-4-gib.npy", "data.truncated", "data.limit.header", "data.format")
def _():
    return b"\x93NUMPY\2\0" + struct.pack("<I", 2**32 - 1) + b"{'descr': '<f4'" + bytes(64)


@file("shape-overflows.npy", "data.truncated", "data.format", "data.columns")
def _():
    return npy("'<f4'", (2**62, 2**62), ONES * 4)


@file("shape-negative.npy", "data.truncated", "data.format")
def _():
    return npy("'<f4'", (-3, 1), ONES * 4)


@file("shape-2-to-the-200.npy", "data.truncated", "data.format")
def _():
    return npy("'<f4'", "(%d,)" % 2**200, ONES * 4)


@file("shape-100000-axes.npy", "data.truncated", "data.format", "data.limit.header")
def _():
    return npy("'<f4'", "(" + "1," * 100_000 + ")", ONES, version=2)


@file("header-nested.npy", "data.truncated", "data.format", "data.limit.header")
def _():
    return npy("[" * 30_000 + "]" * 30_000, (3, 1), ONES * 3, version=2)


@file("pickle.npy", "data.unsupported", "data.format", "data.truncated")
def _():
    return npy("'|O'", (1,), b"\x80\x04c__builtin__\nexec\n(S'raise SystemExit'\ntR.")


@file("row-huge.npy", "data.limit.row", "data.truncated")
def _():
    return npy("'<f4'", (1, 10**9), ONES)


ROW, ZEROS = npy("'<f4'", (1, 2**28)), npy("'<f4'", (2 * 10**9, 1))
file("row-1-gib.npy", "data.limit.row")(sparse(ROW, len(ROW) + (1 << 30)))
file("zeros-8-gb.npy", "data.columns", "attempt.time")(sparse(ZEROS, len(ZEROS) + 8 * 10**9))


def archive(entries, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as out:
        for name, data in entries:
            out.writestr(name, data)
    return buffer.getvalue()


@file("unpacks-1000-fold.npz", "data.limit.compression")
def _():
    return archive([("x.npy", npy("'<f4'", (160_000_000, 1)) + bytes(640_000_000))])


@file("nested-unpacks.npz", "data.format", "data.unsupported", "data.columns")
def _():
    inner = archive([("x.npy", npy("'<f4'", (1_000_000, 1)) + bytes(4_000_000))])
    return archive([("id.npy", npy("'<i8'", (3,), bytes(24)))] + [(f"x{n}.npz", inner) for n in range(1000)])


@file("overlapping.npz", "data.limit.compression", "data.format", "data.truncated", "data.columns", "data.unsupported")
def _():
    """A thousand names of one entry of 400 MB, which the directory gives once more each time."""
    content = npy("'<f4'", (100_000_000, 1)) + bytes(400_000_000)
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packed.compress(content) + packed.flush()
    crc = zlib.crc32(content)
    common = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, crc, len(data), len(content), 0, 0)
    out = bytearray(b"PK\3\4" + common[:22] + struct.pack("<HH", 5, 0) + b"x.npy" + data)
    start = len(out)
    for number in range(1000):
        name = b"x%d.npy" % number if number else b"x.npy"
        out += b"PK\1\2" + struct.pack("<H", 20) + common[:22] + struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, 0) + name
    size = len(out) - start
    return bytes(out) + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1000, 1000, size, start, 0)


def patched_archive(at_entry, value):
    """An archive of one stored array with a field of its directory entry changed."""
    data = archive([("id.npy", npy("'<i8'", (3,), bytes(24))), ("x.npy", npy("'<f4'", (3, 1), ONES * 3))], zipfile.ZIP_STORED)
    at = data.rfind(b"PK\1\2") + at_entry
    return data[:at] + value + data[at + len(value):]


file("size-lies.npz", "data.format", "data.truncated", "data.limit.compression")(lambda: patched_archive(24, struct.pack("<I", 2**31)))
file("checksum.npz", "data.format")(lambda: patched_archive(16, struct.pack("<I", 1)))
file("offset-outside.npz", "data.truncated", "data.format")(lambda: patched_archive(42, struct.pack("<I", 2**31)))
file("encrypted.npz", "data.unsupported", "data.truncated")(lambda: patched_archive(8, struct.pack("<H", 1)))
file("method-12.npz", "data.unsupported", "data.truncated")(lambda: patched_archive(10, struct.pack("<H", 12)))


@file("twice.npz", "data.format")
def _():
    content = npy("'<f4'", (3, 1), ONES * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return archive([("x.npy", content), ("x.npy", content)])


# Compressed text.


def row_gzip(row, times, path, level=1):
    """CSV of so many equal rows, without ever having it in memory."""
    with open(path, "wb") as out:
        packed = zlib.compressobj(level, zlib.DEFLATED, 31)
        out.write(packed.compress(b"id,x\n"))
        piece = row * 100_000
        for _ in range(times // 100_000):
            out.write(packed.compress(piece))
        out.write(packed.flush())


file("rows.csv.gz", "attempt.time", "data.limit.compression")(lambda path: row_gzip(b"a,1\n", 50_000_000, path))
file("row-without-end.csv.gz", "data.limit.row")(lambda path: row_gzip(b"a", 100_000_000, path))


@file("members.csv.gz", "attempt.time", "done")
def _():
    """A hundred thousand empty members."""
    return gzip.compress(b"id,x\n") + gzip.compress(b"") * 100_000 + gzip.compress(b"a,1\n")


@file("cut.csv.gz", "data.format")
def _():
    return gzip.compress(b"id,x\n" + b"a,1\n" * 1000, mtime=0)[:-20] + struct.pack("<II", 0, 4005)


@file("noise.csv.gz", "data.format")
def _():
    return b"\x1f\x8b\x08\0\0\0\0\0\0\3" + bytes(n * 151 & 255 for n in range(4096)) + struct.pack("<II", 0, 100)


def zstd(path, head, filler, megabytes):
    piece = filler * ((1 << 20) // len(filler))
    process = subprocess.Popen(["zstd", "-q", "-f", "-1", "-o", path], stdin=subprocess.PIPE)
    process.stdin.write(head)
    for _ in range(megabytes):
        process.stdin.write(piece)
    process.stdin.close()
    assert process.wait() == 0


file("blank-zst.csv.zst", "data.limit.blank", "attempt.time")(lambda path: zstd(path, b"id,x\n", b"\n", 300))
file("spaces.jsonl.zst", "data.limit.row", "data.limit.blank", "data.format")(lambda path: zstd(path, b"", b" ", 300))
file("rows-zst.jsonl.zst", "attempt.time", "data.limit.compression")(lambda path: zstd(path, b"", b'{"id":"a","x":1}\n', 600))


@file("blocks.csv.zst", "data.limit.blank", "data.limit.row", "attempt.time", "data.limit.compression")
def _():
    """Blocks of four bytes, each of which stands for 128 KiB of the same byte: 6 GB in 200 kB."""
    block = struct.pack("<I", (128 << 10) << 3 | 1 << 1)[:3] + b"\n"
    last = struct.pack("<I", 1 << 3 | 1 << 1 | 1)[:3] + b"\n"
    return struct.pack("<I", 0xFD2FB528) + b"\0\x58" + block * 50_000 + last


@file("window.csv.zst", "data.unsupported")
def _():
    """A window of 3.75 TiB."""
    last = struct.pack("<I", 1 << 3 | 1 << 1 | 1)[:3] + b"\n"
    return struct.pack("<I", 0xFD2FB528) + b"\0\xff" + last


@file("skipped.csv.zst", "data.format", "done", "data.columns")
def _():
    return (struct.pack("<II", 0x184D2A50, 16) + bytes(16)) * 100_000


# Text.


@file("keys-1000005.jsonl", "data.limit.columns", "data.limit.row")
def _():
    return b'{"id":"a","x":1,' + b",".join(b'"k%d":1' % n for n in range(1_000_005)) + b"}\n"


@file("keys-inside.jsonl", "data.limit.columns")
def _():
    return b'{"id":"a","x":1,"z":{' + b",".join(b'"k%d":1' % n for n in range(100_000)) + b"}}\n"


@file("key-new-in-each-row.jsonl", "data.limit.columns", "attempt.time")
def _():
    return b"".join(b'{"id":"a","x":1,"k%d":1}\n' % n for n in range(150_000))


@file("digits.jsonl", "data.value", "data.format", "data.limit.row")
def _():
    return b'{"id":"a","x":1' + b"0" * 10_000_000 + b"}\n"


@file("text-open.jsonl", "data.limit.row", "data.format")
def _():
    return b'{"id":"' + b"a" * 40_000_000


@file("escapes.jsonl", "data.format")
def _():
    return b'{"id":"\\ud800\\ud800\\q","x":1}\n'


@file("bytes.jsonl", "data.value")
def _():
    return b'{"id":"\xff\xfe\xc0\x80","x":1}\n'


@file("array-of-rows.json", "data.format", "data.limit.row", "data.limit.nesting")
def _():
    return b"[" + b",".join(b'{"id":"a","x":1}' for _ in range(2_000_000)) + b"]"


@file("colons.jsonl", "data.format", "data.limit.nesting")
def _():
    return b"{" * 1_000_000 + b"\n" + b":" * 1_000_000


@file("header-alone-long.csv", "data.limit.row", "data.limit.columns", "attempt.time")
def _():
    return b"," * 20_000_000


@file("header-alike.csv", "done")
def _():
    return b"id,x," + b",".join([b"f"] * 90_000) + b"\na,1," + b",".join([b"1"] * 90_000) + b"\n"


@file("quotes.csv", "data.format", "data.limit.row", "data.value", "data.columns")
def _():
    return b'id,x\n' + b'"""' * 5_000_000 + b"\n"


@file("ragged.csv", "data.format")
def _():
    return b"id,x\n" + b"".join(b"a" + b"," * (n % 50) + b"\n" for n in range(100_000))


@file("returns.csv", "data.format", "data.limit.row", "data.limit.blank", "data.columns")
def _():
    return b"id,x" + b"\r" * 100_000_000


@file("utf-16-odd.csv", "data.format", "data.columns")
def _():
    return "id,x\na,1\n".encode("utf-16") + b"\xd8"


file("zeros-after-header.csv", "data.limit.row", "data.format")(sparse(b"id,x\n", 3 * 10**9))
file("zeros.jsonl", "data.limit.row", "data.format")(sparse(b"", 3 * 10**9))


# What is no table at all.


@file("image-png.csv", "data.format", "data.columns")
def _():
    """A PNG of 2^31 times 2^31 pixels."""
    def part(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = part(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + part(b"IDAT", zlib.compress(bytes(1000))) + part(b"IEND", b"")


@file("image-jpg.parquet", "data.truncated")
def _():
    return b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\3" + bytes(9) + b"\xff\xd9"


@file("page.csv", "data.truncated")
def _():
    return b"<!DOCTYPE html><html><body>Sign in</body></html>"


@file("pointer.parquet", "data.truncated")
def _():
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"


@file("program.npz", "data.truncated")
def _():
    return b"\x7fELF" + bytes(4096)


@file("csv.parquet", "data.truncated")
def _():
    return b"id,x\na,1\n"


@file("empty.arrow", "data.truncated")
def _():
    return b""


if __name__ == "__main__":
    hostile.main(sys.argv[1])
