"""Writing the samples' tables: the same columns as CSV, JSON Lines, Parquet or Arrow, by extension, and always as the same bytes."""

import csv
import gzip
import io
import json
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet


def write(path: Path, columns: dict[str, list]) -> None:
    """Writes columns of equal length; None is a missing value: an empty CSV field, a JSON null, a null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    encoders = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet, "arrow": _arrow}
    _, extension, *compression = path.name.split(".")
    content = encoders[extension](columns)
    if compression == ["gz"]:
        content = gzip.compress(content, mtime=0)
    elif compression == ["zst"]:
        content = pyarrow.compress(content, codec="zstd", asbytes=True)
    path.write_bytes(content)


def number(value) -> int | float:
    """A NumPy number as Python's; a float32 as the shortest decimal that reads back as the same float32."""
    return float(str(value)) if isinstance(value, numpy.floating) else int(value)


def _rows(columns: dict[str, list]):
    return zip(*columns.values(), strict=True)


def _csv(columns: dict[str, list]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(_rows(columns))
    return text.getvalue().encode()


def _jsonl(columns: dict[str, list]) -> bytes:
    return "".join(json.dumps(dict(zip(columns, row))) + "\n" for row in _rows(columns)).encode()


def _parquet(columns: dict[str, list]) -> bytes:
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table(columns), sink, compression="zstd", row_group_size=64)
    return sink.getvalue().to_pybytes()


def _arrow(columns: dict[str, list]) -> bytes:
    table = pyarrow.table(columns)
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=64)
    return sink.getvalue().to_pybytes()
