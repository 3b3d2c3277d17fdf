"""XGBoost and LightGBM through onnxmltools, and CatBoost by its own export, on iris and diabetes, with missing values where they take
them."""
import warnings

import catboost
import lightgbm
import numpy as np
import onnx
import onnxmltools
import xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx.common.data_types import FloatTensorType as SkFloatTensorType

from zoo import Zoo
from zoo_sklearn import DIABETES, GAPS, PROGRESS, SPECIES

warnings.filterwarnings("ignore")
BINARY = (SPECIES > 0).astype(int)
NAN = {"missing": "nan"}


def named(model):
    return [output.name for output in model.graph.output]


def classifier(zoo, name, fitted, model, inputs):
    x = GAPS[:20]
    outputs, keys = named(model), list(fitted.classes_)
    probabilities = fitted.predict_proba(x)
    kind = model.graph.output[1].type.WhichOneof("value")
    zoo.add(name, model, "gaps", {
        outputs[0]: fitted.predict(x).reshape(-1),
        outputs[1]: (keys, probabilities) if kind == "sequence_type" else probabilities}, inputs)


def regressor(zoo, name, fitted, model, inputs=None):
    # CatBoost's export gives what its Poisson model predicts the logarithm of.
    more = {"prediction_type": "RawFormulaVal"} if name == "CatBoostRegressor-poisson" else {}
    zoo.add(name, model, "diabetes", {named(model)[0]: fitted.predict(DIABETES[:20], **more).astype(np.float32)}, inputs)


def with_xgboost():
    zoo = Zoo("xgboost", "xgboost", "onnxmltools", "onnx")
    size = dict(n_estimators=4, max_depth=3)
    types = [("input", FloatTensorType([None, 4]))]
    convert = lambda fitted: onnxmltools.convert_xgboost(fitted, initial_types=types, target_opset=15)
    cases = {
        "XGBClassifier": (xgboost.XGBClassifier(**size), GAPS, SPECIES),
        "XGBClassifier-binary": (xgboost.XGBClassifier(**size), GAPS, BINARY),
        "XGBRFClassifier": (xgboost.XGBRFClassifier(**size), GAPS, BINARY),
        "XGBRegressor": (xgboost.XGBRegressor(**size), DIABETES, PROGRESS),
        "XGBRegressor-poisson": (xgboost.XGBRegressor(objective="count:poisson", **size), DIABETES, PROGRESS),
        "XGBRegressor-dart": (xgboost.XGBRegressor(booster="dart", **size), DIABETES, PROGRESS),
        "XGBRegressor-gblinear": (xgboost.XGBRegressor(booster="gblinear", n_estimators=4), DIABETES, PROGRESS),
        "XGBRFRegressor": (xgboost.XGBRFRegressor(**size), DIABETES, PROGRESS),
        "XGBRanker": (xgboost.XGBRanker(**size), DIABETES, PROGRESS.astype(int)),
    }
    for name, (estimator, x, y) in cases.items():
        try:
            more = {"group": [20, 40]} if "Ranker" in name else {}
            fitted = estimator.fit(x[20:], y[20:], **more)
            (classifier if "Classifier" in name else regressor)(zoo, name, fitted, convert(fitted), {"input": NAN} if x is GAPS else None)
        except Exception as error:
            zoo.cannot(name, f"{type(error).__name__}: {error}")
    # Integers as categories, as enable_categorical takes them.
    try:
        import pandas

        frame = pandas.DataFrame({f"f{place}": DIABETES[:, place] for place in range(4)})
        frame["f1"] = (frame["f1"] > 0).astype(int).astype("category")
        fitted = xgboost.XGBRegressor(enable_categorical=True, **size).fit(frame[20:], PROGRESS[20:])
        model = convert(fitted)
        from zoo import table
        table("codes", **{name: frame[name][:20].astype(np.float32).to_numpy() for name in frame})
        zoo.add("XGBRegressor-categories", model, "codes", {named(model)[0]: fitted.predict(frame[:20])})
    except Exception as error:
        zoo.cannot("XGBRegressor-categories", f"{type(error).__name__}: {error}")
    zoo.finish()


def with_lightgbm():
    zoo = Zoo("lightgbm", "lightgbm", "onnxmltools", "onnx")
    size = dict(n_estimators=4, num_leaves=6, min_child_samples=4, verbose=-1)
    types = [("input", FloatTensorType([None, 4]))]
    cases = {
        "LGBMClassifier": (lightgbm.LGBMClassifier(**size), GAPS, SPECIES, True),
        "LGBMClassifier-array": (lightgbm.LGBMClassifier(**size), GAPS, SPECIES, False),
        "LGBMClassifier-binary": (lightgbm.LGBMClassifier(**size), GAPS, BINARY, True),
        "LGBMRegressor": (lightgbm.LGBMRegressor(**size), DIABETES, PROGRESS, False),
        "LGBMRegressor-poisson": (lightgbm.LGBMRegressor(objective="poisson", **size), DIABETES, PROGRESS, False),
        "LGBMRegressor-forest": (
            lightgbm.LGBMRegressor(boosting_type="rf", subsample_freq=1, subsample=0.8, **size), DIABETES, PROGRESS, False),
        "LGBMRegressor-dart": (lightgbm.LGBMRegressor(boosting_type="dart", **size), DIABETES, PROGRESS, False),
        "LGBMRanker": (lightgbm.LGBMRanker(**size), DIABETES, PROGRESS.astype(int), False),
    }
    for name, (estimator, x, y, zipmap) in cases.items():
        try:
            more = {"group": [20, 40]} if "Ranker" in name else {}
            fitted = estimator.fit(x[20:], y[20:], **more)
            model = onnxmltools.convert_lightgbm(fitted, initial_types=types, target_opset=15, zipmap=zipmap)
            (classifier if "Classifier" in name else regressor)(zoo, name, fitted, model, {"input": NAN} if x is GAPS else None)
        except Exception as error:
            zoo.cannot(name, f"{type(error).__name__}: {error}")
    # A width that is left open, as in LightGBM's own examples.
    fitted = lightgbm.LGBMRegressor(**size).fit(DIABETES[20:], PROGRESS[20:])
    model = onnxmltools.convert_lightgbm(fitted, initial_types=[("input", FloatTensorType([None, None]))], target_opset=15)
    regressor(zoo, "LGBMRegressor-open-width", fitted, model)
    zoo.finish()


def with_catboost():
    zoo = Zoo("catboost", "catboost", "onnx")
    size = dict(iterations=4, depth=3, verbose=0, allow_writing_files=False, random_seed=0)
    words = np.array(["setosa", "versicolor", "virginica"])
    cases = {
        "CatBoostClassifier": (catboost.CatBoostClassifier(**size), GAPS, SPECIES),
        "CatBoostClassifier-words": (catboost.CatBoostClassifier(**size), GAPS, words[SPECIES]),
        "CatBoostClassifier-binary": (catboost.CatBoostClassifier(**size), GAPS, BINARY),
        "CatBoostRegressor": (catboost.CatBoostRegressor(**size), DIABETES, PROGRESS),
        "CatBoostRegressor-poisson": (catboost.CatBoostRegressor(loss_function="Poisson", **size), DIABETES, PROGRESS),
        "CatBoostRanker": (catboost.CatBoostRanker(**size), DIABETES, PROGRESS),
    }
    import tempfile
    for name, (estimator, x, y) in cases.items():
        try:
            more = {"group_id": [row // 20 for row in range(60)]} if "Ranker" in name else {}
            fitted = estimator.fit(x[20:], y[20:], **more)
            with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
                fitted.save_model(file.name, format="onnx", export_parameters={"onnx_domain": "example.zoo", "onnx_model_version": 1})
                model = onnx.load(file.name)
            (classifier if "Classifier" in name else regressor)(zoo, name, fitted, model, {"features": NAN} if x is GAPS else None)
        except Exception as error:
            zoo.cannot(name, f"{type(error).__name__}: {error}")
    zoo.finish()


if __name__ == "__main__":
    for make in (with_xgboost, with_lightgbm, with_catboost):
        make()
