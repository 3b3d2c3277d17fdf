#!/usr/bin/env python3
"""Makes Frames/: one frame as many tools write it, for the test that every format gives the same answer.

Run with an interpreter that has pyarrow, pandas, duckdb, polars and numpy: python make-frames.py [DIRECTORY]
The committed files came from the versions named in Frames/VERSIONS.

The frame has a column for each thing that a table can hold; frame.json says what each is for, and which file cannot say it, and why.
"""
import datetime, decimal, json, os, random, sys
import duckdb, numpy as np, pandas as pd, polars as pl, pyarrow as pa
import pyarrow.csv as pacsv, pyarrow.ipc as ipc, pyarrow.parquet as pq

out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "Frames")
os.makedirs(out, exist_ok=True)
os.chdir(out)
random.seed(20261129)
ROWS = 6
utc = datetime.timezone.utc

def integers(bits, signed):
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return [low, high] + [random.randint(low, high) for _ in range(ROWS - 3)] + [1]

def rounded(bits):
    return [float(np.float32(random.uniform(-1000, 1000))) if bits == 32 else random.uniform(-1e6, 1e6) for _ in range(ROWS)]

times = [
    datetime.datetime(2024, 2, 29, 12, 30, 15, 500000), datetime.datetime(1969, 12, 31, 23, 59, 59), datetime.datetime(2024, 1, 1, 0, 0, 0),
    datetime.datetime(2031, 7, 4, 5, 6, 7), datetime.datetime(2000, 1, 1, 1, 1, 1), datetime.datetime(2024, 10, 27, 2, 30, 0),
]
days = [t.date() for t in times]
columns = {
    **{f"i{b}": (pa.type_for_alias(f"int{b}"), integers(b, True)) for b in (8, 16, 32, 64)},
    **{f"u{b}": (pa.type_for_alias(f"uint{b}"), integers(b, False)) for b in (8, 16, 32, 64)},
    "wide": (pa.int64(), [2**53 + 1, -(2**53) - 1, 2**62 + 1, 16777217, 0, 9007199254740993]),
    "gaps": (pa.int64(), [1, None, 3, None, 5, 6]),
    "f32": (pa.float32(), rounded(32)),
    "f64": (pa.float64(), rounded(64)),
    "whole": (pa.float64(), [1.0, -2.0, 3.0, 0.0, 1e6, 7.0]),
    "huge": (pa.float64(), [1.0, 2.0, 1.7976931348623157e308, 1.0, -1e300, 0.0]),
    "tiny": (pa.float64(), [1e-300, 5e-324, 1e-40, -1e-45, 0.0, 1.0]),
    "inf": (pa.float64(), [1.0, float("inf"), float("-inf"), 2.0, 3.0, 4.0]),
    "nan": (pa.float64(), [1.0, float("nan"), 2.0, 3.0, 4.0, float("nan")]),
    "holes": (pa.float64(), [1.5, None, 2.5, None, 3.5, 4.5]),
    "flag": (pa.bool_(), [True, False, True, True, False, False]),
    "maybe": (pa.bool_(), [True, None, False, None, True, False]),
    "text": (pa.string(), ["plain", "a,b", "Zürich", "東京 é", "x y", "end"]),
    "quotes": (pa.string(), ['say "hi"', '""', "it's", 'a"b,c', "tab\there", "line\nbreak"]),
    "spaces": (pa.string(), [" lead", "trail ", "in side", "a", "b", "c"]),
    "empty": (pa.string(), ["", "a", "", "b", "c", ""]),
    "lacking": (pa.string(), ["a", None, "b", None, "c", "d"]),
    "digits": (pa.string(), ["1", "02", "-3", "4.5", "1e3", "6"]),
    "bignums": (pa.string(), ["18446744073709551615", "9007199254740993", "0", "1", "2", "3"]),
    "words": (pa.string(), ["1", "two", "3", "4", "5", "6"]),
    "colour": (pa.dictionary(pa.int32(), pa.string()), ["red", "green", "red", "blue", "green", "red"]),
    "code": (pa.dictionary(pa.int32(), pa.string()), ["10", "20", "10", "30", "20", "10"]),
    "price": (pa.decimal128(12, 2), [decimal.Decimal(s) for s in ["12.30", "-0.05", "9999999999.99", "0.00", "1.00", "7.50"]]),
    "count": (pa.decimal128(20, 0), [decimal.Decimal(s) for s in ["18446744073709551615", "9007199254740993", "0", "1", "2", "3"]]),
    "wider": (pa.decimal256(40, 2), [decimal.Decimal(s) for s in ["1.25", "2.50", "-3.75", "0.00", "100000.00", "4.00"]]),
    "day": (pa.date32(), days),
    "stamp": (pa.timestamp("us"), times),
    "zoned": (pa.timestamp("us", "UTC"), [t.replace(tzinfo=utc) for t in times]),
    "paris": (pa.timestamp("us", "Europe/Paris"), [t.replace(tzinfo=utc) for t in times]),
    "clock": (pa.time64("us"), [t.time() for t in times]),
    "span": (pa.duration("us"), [datetime.timedelta(seconds=i * 90061) for i in range(ROWS)]),
    "nothing": (pa.null(), [None] * ROWS),
    "bytes": (pa.binary(), [b"\x00\xff", b"a", b"", b"bc", b"\x80", b"d"]),
    "list": (pa.list_(pa.float64()), [[1.0, 2.5], [3.0, 4.0], [5.0, -6.0], [0.0, 1.0], [1e6, 2.0], [7.0, 8.0]]),
    "ints": (pa.list_(pa.int64()), [[1, 2], [2**53 + 1, 4], [5, 6], [7, 8], [9, 10], [11, 12]]),
    "names": (pa.list_(pa.string()), [["a", "b"], ["c", "é"], ["e", "f"], ["g", ""], ["i,j", "k"], ["l", "m"]]),
    "nested": (pa.list_(pa.list_(pa.float64())), [[[i * 1.0, i + 0.5], [i + 1.0, -i]] for i in range(ROWS)]),
    "pair": (pa.struct([("a", pa.int64()), ("b", pa.string())]), [{"a": i, "b": str(i)} for i in range(ROWS)]),
}
table = pa.table({name: pa.array(values, type) for name, (type, values) in columns.items()})
nested = ["list", "ints", "names", "nested", "pair", "bytes"]

cannot = {}  # file -> column -> reason
def lacks(file, names, reason):
    for name in names: cannot.setdefault(file, {}).setdefault(name, reason)

def csv_lacks(file):
    lacks(file, nested, "CSV has one value in a cell")
    lacks(file, ["span"], "every tool spells durations by itself in CSV")

# CSV
frame = table.drop_columns(nested + ["span"]).to_pandas(integer_object_nulls=True)
for name in ["maybe", "gaps"]: frame[name] = frame[name].astype({"maybe": "boolean", "gaps": "Int64"}[name])
frame.to_csv("pandas.csv", index=False)
csv_lacks("pandas.csv")
lacks("pandas.csv", ["nan"], "pandas writes NaN and a missing value alike, as nothing")
lacks("pandas.csv", ["empty"], "pandas writes an empty text and a missing value alike, as nothing")
frame.to_csv("pandas-quoted.csv", index=False, quoting=1)
csv_lacks("pandas-quoted.csv")
lacks("pandas-quoted.csv", ["nan"], "pandas writes NaN and a missing value alike, as nothing")
lacks("pandas-quoted.csv", ["empty", "lacking", "gaps", "maybe", "nothing"],
      "with every cell in quotes an empty text and a missing one are alike")
polars = pl.from_arrow(table.drop_columns(["wider"]))
for file in ("polars.csv", "polars.jsonl", "polars.parquet", "polars.arrow"): lacks(file, ["wider"], "Polars has no decimals of 256 bits")
polars.select([c for c in polars.columns if c not in nested + ["span"]]).write_csv("polars.csv")
csv_lacks("polars.csv")
duckdb.sql("set timezone = 'UTC'")
plain = table.drop_columns(nested + ["span", "nothing", "wider"])
duckdb.sql("copy (select * from plain) to 'duckdb.csv' (header)")
csv_lacks("duckdb.csv")
lacks("duckdb.csv", ["nothing", "wider"], "DuckDB has no such type")
pacsv.write_csv(plain.set_column(plain.schema.get_field_index("colour"), "colour", plain["colour"].cast(pa.string()))
                     .set_column(plain.schema.get_field_index("code"), "code", plain["code"].cast(pa.string())), "pyarrow.csv")
csv_lacks("pyarrow.csv")
lacks("pyarrow.csv", ["nothing", "wider"], "left out of this file")
def spark(value, type):
    """A cell as Spark's CSV writer makes it by default."""
    if value is None: return ""
    if isinstance(value, bool): return "true" if value else "false"
    if isinstance(value, float):
        return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(
            repr(value), repr(value).replace("e+", "E").replace("e-", "E-"))
    if isinstance(value, datetime.datetime):
        return (value.astimezone(utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}"
                + ("Z" if value.tzinfo else ""))
    text = str(value)
    if text == "": return '""'
    if any(c in text for c in ',"\n') : text = '"' + text.replace('"', '\\"') + '"'
    return text
sparkless = plain.drop_columns(["quotes", "spaces", "clock"])
with open("spark.csv", "w", newline="") as f:
    f.write(",".join(sparkless.column_names) + "\n")
    for row in sparkless.to_pylist():
        f.write(",".join(spark(row[n], sparkless.schema.field(n).type) for n in sparkless.column_names) + "\n")
csv_lacks("spark.csv")
lacks("spark.csv", ["nothing", "wider"], "Spark has no such type")
lacks("spark.csv", ["clock"], "Spark has no times of day")
lacks("spark.csv", ["quotes"], "Spark escapes with a backslash, which dialect.escape says")
lacks("spark.csv", ["spaces"], "Spark trims blanks when it writes")

# JSON Lines
def json_lacks(file):
    lacks(file, ["nan", "inf"], "JSON has no NaN and no infinity: a null stands there")
    lacks(file, ["bytes"], "JSON has no bytes")
    lacks(file, ["span"], "JSON has no durations")
pandas = table.drop_columns(["bytes", "span", "clock", "nothing"]).to_pandas(integer_object_nulls=True)
for name in ["maybe", "gaps"]: pandas[name] = pandas[name].astype({"maybe": "boolean", "gaps": "Int64"}[name])
pandas["day"] = pandas["day"].astype(str)
pandas.drop(columns=["price", "count", "wider", "u64"]).to_json(
    "pandas.jsonl", orient="records", lines=True, date_format="iso", double_precision=15)
json_lacks("pandas.jsonl")
lacks("pandas.jsonl", ["clock", "nothing"], "left out of this file")
lacks("pandas.jsonl", ["price", "count", "wider", "u64"], "pandas' writer turns decimals, and integers beyond int64, into floats or fails")
lacks("pandas.jsonl", ["f32", "f64", "tiny", "huge"], "pandas' writer keeps 15 digits at most")
polars.select([c for c in polars.columns if c not in ["bytes", "span"]]).write_ndjson("polars.jsonl")
json_lacks("polars.jsonl")
whole = table.drop_columns(["bytes", "span", "nothing", "wider", "nan", "inf"])
duckdb.sql("copy (select * from whole) to 'duckdb.jsonl' (format json)")
json_lacks("duckdb.jsonl")
lacks("duckdb.jsonl", ["nothing", "wider"], "DuckDB has no such type")

# Parquet
parquet = table
pq.write_table(parquet, "pyarrow.parquet")
pq.write_table(parquet, "pyarrow-v1.parquet", version="1.0", use_dictionary=False, coerce_timestamps="ms", allow_truncated_timestamps=True)
table.to_pandas(
    integer_object_nulls=True, types_mapper={pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}.get
).drop(columns=["nothing"]).to_parquet("pandas.parquet", index=False)
lacks("pandas.parquet", ["nan"], "pandas writes NaN as a missing value")
lacks("pandas.parquet", ["nothing"], "left out of this file")
polars.write_parquet("polars.parquet")
entire = table.drop_columns(["nothing", "wider"])
duckdb.sql("copy (select * from entire) to 'duckdb.parquet' (format parquet)")
lacks("duckdb.parquet", ["nothing", "wider"], "DuckDB has no such type")
lacks("duckdb.parquet", ["span"], "DuckDB writes an interval")

# Arrow
with ipc.new_file("pyarrow.arrow", table.schema) as f: f.write_table(table)
with ipc.new_stream("pyarrow.arrows", table.schema) as f: f.write_table(table, max_chunksize=2)
polars.write_ipc("polars.arrow")
def coded(column):
    return (
        column.combine_chunks().dictionary_encode()
        if not pa.types.is_dictionary(column.type) and not pa.types.is_nested(column.type) and not pa.types.is_null(column.type)
        else column)
dictionaries = pa.table({n: coded(table[n]) for n in table.column_names})
with ipc.new_file("dictionaries.arrow", dictionaries.schema) as f: f.write_table(dictionaries)
def viewed(column):
    if pa.types.is_string(column.type): return column.cast(pa.string_view())
    if pa.types.is_binary(column.type): return column.cast(pa.binary_view())
    return column
views = pa.table({n: viewed(table[n]) for n in table.column_names})
with ipc.new_file("views.arrow", views.schema) as f: f.write_table(views)
def run_ends(column):
    import pyarrow.compute as pc
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_string, pa.types.is_timestamp, pa.types.is_date)
    return pc.run_end_encode(column.combine_chunks()) if any(k(column.type) for k in kinds) else column
runs = pa.table({n: run_ends(table[n]) for n in table.column_names})
with ipc.new_file("runs.arrow", runs.schema) as f: f.write_table(runs)

# NPZ
arrays = {}
for name in table.column_names:
    type = table.schema.field(name).type
    if pa.types.is_integer(type) and name != "gaps" or pa.types.is_floating(type) and name != "holes" or name == "flag":
        arrays[name] = np.array(table[name].to_pylist(), dtype=type.to_pandas_dtype())
    elif name in ("list", "ints", "nested"):
        arrays[name] = np.array(table[name].to_pylist())
    elif name in ("text", "spaces", "digits", "bignums", "words", "quotes", "empty"):
        arrays[name] = np.array(table[name].to_pylist())
np.savez("numpy.npz", **arrays)
lacks("numpy.npz", [n for n in table.column_names if n not in arrays], "NumPy has no missing values, and no such type without objects")

# All of Arrow's types, from Arrow's own enumeration; each is in every-type.arrow, or `unwritable` says why not.
dense = pa.UnionArray.from_dense(pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), [pa.array([1]), pa.array(["x"])])
sparse = pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["x", "y"])])
t0 = datetime.datetime(2024, 2, 29, 12, 30, 15)
examples = {
    "NA": pa.nulls(2), "BOOL": pa.array([True, False]),
    **{f"{'U' * u}INT{b}": pa.array([1, 2], pa.type_for_alias(f"{'u' * u}int{b}")) for b in (8, 16, 32, 64) for u in (0, 1)},
    "HALF_FLOAT": pa.array([np.float16(1.5), np.float16(2)], pa.float16()),
    "FLOAT": pa.array([1.5, 2], pa.float32()), "DOUBLE": pa.array([1.5, 2.0]),
    "STRING": pa.array(["1", "2"]), "LARGE_STRING": pa.array(["1", "2"], pa.large_string()),
    "STRING_VIEW": pa.array(["1", "2"], pa.string_view()),
    "BINARY": pa.array([b"1", b"2"]), "LARGE_BINARY": pa.array([b"1", b"2"], pa.large_binary()),
    "BINARY_VIEW": pa.array([b"1", b"2"], pa.binary_view()),
    "FIXED_SIZE_BINARY": pa.array([b"11", b"22"], pa.binary(2)),
    "DATE32": pa.array([t0.date()] * 2), "DATE64": pa.array([t0.date()] * 2, pa.date64()),
    "TIMESTAMP": pa.array([t0] * 2),
    "TIME32": pa.array([t0.time()] * 2, pa.time32("s")), "TIME64": pa.array([t0.time()] * 2, pa.time64("ns")),
    "DURATION": pa.array([datetime.timedelta(1)] * 2), "INTERVAL_MONTH_DAY_NANO": pa.array([(1, 2, 3)] * 2, pa.month_day_nano_interval()),
    **{f"DECIMAL{b}": pa.array([decimal.Decimal("1.50"), decimal.Decimal("2.00")], getattr(pa, f"decimal{b}")(9, 2))
       for b in (32, 64, 128, 256)},
    "LIST": pa.array([[1.0], [2.0]]), "LARGE_LIST": pa.array([[1.0], [2.0]], pa.large_list(pa.float64())),
    "FIXED_SIZE_LIST": pa.array([[1.0], [2.0]], pa.list_(pa.float64(), 1)),
    "LIST_VIEW": pa.array([[1.0], [2.0]], pa.list_view(pa.float64())),
    "LARGE_LIST_VIEW": pa.array([[1.0], [2.0]], pa.large_list_view(pa.float64())),
    "STRUCT": pa.array([{"a": 1}] * 2), "MAP": pa.array([[("k", 1)]] * 2, pa.map_(pa.string(), pa.int64())),
    "DICTIONARY": pa.array(["1", "2"]).dictionary_encode(),
    "RUN_END_ENCODED": pa.RunEndEncodedArray.from_arrays(pa.array([1, 2], pa.int32()), pa.array([1, 2])),
    "SPARSE_UNION": sparse, "DENSE_UNION": dense,
    "EXTENSION": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0" * 16] * 2, pa.binary(16))),
}
unwritable = {"INTERVAL_MONTHS": "pyarrow makes no such column", "INTERVAL_DAY_TIME": "pyarrow makes no such column"}
every = sorted({n[5:] for n in dir(pa.lib) if n.startswith("Type_")} | {"EXTENSION"})
lost = [n for n in every if n not in examples and n not in unwritable]
assert not lost, f"types of Arrow without an example: {lost}"
assert all(n in every for n in list(examples) + list(unwritable))
types = pa.table({n: examples[n] for n in every if n in examples})
with ipc.new_file("every-type.arrow", types.schema) as f: f.write_table(types)

files = sorted(f for f in os.listdir(".") if f not in ("frame.json", "VERSIONS", "every-type.arrow"))
json.dump({"columns": table.column_names, "files": files, "cannot": {f: cannot.get(f, {}) for f in files}, "types": every,
           "unwritable": unwritable},
          open("frame.json", "w"), indent=1, sort_keys=True)
open("VERSIONS", "w").write("".join(f"{m.__name__} {m.__version__}\n" for m in (duckdb, np, pd, pl, pa)))
