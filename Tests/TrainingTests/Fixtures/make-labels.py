#!/usr/bin/env python3
"""Makes labels/: one frame of 60 rows by pandas in every format, with its labels, and its keys, in every type that pandas has for them.

    .deps/oracle/bin/python Tests/TrainingTests/Fixtures/make-labels.py

Row n has the features n and n / 4, the class n % 2 and the key n, but rows 7 and 31 have no label, and rows 11 and 12 no key. A file is
called CLASSES-LABEL-KEY.FORMAT: `01-float-text.csv` has classes 0 and 1, labels that are floats, and keys that are texts."""
import pathlib
import numpy, pandas, pyarrow, pyarrow.ipc, pyarrow.parquet

folder = pathlib.Path(__file__).parent / "labels"
numbers = range(60)
features = {"a": numpy.arange(60, dtype="f4"), "b": numpy.arange(60, dtype="f4") / 4}
missing = {7, 31}
def column(values, dtype, gaps): return pandas.Series([None if n in gaps else v for n, v in enumerate(values)], dtype=dtype)
classes = [n % 2 for n in numbers]
labels = {
    "01-int": column(classes, "Int8", missing), "01-float": column(classes, "float64", missing),
    "01-text": column([str(c) for c in classes], "object", missing), "01-bool": column([bool(c) for c in classes], "boolean", missing),
    "01-category": column([str(c) for c in classes], "object", missing).astype("category"),
    "truth-bool": column([bool(c) for c in classes], "boolean", missing), "truth-int": column(classes, "Int64", missing),
    "truth-text": column([str(bool(c)) for c in classes], "object", missing),
}
keys = {
    "int": column(numbers, "Int64", {11, 12}), "float": column(numbers, "float64", {11, 12}),
    "text": column([str(n) for n in numbers], "object", {11, 12}),
}
for label, values in labels.items():
    for key, names in keys.items():
        if key != "int" and label != "01-int": continue
        frame = pandas.DataFrame({"id": names, **features, "label": values})
        path = str(folder / f"{label}-{key}")
        frame.to_csv(path + ".csv", index=False)
        frame.to_json(path + ".jsonl", orient="records", lines=True)
        frame.to_parquet(path + ".parquet", index=False)
        frame.to_feather(path + ".arrow")
whole = pandas.DataFrame({"id": numbers, **features, "label": labels["01-float"]})
numpy.savez(folder / "01-float-int.npz", id=whole.id.to_numpy(), x=whole[["a", "b"]].to_numpy("f4"), label=whole.label.to_numpy())

# numbers/: ten rows whose labels are n * 0.5 and whose weights are 1, but for one number that is none, in formats that can hold it.
folder = folder.parent / "numbers"
folder.mkdir(exist_ok=True)
for name, column, row, value in [
    ("nan-label", "label", 3, numpy.nan), ("inf-label", "label", 3, numpy.inf),
    ("nan-weight", "w", 5, numpy.nan), ("inf-weight", "w", 5, -numpy.inf),
]:
    frame = pandas.DataFrame({
        "id": range(10), "a": numpy.arange(10, dtype="f4"), "b": numpy.ones(10, "f4"), "label": numpy.arange(10) * 0.5,
        "w": numpy.ones(10)})
    frame.loc[row, column] = value
    # A NaN and no null, which pandas would make of it.
    table = pyarrow.table({c: pyarrow.array(frame[c].to_numpy(), from_pandas=False) for c in frame})
    pyarrow.parquet.write_table(table, folder / f"{name}.parquet")
    with pyarrow.ipc.new_file(folder / f"{name}.arrow", table.schema) as file: file.write_table(table)
    numpy.savez(folder / f"{name}.npz", id=frame.id.to_numpy(), x=frame[["a", "b"]].to_numpy("f4"),
                label=frame.label.to_numpy(), w=frame.w.to_numpy())
