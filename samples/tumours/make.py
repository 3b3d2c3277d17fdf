"""Makes this folder's model, data and expected outputs. Run: python make.py (requirements: ../requirements.txt)."""

import sys
from pathlib import Path

import lightgbm
import numpy
import onnx
import onnxruntime
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent))
import tables

SEED = 10
CLASSES = ["malignant", "benign"]
MISSING = 0.02  # the share of measurements taken away, so that the model learns what to do without them
DATA = ["tumours-1.parquet", "tumours-2.jsonl", "tumours-3.csv.gz", "tumours-4.arrow"]


def train(measured: numpy.ndarray, classes: numpy.ndarray) -> lightgbm.LGBMClassifier:
    model = lightgbm.LGBMClassifier(
        n_estimators=60, num_leaves=15, min_child_samples=10, random_state=SEED, deterministic=True, force_row_wise=True, n_jobs=1,
        verbose=-1)
    return model.fit(measured, classes)


def export(model: lightgbm.LGBMClassifier, width: int, path: Path) -> None:
    """Probabilities are a plain tensor here, without ZipMap."""
    converted = convert_lightgbm(
        model, name="tumours", initial_types=[("measurements", FloatTensorType([None, width]))], zipmap=False, target_opset=15)
    converted.opset_import.sort(key=lambda opset: opset.domain)  # the converter's order varies from run to run
    onnx.checker.check_model(converted, full_check=True)
    onnx.save(converted, path)


def data(rows: numpy.ndarray, measured: numpy.ndarray, names: list[str]) -> dict[str, list]:
    columns = {"id": rows.tolist()}
    for at, name in enumerate(names):
        columns[name] = [None if numpy.isnan(value) else tables.number(value) for value in measured[rows, at]]
    return columns


def main() -> None:
    cancer = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in cancer.feature_names]
    measured = cancer.data.astype(numpy.float32)
    measured[numpy.random.default_rng(SEED).random(measured.shape) < MISSING] = numpy.nan
    trained, scored = train_test_split(numpy.arange(len(measured)), test_size=0.4, random_state=SEED, stratify=cancer.target)

    model = train(measured[trained], cancer.target[trained])
    export(model, len(names), here / "model.onnx")
    session = onnxruntime.InferenceSession(here / "model.onnx")

    right = 0
    for name, rows in zip(DATA, numpy.array_split(scored, len(DATA)), strict=True):
        labels, probabilities = session.run(["label", "probabilities"], {"measurements": measured[rows]})
        numpy.testing.assert_allclose(probabilities, model.predict_proba(measured[rows]), atol=1e-5)
        right += (labels == cancer.target[rows]).sum()
        tables.write(here / "data" / name, data(rows, measured, names))
        expected = {"id": rows.tolist(), "label": labels.tolist()}
        expected |= {f"p_{kind}": [tables.number(value) for value in probabilities[:, at]] for at, kind in enumerate(CLASSES)}
        expected |= {"diagnosis": [CLASSES[at] for at in probabilities.argmax(axis=1)]}
        tables.write(here / "expected" / (name.split(".")[0] + ".csv"), expected)
    print(f"model.onnx: {(here / 'model.onnx').stat().st_size} bytes, accuracy {right / len(scored):.4f} on the {len(scored)} "
          "scored tumours")


main()
