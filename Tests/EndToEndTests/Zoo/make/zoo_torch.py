"""PyTorch modules with seeded weights, each by both exporters: `dynamo=True` and TorchScript."""
import io
import sys
import warnings

import numpy as np
import onnx
import torch
from torch import nn

from zoo import Zoo, table

warnings.filterwarnings("ignore")
RANDOM = np.random.default_rng(7)


class Tabular(nn.Module):
    """Embeddings of two categories beside three numbers."""

    def __init__(self):
        super().__init__()
        self.colour, self.size = nn.Embedding(4, 2), nn.Embedding(3, 2)
        self.layers = nn.Sequential(nn.Linear(7, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))

    def forward(self, colour, size, numbers):
        return self.layers(torch.cat([self.colour(colour), self.size(size), numbers], dim=1)).softmax(1)


class Images(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))

    def forward(self, image):
        return self.layers(image)


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layer = kind(2, 4, batch_first=True)
        self.head = nn.Linear(4, 1)

    def forward(self, window):
        steps, _ = self.layer(window)
        return self.head(steps[:, -1])


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(12, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, 2)

    def forward(self, tokens):
        return self.head(self.layer(self.embed(tokens)).mean(1))


class Convolution1d(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(2, 4, 3, padding=1), nn.GELU(), nn.Conv1d(4, 1, 1), nn.Flatten(), nn.LayerNorm(6), nn.Linear(6, 1), nn.Sigmoid())

    def forward(self, window):
        return self.layers(window.transpose(1, 2))


class TwoOutputs(nn.Module):
    """An autoencoder that gives its code beside what it makes of it, and passes its input on, as exporters do with values that are
    returned unchanged."""

    def __init__(self):
        super().__init__()
        self.encode, self.decode = nn.Linear(4, 2), nn.Linear(2, 4)

    def forward(self, numbers):
        code = torch.tanh(self.encode(numbers))
        return code, self.decode(code), numbers


def cells(prefix, array):
    flat = array.reshape(len(array), -1)
    places = [prefix + "_" + "_".join(map(str, place)) for place in np.ndindex(*array.shape[1:])]
    return {name: flat[:, place] for place, name in enumerate(places)}


def floats(*shape):
    return RANDOM.normal(size=(20, *shape)).astype(np.float32)


def cases():
    numbers, image, window = floats(4), floats(1, 6, 6), floats(6, 2)
    colour, size, three = RANDOM.integers(0, 4, 20), RANDOM.integers(0, 3, 20), floats(3)
    tokens = RANDOM.integers(0, 12, (20, 5))
    table("numbers", **cells("x", numbers))
    table("image", **cells("pixel", image))
    table("window", **cells("step", window))
    table("categories", colour=colour, size=size, **cells("number", three))
    table("tokens", **cells("token", tokens))
    tabular = {"colour": colour, "size": size, "numbers": three}
    mlp = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1))
    return [
        ("MLP", mlp, {"numbers": numbers}, "numbers", {}),
        ("MLP-fixed", mlp, {"numbers": numbers}, "numbers", {}),
        ("MLP-float64", nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1)).double(),
         {"numbers": numbers.astype(np.float64)}, "numbers", {}),
        ("Tabular", Tabular(), tabular, "categories", {"numbers": {"columns": "number_*"}}),
        ("CNN", Images(), {"image": image}, "image", {"image": {"columns": "pixel_*"}}),
        ("LSTM", Recurrent(nn.LSTM), {"window": window}, "window", {"window": {"columns": "step_*"}}),
        ("GRU", Recurrent(nn.GRU), {"window": window}, "window", {"window": {"columns": "step_*"}}),
        ("Conv1d", Convolution1d(), {"window": window}, "window", {"window": {"columns": "step_*"}}),
        ("Transformer", Attention(), {"tokens": tokens}, "tokens", {"tokens": {"columns": "token_*"}}),
        ("Autoencoder", TwoOutputs(), {"numbers": numbers}, "numbers", {}),
    ]


def dynamo(module, given, is_fixed):
    batch = torch.export.Dim("batch")
    example = tuple(torch.tensor(values[:1] if is_fixed else values) for values in given.values())
    shapes = None if is_fixed else tuple({0: batch} for _ in given)
    return torch.onnx.export(module, example, dynamo=True, input_names=list(given), dynamic_shapes=shapes, verbose=False).model_proto


def torchscript(module, given, is_fixed):
    file = io.BytesIO()
    example = tuple(torch.tensor(values[:1] if is_fixed else values) for values in given.values())
    axes = None if is_fixed else {name: {0: "batch"} for name in given}
    torch.onnx.export(module, example, file, dynamo=False, input_names=list(given), dynamic_axes=axes, opset_version=17)
    return onnx.ModelProto.FromString(file.getvalue())


def stripped(model):
    """Without the traces of this machine's folders that the exporter writes beside each node."""
    for graph in [model.graph]:
        del graph.metadata_props[:]
        for node in graph.node:
            node.doc_string = ""
            del node.metadata_props[:]
        for value in [*graph.value_info, *graph.input, *graph.output, *graph.initializer]:
            del value.metadata_props[:]
    for function in model.functions:
        del function.metadata_props[:]
        for node in function.node:
            node.doc_string = ""
            del node.metadata_props[:]
    return model


def main():
    torch.manual_seed(0)
    for name, export in (("torch-dynamo", dynamo), ("torch-torchscript", torchscript)):
        RANDOM.bit_generator.state = np.random.default_rng(7).bit_generator.state
        torch.manual_seed(0)
        zoo = Zoo(name, *(["torch", "onnxscript", "onnx"] if export is dynamo else ["torch", "onnx"]))
        for case, module, given, rows, inputs in cases():
            module.eval()
            with torch.no_grad():
                found = module(*map(torch.tensor, given.values()))
            found = found if isinstance(found, tuple) else (found,)
            try:
                model = stripped(export(module, given, case.endswith("-fixed")))
                outputs = [output.name for output in model.graph.output]
                zoo.add(case, model, rows, {output: value.numpy() for output, value in zip(outputs, found)}, inputs)
            except Exception as error:
                zoo.cannot(case, f"{type(error).__name__}: {error}")
        zoo.finish()


if __name__ == "__main__":
    main()
