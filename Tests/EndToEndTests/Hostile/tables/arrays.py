"""Arrays, and archives of them, that were made to do harm."""
import io
import struct
import warnings
import zipfile
import zlib

from hostile import file, sparse
from tables.common import ONES


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
