"""Prints the metrics of a model of the sample digits on labelled rows, as ONNX Runtime and NumPy find them: of the rows that a training with
this share and seed holds out, by the SHA-256 of their key. One line of JSON.

    judge.py MODEL LABELLED.csv SHARE SEED
"""
import csv, hashlib, json, sys

import numpy as np
import onnxruntime

model, labelled, share, seed = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])


def is_held_out(key):
    text = key.encode()
    digest = hashlib.sha256(seed.to_bytes(8, "little") + len(text).to_bytes(4, "little") + text).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < share


rows = [row for row in csv.DictReader(open(labelled)) if is_held_out(row["id"])]
pixels = np.array([[float(row[f"pixel_{i}"]) for i in range(64)] for row in rows], np.float32) * np.float32(0.0625)
truth = np.array([int(row["digit"]) for row in rows])
session = onnxruntime.InferenceSession(model)
scores = session.run(["probabilities"], {"pixels": pixels.reshape(-1, 1, 8, 8)})[0].astype(np.float64)
answer = scores.argmax(1)


def area(score, is_positive):
    positive, negative = score[is_positive][:, None], score[~is_positive]
    return (positive > negative).mean() + (positive == negative).mean() / 2


def f1(digit):
    both = ((answer == digit) & (truth == digit)).sum()
    return 2 * both / ((answer == digit).sum() + (truth == digit).sum())


print(json.dumps({
    "rows": len(rows), "accuracy": (answer == truth).mean(),
    "log_loss": -np.log(np.maximum(scores[np.arange(len(truth)), truth], 1e-15)).mean(),
    "auc": np.mean([area(scores[:, digit], truth == digit) for digit in set(truth)]),
    "f1": np.mean([f1(digit) for digit in set(truth) | set(answer)]),
}))
