"""Epochs of gradient descent beside PyTorch, JAX and scikit-learn: float32, in turns.

Run as `python -m bench.train` in an environment that has jax, torch and scikit-learn; `--json`
prints the figures as JSON, `--only T1` takes one network, `--optimizer adam` trains with Adam,
`--picture FILE` draws the ratios, `--threads 2` measures wall time with two threads. Shuffling is
inside the timed call and every side computes the loss. Before anything is timed each side makes one
epoch in a given order, and its parameters must agree with those of NumPy in float64.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from math import inf
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np

from bench.hessian import XLA_FLAGS
from bench.step import environment, processor, revision
from bench.train_peers import PEERS, Task
from bench.train_picture import picture

CLOCKS = ("processor time", "wall time")

#: (network, batch size, steps of an epoch)
NETWORKS = {
    "T1": ("3 -> 10 relu -> 6 relu -> 3 softmax", 32, 200),
    "T2": ("30 -> 64 relu -> 64 relu -> 2 softmax", 64, 64),
    "D1": ("64 -> 49 * 64 tanh -> 64 softmax", 128, 8),
    "T3": ("784 -> 256 relu -> 128 relu -> 10 softmax", 128, 16),
    "T4": ("784 -> 1024 relu -> 1024 relu -> 10 softmax", 256, 6),
    "T5": ("4096 -> 4096 relu -> 4096 relu -> 1000 softmax", 256, 1),
}

RATES = {"sgd": 0.01, "adam": 0.001}

#: Difference of an epoch's change of the parameters from that in float64, relative to the change.
#: It is the rounding of float32 through the steps, and through 50 layers of D1. Adam divides each
#: entry of the gradient by its size, so that those which are rounding alone count like others.
AGREEMENT = {"sgd": 1e-3, "adam": 0.1}


def task(name: str, optimizer: str) -> Task:
    """Data and start of a network; the targets are random classes."""
    import gradwright as gw

    text, batch, steps = NETWORKS[name]
    net = gw.Network(text, loss="cross_entropy")
    rng = np.random.default_rng(7)
    X = rng.standard_normal((batch * steps, net.widths[0])).astype(np.float32)
    y = rng.integers(net.widths[-1], size=len(X))
    # What sklearn fits has every class.
    y[: net.widths[-1]] = np.arange(net.widths[-1])
    start = net.init(seed=1, dtype="float32").flat
    return Task(net, start, X, y, batch, RATES[optimizer], optimizer)


def reference(given: Task) -> Any:
    """The parameters after an epoch in the order of the samples, by NumPy in float64."""
    module = given.net.model.module
    flat = given.start.astype(np.float64)
    X, Y = given.X.astype(np.float64), given.onehot.astype(np.float64)
    first, second = np.zeros_like(flat), np.zeros_like(flat)
    for step, place in enumerate(range(0, len(X), given.batch), start=1):
        part = slice(place, place + given.batch)
        _, gradient = module.value_and_gradient(flat, X[part], Y[part])
        if given.optimizer == "adam":
            first = 0.9 * first + 0.1 * gradient
            second = 0.999 * second + 0.001 * gradient**2
            size = np.sqrt(second / (1 - 0.999**step)) + 1e-8
            gradient = first / (1 - 0.9**step) / size
        flat -= given.rate * gradient
    return flat


def work_of(name: str) -> tuple[float, float]:
    """(operations of a step's products, operations a second of a large one by BLAS)."""
    import gradwright as gw

    text, batch, _ = NETWORKS[name]
    widths = gw.Network(text).widths
    sizes = [p * q for p, q in pairwise(widths)]
    # Small products are no measure of what the machine can do.
    p, q = (max(size, 256) for size in max(pairwise(widths), key=lambda pair: pair[0] * pair[1]))
    A, B = np.ones((batch, p), np.float32), np.ones((p, q), np.float32)
    C = np.empty((batch, q), np.float32)
    fastest = inf
    for _ in range(9):
        count = max(1, int(3e8 / (batch * p * q)))
        began = process_time()
        for _ in range(count):
            np.dot(A, B, out=C)
        fastest = min(fastest, (process_time() - began) / count)
    return 2.0 * batch * (3 * sum(sizes) - sizes[0]), 2.0 * batch * p * q / fastest


def measure_one(name: str, seconds: float, optimizer: str) -> dict[str, Any]:
    """Microseconds for a step of every side that there is for a network."""
    given = task(name, optimizer)
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
        if not difference <= AGREEMENT[optimizer]:
            raise SystemExit(f"{side} on {name} is {difference:.1e} off: it computes another thing")
        differences[side] = difference
        timed[side] = epoch
        epoch()
    times: dict[str, list[tuple[float, float]]] = {side: [] for side in timed}
    began = perf_counter()
    least = 3 if name == "T5" else 7
    while perf_counter() - began < seconds or len(times[next(iter(times))]) < least:
        for side, epoch in timed.items():
            started = perf_counter(), process_time()
            epoch()
            times[side].append((perf_counter() - started[0], process_time() - started[1]))
    steps = NETWORKS[name][2]
    figures = {
        side: [median(pair[k] for pair in pairs) / steps * 1e6 for k in (0, 1)]
        for side, pairs in times.items()
    }
    operations, peak = work_of(name)
    return {
        "network": NETWORKS[name][0],
        "us": figures,
        "differences": differences,
        "operations": operations,
        "peak": peak,
    }


def worker(names: list[str], seconds: float, optimizer: str) -> dict[str, Any]:
    """What is measured in a process of its own."""
    rows = {name: measure_one(name, seconds, optimizer) for name in names}
    return {"load": os.getloadavg()[0], "rows": rows}


def table(figures: dict[str, Any]) -> str:
    """The figures as text."""
    lines = [
        f"machine: {figures['machine']}; load average {figures['load']:.1f}",
        f"date: {figures['date']}; revision: {figures['revision']}; "
        f"threads: {figures['threads']}; {figures['optimizer']}",
        "",
        f"microseconds of {CLOCKS[figures['threads'] > 1]} a step, medians of epochs in turns",
        "",
    ]
    for name, row in figures["rows"].items():
        lines.append(f"{name}  {row['network']}")
        # Threads side by side spend more processor time, not less.
        clock = int(figures["threads"] == 1)
        ours = row["us"]["gradwright, c"][clock]
        peers = [us[clock] for side, us in row["us"].items() if not side.startswith("gradwright")]
        for side, us in row["us"].items():
            lines.append(f"    {side:<24} {us[clock]:>10.2f} {us[clock] / ours:>8.2f}")
        speed = row["operations"] / ours / 1e3
        share = 100e9 * speed / row["peak"]
        lines.append(f"    products: {speed:.1f} GFLOP/s, {share:.0f} % of a large product by BLAS")
        if peers:
            lines.append(f"    the best of the others takes {min(peers) / ours:.2f} times as long")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--json", action="store_true")
    reader.add_argument("--only", choices=list(NETWORKS), action="append")
    reader.add_argument("--seconds", type=float, default=20.0)
    reader.add_argument("--optimizer", choices=list(RATES), default="sgd")
    reader.add_argument("--threads", type=int, default=1)
    reader.add_argument("--picture", metavar="FILE", help="draw the ratios as SVG")
    reader.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = reader.parse_args()
    names = given.only or list(NETWORKS)
    if given.worker:
        print(json.dumps(worker(names, given.seconds, given.optimizer)))
        return
    command = [sys.executable, "-m", "bench.train", "--worker", "--seconds", str(given.seconds)]
    command += ["--optimizer", given.optimizer]
    command += [word for name in names for word in ("--only", name)]
    here = environment(given.threads)
    if given.threads == 1:
        here["XLA_FLAGS"] = XLA_FLAGS
    done = subprocess.run(command, env=here, check=True, stdout=subprocess.PIPE)
    figures = json.loads(done.stdout) | {
        "machine": processor(),
        "date": date.today().isoformat(),
        "revision": revision(),
        "threads": given.threads,
        "optimizer": given.optimizer,
    }
    if given.picture:
        Path(given.picture).write_text(picture(figures), "utf-8")
    print(json.dumps(figures, indent=2) if given.json else table(figures))


if __name__ == "__main__":
    main()
