"""Builds the gradient of every export with Millrace and compares it with PyTorch's.

    python compare.py DIR --millrace .build/debug/millrace [--out TABLE.md] [NAME.EXPORTER ...]

For each graph of DIR (see export.py): a random cotangent of the output; `millrace backward` for the gradients of every initializer and
float input; PyTorch's gradients in float64 by the same cotangent; at most 64 coordinates sampled of each initializer. A graph agrees
where, for every initializer, the error on its sample is at most 1e-4 times the larger of the sample's own norm and a thousandth of the
norm of all samples.

Deep networks have thousands of kinks. Where one activation lies within rounding of zero, float32 and float64 stand on different sides of
it and the gradients differ for good reason; so where a graph disagrees, other inputs are drawn, twice at most. Where PyTorch's own
float32 gradients are further than 1e-4 from its float64 ones, three times their distance counts instead; the table states it.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import numpy
import onnx
import onnx.numpy_helper
import torch

from architectures import ARCHITECTURES, build
from reference import Reference

TOLERANCE = 1e-4
DRAWS = 3


def gradients_by_millrace(binary, path, inputs, cotangent, folder):
    numpy.savez(folder / "data.npz", **inputs)
    numpy.savez(folder / "cotangent.npz", **cotangent)
    started = time.monotonic()
    run = subprocess.run(
        [binary, "backward", str(path), str(folder / "data.npz"), "--cotangent", str(folder / "cotangent.npz"), "--inputs",
         "--out", str(folder / "gradients.npz")], capture_output=True, text=True)
    if run.returncode != 0:
        return None, (run.stderr.strip() or run.stdout.strip() or f"exit {run.returncode}").splitlines()[-1], 0
    with numpy.load(folder / "gradients.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}, "", time.monotonic() - started


def sample(array, generator):
    flat = array.reshape(-1)
    return flat[generator.choice(flat.size, size=min(64, flat.size), replace=False)]


def drawn(inputs, draw):
    """Other values for the float inputs, but for the first draw."""
    if draw == 0:
        return inputs
    generator = torch.Generator().manual_seed(draw)
    return {key: torch.randn(value.shape, generator=generator) if value.is_floating_point() else value for key, value in inputs.items()}


def compare(binary, path, name, backward=gradients_by_millrace):
    for draw in range(DRAWS):
        result = compare_once(binary, path, name, draw, backward)
        result["draws"] = draw + 1
        if result["agrees"] or not result["ran"]:
            break
    return result


def compare_once(binary, path, name, draw, backward):
    module, inputs = build(name)
    inputs = drawn(inputs, draw)
    model = onnx.load(str(path))
    given = {value.name for value in model.graph.input}
    output = model.graph.output[0].name
    reference = Reference(module, inputs)
    arrays = {key: value.numpy() for key, value in inputs.items() if key in given}
    with tempfile.TemporaryDirectory() as folder:
        found, reason, seconds = backward(binary, path, arrays, {output: reference.cotangent.numpy()}, pathlib.Path(folder))
    if found is None:
        return {"built": "runtime" in reason.lower(), "ran": False, "agrees": False, "reason": reason[:400]}
    expected, got, untraced = {}, {}, []
    traced_elements = all_elements = 0
    for tensor in model.graph.initializer:
        if tensor.name not in found:
            continue
        array = onnx.numpy_helper.to_array(tensor)
        all_elements += array.size
        traced = reference.trace(array) if array.size > 1 or array.ndim > 0 else None
        if traced is None:
            untraced.append(tensor.name)
            continue
        traced_elements += array.size
        key, gradient = traced
        if key not in expected:
            expected[key], got[key] = gradient, found[tensor.name].astype(numpy.float64)
        else:
            shape = gradient.shape if gradient.shape == expected[key].shape else None
            if shape is None:
                got[key] = got[key] + found[tensor.name].T.astype(numpy.float64)
            else:
                got[key] = got[key] + found[tensor.name]
    for key, gradient in reference.input_gradients.items():
        if key in found:
            expected["input " + key], got["input " + key] = gradient, found[key].astype(numpy.float64)
    generator = numpy.random.default_rng(3)
    samples = {}
    for key, gradient in expected.items():
        positions = generator.choice(gradient.size, size=min(64, gradient.size), replace=False)
        samples[key] = (gradient.reshape(-1)[positions], got[key].reshape(-1)[positions])
    whole = numpy.sqrt(sum(float(numpy.sum(wanted**2)) for wanted, _ in samples.values()))
    errors = {
        key: float(numpy.linalg.norm(value - wanted) / max(numpy.linalg.norm(wanted), 1e-3 * whole, 1e-30))
        for key, (wanted, value) in samples.items()
    }
    worst = max(errors, key=lambda key: errors[key] if numpy.isfinite(errors[key]) else numpy.inf) if errors else None
    error = errors[worst] if worst else float("nan")
    return {
        "built": True, "ran": True, "agrees": bool(worst and error <= max(TOLERANCE, 3 * reference.single_error)), "error": error,
        "single": reference.single_error, "worst": worst, "compared": len(expected),
        "share": round(traced_elements / max(all_elements, 1), 4), "untraced": untraced[:20], "seconds": round(seconds, 2),
    }


def table(results, exports):
    lines = ["| architecture | exporter | operator set | built | runs | agrees | largest error | PyTorch float32 | "
             "parameters compared | draws | seconds |",
             "|---|---|---|---|---|---|---|---|---|---|---|"]
    for name, result in sorted(results.items()):
        architecture, exporter = name.rsplit(".", 1)
        yes = {True: "yes", False: "no"}
        lines.append(
            f"| {architecture} | {exporter} | {exports[name]['opset']} | {yes[result['built']]} | {yes[result['ran']]} | "
            f"{yes[result['agrees']]} | "
            + (f"{result['error']:.1e} | {result['single']:.1e} | {result['share']:.1%} | {result['draws']} | {result['seconds']} |"
               if result["ran"] else f"{result['reason'][:120]} | | | | |"))
    counts = [sum(result[key] for result in results.values()) for key in ("built", "ran", "agrees")]
    lines.append(f"\nOf {len(results)} graphs, {counts[0]} are built, {counts[1]} run, {counts[2]} agree.")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--millrace", required=True)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)
    exports = json.loads((options.folder / "exports.json").read_text())
    record = options.folder / "gradients.json"
    results = json.loads(record.read_text()) if record.exists() and options.names else {}
    for name, export in exports.items():
        if "failed" in export or options.names and name not in options.names:
            continue
        try:
            result = compare(options.millrace, options.folder / f"{name}.onnx", name.rsplit(".", 1)[0])
        except Exception as error:
            result = {"built": False, "ran": False, "agrees": False, "reason": f"{type(error).__name__}: {error}"[:400]}
        results[name] = result
        record.write_text(json.dumps(results, indent=1))
        print(name, result.get("reason") or f"error {result['error']:.1e} at {result['worst']}, {result['share']:.1%} compared, "
              f"{result['seconds']} s"
              + ("" if result["agrees"] else " DISAGREES"), flush=True)
    (options.out or options.folder / "gradients.md").write_text(table(results, exports))


if __name__ == "__main__":
    main()
