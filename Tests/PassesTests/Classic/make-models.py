#!/usr/bin/env python3
"""Makes the models of this folder: what scikit-learn, LightGBM and XGBoost learn from 120 seeded rows, exported with their own converters.
Needs scikit-learn, skl2onnx, lightgbm, xgboost, onnxmltools."""

import pathlib
import warnings

import lightgbm
import numpy as np
import onnx
import xgboost
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as MLFloat
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier, BaggingClassifier, ExtraTreesClassifier, GradientBoostingClassifier, GradientBoostingRegressor,
    RandomForestClassifier, RandomForestRegressor)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, MinMaxScaler, Normalizer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

warnings.filterwarnings("ignore")
folder = pathlib.Path(__file__).parent
random = np.random.default_rng(0)
X = random.normal(size=(120, 4)).astype(np.float32)
three = (X[:, 0] + X[:, 1] > 0.5).astype(int) + (X[:, 2] > 0).astype(int)
two = (X[:, 0] - X[:, 3] + 0.3 * random.normal(size=120) > 0).astype(int)
number = (X[:, 0] * 2 - X[:, 1]).astype(np.float32)
names = np.array(["low", "middle", "high"])[three]
gaps = np.where(random.uniform(size=X.shape) < 0.1, np.nan, X).astype(np.float32)


def save(name, model):
    onnx.save(model, folder / f"{name}.onnx")


def sklearn(name, estimator, y, x=X, zipmap=False, types=None):
    estimator.fit(x, y)
    has_classes = hasattr(estimator, "classes_") and not isinstance(estimator, LinearSVC)
    options = {id(estimator): {"zipmap": zipmap}} if has_classes else None
    save(name, to_onnx(estimator, x[:1] if types is None else None, initial_types=types, options=options))


rows = [("X", FloatTensorType([None, 4]))]
sklearn("logistic-2", LogisticRegression(), two, types=rows)
sklearn("logistic-2-zipmap", LogisticRegression(), two, zipmap=True, types=rows)
sklearn("logistic-3", LogisticRegression(), three, types=rows)
sklearn("logistic-3-names", LogisticRegression(), names, types=rows)
sklearn("one-versus-rest", OneVsRestClassifier(LogisticRegression()), three, zipmap=True, types=rows)
sklearn("sgd-3", SGDClassifier(loss="log_loss", random_state=0), three, types=rows)
sklearn("sgd-2", SGDClassifier(loss="log_loss", random_state=0), two, types=rows)
sklearn("svc-3", LinearSVC(), three, types=rows)
sklearn("ridge-classifier", RidgeClassifier(), three, types=rows)
sklearn("linear", LinearRegression(), number, types=rows)
sklearn("linear-2", LinearRegression(), np.stack([number, -number + 1], 1), types=rows)
sklearn("tree-2", DecisionTreeClassifier(max_depth=3, random_state=0), two, types=rows)
sklearn("tree-3", DecisionTreeClassifier(max_depth=3, random_state=0), names, zipmap=True, types=rows)
sklearn("forest-2", RandomForestClassifier(5, max_depth=3, random_state=0), two, types=rows)
sklearn("forest-3", RandomForestClassifier(5, max_depth=3, random_state=0), three, types=rows)
sklearn("extra-trees", ExtraTreesClassifier(5, max_depth=3, random_state=0), names, types=rows)
sklearn("forest-regressor", RandomForestRegressor(5, max_depth=3, random_state=0), number, types=rows)
sklearn("boosting-2", GradientBoostingClassifier(n_estimators=5, max_depth=2, random_state=0), two, types=rows)
sklearn("boosting-3", GradientBoostingClassifier(n_estimators=5, max_depth=2, random_state=0), three, types=rows)
sklearn("boosting-regressor", GradientBoostingRegressor(n_estimators=5, max_depth=2, random_state=0), number, types=rows)
sklearn("ada", AdaBoostClassifier(n_estimators=3, random_state=0), two, types=rows)
sklearn("bagging", BaggingClassifier(LogisticRegression(), n_estimators=3, random_state=0), three, types=rows)
sklearn("calibrated", CalibratedClassifierCV(LinearSVC(), cv=2), two, types=rows)
sklearn("prepared", make_pipeline(SimpleImputer(), StandardScaler(), Normalizer(), LogisticRegression()), three, x=gaps, types=rows)
sklearn("prepared-max", make_pipeline(MinMaxScaler(), Normalizer(norm="max"), LogisticRegression()), two, types=rows)
sklearn("prepared-l1", make_pipeline(Normalizer(norm="l1"), Binarizer(threshold=0.1), LogisticRegression()), two, types=rows)

words = np.concatenate([X.astype(object), np.array(["red", "green", "blue"])[random.integers(0, 3, 120)].reshape(-1, 1)], 1)
columns = [("a", FloatTensorType([None, 4])), ("colour", StringTensorType([None, 1]))]
mixed = make_pipeline(
    ColumnTransformer([("numbers", StandardScaler(), [0, 1, 2, 3]), ("words", OneHotEncoder(), [4])]), LogisticRegression())
sklearn("mixed", mixed, three, x=words, types=columns)

ml = [("X", MLFloat([None, 4]))]
light = {"n_estimators": 4, "num_leaves": 5, "verbose": -1, "random_state": 0}
save("lightgbm-2", convert_lightgbm(lightgbm.LGBMClassifier(**light).fit(X, two), initial_types=ml, zipmap=False))
save("lightgbm-3", convert_lightgbm(lightgbm.LGBMClassifier(**light).fit(X, three), initial_types=ml, zipmap=True))
save("lightgbm-regressor", convert_lightgbm(lightgbm.LGBMRegressor(**light).fit(gaps, number), initial_types=ml))
extreme = {"n_estimators": 4, "max_depth": 2, "random_state": 0}
save("xgboost-2", convert_xgboost(xgboost.XGBClassifier(**extreme).fit(gaps, two), initial_types=ml))
save("xgboost-3", convert_xgboost(xgboost.XGBClassifier(**extreme).fit(X, three), initial_types=ml))
save("xgboost-regressor", convert_xgboost(xgboost.XGBRegressor(**extreme).fit(X, number), initial_types=ml))
save("xgboost-forest", convert_xgboost(xgboost.XGBRFClassifier(**extreme).fit(X, two), initial_types=ml))
