#!/usr/bin/env python3
"""Makes Fixtures/ with pyarrow, pandas, DuckDB, numpy, gzip and zstd: what the tools of Millrace's users write.

Run with an interpreter that has pyarrow, pandas, duckdb and numpy: python make-fixtures.py [DIRECTORY]
The committed files came from the versions named in Fixtures/VERSIONS.
"""
import datetime, decimal, gzip, io, json, os, subprocess, sys, zipfile
import duckdb, numpy as np, pandas as pd, pyarrow as pa
import pyarrow.parquet as pq, pyarrow.ipc as ipc, pyarrow.csv as pacsv

out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "Fixtures")
os.makedirs(out, exist_ok=True)
os.chdir(out)

# Numbers with nulls, text with everything that needs quoting, wide integers.
frame = pd.DataFrame({
    "id": ["a1", "01234", "c,3", 'd"4', "e\n5"],
    "x": [1.5, -2.25, float("nan"), 1e-3, 3.0],
    "n": np.array([1, -2, 3, 2**53 + 1, 5], dtype=np.int64),
    "flag": [True, False, True, True, False],
    "city": ["Zürich", "", "東京", "NA", "plain"],
})
frame.to_csv("pandas.csv", index=False)
frame.to_csv("crlf-bom.csv", index=False, lineterminator="\r\n", encoding="utf-8-sig")
frame.to_json("pandas.jsonl", orient="records", lines=True, force_ascii=False)
frame.to_parquet("pandas.parquet")
pacsv.write_csv(pa.Table.from_pandas(frame), "pyarrow.csv")
duckdb.from_df(frame).write_csv("duckdb.csv")
duckdb.from_df(frame).write_parquet("duckdb.parquet")
duckdb.sql("copy (select * from frame) to 'duckdb.jsonl' (format json)")
open("european.csv", "w").write("name;x;y\nu;1,5;2,0\nv;-;3,25\n")
open("tabs.tsv", "w").write("a\tb\n1\t2\n3\t4\n")
open("headerless.csv", "w").write("1,2.5,u\n2,3.5,v\n")
for name in ["pandas.csv", "pandas.jsonl"]:
    data = open(name, "rb").read()
    with gzip.GzipFile(name + ".gz", "wb", mtime=0) as f: f.write(data)
    half = len(data) // 2  # two members, as `cat a.gz b.gz` gives
    open(name + ".two.gz", "wb").write(gzip.compress(data[:half], mtime=0) + gzip.compress(data[half:], mtime=0))
    subprocess.run(["zstd", "-q", "-f", name, "-o", name + ".zst"], check=True)
os.rename("pandas.csv.two.gz", "two-members.csv.gz"); os.rename("pandas.jsonl.two.gz", "two-members.jsonl.gz")

# Every Arrow type that a kept column may have.
days = [datetime.date(2024, 2, 29), None, datetime.date(1969, 12, 31)]
stamps = [datetime.datetime(2024, 2, 29, 12, 30, 15, 123456), None, datetime.datetime(1969, 12, 31, 23, 59, 59)]
types = pa.table({
    "i8": pa.array([1, None, -128], pa.int8()), "u8": pa.array([1, None, 255], pa.uint8()),
    "i16": pa.array([1, None, -32768], pa.int16()), "u16": pa.array([1, None, 65535], pa.uint16()),
    "i32": pa.array([1, None, -2**31], pa.int32()), "u32": pa.array([1, None, 2**32 - 1], pa.uint32()),
    "i64": pa.array([1, None, -2**63], pa.int64()), "u64": pa.array([1, None, 2**64 - 1], pa.uint64()),
    "f16": pa.array(np.array([1.5, 0, -2], np.float16), pa.float16()),
    "f32": pa.array([0.1, None, -2], pa.float32()), "f64": pa.array([0.1, None, -2], pa.float64()),
    "flag": pa.array([True, None, False]),
    "text": pa.array(["é", None, ""], pa.string()), "large": pa.array(["é", None, ""], pa.large_string()),
    "view": pa.array(["é", None, "a string longer than twelve bytes"], pa.string_view()),
    "word": pa.array(["u", None, "v"]).dictionary_encode(),
    "code": pa.DictionaryArray.from_arrays(pa.array([1, None, 0], pa.int8()), pa.array([10.5, 20.5])),
    "price": pa.array([decimal.Decimal("12.30"), None, decimal.Decimal("-0.05")], pa.decimal128(9, 2)),
    "day": pa.array(days, pa.date32()), "stamp": pa.array(stamps, pa.timestamp("us")),
    "zoned": pa.array([1709209815123, None, -1000], pa.timestamp("ms", tz="UTC")),
    "paris": pa.array([1709209815000, None, 0], pa.timestamp("ms", tz="Europe/Paris")),
    "clock": pa.array([datetime.time(1, 2, 3), None, datetime.time(23, 59, 59)], pa.time64("us")),
    "bytes": pa.array([b"\x00\xff", None, b""], pa.binary()),
    "list": pa.array([[1, None, 3], None, []], pa.list_(pa.int64())),
    "vec": pa.array([[1.5, 2.5], None, [0, 0]], pa.list_(pa.float32(), 2)),
    "pair": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": '"'}]),
})
pq.write_table(types.drop_columns(["view"]), "types.parquet")
with ipc.new_file("types.arrow", types.schema) as w: w.write_table(types)
with ipc.new_stream("types.arrows", types.schema) as w: w.write_table(types)
with ipc.new_file("zstd.arrow", types.schema, options=ipc.IpcWriteOptions(compression="zstd")) as w: w.write_table(types)

# Slices: offsets in every buffer, bits included.
sliced = pa.table({
    "b": pa.array([i % 3 == 0 if i % 7 else None for i in range(100)]),
    "x": pa.array([float(i) if i % 5 else None for i in range(100)]),
    "s": pa.array([f"s{i}" if i % 4 else None for i in range(100)]),
})
with ipc.new_file("batches.arrow", sliced.schema) as w:
    for begin, end in [(0, 13), (13, 14), (14, 14), (14, 77), (77, 100)]:
        for batch in sliced.slice(begin, end - begin).to_batches() or [pa.RecordBatch.from_pylist([], sliced.schema)]: w.write_batch(batch)
pq.write_table(sliced, "groups.parquet", row_group_size=17)

# Columns that need nothing but their values, on pages of a few rows.
def some(make): return [make(i) if i % 6 and i // 10 != 3 else None for i in range(100)]
flat = pa.table({
    "f32": pa.array(some(lambda i: i / 4), pa.float32()), "f64": pa.array(some(lambda i: i / 8), pa.float64()),
    "i32": pa.array(some(lambda i: -i), pa.int32()), "i64": pa.array(some(lambda i: i * 2**40), pa.int64()),
    "flag": pa.array(some(lambda i: i % 4 < 2)), "text": pa.array(some(lambda i: "ü" * (i % 5))),
    "row": pa.array(range(100), pa.int64()), "nothing": pa.nulls(100, pa.float32()),
}, pa.schema([
    ("f32", pa.float32()), ("f64", pa.float64()), ("i32", pa.int32()), ("i64", pa.int64()), ("flag", pa.bool_()), ("text", pa.string()),
    pa.field("row", pa.int64(), nullable=False), ("nothing", pa.float32())]))
with ipc.new_file("flat.arrow", flat.schema) as w: w.write_table(flat)
for version in ["1.0", "2.0"]:
    pq.write_table(
        flat, f"flat-v{version[0]}.parquet", row_group_size=40, data_page_size=64, write_batch_size=8, data_page_version=version,
        use_dictionary=["text", "i32"], compression="snappy" if version == "1.0" else "zstd")
pq.write_table(pa.table({"x": pa.array([], pa.float32())}), "zero-rows.parquet")
pq.write_table(pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["x", "x"]), "duplicate.parquet")

# Numpy, every type.
for name, array in {
    "f4": np.arange(12, dtype="<f4").reshape(4, 3), "f8": np.arange(4, dtype="<f8"), "f2": np.arange(4, dtype="<f2"),
    "big": np.arange(4, dtype=">i4"), "bool": np.array([True, False, True, True]), "u1": np.arange(8, dtype="u1").reshape(2, 2, 2),
    "i8": np.array([2**62, -1, 0, 7]), "unicode": np.array(["é", "longer", "", "x"]), "bytes": np.array([b"a", b"bcd", b"", b"z"]),
    "fortran": np.asfortranarray(np.arange(12, dtype="<f4").reshape(4, 3)), "scalar": np.float32(3), "empty": np.zeros((0, 3), "<f4"),
    "c8": np.array([1 + 2j, 3 - 4j], dtype="<c8"),
}.items():
    np.save(f"{name}.npy", array)
np.save("object.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
rows = np.arange(40, dtype="<f4").reshape(10, 4)
np.savez("stored.npz", pixels=rows, weight=np.arange(10, dtype="<f8"), word=np.array([f"w{i}" for i in range(10)]))
np.savez_compressed("deflated.npz", pixels=rows, weight=np.arange(10, dtype="<f8"), word=np.array([f"w{i}" for i in range(10)]))
np.savez("ragged.npz", pixels=rows, weight=np.arange(9, dtype="<f8"))
with zipfile.ZipFile("zip64.npz", "w") as z:  # force_zip64 writes sizes into the extra field, as a pipe or a big array does
    with z.open("pixels.npy", "w", force_zip64=True) as f:
        buffer = io.BytesIO(); np.save(buffer, rows); f.write(buffer.getvalue())
open("VERSIONS", "w").write(f"pyarrow {pa.__version__}\npandas {pd.__version__}\nduckdb {duckdb.__version__}\nnumpy {np.__version__}\n")

# Twelve rows of lists, of no elements to five, and of lists of three: the same in every kind of list that Arrow has.
lengths = [2, 5, 0, 2, 1, 5, 3, 1, 2, 5, 4, 3]
ids = [[100 * row + place for place in range(length)] for row, length in enumerate(lengths)]
frames = [[[row, place, row * place / 4] for place in range(length)] for row, length in enumerate(lengths)]
texts = [[f"t{row}.{place}" for place in range(length)] for row, length in enumerate(lengths)]
kinds = {"list": pa.list_, "large-list": pa.large_list, "list-view": pa.list_view, "large-list-view": pa.large_list_view}
for name, kind in kinds.items():
    lists = pa.table({
        "row": pa.array(range(12)), "ids": pa.array(ids, kind(pa.int32())), "texts": pa.array(texts, kind(pa.string())),
        "frames": pa.array(frames, kind(pa.list_(pa.float64(), 3) if name == "list" else kind(pa.float64())))})
    # Rows from the middle, so that offsets do not begin at 0.
    lists = pa.concat_tables([lists.slice(6), lists]).slice(6)
    with ipc.new_file(f"{name}.arrow", lists.schema) as w: w.write_table(lists, 5)
    pq.write_table(lists, f"{name}.parquet", row_group_size=7)
with open("lists.jsonl", "w") as out:
    for row in lists.to_pylist(): print(json.dumps(row), file=out)
