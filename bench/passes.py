"""Times the emitted `value_and_gradient` beside the hand-written one; prints JSON.

Run by `bench.step` in a process of its own, whose environment fixes the number of BLAS threads
before NumPy is loaded.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from statistics import median, quantiles
from time import perf_counter, thread_time
from typing import Any

import numpy as np

from bench.handwritten import Array, HandWritten
from gradwright import Network
from gradwright.run.load import load

SEED = 7

#: Seconds that one measurement of one of the two takes at least, and measurements of each.
MEASURED = 0.004
ROUNDS = 301

Clock = Callable[[], float]

#: On a machine that others use, wall time is mostly theirs; with one thread, the thread's processor
#: time is what the pass itself takes.
CLOCKS: dict[str, Clock] = {"processor": thread_time, "wall": perf_counter}


@dataclass(frozen=True, slots=True)
class Case:
    """A network and the number of samples in a batch."""

    widths: tuple[int, ...]
    activation: str
    batch: int

    @property
    def text(self) -> str:
        """The network as it is written."""
        hidden = [f"{q} {self.activation}" for q in self.widths[1:-1]]
        return " -> ".join([str(self.widths[0]), *hidden, f"{self.widths[-1]} softmax"])


CASES = (
    Case((784, 256, 128, 10), "relu", 128),
    Case((3, 10, 6, 3), "relu", 32),
    Case((64, 32, 10), "relu", 32),
    Case((64, 64, 64, 64, 10), "sigmoid", 128),
)


def agree(case: Case, ours: tuple[float, Array], theirs: tuple[float, Array]) -> float:
    """The larger relative difference of the loss and the gradient.

    Raises:
        AssertionError: it is beyond what rounding in float32 explains: the longest sum of either,
            with random signs, once for each product that a gradient passes.
    """
    of_loss = abs(ours[0] - theirs[0]) / abs(theirs[0])
    of_gradient = float(np.max(np.abs(ours[1] - theirs[1])) / np.max(np.abs(theirs[1])))
    difference = max(of_loss, of_gradient)
    longest = max(*case.widths, case.batch)
    allowed = 2 * len(case.widths) * longest**0.5 * float(np.finfo(np.float32).eps)
    assert difference <= allowed, f"{case.text}: {difference} > {allowed}"
    return difference


def seconds(function: Callable[[], Any], calls: int, clock: Clock) -> float:
    """Seconds per call."""
    start = clock()
    for _ in range(calls):
        function()
    return (clock() - start) / calls


def measure(case: Case) -> dict[str, Any]:
    """Both versions on the same parameters and data, in turns; which begins alternates."""
    net = Network(case.text, loss="cross_entropy")
    module = load(net.backprop().source("numpy"))
    rng = np.random.default_rng(SEED)
    parameters = net.init(seed=SEED, dtype="float32").flat
    X = rng.standard_normal((case.batch, case.widths[0])).astype(np.float32)
    Y = np.eye(case.widths[-1], dtype=np.float32)[rng.integers(0, case.widths[-1], case.batch)]
    hand = HandWritten(case.widths, case.activation, case.batch, parameters)
    buffers = module.Buffers(case.batch, parameters.dtype)
    gradient = np.empty_like(parameters)

    def emitted() -> tuple[float, Array]:
        result: tuple[float, Array] = module.value_and_gradient(parameters, X, Y, gradient, buffers)
        return result

    def written() -> tuple[float, Array]:
        return hand.value_and_gradient(X, Y)

    difference = agree(case, emitted(), written())
    calls = max(1, round(MEASURED / seconds(written, 20, perf_counter)))
    timed = {name: in_turns(emitted, written, calls, clock) for name, clock in CLOCKS.items()}
    return {
        "network": case.text,
        "batch": case.batch,
        "dtype": "float32",
        "difference": difference,
        "rounds": ROUNDS,
        "calls_per_round": calls,
        **timed,
    }


def in_turns(
    emitted: Callable[[], Any], written: Callable[[], Any], calls: int, clock: Clock
) -> dict[str, Any]:
    """Medians in microseconds, their ratio, and the quartiles of the rounds' ratios."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(ROUNDS):
        for which in (0, 1) if turn % 2 else (1, 0):
            times[which].append(seconds((emitted, written)[which], calls, clock))
    return {
        "emitted_us": 1e6 * median(times[0]),
        "handwritten_us": 1e6 * median(times[1]),
        "ratio": median(times[0]) / median(times[1]),
        "quartiles": quantiles([a / b for a, b in zip(*times, strict=True)], n=4),
    }


def blas() -> str:
    """Which BLAS NumPy calls, with the kernels that it chose where threadpoolctl can tell."""
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    text = f"{built['name']} {built['version']}"
    try:
        threadpoolctl = import_module("threadpoolctl")
    except ModuleNotFoundError:
        return text
    found = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    chosen = {f"{p.get('architecture', 'unknown')}, threads: {p['num_threads']}" for p in found}
    return "; ".join([text, *sorted(chosen)])


def main() -> None:
    """Print the measurements of all cases."""
    result = {
        "numpy": np.__version__,
        "blas": blas(),
        "load": os.getloadavg()[0],
        "cases": [measure(case) for case in CASES],
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
