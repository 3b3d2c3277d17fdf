"""The model and the files that both sides are given. Everything is seeded; nothing depends on the clock."""

import os
from pathlib import Path

import numpy
import onnx
import pyarrow
import pyarrow.parquet
from onnx import TensorProto, helper, numpy_helper

COLUMNS, HIDDEN, CLASSES = 32, 64, 4
ROW_GROUP = 131_072


def names() -> list[str]:
    return [f"f{at}" for at in range(COLUMNS)]


def write_model(path: Path) -> None:
    """An MLP 32-64-64-4 with ReLU and softmax: input `features` [N, 32], output `probabilities` [N, 4]."""
    random = numpy.random.default_rng(1)
    widths = [COLUMNS, HIDDEN, HIDDEN, CLASSES]
    nodes, weights, value = [], [], "features"
    for at, (inward, outward) in enumerate(zip(widths, widths[1:])):
        last = at == len(widths) - 2
        weights.append(numpy_helper.from_array((random.standard_normal((inward, outward)) / inward**0.5).astype(numpy.float32), f"w{at}"))
        weights.append(numpy_helper.from_array(numpy.zeros(outward, numpy.float32), f"b{at}"))
        nodes.append(helper.make_node("Gemm", [value, f"w{at}", f"b{at}"], [f"h{at}"]))
        value = "probabilities" if last else f"a{at}"
        nodes.append(helper.make_node("Softmax", [f"h{at}"], [value], axis=1) if last else helper.make_node("Relu", [f"h{at}"], [value]))
    graph = helper.make_graph(
        nodes, "mlp",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", COLUMNS])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", CLASSES])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


WIDTH = 4096


def write_wide_model(path: Path, blocks: int) -> None:
    """As above, with `blocks` weights of 64 MiB between the layers, of MatMul and Gemm in turn: so large that memory is what they cost."""
    random = numpy.random.default_rng(3)

    def weight(inward: int, outward: int) -> numpy.ndarray:
        return random.standard_normal((inward, outward), numpy.float32) * numpy.float32(inward**-0.5)

    weights = [numpy_helper.from_array(weight(COLUMNS, WIDTH), "embed"), numpy_helper.from_array(weight(WIDTH, CLASSES), "head")]
    nodes = [helper.make_node("MatMul", ["features", "embed"], ["h0"])]
    for at in range(blocks):
        weights.append(numpy_helper.from_array(weight(WIDTH, WIDTH), f"w{at}"))
        if at % 2:
            weights.append(numpy_helper.from_array(numpy.zeros(WIDTH, numpy.float32), f"b{at}"))
            nodes.append(helper.make_node("Gemm", [f"h{at}", f"w{at}", f"b{at}"], [f"p{at}"]))
        else:
            nodes.append(helper.make_node("MatMul", [f"h{at}", f"w{at}"], [f"p{at}"]))
        nodes.append(helper.make_node("Tanh", [f"p{at}"], [f"h{at + 1}"]))
    nodes.append(helper.make_node("MatMul", [f"h{blocks}", "head"], ["logits"]))
    nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1))
    graph = helper.make_graph(
        nodes, "wide",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", COLUMNS])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", CLASSES])], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def small_csv(number: int, rows: int = 10) -> bytes:
    """A CSV file whose content no other number has."""
    values = numpy.random.default_rng(number).standard_normal((rows, COLUMNS), numpy.float32)
    lines = [",".join(["id", *names()])]
    lines += [",".join([str(number * rows + row), *map(str, values[row])]) for row in range(rows)]
    return ("\n".join(lines) + "\n").encode()


def small_parquet(number: int, rows: int = 10) -> bytes:
    values = numpy.random.default_rng(number).standard_normal((rows, COLUMNS), numpy.float32)
    columns = {"id": numpy.arange(number * rows, (number + 1) * rows)} | dict(zip(names(), values.T))
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table(columns), sink)
    return sink.getvalue().to_pybytes()


def write_small_files(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"part-{number:06d}.csv").write_bytes(small_csv(number))


def write_large_parquet(path: Path, rows: int) -> None:
    """As pyarrow writes by default (snappy, dictionaries tried), in row groups of 131,072, without holding the table in memory."""
    schema = pyarrow.schema([("id", pyarrow.int64())] + [(name, pyarrow.float32()) for name in names()])
    random = numpy.random.default_rng(2)
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, ROW_GROUP):
            count = min(ROW_GROUP, rows - start)
            columns = [pyarrow.array(numpy.arange(start, start + count))]
            columns += [pyarrow.array(random.standard_normal(count, numpy.float32)) for _ in range(COLUMNS)]
            writer.write_table(pyarrow.table(columns, schema=schema), row_group_size=ROW_GROUP)
    with open(path, "rb") as file:
        os.fsync(file.fileno())
