"""Keras models with seeded weights by Keras' own export and by tf2onnx, over the tables that `zoo_torch.py` writes."""
import os
import tempfile
import warnings

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
warnings.filterwarnings("ignore")

import keras
import numpy as np
import onnx
import tensorflow as tf
from keras import layers

from zoo import Zoo, read

NUMBERS, WINDOW, IMAGE = read("numbers", 4), read("window", 6, 2), read("image", 6, 6, 1)


def normalized():
    prepare = layers.Normalization()
    prepare.adapt(NUMBERS)
    return keras.Sequential([keras.Input((4,), name="numbers"), prepare, layers.Dense(6, "relu"), layers.Dense(1)])


def cases():
    return [
        ("MLP", keras.Sequential([
            keras.Input((4,), name="numbers"), layers.Dense(6, "relu"), layers.BatchNormalization(), layers.Dense(3, "softmax")]),
         NUMBERS, "numbers", {}),
        ("Normalization", normalized(), NUMBERS, "numbers", {}),
        ("CNN", keras.Sequential([
            keras.Input((6, 6, 1), name="image"), layers.Conv2D(3, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(),
            layers.Dense(2, "softmax")]),
         IMAGE, "image", {"columns": "pixel_*"}),
        ("LSTM", keras.Sequential([keras.Input((6, 2), name="window"), layers.LSTM(4), layers.Dense(1)]),
         WINDOW, "window", {"columns": "step_*"}),
        ("GRU", keras.Sequential([keras.Input((6, 2), name="window"), layers.GRU(4), layers.Dense(1)]),
         WINDOW, "window", {"columns": "step_*"}),
    ]


def keras_export(model):
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder + "/m.onnx", format="onnx", verbose=False)
        return onnx.load(folder + "/m.onnx")


def tf2onnx_convert(model):
    import tf2onnx

    spec = tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32, name=model.inputs[0].name)
    function = tf.function(lambda x: model(x, training=False), input_signature=[spec])
    return tf2onnx.convert.from_function(function, input_signature=[spec], opset=17)[0]


def main():
    for name, export, packages in (
        ("keras", keras_export, ["keras", "tensorflow_cpu", "tf2onnx"]),
        ("tf2onnx", tf2onnx_convert, ["tf2onnx", "tensorflow_cpu"]),
    ):
        zoo = Zoo(name, *packages, "onnx")
        keras.utils.set_random_seed(3)
        for case, model, x, rows, rule in cases():
            try:
                predicted = model.predict(x, verbose=0)
                written = export(model)
                written.doc_string = ""
                ports = [port.name for port in written.graph.input]
                zoo.add(case, written, rows, {written.graph.output[0].name: predicted}, {ports[0]: rule} if rule else {})
            except Exception as error:
                zoo.cannot(case, f"{type(error).__name__}: {error}")
        zoo.finish()


if __name__ == "__main__":
    main()
