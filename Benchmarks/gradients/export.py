"""Exports the architectures with both of torch's exporters: DIR/NAME.EXPORTER.onnx, with random weights.

    python export.py DIR [NAME ...]

Each export runs in a process of its own. DIR/exports.json says how each went.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

EXPORTERS = ["torchscript", "dynamo"]


def export(name, exporter, path, dynamic):
    import torch

    from architectures import build

    torch.set_num_threads(1)
    # The older exporter knows no fused attention module.
    torch.backends.mha.set_fastpath_enabled(False)
    module, inputs = build(name)
    options = {"input_names": list(inputs), "output_names": ["output"]}
    if exporter == "dynamo":
        if dynamic:
            batch = torch.export.Dim("batch")
            options["dynamic_shapes"] = tuple({0: batch} for _ in inputs)
        torch.onnx.export(module, tuple(inputs.values()), str(path), dynamo=True, external_data=False, **options)
    else:
        if dynamic:
            options["dynamic_axes"] = {key: {0: "batch"} for key in [*inputs, "output"]}
        with torch.no_grad():
            torch.onnx.export(module, tuple(inputs.values()), str(path), dynamo=False, **options)


def operators(path):
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    counts = {}

    def visit(nodes):
        for node in nodes:
            kind = (node.domain + "." if node.domain not in ("", "ai.onnx") else "") + node.op_type
            counts[kind] = counts.get(kind, 0) + 1
            for attribute in node.attribute:
                visit(attribute.g.node)

    visit(model.graph.node)
    for function in model.functions:
        visit(function.node)
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    return opset, dict(sorted(counts.items())), len(model.functions)


def attempt(name, exporter, folder, limit):
    path = folder / f"{name}.{exporter}.onnx"
    reasons = []
    started = time.monotonic()
    for batch in ["dynamic", "fixed"]:
        command = [sys.executable, __file__, str(folder), name, "--one", exporter, "--batch", batch]
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired:
            reasons.append(f"{batch}: more than {limit} s")
            continue
        if run.returncode == 0 and path.exists():
            opset, counts, functions = operators(path)
            return {
                "batch": batch, "opset": opset, "functions": functions, "operators": counts, "bytes": path.stat().st_size,
                "seconds": round(time.monotonic() - started, 1), "reasons": reasons,
            }
        errors = [line for line in run.stderr.splitlines() if "Error" in line and not line.startswith(" ")]
        reasons.append(f"{batch}: " + (errors[0] if errors else f"exit {run.returncode}")[:300])
    return {"failed": True, "reasons": reasons}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--one", choices=EXPORTERS)
    parser.add_argument("--batch", choices=["dynamic", "fixed"], default="dynamic")
    parser.add_argument("--limit", type=int, default=900, help="seconds for one export")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.one:
        path = options.folder / f"{options.names[0]}.{options.one}.onnx"
        export(options.names[0], options.one, path, options.batch == "dynamic")
        return
    from architectures import ARCHITECTURES

    record = options.folder / "exports.json"
    results = json.loads(record.read_text()) if record.exists() else {}
    for name in options.names or ARCHITECTURES:
        for exporter in EXPORTERS:
            result = attempt(name, exporter, options.folder, options.limit)
            results[f"{name}.{exporter}"] = result
            record.write_text(json.dumps(results, indent=1))
            print(name, exporter, "failed: " + " | ".join(result["reasons"]) if "failed" in result else
                  f"opset {result['opset']}, batch {result['batch']}, {len(result['operators'])} operators, {result['seconds']} s",
                  flush=True)


if __name__ == "__main__":
    main()
