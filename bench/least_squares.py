"""Levenberg and Marquardt's method beside Adam, which is given ten times the time.

Run as `python -m bench.least_squares`; `--json` prints the figures as JSON. Both train the same
networks from the same starts in float64, with one thread; time is the processor's. Adam is compiled
C (NumPy without a compiler), many steps in one call, with each of three rates, on all samples at
once and in batches of 32, and each of these six has `--factor` times the time that the other took.
The lowest loss of the six counts. The data ships inside scikit-learn and statsmodels.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Any

import numpy as np

import gradwright as gw
from bench.step import environment, processor, revision

Array = Any

EPOCHS = 300
RATES = (0.1, 0.01, 0.001)
BATCHES = (None, 32)
#: A call of Adam's code makes about so many steps before the clock is read.
STEPS = 200


@dataclass(frozen=True)
class Problem:
    """A regression: its data, as the functions below load it, and a network."""

    data: str
    network: str


PROBLEMS = (
    Problem("diabetes", "10 -> 40 tanh -> 1"),
    Problem("linnerud", "3 -> 20 tanh -> 3"),
    Problem("grunfeld", "3 -> 60 tanh -> 1"),
    Problem("longley", "6 -> 10 tanh -> 1"),
    Problem("diabetes", "10 -> 5 tanh -> 1"),
    Problem("linnerud", "3 -> 4 tanh -> 3"),
    Problem("grunfeld", "3 -> 6 tanh -> 1"),
)


def standardised(values: Array) -> Array:
    """Columns of mean 0 and deviation 1."""
    values = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    return np.ascontiguousarray((values - values.mean(axis=0)) / values.std(axis=0))


def loaded(name: str) -> tuple[Array, Array]:
    """Samples × features and samples × targets; ImportError where the package is missing."""
    if name == "grunfeld":
        # Investment of 11 firms in 20 years by their value, their capital and the year.
        import statsmodels.datasets.grunfeld as grunfeld

        table = grunfeld.load_pandas().data
        return standardised(table[["value", "capital", "year"]]), standardised(table["invest"])
    if name == "longley":
        # Employment in 16 years by six figures of the economy.
        import statsmodels.datasets.longley as longley

        table = longley.load_pandas()
        return standardised(table.exog), standardised(table.endog)
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return standardised(X), standardised(y)


def damped(net: gw.Network, X: Array, Y: Array, seed: int) -> dict[str, Any]:
    """Levenberg and Marquardt's method until no step lowers the loss, at most `EPOCHS` of them."""
    rule = gw.optimizer("levenberg_marquardt", tolerance=0.0)
    started = time.process_time()
    run = gw.train(net, X, Y, seed=seed, epochs=EPOCHS, optimizer=rule)
    seconds = time.process_time() - started
    loss = net.loss(run.params, X, Y)
    return {"loss": loss, "seconds": seconds, "iterations": len(run.history)}


class Adam:
    """Adam on one problem: compiled code where there is a compiler."""

    def __init__(self, net: gw.Network, X: Array, Y: Array) -> None:
        self.net, self.X, self.Y = net, X, Y
        self.rule = gw.optimizer("adam")
        try:
            self.code = net.model.compiled("float64", self.rule)
        except gw.GradwrightError:
            self.code = None

    def lowest(self, seed: int, rate: float, batch: int | None, seconds: float) -> float:
        """The lowest loss within so much time: at the end, and of full batches on the way."""
        flat = self.net.init(seed).flat.copy()
        state, gradient = np.zeros((2, flat.size)), np.empty_like(flat)
        rng, count, t = np.random.default_rng(seed), len(self.X), 0
        size = count if batch is None else min(batch, count)
        repeated = max(1, STEPS * size // count) if batch is None else 1
        lowest, started = np.inf, time.process_time()
        while time.process_time() - started < seconds:
            order = np.tile(rng.permutation(count), repeated)
            last = self._steps(flat, order, size, rate, gradient, state, t)
            t += -(-len(order) // size)
            if batch is None:
                lowest = min(lowest, last)
        reached = self.net.model.module.loss(flat, self.X, self.Y)
        return min(lowest, float(reached))

    def _steps(
        self,
        flat: Array,
        order: Array,
        size: int,
        rate: float,
        gradient: Array,
        state: Array,
        t: int,
    ) -> float:
        settings = dict(self.rule.settings)
        if self.code is not None:
            given = (flat, self.X, self.Y, order, size, rate, gradient, state, t, settings)
            return float(self.code.descend(*given)[2])
        last = 0.0
        for step, first in enumerate(range(0, len(order), size)):
            places = order[first : first + size]
            module = self.net.model.module
            last, _ = module.value_and_gradient(flat, self.X[places], self.Y[places], gradient)
            self.rule.function(flat, gradient, state, rate, t + step, **settings)
        return last


def measure_one(problem: Problem, seeds: int, factor: float) -> dict[str, Any]:
    """Both sides from the same starts."""
    X, Y = loaded(problem.data)
    net = gw.Network(problem.network, loss="squared_error")
    # What is derived and compiled once is in nobody's time.
    damped(net, X, Y, 0)
    adam = Adam(net, X, Y)
    rows = []
    for seed in range(seeds):
        ours = damped(net, X, Y, seed)
        budget = factor * ours["seconds"]
        losses = {
            f"{rate:g}, {'all' if batch is None else batch}": adam.lowest(seed, rate, batch, budget)
            for rate in RATES
            for batch in BATCHES
        }
        best = min(losses, key=lambda name: losses[name])
        rows.append({"seed": seed, **ours, "adam": losses[best], "rate and batch": best})
    return {
        "data": problem.data,
        "samples": len(X),
        "network": problem.network,
        "parameters": int(net.init(0).flat.size),
        "adam is": "numpy" if adam.code is None else adam.code.target,
        "lower": sum(row["loss"] < row["adam"] for row in rows),
        "seeds": rows,
    }


def measure(seeds: int, factor: float, data: str | None = None) -> dict[str, Any]:
    """All problems whose data is there, or those of one data set."""
    found, missing = [], []
    for problem in PROBLEMS:
        if data not in (None, problem.data):
            continue
        try:
            found.append(measure_one(problem, seeds, factor))
        except ImportError as error:
            missing.append(f"{problem.data}: {error}")
    return {
        "machine": processor(),
        "date": date.today().isoformat(),
        "revision": revision(),
        "factor": factor,
        "problems": found,
        "left out": missing,
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as text: medians over the starts, and where each side was lower."""
    lines = [
        f"machine: {figures['machine']}; one thread, float64, {figures['factor']:g} times the time",
        f"date: {figures['date']}; revision: {figures['revision']}",
        "",
        f"{'data':<10}{'network':<20}{'parameters':>11}{'residuals':>10}{'LM loss':>10}"
        f"{'seconds':>9}{'Adam loss':>11}{'LM lower':>10}",
    ]

    def middle(case: Any, key: str) -> float:
        return median(row[key] for row in case["seeds"])

    for case in figures["problems"]:
        outputs = int(case["network"].split("->")[-1].split()[0])
        lines.append(
            f"{case['data']:<10}{case['network']:<20}{case['parameters']:>11}"
            f"{case['samples'] * outputs:>10}{middle(case, 'loss'):>10.2g}"
            f"{middle(case, 'seconds'):>9.2f}{middle(case, 'adam'):>11.2g}"
            f"{case['lower']:>5} of {len(case['seeds'])}"
        )
    return "\n".join([*lines, *(f"left out: {text}" for text in figures["left out"])])


def main() -> None:
    """Measure in a process of its own, with one thread, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.least_squares", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--seeds", type=int, default=5, help="starts of each network (default: 5)")
    parser.add_argument("--factor", type=float, default=10, help="Adam's time (default: 10)")
    names = dict.fromkeys(problem.data for problem in PROBLEMS)
    parser.add_argument("--data", choices=list(names), help="one data set (default: all)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure(options.seeds, options.factor, options.data)))
        return
    command = [sys.executable, "-m", "bench.least_squares", "--here"]
    command += ["--seeds", str(options.seeds), "--factor", str(options.factor)]
    command += ["--data", options.data] if options.data else []
    given = environment(1)
    done = subprocess.run(command, env=given, check=True, stdout=subprocess.PIPE)
    figures = json.loads(done.stdout)
    print(json.dumps(figures, indent=2) if options.json else table(figures))


if __name__ == "__main__":
    main()
