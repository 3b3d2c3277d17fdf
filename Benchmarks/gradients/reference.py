"""PyTorch's gradients of an architecture in float64, for every initializer of its export that can be traced to a parameter.

Exporters rename, transpose, reorder and fold parameters. An initializer is traced by its values: it is a parameter, or a parameter
transposed or reshaped, or the gates of a recurrent layer in ONNX's order, or a convolution's weight or bias with the normalization
behind it folded in. Where several initializers come from one parameter (tied weights), their gradients are compared in sum.
"""

import copy

import numpy
import torch
from torch import nn
from torch.nn.utils import fusion

FOLDED = (nn.modules.conv._ConvNd, nn.Linear)


def fold_normalizations(module, inputs):
    """A copy in which every batch normalization that directly follows a convolution or a linear layer is folded into it, as the
    exporters do."""
    module = copy.deepcopy(module)
    sources, pairs, hooks = {}, [], []

    def after(layer, _, output):
        if isinstance(layer, FOLDED):
            sources[id(output)] = (layer, output)
        return None

    def before(layer, given):
        found = sources.get(id(given[0]))
        if found is not None and found[1] is given[0]:
            pairs.append((found[0], layer))

    for layer in module.modules():
        if isinstance(layer, FOLDED):
            hooks.append(layer.register_forward_hook(after))
        elif isinstance(layer, nn.modules.batchnorm._BatchNorm):
            hooks.append(layer.register_forward_pre_hook(before))
    with torch.no_grad():
        module(*inputs.values())
    for hook in hooks:
        hook.remove()
    owners = {id(child): (parent, name) for parent in module.modules() for name, child in parent.named_children()}
    for convolution, normalization in pairs:
        if isinstance(convolution, nn.Linear):
            fused = fusion.fuse_linear_bn_eval(convolution, normalization)
        else:
            fused = fusion.fuse_conv_bn_eval(
                convolution, normalization, transpose=isinstance(convolution, nn.modules.conv._ConvTransposeNd))
        parent, name = owners[id(convolution)]
        setattr(parent, name, fused)
        parent, name = owners[id(normalization)]
        # timm's normalizations carry their activation.
        rest = [part for part in (getattr(normalization, "drop", None), getattr(normalization, "act", None)) if part is not None]
        setattr(parent, name, nn.Sequential(*rest) if rest else nn.Identity())
    return module


def gate_order(module):
    """Initializers that a recurrent layer of ONNX would have: (values, from which parameters, how their gradients are put together)."""
    orders = {nn.LSTM: [0, 3, 1, 2], nn.GRU: [1, 0, 2], nn.RNN: [0]}
    for prefix, layer in module.named_modules():
        order = next((order for kind, order in orders.items() if isinstance(layer, kind)), None)
        if order is None:
            continue

        def reordered(array):
            return numpy.concatenate([numpy.split(array, len(order))[gate] for gate in order])

        suffixes = ["", "_reverse"] if layer.bidirectional else [""]
        for level in range(layer.num_layers):
            names = [[f"{prefix}.{kind}_l{level}{suffix}" for suffix in suffixes]
                     for kind in ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]]
            for stack in names[:2]:
                yield stack, lambda parts: numpy.stack([reordered(part) for part in parts])
            both = [name for pair in zip(names[2], names[3]) for name in pair]
            yield both, lambda parts: numpy.stack(
                [numpy.concatenate([reordered(parts[i]), reordered(parts[i + 1])]) for i in range(0, len(parts), 2)])


def largest_error(got, expected):
    """Over the parameters: the error's norm by the larger of the parameter's own and a thousandth of that of the whole gradient."""
    whole = numpy.sqrt(sum(float(numpy.sum(value**2)) for value in expected.values()))
    return max(
        float(numpy.linalg.norm(got[name] - value) / max(numpy.linalg.norm(value), 1e-3 * whole, 1e-30)) for name, value in expected.items()
    )


class Reference:
    def __init__(self, module, inputs, seed=5):
        self.inputs = inputs
        # Copied before any of them runs: some modules keep what they computed, gradient or none.
        single = copy.deepcopy(module).float()
        variants = [module, fold_normalizations(module, inputs)]
        self.cotangent = None
        self.candidates = []
        for position, variant in enumerate(variants):
            values, gradients = self.differentiate(variant.double(), seed, position)
            self.collect(variant, values, gradients, position)
        self.single_error = largest_error(self.gradients_of(single, torch.float32), self.exact)

    def differentiate(self, module, seed, position):
        gradients = self.gradients_of(module, torch.float64, seed)
        if position == 0:
            self.exact = gradients
            self.input_gradients = {name: gradients[name] for name, value in self.inputs.items() if value.is_floating_point()}
        return {name: value.detach().numpy() for name, value in module.named_parameters()}, gradients

    def gradients_of(self, module, kind, seed=None):
        """By every parameter and float input, under their names. The first call draws the cotangent."""
        given = {
            name: value.detach().to(kind, copy=True).requires_grad_() if value.is_floating_point() else value
            for name, value in self.inputs.items()
        }
        module.requires_grad_(True)
        output = module(*given.values())
        if self.cotangent is None:
            generator = torch.Generator().manual_seed(seed)
            self.cotangent = torch.randn(output.shape, generator=generator, dtype=torch.float64).float()
        wanted = {**dict(module.named_parameters()), **{name: value for name, value in given.items() if value.is_floating_point()}}
        found = torch.autograd.grad(output, list(wanted.values()), self.cotangent.to(kind), allow_unused=True)
        return {
            name: (torch.zeros_like(value) if gradient is None else gradient).detach().double().numpy()
            for (name, value), gradient in zip(wanted.items(), found)
        }

    def collect(self, module, values, gradients, position):
        def add(key, value, gradient):
            self.candidates.append((f"{position}/{key}", value, gradient))

        for name, value in values.items():
            add(name, value, gradients[name])
            if value.ndim == 2:
                add(name, value.T, gradients[name].T)
        for names, assemble in gate_order(module):
            if all(name in values for name in names):
                add("+".join(names), assemble([values[n] for n in names]), assemble([gradients[n] for n in names]))

    def trace(self, array):
        """Which parameter an initializer is, and the gradient that it should have; nothing where it cannot be told."""
        flat = array.reshape(-1).astype(numpy.float64)
        for key, value, gradient in self.candidates:
            if value.size == flat.size and numpy.allclose(value.reshape(-1), flat, rtol=1e-4, atol=1e-6):
                return key, gradient.reshape(array.shape)
        return None
