"""Files that are no tables at all."""
import struct
import zlib

from hostile import file


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
