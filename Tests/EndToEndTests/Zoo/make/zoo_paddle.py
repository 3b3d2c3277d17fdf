"""PaddlePaddle layers with seeded weights by paddle2onnx, which writes weights as Constant nodes, over the tables that `zoo_torch.py`
writes."""
import tempfile

import numpy as np
import onnx
import paddle
import paddle2onnx
from paddle import nn
from paddle.static import InputSpec

from zoo import Zoo, read


class Recurrent(nn.Layer):
    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.LSTM(2, 4), nn.Linear(4, 1)

    def forward(self, window):
        return self.head(self.layer(window)[0][:, -1])


def cases():
    return [
        ("MLP", nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.BatchNorm1D(6), nn.Linear(6, 3), nn.Softmax()),
         read("numbers", 4), "numbers", {"columns": "x_*"}),
        ("CNN", nn.Sequential(
            nn.Conv2D(1, 3, 3), nn.BatchNorm2D(3), nn.Hardswish(), nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(3, 2)),
         read("image", 1, 6, 6), "image", {"columns": "pixel_*"}),
        ("LSTM", Recurrent(), read("window", 6, 2), "window", {"columns": "step_*"}),
    ]


def main():
    zoo = Zoo("paddle", "paddlepaddle", "paddle2onnx", "onnx")
    paddle.seed(3)
    for name, layer, x, rows, rule in cases():
        try:
            layer.eval()
            predicted = layer(paddle.to_tensor(x)).numpy()
            with tempfile.TemporaryDirectory() as folder:
                spec = [InputSpec([None, *x.shape[1:]], "float32", "input")]
                # As `paddle.onnx.export` leaves it, weights folded into initializers; and as the converter writes it, all in Constant
                # nodes.
                paddle.onnx.export(layer, folder + "/folded", input_spec=spec, opset_version=16)
                paddle.jit.save(layer, folder + "/m", spec)
                paddle2onnx.export(folder + "/m.json", folder + "/m.pdiparams", folder + "/constants.onnx", 16, optimize_tool="None")
                for form in ("folded", "constants"):
                    model = onnx.load(f"{folder}/{form}.onnx")
                    ports = [port.name for port in model.graph.input]
                    zoo.add(f"{name}-{form}", model, rows, {model.graph.output[0].name: predicted}, {ports[0]: rule})
        except Exception as error:
            zoo.cannot(name, f"{type(error).__name__}: {error}")
    zoo.finish()


if __name__ == "__main__":
    main()
