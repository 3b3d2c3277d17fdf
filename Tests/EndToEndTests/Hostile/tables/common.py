"""What the makers of hostile tables share."""
import io
import struct

import numpy
import pyarrow
import pyarrow.ipc
import pyarrow.parquet


ONES = struct.pack("<f", 1)


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
