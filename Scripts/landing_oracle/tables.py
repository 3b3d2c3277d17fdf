"""Parquet and Arrow; fully where pyarrow is there."""
import io, struct

from .thrift import Thrift
from .wholeness import Broken, text

try:
    import pyarrow, pyarrow.ipc, pyarrow.parquet
except ImportError:
    pyarrow = None


def read_parquet(data, key):
    if len(data) < 12 or data[:4] != b"PAR1" or data[-4:] != b"PAR1":
        raise Broken("no PAR1 at both ends")
    (length,) = struct.unpack("<I", data[-8:-4])
    if length + 12 > len(data):
        raise Broken("the footer does not fit")
    if pyarrow:
        try:
            table = pyarrow.parquet.read_table(io.BytesIO(data))
        except Exception as error:
            raise Broken(str(error))
        return table.num_rows, column(table, key)
    return Thrift(data[-8 - length:-8]).parquet_rows(), None


def read_arrow(data, key):
    if len(data) < 16 or data[:6] != b"ARROW1" or data[-6:] != b"ARROW1":
        raise Broken("no ARROW1 at both ends")
    if not pyarrow:
        return None, None
    try:
        table = pyarrow.ipc.open_file(io.BytesIO(data)).read_all()
    except Exception as error:
        raise Broken(str(error))
    return table.num_rows, column(table, key)


def column(table, key):
    return [text(value) for value in table.column(key).to_pylist()] if key in table.column_names else None
