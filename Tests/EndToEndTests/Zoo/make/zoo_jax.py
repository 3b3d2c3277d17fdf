"""Flax and plain JAX functions with seeded weights by jax2onnx, over the tables that `zoo_torch.py` writes."""
import warnings

warnings.filterwarnings("ignore")

import jax
import jax.numpy as jnp
import jax2onnx
import numpy as np
from flax import nnx

from zoo import Zoo, read


class MLP(nnx.Module):
    def __init__(self, rngs):
        self.first, self.second = nnx.Linear(4, 6, rngs=rngs), nnx.Linear(6, 3, rngs=rngs)

    def __call__(self, x):
        return nnx.softmax(self.second(nnx.gelu(self.first(x))))


class CNN(nnx.Module):
    def __init__(self, rngs):
        self.conv, self.dense = nnx.Conv(1, 3, (3, 3), rngs=rngs), nnx.Linear(3, 2, rngs=rngs)

    def __call__(self, x):
        return self.dense(nnx.relu(self.conv(x)).mean((1, 2)))


def main():
    zoo = Zoo("jax2onnx", "jax2onnx", "jax", "flax", "onnx")
    w = np.random.default_rng(3).normal(size=(4, 1)).astype(np.float32)
    cases = [
        ("MLP", MLP(nnx.Rngs(0)), read("numbers", 4), "numbers", {"columns": "x_*"}),
        ("CNN", CNN(nnx.Rngs(0)), read("image", 6, 6, 1), "image", {"columns": "pixel_*"}),
        ("logistic", lambda x: jax.nn.sigmoid(jnp.dot(x, w)), read("numbers", 4), "numbers", {"columns": "x_*"}),
    ]
    for name, function, x, rows, rule in cases:
        try:
            predicted = np.asarray(function(x))
            model = jax2onnx.to_onnx(function, [("B", *x.shape[1:])])
            zoo.add(name, model, rows, {model.graph.output[0].name: predicted}, {model.graph.input[0].name: rule})
        except Exception as error:
            zoo.cannot(name, f"{type(error).__name__}: {error}")
    zoo.finish()


if __name__ == "__main__":
    main()
