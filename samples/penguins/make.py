"""Makes this folder's model, data and expected outputs. Run: python make.py (requirements: ../requirements.txt)."""

import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime
from palmerpenguins import load_penguins
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent))
import tables

SEED = 12  # both penguins without measurements are among the scored ones
WORDS = ["island", "sex"]
NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
UNKNOWN = "unknown"  # what the pipeline puts for a missing word
DATA = {2007: "penguins-2007.csv", 2008: "penguins-2008.jsonl", 2009: "penguins-2009.csv.gz"}


def features(penguins):
    """The columns as the model takes them: words as text, numbers as float32 with NaN where missing."""
    chosen = penguins[WORDS + NUMBERS].copy()
    chosen[WORDS] = chosen[WORDS].astype(object).fillna(UNKNOWN)
    chosen[NUMBERS] = chosen[NUMBERS].astype(numpy.float32)
    return chosen


def train(penguins):
    """One-hot words, imputed and scaled numbers, logistic regression."""
    words = OneHotEncoder(handle_unknown="ignore")
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = ColumnTransformer([("words", words, WORDS), ("numbers", numbers, NUMBERS)])
    return make_pipeline(columns, LogisticRegression()).fit(features(penguins), penguins["species"])


def export(pipeline, path: Path) -> None:
    """One input per column, and ZipMap kept: probabilities are a sequence of maps from species to float."""
    inputs = [(name, StringTensorType([None, 1])) for name in WORDS] + [(name, FloatTensorType([None, 1])) for name in NUMBERS]
    model = to_onnx(pipeline, initial_types=inputs, target_opset={"": 18, "ai.onnx.ml": 3}, name="penguins")
    model.opset_import.sort(key=lambda opset: opset.domain)  # the converter's order varies from run to run
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def score(path: Path, penguins) -> tuple[list[str], list[dict[str, float]]]:
    feed = {name: column.to_numpy().reshape(-1, 1) for name, column in features(penguins).items()}
    return onnxruntime.InferenceSession(path).run(["output_label", "output_probability"], feed)


def check_against_scikit_learn(pipeline, penguins, labels, probabilities) -> None:
    assert list(pipeline.predict(features(penguins))) == list(labels)
    ours = [[row[species] for species in pipeline.classes_] for row in probabilities]
    numpy.testing.assert_allclose(ours, pipeline.predict_proba(features(penguins)), atol=1e-5)


def values(column) -> list:
    """Python values, None where missing, whole numbers without a fraction."""
    missing = column.isna()
    return [None if absent else int(value) if value == int(value) else float(value) for value, absent in zip(column, missing)]


def data(penguins) -> dict[str, list]:
    words = {name: [None if value != value else value for value in penguins[name]] for name in WORDS}
    return {"penguin": list(penguins["penguin"])} | words | {name: values(penguins[name]) for name in NUMBERS}


def main() -> None:
    penguins = load_penguins()
    penguins["penguin"] = [f"P{row:03d}" for row in range(len(penguins))]
    trained, scored = train_test_split(penguins, test_size=0.5, random_state=SEED, stratify=penguins["species"])
    pipeline = train(trained)
    export(pipeline, here / "model.onnx")

    right = 0
    for year, name in DATA.items():
        rows = scored[scored["year"] == year]
        labels, probabilities = score(here / "model.onnx", rows)
        check_against_scikit_learn(pipeline, rows, labels, probabilities)
        right += (labels == rows["species"]).sum()
        tables.write(here / "data" / name, data(rows))
        expected = {"penguin": list(rows["penguin"]), "species": list(labels)}
        for species in pipeline.classes_:
            expected[f"p_{species}"] = [tables.number(numpy.float32(row[species])) for row in probabilities]
        tables.write(here / "expected" / (name.split(".")[0] + ".csv"), expected)
    print(f"model.onnx: {(here / 'model.onnx').stat().st_size} bytes, accuracy {right / len(scored):.4f} on the {len(scored)} "
          "scored penguins")


main()
