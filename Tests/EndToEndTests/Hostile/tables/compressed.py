"""Compressed text that was made to do harm."""
import gzip
import struct
import subprocess
import zlib

from hostile import file


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
