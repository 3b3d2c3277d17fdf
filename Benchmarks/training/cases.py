"""The models, data and optimizers of the step benchmark, in PyTorch: what every contender trains."""
import io
import math

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F
from onnx import helper, numpy_helper


class Classifier(nn.Sequential):
    """MLP 784-512-512-10."""

    def __init__(self):
        super().__init__(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.side = None
        if stride != 1 or inputs != outputs:
            self.side = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.side is None else self.side(x)))


class ResNet18(nn.Module):
    """ResNet-18 for 32 x 32: a 3 x 3 stem without stride or pooling. BatchNormalization uses its running statistics, as in fine-tuning."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(64)
        widths = [64, 64, 128, 128, 256, 256, 512, 512]
        self.blocks = nn.Sequential(*[
            BasicBlock(widths[max(i - 1, 0)], w, 2 if i > 0 and w != widths[i - 1] else 1) for i, w in enumerate(widths)])
        self.head = nn.Linear(512, 10)

    def forward(self, x):
        return self.head(self.blocks(F.relu(self.bn(self.stem(x)))).mean((2, 3)))


class EncoderLayer(nn.Module):
    """Post-norm, GELU, no dropout; attention is `scaled_dot_product_attention`, written out for export."""

    def __init__(self, width, heads, inner):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.fused = True

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = (f(x).reshape(n, t, self.heads, d // self.heads).transpose(1, 2) for f in (self.q, self.k, self.v))
        if self.fused:
            a = F.scaled_dot_product_attention(q, k, v)
        else:
            a = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(d // self.heads), -1) @ v
        x = self.norm1(x + self.o(a.transpose(1, 2).reshape(n, t, d)))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class Encoder(nn.Module):
    """Four layers of width 256, 4 heads, 1024 within, over 64 tokens of a vocabulary of 1000."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(1000, 256)
        self.places = nn.Parameter(torch.randn(64, 256) * 0.02)
        self.layers = nn.ModuleList(EncoderLayer(256, 4, 1024) for _ in range(4))
        self.head = nn.Linear(256, 10)

    def forward(self, ids):
        x = self.tokens(ids) + self.places
        for layer in self.layers:
            x = layer(x)
        return self.head(x.mean(1))


CASES = {
    "mlp": dict(model=Classifier, batch=128, optimizer="sgd", rate=0.01, input=lambda g, n: torch.randn(n, 784, generator=g), steps=400),
    "resnet18": dict(model=ResNet18, batch=32, optimizer="sgd", rate=0.01,
                     input=lambda g, n: torch.randn(n, 3, 32, 32, generator=g), steps=12),
    "encoder": dict(model=Encoder, batch=16, optimizer="adamw", rate=0.001,
                    input=lambda g, n: torch.randint(0, 1000, (n, 64), generator=g), steps=40),
}


def make(name):
    """Module in inference mode (BatchNormalization by running statistics), one batch, its labels: the same every time."""
    case = CASES[name]
    torch.manual_seed(0)
    module = case["model"]().eval()
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_var.fill_(2.0)
        if isinstance(layer, nn.LayerNorm):
            # Equal initializers would be exported as one.
            layer.weight.data = 1 + torch.randn_like(layer.weight) * 1e-3
            layer.bias.data = torch.randn_like(layer.bias) * 1e-3
        if isinstance(layer, nn.BatchNorm2d):
            for tensor in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                tensor.data += torch.randn_like(tensor) * 1e-3
    generator = torch.Generator().manual_seed(1)
    x = case["input"](generator, case["batch"])
    return module, x, torch.randint(0, 10, (case["batch"],), generator=generator)


def export(name, folder):
    """Writes NAME.onnx, and NAME.data.onnx with the batch as initializers `x` and `target`."""
    module, x, y = make(name)
    for layer in module.modules():
        if isinstance(layer, EncoderLayer):
            layer.fused = False
    buffer = io.BytesIO()
    torch.onnx.export(
        module, (x,), buffer, input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "N"}, "y": {0: "N"}}, opset_version=17,
        do_constant_folding=False, dynamo=False)
    (folder / f"{name}.onnx").write_bytes(buffer.getvalue())
    arrays = [numpy_helper.from_array(v.numpy(), k) for k, v in (("x", x), ("target", y.to(torch.int64)))]
    data = helper.make_model(helper.make_graph([], "data", [], [], arrays), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / f"{name}.data.onnx").write_bytes(data.SerializeToString())
