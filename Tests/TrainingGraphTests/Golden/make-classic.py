#!/usr/bin/env python3
"""Makes classic.json and the models classic-*.onnx: what scikit-learn's own losses and probabilities become when numpy takes full-batch
gradient steps from its predictions, and what LightGBM's refit and XGBoost's leaf refresh make of leaves.
Needs numpy, scikit-learn, skl2onnx, lightgbm, xgboost, onnxmltools."""

import json
import pathlib
import warnings

import lightgbm
import numpy as np
import onnx
import xgboost
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as MLFloat
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
folder = pathlib.Path(__file__).parent
random = np.random.default_rng(3)
old = random.normal(size=(80, 3)).astype(np.float32)
X = (random.normal(size=(60, 3)) + 0.3).round(3).astype(np.float32)
steps = 12


def classes(x, noise):
    return ((x[:, 0] + 0.5 * x[:, 1] + noise * random.normal(size=len(x)) > 0.4).astype(int) + (x[:, 2] > 0.2)).astype(int)


old3, new3 = classes(old, 0.1), classes(X, 0.5)
old2, new2 = (old3 > 0).astype(int), (new3 > 0).astype(int)
oldR, newR = (old @ [1, -2, 0.5]).astype(np.float32), (X @ [1.5, -1, 1] + 0.2).astype(np.float32)
cases = {}


def short(values):
    return [float(f"{value:.7g}") for value in np.asarray(values, np.float64).ravel()]


def save(name, model, labels, loss, rate, losses, answers, taken=steps):
    onnx.save(model, folder / f"classic-{name}.onnx")
    cases[name] = {
        "labels": short(labels), "loss": loss, "rate": rate, "steps": taken, "losses": short(losses), "answers": short(answers),
    }


def export(model, zipmap=True):
    options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") and zipmap else None
    return to_onnx(model, initial_types=[("X", FloatTensorType([None, 3]))], options=options)


def logistic(name, old_labels, labels, rate):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(old, old_labels)
    exported = export(model)
    last, losses = model[-1], []
    scaled = model[0].transform(X)
    for _ in range(steps):
        p = model.predict_proba(X)
        losses.append(log_loss(labels, p, labels=last.classes_))
        difference = p.copy()
        difference[np.arange(len(X)), labels] -= 1
        if len(last.classes_) == 2:
            difference = difference[:, 1:]
        last.coef_ = last.coef_ - rate * difference.T @ scaled / len(X)
        last.intercept_ = last.intercept_ - rate * difference.mean(axis=0)
    save(name, exported, labels, "cross_entropy", rate, losses, model.predict_proba(X))


logistic("logistic-2", old2, new2, 0.7)
logistic("logistic-3", old3, new3, 0.5)

line = LinearRegression().fit(old, oldR)
exported, losses = export(line), []
for _ in range(steps):
    error = line.predict(X) - newR
    losses.append(mean_squared_error(newR, line.predict(X)))
    line.coef_ = line.coef_ - 0.1 * 2 * error @ X / len(X)
    line.intercept_ = line.intercept_ - 0.1 * 2 * error.mean()
save("linear", exported, newR, "mean_squared_error", 0.1, losses, line.predict(X))


def nearest(values, total):
    """The nearest point of the simplex, by halving the shift."""
    low, high = values.min() - total, values.max()
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(values - middle, 0).sum() > total else (low, middle)
    return np.maximum(values - (low + high) / 2, 0)


def forest(name, old_labels, labels, rate, trees):
    """A leaf counts 1 / trees of its probabilities: these shares are what is trained."""
    model = RandomForestClassifier(trees, max_depth=3, min_samples_leaf=6, random_state=1).fit(old, old_labels)
    exported, losses = export(model), []
    for tree in model.estimators_:
        values = tree.tree_.value
        values[:] = values / values.sum(axis=2, keepdims=True)
    for _ in range(steps):
        p = model.predict_proba(X)
        losses.append(log_loss(labels, p, labels=model.classes_))
        truth = np.eye(len(model.classes_))[labels]
        # Of p divided by its sum, as a loss of probabilities is.
        slope = (1 - np.divide(truth, p, out=np.zeros_like(p), where=truth > 0)) / len(X)
        if len(model.classes_) == 2:
            # Two classes are stored as the share of the second.
            slope = slope[:, 1] - slope[:, 0]
        for tree, leaves in zip(model.estimators_, model.apply(X).T):
            values = tree.tree_.value
            for leaf in np.unique(leaves):
                gradient = slope[leaves == leaf].sum(axis=0)
                share = values[leaf, 0] / trees
                if len(model.classes_) == 2:
                    second = np.clip(share[1] - rate * gradient, 0, 1 / trees)
                    share = np.array([1 / trees - second, second])
                else:
                    share = nearest(share - rate * gradient, 1 / trees)
                values[leaf, 0] = share * trees
    save(name, exported, labels, "cross_entropy", rate, losses, model.predict_proba(X))


forest("forest-2", old2, new2, 0.02, 4)
forest("forest-3", old3, new3, 0.02, 4)

model = RandomForestRegressor(4, max_depth=3, random_state=1).fit(old, oldR)
exported, losses = export(model), []
for _ in range(steps):
    error = model.predict(X) - newR
    losses.append(mean_squared_error(newR, model.predict(X)))
    for tree, leaves in zip(model.estimators_, model.apply(X).T):
        for leaf in np.unique(leaves):
            # What is stored is the value divided by the number of trees.
            tree.tree_.value[leaf, 0, 0] -= 4 * 0.5 * 2 * error[leaves == leaf].sum() / len(X)
save("forest-regressor", exported, newR, "mean_squared_error", 0.5, losses, model.predict(X))

model = GradientBoostingClassifier(n_estimators=4, max_depth=2, random_state=1).fit(old, old2)
exported, losses = export(model), []
for _ in range(steps):
    p = model.predict_proba(X)[:, 1]
    losses.append(log_loss(new2, p))
    leaves = model.apply(X)[:, :, 0]
    for number in range(4):
        for leaf in np.unique(leaves[:, number]):
            # What is stored is the value times the learning rate of the boosting.
            change = 0.9 * (p - new2)[leaves[:, number] == leaf].sum() / len(X)
            model.estimators_[number, 0].tree_.value[int(leaf), 0, 0] -= change / model.learning_rate
save("boosting-2", exported, new2, "cross_entropy", 0.9, losses, model.predict_proba(X))

# Of one tree, the best values of the leaves are the means of the rows in them: that is what refit and refresh set them to, and where
# steps end.
ml = [("X", MLFloat([None, 3]))]
settings = {"n_estimators": 1, "num_leaves": 6, "learning_rate": 1.0, "min_child_samples": 5, "boost_from_average": False, "verbose": -1}
model = lightgbm.LGBMRegressor(**settings).fit(old, oldR)
exported = convert_lightgbm(model, initial_types=ml)
refitted = model.booster_.refit(X, newR, decay_rate=0.0)
save("lightgbm-refit", exported, newR, "mean_squared_error", 0.9, [], refitted.predict(X), 600)

settings = {"max_depth": 2, "eta": 1.0, "lambda": 0.0, "base_score": 0.0, "objective": "reg:squarederror"}
booster = xgboost.train(settings, xgboost.DMatrix(old, oldR), 1)
estimator = xgboost.XGBRegressor(n_estimators=1, max_depth=2, learning_rate=1.0, reg_lambda=0.0, base_score=0.0).fit(old, oldR)
exported = convert_xgboost(estimator, initial_types=ml)
refresh = {**settings, "process_type": "update", "updater": "refresh", "refresh_leaf": True}
refreshed = xgboost.train(refresh, xgboost.DMatrix(X, newR), 1, xgb_model=booster)
save("xgboost-refresh", exported, newR, "mean_squared_error", 0.9, [], refreshed.predict(xgboost.DMatrix(X)), 600)

(folder / "classic.json").write_text(json.dumps({"rows": short(X), "cases": cases}, separators=(",", ":")) + "\n")
