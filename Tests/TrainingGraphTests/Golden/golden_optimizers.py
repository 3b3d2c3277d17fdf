"""Trajectories of PyTorch's and timm's optimizers and schedules on one module."""
import math

import numpy as np
import timm.optim
import torch
import torch.nn as nn
import torch.nn.functional as F

from golden import BATCHES, save


def optimizers(module, named, x, y, steps=12):
    arrays = {}
    parameters = list(named.values())
    groups = lambda decay: [
        {"params": [p for k, p in named.items() if not k.endswith("bias")], "weight_decay": decay},
        {"params": [p for k, p in named.items() if k.endswith("bias")], "weight_decay": 0.0},
    ]
    loss_of = lambda b: F.cross_entropy(module(x[b]), y[b])

    def run(name, optimizer, schedule=None, clip=None, average=None, accumulate=1):
        kept = [p.detach().clone() for p in parameters]
        means = [p.detach().clone() for p in parameters]
        losses, rates = [], []
        for step in range(steps):
            optimizer.zero_grad()
            if accumulate > 1:
                # Batches of different sizes: each row counts the same.
                parts = [(step * accumulate + i) % BATCHES for i in range(accumulate)]
                sizes = [12 - 4 * i for i in range(accumulate)]
                for b, size in zip(parts, sizes):
                    loss = F.cross_entropy(module(x[b][:size]), y[b][:size])
                    losses.append(loss.item())
                    (loss * size / sum(sizes)).backward()
            else:
                loss = loss_of(step % BATCHES)
                losses.append(loss.item())
                loss.backward()
            if clip:
                clip(parameters)
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if schedule:
                schedule.step()
            if average:
                means = [average * m + (1 - average) * p.detach() for m, p in zip(means, parameters)]
        arrays[f"{name}/losses"] = np.array(losses)
        arrays[f"{name}/rates"] = np.array(rates)
        if average:
            for key, mean in zip(named, means):
                arrays[f"{name}/average/{key}"] = mean.numpy()
        for p, k in zip(parameters, kept):
            p.data = k

    o = torch.optim
    run("sgd_momentum", o.SGD(groups(0.01), lr=0.1, momentum=0.9))
    run("sgd_nesterov", o.SGD(parameters, lr=0.1, momentum=0.9, nesterov=True))
    run("adagrad", o.Adagrad(groups(0.01), lr=0.05))
    run("rmsprop", o.RMSprop(groups(0.01), lr=0.005))
    run("rmsprop_momentum", o.RMSprop(parameters, lr=0.005, alpha=0.9, momentum=0.5, eps=1e-6))
    run("adam", o.Adam(groups(0.01), lr=0.01))
    run("adamw", o.AdamW(groups(0.1), lr=0.01, betas=(0.8, 0.95), eps=1e-6))
    run("lion", timm.optim.Lion(groups(0.1), lr=0.003))
    run("lamb", timm.optim.Lamb(groups(0.1), lr=0.02, eps=1e-6, max_grad_norm=None, always_adapt=True))
    run("clip_norm", o.SGD(parameters, lr=0.1), clip=lambda p: nn.utils.clip_grad_norm_(p, 0.3))
    run("clip_value", o.SGD(parameters, lr=0.1), clip=lambda p: nn.utils.clip_grad_value_(p, 0.02))
    run("accumulate", o.AdamW(parameters, lr=0.01, weight_decay=0.0), accumulate=2)
    run("average", o.SGD(parameters, lr=0.1), average=0.9)

    def scheduled(name, make):
        optimizer = o.SGD(parameters, lr=0.2)
        run(name, optimizer, schedule=make(optimizer))

    s = o.lr_scheduler
    scheduled("linear", lambda p: s.LinearLR(p, 1.0, 0.1, total_iters=steps))
    scheduled("cosine", lambda p: s.CosineAnnealingLR(p, steps, eta_min=0.02))
    scheduled("step", lambda p: s.StepLR(p, 4, 0.5))
    scheduled("one_cycle", lambda p: s.OneCycleLR(p, 0.2, total_steps=steps, cycle_momentum=False))
    # Linear warm-up over 3 steps, then a cosine over the other 9.
    scheduled("warm_cosine", lambda p: s.LambdaLR(p, lambda t: (t + 1) / 3 if t < 3 else (1 + math.cos(math.pi * (t - 3) / 9)) / 2))
    save("optimizers", arrays)
