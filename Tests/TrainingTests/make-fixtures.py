#!/usr/bin/env python3
"""Makes Fixtures/: metrics as scikit-learn has them, and a file of the safetensors package. Needs numpy, scikit-learn, safetensors."""

import json
import pathlib

import numpy as np
from safetensors.numpy import save_file
from sklearn import metrics as m

random = np.random.default_rng(7)
folder = pathlib.Path(__file__).parent / "Fixtures"


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def case(name, kind, answers, labels, weights, expected):
    return {
        "name": name, "kind": kind, "shape": list(answers.shape), "answers": answers.ravel().tolist(), "labels": labels.ravel().tolist(),
        "weights": weights.tolist(), "expected": {key: float(value) for key, value in expected.items()},
    }


def classes(name, rows, count, form, even=False):
    scores = random.normal(size=(rows, count)).astype(np.float32) * 2
    labels = random.integers(0, count, rows)
    weights = np.ones(rows, np.float32) if even else random.uniform(0, 2, rows).astype(np.float32)
    p = softmax(scores.astype(np.float64))
    answers = scores if form == "logits" else p.astype(np.float32)
    p = softmax(answers.astype(np.float64)) if form == "logits" else answers.astype(np.float64)
    p = p / p.sum(axis=1, keepdims=True)
    guess = p.argmax(axis=1)
    expected = {
        "accuracy": m.accuracy_score(labels, guess, sample_weight=weights),
        "f1": m.f1_score(labels, guess, average="macro", sample_weight=weights),
        "log_loss": m.log_loss(labels, p, sample_weight=weights, labels=list(range(count))),
        "auc": m.roc_auc_score(labels, p if count > 2 else p[:, 1], multi_class="ovr", average="macro", sample_weight=weights),
    }
    return case(name, f"classes {form}", answers, labels, weights, expected)


def binary(name, rows, form):
    scores = random.normal(size=rows).astype(np.float32) * 2
    labels = (random.uniform(size=rows) < sigmoid(scores)).astype(np.float32)
    weights = random.uniform(0, 2, rows).astype(np.float32)
    answers = scores if form == "logits" else sigmoid(scores).astype(np.float32)
    p = sigmoid(answers.astype(np.float64)) if form == "logits" else answers.astype(np.float64)
    guess = p > 0.5
    expected = {
        "accuracy": m.accuracy_score(labels, guess, sample_weight=weights),
        "f1": m.f1_score(labels, guess, average="macro", sample_weight=weights),
        "log_loss": m.log_loss(labels, p, sample_weight=weights),
        "auc": m.roc_auc_score(labels, p, sample_weight=weights),
    }
    return case(name, f"yesOrNo {form}", answers.reshape(rows, 1), labels, weights, expected)


def multilabel(name, rows, columns):
    scores = random.normal(size=(rows, columns)).astype(np.float32)
    labels = (random.uniform(size=(rows, columns)) < sigmoid(scores)).astype(np.float32)
    weights = random.uniform(0, 2, rows).astype(np.float32)
    p = sigmoid(scores.astype(np.float64))
    expected = {
        "f1": m.f1_score(labels, p > 0.5, average="macro", sample_weight=weights),
        "auc": m.roc_auc_score(labels, p, average="macro", sample_weight=weights),
        "accuracy": np.average((labels == (p > 0.5)).mean(axis=1), weights=weights),
    }
    return case(name, "yesOrNo logits", scores, labels, weights, expected)


def values(name, rows, columns):
    labels = random.normal(size=(rows, columns)).astype(np.float32) * 3 + 5
    answers = (labels + random.normal(size=labels.shape)).astype(np.float32)
    weights = random.uniform(0, 2, rows).astype(np.float32)
    y, a = labels.astype(np.float64), answers.astype(np.float64)
    expected = {
        "rmse": m.mean_squared_error(y, a, sample_weight=weights) ** 0.5,
        "mae": m.mean_absolute_error(y, a, sample_weight=weights),
        "r2": m.r2_score(y, a, sample_weight=weights),
    }
    return case(name, "values", answers, labels, weights, expected)


cases = [
    classes("four classes, logits", 60, 4, "logits"),
    classes("four classes, probabilities, even weights", 60, 4, "probabilities", even=True),
    classes("two classes", 40, 2, "logits"),
    binary("yes or no, logits", 50, "logits"),
    binary("yes or no, probabilities", 50, "probabilities"),
    multilabel("three labels", 40, 3),
    values("one target", 50, 1),
    values("two targets", 50, 2),
]
folder.mkdir(exist_ok=True)
(folder / "metrics.json").write_text(json.dumps(cases))
save_file(
    {
        "conv.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "half": np.array([1.5, -2], np.float16),
        "step": np.array(7, np.int64), "näme \"quoted\"/slash": np.array([True, False]),
    },
    folder / "python.safetensors", metadata={"made": "by the safetensors package"})
