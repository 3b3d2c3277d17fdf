"""NPY and NPZ."""
import io, re, struct, zipfile

from .wholeness import Broken


def read_npy(data, key):
    if data[:6] != b"\x93NUMPY":
        raise Broken("no NPY magic")
    wide = data[6] > 1
    start = 12 if wide else 10
    if len(data) < start:
        raise Broken("the header is cut")
    length = struct.unpack("<I" if wide else "<H", data[8:start])[0]
    header = data[start:start + length].decode("latin-1")
    shape = re.search(r"'shape':\s*\(([^)]*)\)", header)
    kind = re.search(r"'descr':\s*'[<>|=]?([a-zA-Z])(\d+)'", header)
    if len(data) < start + length or not shape or not kind:
        raise Broken("the header is cut")
    sizes = [int(part) for part in shape.group(1).split(",") if part.strip()]
    count = int(kind.group(2)) * (4 if kind.group(1) == "U" else 1)
    for size in sizes:
        count *= size
    if start + length + count != len(data):
        raise Broken(f"{len(data)} bytes instead of {start + length + count}")
    return (sizes[0] if sizes else 1), None


def read_npz(data, key):
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if archive.testzip():
                raise Broken("a member is damaged")
            rows = {read_npy(archive.read(name), key)[0] for name in archive.namelist()}
    except zipfile.BadZipFile as error:
        raise Broken(str(error))
    return (rows.pop() if len(rows) == 1 else None), None
