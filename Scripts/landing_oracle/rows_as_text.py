"""CSV and JSON. As every reader: (row count or None, key values or None) of whole bytes, or raises Broken."""
import csv, io, json

from .wholeness import Broken, text


def read_csv(data, key):
    if not data.endswith(b"\n"):
        raise Broken("the last line has no end")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))
    if not rows or not rows[0]:
        raise Broken("no header")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            raise Broken(f"record {number} has {len(row)} fields, the header {len(rows[0])}")
    keys = [row[rows[0].index(key)] for row in rows[1:]] if key in rows[0] else None
    return len(rows) - 1, keys


def read_jsonl(data, key):
    if data and not data.endswith(b"\n"):
        raise Broken("the last line has no end")
    records = []
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        if line.strip():
            try:
                records.append(json.loads(line))
            except ValueError as error:
                raise Broken(f"line {number}: {error}")
    keys = [text(record.get(key)) for record in records] if key and all(key in record for record in records) else None
    return len(records), keys


def read_json(data, key):
    try:
        json.loads(data)
    except ValueError as error:
        raise Broken(str(error))
    return None, None
