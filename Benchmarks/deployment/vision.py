"""ResNet-50 and MobileNetV2 by shape: the layers of torchvision's models, with seeded random weights.

They show times; quality is for models with real weights."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Network:
    """Collects layers; each call takes and returns the name of a value."""

    def __init__(self, name):
        self.name, self.random = name, np.random.default_rng(5)
        self.nodes, self.initializers = [], []

    def constant(self, value):
        name = f"w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(self, kind, *inputs, **attributes):
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def convolution(self, x, inward, outward, size, stride=1, groups=1, activation="Relu"):
        """A convolution without bias, its BatchNormalization, and the activation; None leaves that out."""
        fan = inward // groups * size * size
        weights = self.random.standard_normal((outward, inward // groups, size, size)) * (2 / fan) ** 0.5
        edge = size // 2
        y = self.node(
            "Conv", x, self.constant(weights), kernel_shape=[size, size], strides=[stride, stride], pads=[edge] * 4, group=groups)
        scale, shift, mean = (self.random.normal(center, 0.1, outward) for center in (0.7, 0, 0))
        variance = self.random.uniform(0.5, 1.5, outward)
        y = self.node("BatchNormalization", y, *(self.constant(value) for value in (scale, shift, mean, variance)))
        if activation == "Relu6":
            return self.node("Clip", y, self.constant(0), self.constant(6))
        return self.node(activation, y) if activation else y

    def classified(self, x, width):
        pooled = self.node("Flatten", self.node("GlobalAveragePool", x))
        weights = self.constant(self.random.standard_normal((width, 1000)) * width**-0.5)
        return self.node("Gemm", pooled, weights, self.constant(np.zeros(1000)))

    def model(self, result):
        """The model; `result` is the name of its last value."""
        self.nodes.append(helper.make_node("Identity", [result], ["scores"]))
        graph = helper.make_graph(
            self.nodes, self.name, [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 224, 224])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 1000])], self.initializers)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(made, full_check=True)
        return made


def resnet50():
    net = Network("resnet50")
    x = net.convolution("image", 3, 64, 7, 2)
    x = net.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    inward = 64
    for width, blocks, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            stride, outward = first if block == 0 else 1, 4 * width
            y = net.convolution(x, inward, width, 1)
            y = net.convolution(y, width, width, 3, stride)
            y = net.convolution(y, width, outward, 1, activation=None)
            if block == 0:
                x = net.convolution(x, inward, outward, 1, stride, activation=None)
            x = net.node("Relu", net.node("Add", y, x))
            inward = outward
    return net.model(net.classified(x, inward))


def mobilenetv2():
    net = Network("mobilenetv2")
    x, inward = net.convolution("image", 3, 32, 3, 2, activation="Relu6"), 32
    for expansion, outward, blocks, first in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)
    ):
        for block in range(blocks):
            stride, inner = first if block == 0 else 1, inward * expansion
            y = net.convolution(x, inward, inner, 1, activation="Relu6") if expansion > 1 else x
            y = net.convolution(y, inner, inner, 3, stride, groups=inner, activation="Relu6")
            y = net.convolution(y, inner, outward, 1, activation=None)
            x = net.node("Add", x, y) if stride == 1 and inward == outward else y
            inward = outward
    return net.model(net.classified(net.convolution(x, inward, 1280, 1, activation="Relu6"), 1280))
