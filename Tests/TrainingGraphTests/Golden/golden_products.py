"""Vector-Jacobian products and gradients of inputs: what `millrace backward --cotangent` and `--inputs` give."""
import torch
import torch.nn.functional as F

from golden import draw, save


def products(module, named, x, y):
    """Of the first batch; the module's parameters by initializer name."""
    g = torch.Generator().manual_seed(9)
    x = x[0].clone().requires_grad_()
    cotangent = draw(g, *module(x).shape)
    names, wanted = list(named) + ["x"], list(named.values()) + [x]
    arrays = {"input/x": x.detach().numpy(), "target": y[0].numpy(), "cotangent": cotangent.numpy()}
    for key, value in zip(names, torch.autograd.grad(module(x), wanted, cotangent)):
        arrays[f"product/{key}"] = value.numpy()
    for key, value in zip(names, torch.autograd.grad(F.cross_entropy(module(x), y[0]), wanted)):
        arrays[f"gradient/{key}"] = value.numpy()
    save("products", arrays)
