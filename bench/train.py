"""Epochs of gradient descent beside PyTorch, JAX and scikit-learn: float32, in turns.

Run as `python -m bench.train` in an environment that has jax, torch and scikit-learn; `--json`
prints the figures as JSON, `--only T1` takes one network. Shuffling is inside the timed call and
every side computes the loss. Before anything is timed each side makes one epoch in a given order,
and its parameters must agree with those of NumPy in float64.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np

from bench.hessian import XLA_FLAGS
from bench.step import environment, processor, revision
from bench.train_peers import PEERS, Task

#: (network, batch size, steps of an epoch)
NETWORKS = {
    "T1": ("3 -> 10 relu -> 6 relu -> 3 softmax", 32, 200),
    "T2": ("30 -> 64 relu -> 64 relu -> 2 softmax", 64, 64),
    "D1": ("64 -> 49 * 64 tanh -> 64 softmax", 128, 8),
    "T3": ("784 -> 256 relu -> 128 relu -> 10 softmax", 128, 16),
    "T4": ("784 -> 1024 relu -> 1024 relu -> 10 softmax", 256, 6),
}

RATE = 0.01

#: Difference of an epoch's change of the parameters from that in float64, relative to the change.
#: It is the rounding of float32 through the steps, and through 50 layers of D1.
AGREEMENT = 1e-3


def task(name: str) -> Task:
    """Data and start of a network; the targets are random classes."""
    import gradwright as gw

    text, batch, steps = NETWORKS[name]
    net = gw.Network(text, loss="cross_entropy")
    rng = np.random.default_rng(7)
    X = rng.standard_normal((batch * steps, net.widths[0])).astype(np.float32)
    y = rng.integers(net.widths[-1], size=len(X))
    # What sklearn fits has every class.
    y[: net.widths[-1]] = np.arange(net.widths[-1])
    return Task(net, net.init(seed=1, dtype="float32").flat, X, y, batch, RATE)


def reference(given: Task) -> Any:
    """The parameters after an epoch in the order of the samples, by NumPy in float64."""
    module = given.net.model.module
    flat = given.start.astype(np.float64)
    X, Y = given.X.astype(np.float64), given.onehot.astype(np.float64)
    for first in range(0, len(X), given.batch):
        part = slice(first, first + given.batch)
        module.step(flat, X[part], Y[part], given.rate)
    return flat


def measure_one(name: str, seconds: float) -> dict[str, Any]:
    """Microseconds for a step of every side that there is for a network."""
    given = task(name)
    expected = reference(given)
    change = np.linalg.norm(expected - given.start)
    timed: dict[str, Callable[[], Any]] = {}
    differences = {}
    for side, make in PEERS.items():
        made = make(given)
        if made is None:
            continue
        in_order, epoch = made
        difference = float(np.linalg.norm(in_order() - expected) / change)
        if not difference <= AGREEMENT:
            raise SystemExit(f"{side} on {name} is {difference:.1e} off: it computes another thing")
        differences[side] = difference
        timed[side] = epoch
        epoch()
    times: dict[str, list[tuple[float, float]]] = {side: [] for side in timed}
    began = perf_counter()
    while perf_counter() - began < seconds or len(times[next(iter(times))]) < 7:
        for side, epoch in timed.items():
            started = perf_counter(), process_time()
            epoch()
            times[side].append((perf_counter() - started[0], process_time() - started[1]))
    steps = NETWORKS[name][2]
    figures = {
        side: [median(pair[k] for pair in pairs) / steps * 1e6 for k in (0, 1)]
        for side, pairs in times.items()
    }
    return {"network": NETWORKS[name][0], "us": figures, "differences": differences}


def worker(names: list[str], seconds: float) -> dict[str, Any]:
    """What is measured in a process of its own."""
    rows = {name: measure_one(name, seconds) for name in names}
    return {"load": os.getloadavg()[0], "rows": rows}


def table(figures: dict[str, Any]) -> str:
    """The figures as text."""
    lines = [
        f"machine: {figures['machine']}; load average {figures['load']:.1f}",
        f"date: {figures['date']}; revision: {figures['revision']}; threads: 1",
        "",
        "microseconds of processor time a step, medians of epochs in turns",
        "",
    ]
    for name, row in figures["rows"].items():
        lines.append(f"{name}  {row['network']}")
        ours = row["us"]["gradwright, c"][1]
        peers = [us[1] for side, us in row["us"].items() if not side.startswith("gradwright")]
        for side, (_, us) in row["us"].items():
            lines.append(f"    {side:<24} {us:>10.2f} {us / ours:>8.2f}")
        if peers:
            lines.append(f"    the best of the others takes {min(peers) / ours:.2f} times as long")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--json", action="store_true")
    reader.add_argument("--only", choices=list(NETWORKS), action="append")
    reader.add_argument("--seconds", type=float, default=20.0)
    reader.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = reader.parse_args()
    names = given.only or list(NETWORKS)
    if given.worker:
        print(json.dumps(worker(names, given.seconds)))
        return
    command = [sys.executable, "-m", "bench.train", "--worker", "--seconds", str(given.seconds)]
    command += [word for name in names for word in ("--only", name)]
    here = environment(1) | {"XLA_FLAGS": XLA_FLAGS}
    done = subprocess.run(command, env=here, check=True, stdout=subprocess.PIPE)
    figures = json.loads(done.stdout) | {
        "machine": processor(),
        "date": date.today().isoformat(),
        "revision": revision(),
    }
    print(json.dumps(figures, indent=2) if given.json else table(figures))


if __name__ == "__main__":
    main()
