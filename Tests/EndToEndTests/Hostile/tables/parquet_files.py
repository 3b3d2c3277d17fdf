"""Parquet files that were made to do harm.

The footer is Thrift's compact protocol: a struct is a list of (field, value); an int is an i32 or an i64, bytes a text.
"""
import os
import struct

import pyarrow

from hostile import file
from tables.common import ONES, honest, parquet


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
    meta = [(1, I32(physical)), (2, [0]), (3, [name]), (4, I32(codec)), (5, values),
            (6, size if plain is None else plain), (7, size), (9, offset)]
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


def columns(rows, first, second, codec=0, dictionaries=(None, None), plain=(None, None), group=None, whole=None):
    """A file of one row group with the pages of `id` and of `x`; its columns have `rows` values, and `group` and `whole` are what the group
    and the footer say."""
    group = rows if group is None else group
    out = b"PAR1"
    chunks = []
    for name, physical, pages, dictionary, size in (
        (b"id", 6, first, dictionaries[0], plain[0]),
        (b"x", 4, second, dictionaries[1], plain[1]),
    ):
        start = len(out)
        if dictionary is not None:
            out += dictionary
        chunks.append(chunk(name, physical, rows, len(out), len(out) - start + len(pages), codec,
                            None if dictionary is None else start, size))
        out += pages
    return out + footer(group if whole is None else whole, [((1, chunks), (2, len(out)), (3, group))])


IDS = struct.pack("<I", 1) + b"a"


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


@file("rows-1e9-no-groups.parquet", "data.format")
def _():
    return b"PAR1" + footer(10**9, [])


@file("rows-1e12-no-pages.parquet", "data.format")
def _():
    return columns(10**12, b"", b"")


@file("rows-more-than-pages.parquet", "data.format")
def _():
    return columns(10**9, page(3, IDS * 3), page(3, ONES * 3))


@file("rows-negative.parquet", "data.format")
def _():
    return columns(-5, page(3, IDS * 3), page(3, ONES * 3))


@file("rows-none.parquet", "data.format")
def _():
    """The footer and the row group say that there are none, and the columns have three."""
    return columns(3, page(3, IDS * 3), page(3, ONES * 3), group=0)


@file("rows-fewer-than-values.parquet", "data.format")
def _():
    return columns(3, page(3, IDS * 3), page(3, ONES * 3), group=2)


@file("rows-not-of-groups.parquet", "data.format")
def _():
    """The row group has three rows, and the footer says that there are none."""
    return columns(3, page(3, IDS * 3), page(3, ONES * 3), whole=0)


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
