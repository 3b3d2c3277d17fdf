"""Makes pairs of models and rows in FOLDER, CASE.a.onnx, CASE.b.onnx and rows.npz, and prints what is different between them, as ONNX's
Python package, NumPy and ONNX Runtime find it: one line of JSON for each case.

    judge.py FOLDER
"""
import collections, json, pathlib, sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

ROWS, WIDTH, HIDDEN, CLASSES, AT_ONCE, TOLERANCE = 50, 6, 16, 3, 8, 1e-4
random = np.random.default_rng(7)


def base():
    weights = {
        "w1": random.normal(size=(WIDTH, HIDDEN)), "b1": random.normal(size=HIDDEN), "w2": random.normal(size=(HIDDEN, HIDDEN)) / 4,
        "w3": random.normal(size=(HIDDEN, CLASSES)),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["h1"]), helper.make_node("Add", ["h1", "b1"], ["h2"]),
        helper.make_node("LeakyRelu", ["h2"], ["h3"], alpha=0.1), helper.make_node("MatMul", ["h3", "w2"], ["h4"]),
        helper.make_node("Tanh", ["h4"], ["h5"]), helper.make_node("MatMul", ["h5", "w3"], ["h6"]),
        helper.make_node("Softmax", ["h6"], ["scores"], axis=1), helper.make_node("ArgMax", ["h6"], ["class"], axis=1, keepdims=0),
    ]
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", WIDTH])],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", CLASSES]),
            helper.make_tensor_value_info("class", TensorProto.INT64, ["N"])
        ], [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def copy(model):
    other = onnx.ModelProto()
    other.CopyFrom(model)
    return other


def weight(model, name, change):
    for tensor in model.graph.initializer:
        if tensor.name == name:
            tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), name))


def renamed(model):
    """Renames every value and initializer, so that old names stand for other things, and adds a node before all others."""
    names = {"x": "x", "scores": "scores", "class": "class", "": ""}
    known = [name for node in model.graph.node for name in node.output if name not in names]
    names.update({name: other for name, other in zip(known, known[1:] + known[:1])})
    for tensor in model.graph.initializer:
        names[tensor.name] = "of_" + tensor.name
        tensor.name = names[tensor.name]
    for node in model.graph.node:
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    model.graph.node.insert(0, helper.make_node("Abs", ["x"], ["spare"]))
    return names


def cases(folder):
    a = base()
    same = {name: name for node in a.graph.node for name in node.output}

    def spoil(value):
        value[3, 1:5] += [0.5, -0.25, 0.125, 1]
        return value

    b = copy(a)
    weight(b, "w2", spoil)
    yield "weights", a, b, same
    b = copy(a)
    b.graph.node[2].attribute[0].f = 0.2
    yield "attribute", a, b, same
    b = copy(a)
    names = renamed(b)
    weight(b, "of_w3", lambda value: value * np.float32(1.01))
    yield "renamed", a, b, {name: names[name] for name in same}
    b = copy(a)
    weight(b, "w3", lambda value: value.astype(np.float16))
    b.graph.node.insert(0, helper.make_node("Cast", ["w3"], ["w3_float"], to=TensorProto.FLOAT))
    b.graph.node[6].input[1] = "w3_float"
    yield "float16", a, b, same
    onnx.save(a, folder / "float.onnx")
    quantize_dynamic(folder / "float.onnx", folder / "int8.onnx", weight_type=QuantType.QInt8, per_channel=True)
    yield "int8", a, onnx.load(folder / "int8.onnx"), same
    yield "same", a, copy(a), same


def run(model, rows, names, optimized):
    model = copy(model)
    known = {output.name for output in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    options = onnxruntime.SessionOptions()
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    # What a dynamically quantized model makes of a row depends on the rows beside it.
    parts = [session.run(names, {"x": rows[start:start + AT_ONCE]}) for start in range(0, len(rows), AT_ONCE)]
    return [np.concatenate(part) for part in zip(*parts)]


def distance(a, b):
    if a.dtype.kind != "f":
        return {"same_top": float((a == b).mean())}, float((a != b).mean())
    a, b = a.astype(np.float64), b.astype(np.float64)
    relative = float(np.linalg.norm(a - b) / np.linalg.norm(a))
    found = {
        "cosine": float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b)), "largest": float(np.abs(a - b).max()), "relative": relative,
        "same_top": float((a.argmax(1) == b.argmax(1)).mean())
    }
    return found, relative


def verdict(name, a, b, pairs, rows):
    operators = [collections.Counter(node.op_type for node in model.graph.node) for model in (a, b)]
    weights = [{tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer} for model in (a, b)]
    both = {key: (weights[0][key], weights[1][key]) for key in weights[0] if key in weights[1]}
    changed = {
        key: {"changed": int((mine != other).sum()), "largest": float(np.abs(mine.astype(np.float64) - other).max()),
              "relative": float(np.linalg.norm(mine.astype(np.float64) - other) / np.linalg.norm(mine))}
        for key, (mine, other) in both.items() if mine.dtype == other.dtype and (mine != other).any()
    }
    outputs = ["scores", "class"]
    mine, others = (run(model, rows, outputs, True) for model in (a, b))
    errors = [
        max(distance(x[start:start + AT_ONCE], y[start:start + AT_ONCE])[1] for x, y in zip(mine, others))
        for start in range(0, ROWS, AT_ONCE)
    ]
    start = AT_ONCE * int(np.argmax(errors))
    order = [name for node in a.graph.node for name in node.output if name in pairs]
    kept = rows[start:start + AT_ONCE]
    first = None
    for key, x, y in zip(order, run(a, kept, order, False), run(b, kept, [pairs[key] for key in order], False)):
        error = distance(x, y)[1]
        if error > TOLERANCE:
            first = {"a": key, "b": pairs[key], "error": error}
            break
    return {
        "name": name, "operators": {key: [operators[0][key], operators[1][key]] for key in operators[0] | operators[1]
                                    if operators[0][key] != operators[1][key]},
        "changed": changed, "outputs": {key: distance(x, y)[0] for key, x, y in zip(outputs, mine, others)}, "first_row": start + 1,
        "first": first, "same_initializers": sum(x.dtype == y.dtype and (x == y).all() for x, y in map(tuple, both.values()))
    }


def main(folder):
    folder = pathlib.Path(folder)
    rows = random.normal(size=(ROWS, WIDTH)).astype(np.float32)
    np.savez(folder / "rows.npz", x=rows)
    for name, a, b, pairs in cases(folder):
        onnx.save(a, folder / f"{name}.a.onnx")
        onnx.save(b, folder / f"{name}.b.onnx")
        print(json.dumps(verdict(name, a, b, pairs, rows), default=int))


main(sys.argv[1])
