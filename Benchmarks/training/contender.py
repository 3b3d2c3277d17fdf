"""One contender in a process of its own: `contender.py torch|compile|torch-bfloat16|compile-bfloat16|jax CASE THREADS STEPS` prints times of
steps and memory as JSON."""
import json
import os
import sys
import time


def memory(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(key))


def timed(step, steps):
    losses, times = [], []
    for _ in range(3):
        losses.append(float(step()))
    for _ in range(steps):
        start = time.perf_counter()
        loss = step()
        loss = float(loss)
        times.append(time.perf_counter() - start)
    return losses + [loss], times


def run_torch(name, threads, steps, compiled, bfloat16):
    import torch
    import torch.nn.functional as F

    import cases

    torch.set_num_threads(threads)
    module, x, y = cases.make(name)
    case = cases.CASES[name]
    parameters = list(module.parameters())
    if case["optimizer"] == "sgd":
        optimizer = torch.optim.SGD(parameters, lr=case["rate"])
    else:
        optimizer = torch.optim.AdamW(parameters, lr=case["rate"], weight_decay=0.01)
    before = memory("VmRSS")

    def forward(x, y):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
            return F.cross_entropy(module(x), y)

    if compiled:
        forward = torch.compile(forward)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = forward(x, y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return before, *timed(step, steps)


def run_jax(name, threads, steps):
    # XLA takes its number of threads from the cores that the process may use.
    import jax
    import numpy as np

    import cases
    import in_jax

    module, x, y = cases.make(name)
    case = cases.CASES[name]
    weights = {k: v.detach().numpy() for k, v in module.state_dict().items()}
    trained = {k for k, _ in module.named_parameters()}
    x, y = np.asarray(x), np.asarray(y)
    del module
    before = memory("VmRSS")
    step = in_jax.stepper(name, weights, trained, x, y, case["optimizer"], case["rate"])
    return before, *timed(step, steps)


def main():
    kind, name, threads, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    if kind == "jax":
        before, losses, times = run_jax(name, threads, steps)
    else:
        before, losses, times = run_torch(name, threads, steps, kind.startswith("compile"), kind.endswith("bfloat16"))
    print(json.dumps({"losses": losses, "seconds": times, "before": before, "peak": memory("VmHWM")}))


if __name__ == "__main__":
    main()
