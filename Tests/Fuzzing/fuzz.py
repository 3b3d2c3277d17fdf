#!/usr/bin/env python3
"""Runs libFuzzer over each format that Millrace reads, and prints a table of what came of it.

`make fuzz` builds the program and runs 100,000 inputs for each format, with AddressSanitizer. An input that does harm is kept below
.build/fuzz/harm/FORMAT: once what it shows is mended, it belongs into Tests/FuzzingTests/Found/FORMAT, which every later run begins with.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

FORMATS = "onnx csv jsonl parquet arrow npy npz yaml safetensors frames".split()
# libarrow is built without AddressSanitizer: a vector that it and our code share would look as if it overflowed.
CHECKS = "detect_container_overflow=0:detect_leaks=0:allocator_may_return_null=1"


def run(program, kind, runs, seed, folder):
    """Feeds `runs` inputs of one format, and returns the row of the table and whether all went well."""
    corpus, harm = folder / "corpus" / kind, folder / "harm" / kind
    for path in (corpus, folder / "temporary" / kind):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
    harm.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ, MILLRACE_FUZZ=kind, ASAN_OPTIONS=CHECKS, TMPDIR=str(folder / "temporary" / kind))
    subprocess.run([program], env=dict(environment, MILLRACE_FUZZ_SEEDS=str(corpus)), check=True)
    seeds = len(list(corpus.iterdir()))
    started = time.monotonic()
    with open(folder / f"{kind}.log", "w") as log:
        status = subprocess.run(
            [program, f"-runs={runs}", f"-seed={seed}", "-max_len=65536", "-timeout=20", "-rss_limit_mb=3072", "-malloc_limit_mb=2048",
             "-print_final_stats=1", f"-artifact_prefix={harm}/", str(corpus)],
            env=environment, stdout=log, stderr=log).returncode
    took = time.monotonic() - started
    text = (folder / f"{kind}.log").read_text(errors="replace")
    stats = dict(re.findall(r"stat::(\w+):\s+(\d+)", text))
    coverage = re.findall(r"cov: (\d+) ft: (\d+)", text) or [("0", "0")]
    cells = [kind, seeds, stats.get("number_of_executed_units", "?"), *coverage[-1], 0 if status == 0 else 1,
             stats.get("slowest_unit_time_sec", "?"), stats.get("peak_rss_mb", "?"), round(took)]
    return cells, status == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="where corpora, logs and harmful inputs go")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--jobs", type=int, default=1, help="formats at a time")
    parser.add_argument("formats", nargs="*", default=FORMATS)
    options = parser.parse_args()
    folder = options.folder.absolute()
    print("| format | seeds | inputs | edges | features | harmful | slowest input, s | peak memory, MiB | seconds |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    well = True
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        rows = [pool.submit(run, options.program, kind, options.runs, options.seed, folder) for kind in options.formats or FORMATS]
        for row in rows:
            cells, ended = row.result()
            well = well and ended
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    if not well:
        sys.exit(f"fuzz: harmful inputs are in {folder}/harm, and what was said of them in {folder}/FORMAT.log")


if __name__ == "__main__":
    main()
