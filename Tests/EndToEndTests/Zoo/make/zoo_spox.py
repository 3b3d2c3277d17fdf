"""Models that spox writes, whose weights are Constant nodes, with seeded numbers; the predictions are NumPy's."""
import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Tensor, argument, build

from zoo import Zoo, table

RANDOM = np.random.default_rng(11)


def weights(*shape):
    return RANDOM.normal(size=shape).astype(np.float32) * 0.5


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def mlp(zoo, x):
    w1, b1, w2, b2 = weights(4, 6), weights(6), weights(6, 3), weights(3)
    port = argument(Tensor(np.float32, ("N", 4)))
    hidden = op.relu(op.add(op.matmul(port, op.constant(value=w1)), op.constant(value=b1)))
    scores = op.gemm(hidden, op.constant(value=w2), op.constant(value=b2))
    model = build({"x": port}, {"probabilities": op.softmax(scores), "label": op.arg_max(scores, axis=1, keepdims=0)})
    found = np.maximum(x @ w1 + b1, 0) @ w2 + b2
    exps = np.exp(found - found.max(1, keepdims=True))
    zoo.add("MLP", model, "spox", {"probabilities": exps / exps.sum(1, keepdims=True), "label": found.argmax(1)})


def branches(zoo, x):
    """An If whose branches read weights of the graph around them, as silero's voice detectors have it."""
    w1, w2 = weights(4, 2), weights(4, 2)
    port = argument(Tensor(np.float32, ("N", 4)))
    first, second = op.constant(value=w1), op.constant(value=w2)
    large = op.greater(op.reduce_sum(op.abs(first), keepdims=0), op.constant(value_float=0.0))
    chosen, = op.if_(large, then_branch=lambda: [op.matmul(port, first)], else_branch=lambda: [op.matmul(port, second)])
    zoo.add("If", build({"x": port}, {"y": op.sigmoid(chosen)}), "spox", {"y": sigmoid(x @ w1)})


def words(zoo):
    """Text in, numbers out, by a table of words."""
    names = ["red", "green", "blue"]
    colours = np.array([names[place] for place in RANDOM.integers(0, 3, 20)])
    table("colours", colour=colours)
    import spox.opset.ai.onnx.ml.v4 as ml
    port = argument(Tensor(np.str_, ("N",)))
    place = ml.label_encoder(port, keys_strings=names, values_int64s=[0, 1, 2], default_int64=-1)
    model = build({"colour": port}, {"place": place, "same": op.identity(port)})
    zoo.add("LabelEncoder", model, "colours", {"place": np.array([names.index(word) for word in colours]), "same": colours})


def main():
    zoo = Zoo("spox", "spox", "onnx")
    x = RANDOM.normal(size=(20, 4)).astype(np.float32)
    table("spox", **{name: x[:, place] for place, name in enumerate("abcd")})
    mlp(zoo, x)
    branches(zoo, x)
    words(zoo)
    zoo.finish()


if __name__ == "__main__":
    main()
