"""Makes this folder's model, data and expected outputs. Run: python make.py (requirements: ../requirements.txt)."""

import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime
import torch
from sklearn.datasets import load_digits

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent))
import tables

SEED = 7
TRAINED, LABELLED = 1000, 397  # images, in a seeded order; the 400 after them are scored
SCALE = 1 / 16  # pixels are 0 to 16; the pipeline multiplies by this
DATA = ["digits-1.csv", "digits-2.parquet", "digits-3.csv.gz", "digits-4.jsonl.zst"]


class Network(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = torch.nn.Conv2d(8, 16, 3, padding=1)
        self.fc = torch.nn.Linear(16 * 4 * 4, 10)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = torch.relu(self.conv2(torch.relu(self.conv1(pixels))))
        logits = self.fc(torch.nn.functional.max_pool2d(features, 2).flatten(1))
        return logits, torch.softmax(logits, dim=1)


def train(images: torch.Tensor, digits: torch.Tensor, epochs: int) -> Network:
    torch.manual_seed(SEED)
    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(50):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(images[batch])[0], digits[batch]).backward()
            optimizer.step()
    return network.eval()


def export(network: Network, path: Path) -> None:
    program = torch.onnx.export(
        network, (torch.zeros(2, 1, 8, 8),), dynamo=True, verbose=False, opset_version=18,
        input_names=["pixels"], output_names=["logits", "probabilities"],
        dynamic_shapes={"pixels": {0: torch.export.Dim("N")}},
    )
    model = program.model_proto
    for node in model.graph.node:  # stack traces name the exporting machine's folders
        del node.metadata_props[:]
    model.doc_string = "A small CNN on 8x8 handwritten digits."
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def score(path: Path, pixels: numpy.ndarray) -> numpy.ndarray:
    images = (pixels.astype(numpy.float32) * numpy.float32(SCALE)).reshape(-1, 1, 8, 8)
    return onnxruntime.InferenceSession(path).run(["probabilities"], {"pixels": images})[0]


def columns(rows: numpy.ndarray, pixels: numpy.ndarray) -> dict[str, list]:
    """Ids have leading zeros, so that they stay what they are only as text."""
    values = pixels[rows].astype(int)
    return {"id": [f"{row:04d}" for row in rows]} | {f"pixel_{at}": values[:, at].tolist() for at in range(values.shape[1])}


def main() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    pixels, digits = load_digits(return_X_y=True)
    order = numpy.random.default_rng(SEED).permutation(len(pixels))
    trained, labelled, scored = numpy.split(order, [TRAINED, TRAINED + LABELLED])

    images = torch.from_numpy((pixels[trained] * SCALE).astype(numpy.float32).reshape(-1, 1, 8, 8))
    targets = torch.from_numpy(digits[trained])
    for name, rows, epochs in [("model.onnx", TRAINED, 20), ("undertrained.onnx", 400, 5)]:
        export(train(images[:rows], targets[:rows], epochs), here / name)
        accuracy = (score(here / name, pixels[scored]).argmax(axis=1) == digits[scored]).mean()
        print(f"{name}: {(here / name).stat().st_size} bytes, accuracy {accuracy:.4f} on the {len(scored)} scored images")

    tables.write(here / "labelled.csv", columns(labelled, pixels) | {"digit": digits[labelled].tolist()})
    tables.write(here / "truth.csv", columns(scored, pixels[:, :0]) | {"digit": digits[scored].tolist()})
    for name, rows in zip(DATA, numpy.split(scored, len(DATA)), strict=True):
        tables.write(here / "data" / name, columns(rows, pixels))
        found = score(here / "model.onnx", pixels[rows])
        expected = {"id": [f"{row:04d}" for row in rows]}
        expected |= {f"p_{digit}": [tables.number(value) for value in found[:, digit]] for digit in range(10)}
        expected |= {"digit": [str(digit) for digit in found.argmax(axis=1)]}
        tables.write(here / "expected" / (name.split(".")[0] + ".csv"), expected)


main()
