"""Makes the golden files beside it with PyTorch, JAX and timm in float64.

    python make-golden.py

Each NAME.onnx is a model (opset 17, float32 weights); NAME.golden.onnx holds arrays as initializers: batches, gradients, losses of
trajectories. losses, optimizers, statistics and products (of mlp.onnx) hold arrays alone. The tests need neither Python nor this script.
"""
import io
import math

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

from golden import BATCHES, HERE, draw, save
from golden_losses import losses
from golden_optimizers import optimizers
from golden_products import products

jax.config.update("jax_enable_x64", True)


def export(name, module, inputs, names, outputs, dynamic=True):
    axes = {n: {0: "N"} for n in names + outputs} if dynamic else None
    buffer = io.BytesIO()
    torch.onnx.export(
        module.float().eval(), tuple(inputs), buffer, input_names=names, output_names=outputs, dynamic_axes=axes, opset_version=17,
        do_constant_folding=False, dynamo=False)
    model = onnx.load_from_string(buffer.getvalue())
    for node in model.graph.node:
        node.doc_string = ""
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())
    return {i.name for i in model.graph.initializer}


def rounded(module):
    for tensor in list(module.parameters()) + list(module.buffers()):
        if tensor.is_floating_point():
            tensor.data = tensor.data.float().double()
    return module


def trajectory(parameters, loss_of, optimizer, steps=20):
    """Losses before each step; parameters are put back."""
    kept = [p.detach().clone() for p in parameters]
    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = loss_of(step % BATCHES)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    for p, k in zip(parameters, kept):
        p.data = k
    return np.array(losses)


def record(name, parameters, loss_of, arrays, rates=(0.1, 0.01)):
    """Gradients of the first batch and both trajectories. `parameters` by initializer name."""
    tensors = list(parameters.values())
    for p in tensors:
        p.grad = None
    loss = loss_of(0)
    loss.backward()
    arrays["loss"] = np.array(loss.item())
    for key, p in parameters.items():
        arrays[f"gradient/{key}"] = p.grad.numpy().copy()
    arrays["sgd/losses"] = trajectory(tensors, loss_of, torch.optim.SGD(tensors, lr=rates[0]))
    arrays["adamw/losses"] = trajectory(tensors, loss_of, torch.optim.AdamW(tensors, lr=rates[1], weight_decay=0.01))
    save(name, arrays)


def module_case(name, module, inputs, target, loss, names=("x",), rates=(0.1, 0.01), seeded=None):
    """A module whose parameters are initializers under their own names. `inputs` and `target` are [BATCHES, N, ...]."""
    module = rounded(module.double().eval())
    import copy
    initializers = export(name, copy.deepcopy(module), [i[0].float() if i.is_floating_point() else i[0] for i in inputs],
                          list(names), ["y"])
    parameters = {key: p for key, p in module.named_parameters()}
    missing = set(parameters) - initializers
    assert not missing, missing
    arrays = {f"input/{n}": i.numpy() for n, i in zip(names, inputs)}
    arrays["target"] = target.numpy()
    record(name, parameters, lambda b: loss(module(*[i[b] for i in inputs]), target[b]), arrays, rates)
    return module, parameters, arrays


def mlp():
    g = torch.Generator().manual_seed(1)
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))
    x, y = draw(g, BATCHES, 12, 8), torch.randint(0, 4, (BATCHES, 12), generator=g)
    module, parameters, arrays = module_case("mlp", module, [x], y, F.cross_entropy)

    # The same in JAX: two references that know nothing of each other.
    def loss(p, x, y):
        h = jnp.tanh(x @ p["0.weight"].T + p["0.bias"])
        h = jax.nn.relu(h @ p["2.weight"].T + p["2.bias"])
        logits = h @ p["4.weight"].T + p["4.bias"]
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean()

    gradients = jax.grad(loss)(
        {k: jnp.array(v.detach().numpy()) for k, v in parameters.items()}, jnp.array(x[0].numpy()), jnp.array(y[0].numpy()))
    for key, value in gradients.items():
        assert np.abs(np.asarray(value) - arrays[f"gradient/{key}"]).max() < 1e-12, key
        arrays[f"gradient/{key}"] = np.asarray(value)
    save("mlp", arrays)
    return module, parameters, x, y


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 8, 3, padding=1, bias=False)
        self.bn0 = nn.BatchNorm2d(8)
        self.conv1 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.down = nn.Conv2d(8, 12, 3, stride=2, padding=1)
        self.side = nn.Conv2d(8, 12, 1, stride=2)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        x = F.relu(self.bn0(self.stem(x)))
        x = F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        x = F.relu(self.down(x) + self.side(x))
        return self.head(self.pool(x).mean((2, 3)))


def cnn():
    g = torch.Generator().manual_seed(2)
    torch.manual_seed(2)
    module = Residual()
    for bn in (module.bn0, module.bn1, module.bn2):
        bn.running_mean.data = draw(g, 8) * 0.1
        bn.running_var.data = draw(g, 8).abs() + 0.5
        bn.weight.data = 1 + draw(g, 8) * 0.2
        bn.bias.data = draw(g, 8) * 0.2
    x, y = draw(g, BATCHES, 6, 2, 8, 8), torch.randint(0, 3, (BATCHES, 6), generator=g)
    module_case("cnn", module, [x], y, F.cross_entropy)
    return module, x, y


def trained_statistics(module, x, y):
    """BatchNormalization as `train()` has it, of images and of rows: losses, and what running statistics and weights are in the end."""
    torch.manual_seed(21)
    g = torch.Generator().manual_seed(21)
    rows = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16, momentum=0.3), nn.Tanh(), nn.Linear(16, 3))
    # As after some training; fresh ones equal weights and biases, and the exporter stores what is equal once.
    rows[1].running_mean.data, rows[1].running_var.data = draw(g, 16) * 0.1, draw(g, 16).abs() + 0.5
    rows[1].weight.data, rows[1].bias.data = 1 + draw(g, 16) * 0.2, draw(g, 16) * 0.2
    rows_x, rows_y = draw(g, BATCHES, 12, 8), torch.randint(0, 3, (BATCHES, 12), generator=g)
    rows, _, _ = module_case("normed", rows, [rows_x], rows_y, F.cross_entropy)
    arrays = {}
    for name, module, x, y in (("cnn", module, x, y), ("normed", rows, rows_x, rows_y)):
        module.train()
        parameters = list(module.parameters())
        optimizer = torch.optim.SGD(parameters, lr=0.05)
        losses = []
        for step in range(20):
            optimizer.zero_grad()
            loss = F.cross_entropy(module(x[step % BATCHES]), y[step % BATCHES])
            losses.append(loss.item())
            loss.backward()
            optimizer.step()
        arrays[f"{name}/losses"] = np.array(losses)
        module.eval()
        arrays[f"{name}/evaluated/losses"] = np.array([F.cross_entropy(module(x[b]), y[b]).item() for b in range(BATCHES)])
        for key, value in list(module.named_parameters()) + list(module.named_buffers()):
            if value.is_floating_point():
                arrays[f"{name}/after/{key}"] = value.detach().numpy().copy()
    save("statistics", arrays)


class Block(nn.Module):
    """A pre-norm transformer block with two heads, its products written out."""

    def __init__(self, d=16, heads=2):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.q, self.k, self.v, self.o = (nn.Linear(d, d) for _ in range(4))
        self.up, self.down = nn.Linear(d, 32), nn.Linear(32, d)
        self.head = nn.Linear(d, 3)

    def forward(self, x):
        n, t, d = x.shape
        h = self.norm1(x)
        split = lambda a: a.reshape(n, t, self.heads, d // self.heads).transpose(1, 2)
        q, k, v = split(self.q(h)), split(self.k(h)), split(self.v(h))
        a = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(d // self.heads), -1) @ v
        x = x + self.o(a.transpose(1, 2).reshape(n, t, d))
        x = x + self.down(F.gelu(self.up(self.norm2(x))))
        return self.head(x.mean(1))


def transformer():
    g = torch.Generator().manual_seed(3)
    torch.manual_seed(3)
    module = Block()
    for norm in (module.norm1, module.norm2):  # equal initializers would be exported as one
        norm.weight.data = 1 + draw(g, 16) * 0.1
        norm.bias.data = draw(g, 16) * 0.1
    x, y = draw(g, BATCHES, 5, 6, 16), torch.randint(0, 3, (BATCHES, 5), generator=g)
    module, parameters, arrays = module_case("transformer", module, [x], y, F.cross_entropy, rates=(0.05, 0.003))

    def loss(p, x, y):
        def linear(name, x):
            return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]

        def norm(name, x):
            x = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5)
            return x * p[f"{name}.weight"] + p[f"{name}.bias"]

        n, t, d = x.shape
        h = norm("norm1", x)
        split = lambda a: a.reshape(n, t, 2, d // 2).transpose(0, 2, 1, 3)
        q, k, v = (split(linear(s, h)) for s in "qkv")
        a = jax.nn.softmax(q @ k.transpose(0, 1, 3, 2) / math.sqrt(d // 2), -1) @ v
        x = x + linear("o", a.transpose(0, 2, 1, 3).reshape(n, t, d))
        x = x + linear("down", jax.nn.gelu(linear("up", norm("norm2", x)), approximate=False))
        logits = linear("head", x.mean(1))
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean()

    gradients = jax.grad(loss)(
        {k: jnp.array(v.detach().numpy()) for k, v in parameters.items()}, jnp.array(x[0].numpy()), jnp.array(y[0].numpy()))
    for key, value in gradients.items():
        assert np.abs(np.asarray(value) - arrays[f"gradient/{key}"]).max() < 1e-10, key
        arrays[f"gradient/{key}"] = np.asarray(value)
    save("transformer", arrays)


def recurrent(kind):
    """A recurrent layer in ONNX's own layout (gates iofc or zrh in one matrix), a linear layer on its last state."""
    g = torch.Generator().manual_seed(4 if kind == "LSTM" else 5)
    gates, hidden, features, steps, rows = (4 if kind == "LSTM" else 3), 6, 4, 7, 5
    scale = 0.4
    p = {
        "W": draw(g, 1, gates * hidden, features) * scale, "R": draw(g, 1, gates * hidden, hidden) * scale,
        "B": draw(g, 1, 2 * gates * hidden) * scale, "head.weight": draw(g, hidden, 1) * scale, "head.bias": draw(g, 1) * scale,
    }
    p = {k: v.float().double().requires_grad_() for k, v in p.items()}
    x, y = draw(g, BATCHES, rows, steps, features), draw(g, BATCHES, rows)
    # ONNX: LSTM i o f c, GRU z r h; PyTorch: i f g o, and r z n.
    order = [0, 2, 3, 1] if kind == "LSTM" else [1, 0, 2]

    def reordered(m):
        return m.reshape(gates, hidden, *m.shape[1:])[order].reshape(m.shape)

    def forward(x):
        b = p["B"][0]
        weights = [reordered(p["W"][0]), reordered(p["R"][0]), reordered(b[: gates * hidden]), reordered(b[gates * hidden:])]
        zero = torch.zeros(1, rows, hidden, dtype=torch.float64)
        if kind == "LSTM":
            _, last, _ = torch.lstm(x, (zero, zero), weights, True, 1, 0.0, False, False, True)
        else:
            _, last = torch.gru(x, zero, weights, True, 1, 0.0, False, False, True)
        return (last[0] @ p["head.weight"] + p["head.bias"])[:, 0]

    name = kind.lower()
    attributes = {"hidden_size": hidden}
    if kind == "GRU":
        attributes["linear_before_reset"] = 1
    outputs = ["all", "last"] + (["cell"] if kind == "LSTM" else [])
    nodes = [
        helper.make_node("Transpose", ["x"], ["xt"], perm=[1, 0, 2]),
        helper.make_node(kind, ["xt", "W", "R", "B"], outputs, **attributes),
        helper.make_node("Squeeze", ["last", "axis0"], ["state"]),
        helper.make_node("Gemm", ["state", "head.weight", "head.bias"], ["y"]),
    ]
    initializers = [numpy_helper.from_array(v.detach().float().numpy(), k) for k, v in p.items()]
    initializers.append(numpy_helper.from_array(np.array([0]), "axis0"))
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", steps, features])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1])], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())
    record(name, p, lambda b: F.mse_loss(forward(x[b]), y[b]), {"input/x": x.numpy(), "target": y.numpy()})


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc1 = nn.Conv2d(1, 4, 3, padding=1)
        self.enc2 = nn.Conv2d(4, 8, 3, padding=1)
        self.bottom = nn.Conv2d(8, 8, 3, padding=2, dilation=2)
        self.up2 = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.dec2 = nn.Conv2d(12, 4, 3, padding=1)
        self.dec1 = nn.Conv2d(8, 4, 3, padding=1)
        self.out = nn.Conv2d(4, 3, 1)

    def forward(self, x):
        a = F.relu(self.enc1(x))
        b = F.relu(self.enc2(F.max_pool2d(a, 2)))
        c = F.relu(self.bottom(F.max_pool2d(b, 2)))
        d = F.relu(self.dec2(torch.cat([self.up2(c), b], 1)))
        u = F.interpolate(d, scale_factor=2, mode="bilinear", align_corners=False)
        return self.out(F.relu(self.dec1(torch.cat([u, a], 1))))


def unet():
    g = torch.Generator().manual_seed(6)
    torch.manual_seed(6)
    x, y = draw(g, BATCHES, 2, 1, 8, 8), torch.randint(0, 3, (BATCHES, 2, 8, 8), generator=g)
    module_case("unet", UNet(), [x], y, F.cross_entropy, rates=(0.1, 0.003))


class Embedding(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(20, 6)
        self.places = nn.Embedding(5, 6)
        self.hidden = nn.Linear(6, 8)
        self.out = nn.Linear(8, 1)

    def forward(self, ids):
        x = self.words(ids) + self.places.weight
        return torch.sigmoid(self.out(F.gelu(self.hidden(x.mean(1)))))


def embedding():
    g = torch.Generator().manual_seed(7)
    torch.manual_seed(7)
    ids, y = torch.randint(0, 20, (BATCHES, 6, 5), generator=g), torch.randint(0, 2, (BATCHES, 6), generator=g).double()
    module_case("embedding", Embedding(), [ids], y, lambda p, y: F.binary_cross_entropy(p[:, 0], y), names=("ids",))


if __name__ == "__main__":
    perceptron = mlp()
    optimizers(*perceptron)
    products(*perceptron)
    trained_statistics(*cnn())
    transformer()
    recurrent("LSTM")
    recurrent("GRU")
    unet()
    embedding()
    losses()
