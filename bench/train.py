"""Epochs of training beside PyTorch, JAX and scikit-learn: float32, in turns.

Run as `python -m bench.train` in an environment that has jax, torch and scikit-learn. Without
options it measures all networks with gradient descent and with Adam by one thread, by processor
time, and with gradient descent by two threads, by wall time. `--only T1`, `--optimizer adam` and
`--threads 2` take some of it, `--seconds` says for how long each network is measured.
`--into FILE` adds what is measured to the figures in a file, `--picture FILE` draws all that there
are, `--json` prints them as JSON; with `--show` nothing is measured.

Shuffling is inside the timed call and every side computes the loss. Before anything is timed each
side makes one epoch in a given order, and its parameters must agree with those of NumPy in float64.
Then the sides take turns of several epochs, as a training makes them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date
from itertools import pairwise
from math import inf
from pathlib import Path
from statistics import median
from time import perf_counter, process_time, sleep
from typing import Any

import numpy as np

from bench.hessian import XLA_FLAGS
from bench.step import environment, processor, revision
from bench.train_peers import PEERS, Task
from bench.train_picture import picture
from bench.train_table import OURS, SETTINGS, setting, tables

#: Seconds that a side goes on for in each turn, and the least number of turns.
TURN, LEAST = 0.1, 5

#: Seconds before each turn: threads of the side before look for work for a while, on the cores that
#: the next side needs.
PAUSE = 0.3

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
    # Every class is there, as far as there are samples for them.
    classes = np.arange(net.widths[-1])[: len(y)]
    y[: len(classes)] = classes
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


def turn(side: str, epoch: Callable[[], Any]) -> tuple[float, float]:
    """Medians of (wall time, processor time) of epochs that follow each other."""
    from gradwright.run.threads import blas_threads

    taken: list[tuple[float, float]] = []
    sleep(PAUSE)
    # Our compiled code has threads of its own, as `gw.train` runs it.
    with blas_threads(1) if side == OURS else nullcontext():
        began = perf_counter()
        while perf_counter() - began < TURN:
            started = perf_counter(), process_time()
            epoch()
            taken.append((perf_counter() - started[0], process_time() - started[1]))
    wall, processor_time = zip(*taken, strict=True)
    return median(wall), median(processor_time)


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
    while perf_counter() - began < seconds or len(times[next(iter(times))]) < LEAST:
        for side, epoch in timed.items():
            times[side].append(turn(side, epoch))
    steps = NETWORKS[name][2]
    operations, peak = work_of(name)
    return {
        "network": NETWORKS[name][0],
        "batch": NETWORKS[name][1],
        "turns": len(times[next(iter(times))]),
        "us": {
            side: [median(pair[k] for pair in pairs) / steps * 1e6 for k in (0, 1)]
            for side, pairs in times.items()
        },
        "differences": differences,
        "operations": operations,
        "peak": peak,
        "load": os.getloadavg()[0],
        "date": date.today().isoformat(),
        "revision": revision(),
    }


def measured(name: str, seconds: float, optimizer: str, threads: int) -> dict[str, Any]:
    """One network, in a process of its own."""
    here = environment(threads)
    if threads == 1:
        here["XLA_FLAGS"] = XLA_FLAGS
    command = [sys.executable, "-m", "bench.train", "--worker", "--seconds", str(seconds)]
    command += ["--optimizer", optimizer, "--only", name]
    done = subprocess.run(command, env=here, check=True, stdout=subprocess.PIPE)
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def main() -> None:
    """Measure and print."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--json", action="store_true")
    reader.add_argument("--show", action="store_true", help="measure nothing")
    reader.add_argument("--only", choices=list(NETWORKS), action="append")
    reader.add_argument("--seconds", type=float, default=20.0)
    reader.add_argument("--optimizer", choices=list(RATES))
    reader.add_argument("--threads", type=int)
    reader.add_argument("--into", metavar="FILE", help="add to the figures in a file")
    reader.add_argument("--picture", metavar="FILE", help="draw the ratios as SVG")
    reader.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = reader.parse_args()
    if given.worker:
        print(json.dumps(measure_one(given.only[0], given.seconds, given.optimizer)))
        return
    kept = Path(given.into) if given.into else None
    figures = json.loads(kept.read_text("utf-8")) if kept and kept.exists() else {}
    figures["machine"] = processor()
    for optimizer, threads in SETTINGS if not given.show else ():
        if given.optimizer not in (None, optimizer) or given.threads not in (None, threads):
            continue
        rows = dict(figures.get(setting(optimizer, threads), {}))
        for name in given.only or NETWORKS:
            print(f"{name}, {setting(optimizer, threads)}", file=sys.stderr)
            rows[name] = measured(name, given.seconds, optimizer, threads)
            figures[setting(optimizer, threads)] = {x: rows[x] for x in NETWORKS if x in rows}
            if kept:
                kept.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    if given.picture:
        Path(given.picture).write_text(picture(figures), "utf-8")
    print(json.dumps(figures, indent=1) if given.json else tables(figures))


if __name__ == "__main__":
    main()
