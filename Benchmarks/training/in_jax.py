"""The same models in JAX, from PyTorch's weights. Convolutions run in NHWC, which XLA prefers on CPU."""
import math

import jax
import jax.numpy as jnp


def linear(p, name, x):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def mlp(p, x):
    x = jax.nn.relu(linear(p, "0", x))
    return linear(p, "4", jax.nn.relu(linear(p, "2", x)))


def conv(p, name, x, stride=1, padding=1):
    return jax.lax.conv_general_dilated(
        x, p[f"{name}.weight"], (stride, stride), [(padding, padding)] * 2, dimension_numbers=("NHWC", "OIHW", "NHWC"))


def batch_norm(p, name, x):
    scale = p[f"{name}.weight"] / jnp.sqrt(p[f"{name}.running_var"] + 1e-5)
    return x * scale + (p[f"{name}.bias"] - p[f"{name}.running_mean"] * scale)


def resnet18(p, x):
    x = x.transpose(0, 2, 3, 1)
    x = jax.nn.relu(batch_norm(p, "bn", conv(p, "stem", x)))
    widths = [64, 64, 128, 128, 256, 256, 512, 512]
    for i, width in enumerate(widths):
        stride = 2 if i > 0 and width != widths[i - 1] else 1
        n = f"blocks.{i}"
        y = jax.nn.relu(batch_norm(p, f"{n}.bn1", conv(p, f"{n}.conv1", x, stride)))
        y = batch_norm(p, f"{n}.bn2", conv(p, f"{n}.conv2", y))
        side = batch_norm(p, f"{n}.side.1", conv(p, f"{n}.side.0", x, stride, 0)) if f"{n}.side.0.weight" in p else x
        x = jax.nn.relu(y + side)
    return linear(p, "head", x.mean((1, 2)))


def norm(p, name, x):
    mean = x.mean(-1, keepdims=True)
    x = (x - mean) * jax.lax.rsqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5)
    return x * p[f"{name}.weight"] + p[f"{name}.bias"]


def encoder(p, ids):
    x = p["tokens.weight"][ids] + p["places"]
    n, t, d = x.shape
    for i in range(4):
        l = f"layers.{i}"
        q, k, v = (linear(p, f"{l}.{s}", x).reshape(n, t, 4, d // 4).transpose(0, 2, 1, 3) for s in "qkv")
        a = jax.nn.softmax(q @ k.transpose(0, 1, 3, 2) / math.sqrt(d // 4), -1) @ v
        x = norm(p, f"{l}.norm1", x + linear(p, f"{l}.o", a.transpose(0, 2, 1, 3).reshape(n, t, d)))
        x = norm(p, f"{l}.norm2", x + linear(p, f"{l}.down", jax.nn.gelu(linear(p, f"{l}.up", x), approximate=False)))
    return linear(p, "head", x.mean(1))


MODELS = {"mlp": mlp, "resnet18": resnet18, "encoder": encoder}


def stepper(name, weights, trained, x, y, optimizer, rate):
    """A function that does one jitted step, buffers donated, and gives the loss."""
    model = MODELS[name]
    held = {k: jnp.array(v) for k, v in weights.items() if k not in trained}
    p = {k: jnp.array(v) for k, v in weights.items() if k in trained}
    x, y = jnp.array(x), jnp.array(y)

    def loss_of(p, x, y):
        logits = model({**p, **held}, x)
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean()

    def step(p, m, v, t, x, y):
        loss, g = jax.value_and_grad(loss_of)(p, x, y)
        if optimizer == "sgd":
            return loss, {k: p[k] - rate * g[k] for k in p}, m, v, t
        t = t + 1
        m = {k: 0.9 * m[k] + 0.1 * g[k] for k in p}
        v = {k: 0.999 * v[k] + 0.001 * g[k] ** 2 for k in p}
        size, root = rate / (1 - 0.9**t), jnp.sqrt(1 - 0.999**t)
        p = {k: p[k] * (1 - rate * 0.01) - size * m[k] / (jnp.sqrt(v[k]) / root + 1e-8) for k in p}
        return loss, p, m, v, t

    compiled = jax.jit(step, donate_argnums=(0, 1, 2))
    zeros = lambda: {} if optimizer == "sgd" else {k: jnp.zeros_like(a) for k, a in p.items()}
    state = [p, zeros(), zeros(), jnp.zeros(())]

    def one():
        loss, state[0], state[1], state[2], state[3] = compiled(*state, x, y)
        return loss.block_until_ready()

    return one
