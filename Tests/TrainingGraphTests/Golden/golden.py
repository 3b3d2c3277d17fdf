"""What the scripts beside it share: how arrays are drawn and written."""
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

HERE = Path(__file__).parent
BATCHES = 4
torch.set_num_threads(1)


def save(name, arrays):
    tensors = []
    for key, value in arrays.items():
        value = np.asarray(value)
        if value.dtype == np.float64 and value.ndim > 0 and "losses" not in key and "rates" not in key and not key.endswith("/loss"):
            value = value.astype(np.float32)
        tensors.append(numpy_helper.from_array(np.ascontiguousarray(value), key))
    graph = helper.make_graph([], "golden", [], [], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (HERE / f"{name}.golden.onnx").write_bytes(model.SerializeToString())


def draw(generator, *shape):
    # Rounded to float32, so that both sides see the same numbers.
    return torch.randn(*shape, generator=generator, dtype=torch.float64).float().double()
