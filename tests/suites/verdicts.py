"""Verdicts on networks that learn and on networks that do not: `python -m tests.suites.verdicts`.

With `--train` whether they do is seen: plain gradient descent with three rates on 600 digits.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from typing import Any

import numpy as np
from msgspec import Struct

import gradwright as gw
from gradwright.errors import TrainingError

#: Rates of gradient descent; the best of them counts.
RATES = (0.03, 0.1, 0.3)


class Start(Struct, frozen=True):
    """Hidden layers and how they start; `verdict` is the one that is due."""

    hidden: str
    scheme: str
    scale: float = 1.0
    verdict: str = "healthy"

    def __str__(self) -> str:
        return f"{self.hidden}, {self.scheme} x {self.scale:g}"

    def begin(self, seed: int) -> tuple[gw.Network, gw.Parameters]:
        net = gw.Network(f"64 -> {self.hidden} -> 10 softmax")
        return net, net.init(seed, self.scheme, scale=self.scale)


STARTS = (
    Start("24 sigmoid", "xavier_normal"),
    Start("2 * 24 sigmoid", "xavier_normal"),
    Start("3 * 24 sigmoid", "xavier_normal"),
    Start("6 * 24 relu", "xavier_normal"),
    Start("8 * 24 relu", "he_normal"),
    Start("15 * 24 relu", "he_normal"),
    Start("8 * 24 gelu", "he_normal"),
    Start("5 * 24 silu", "xavier_normal"),
    Start("8 * 24 softsign", "xavier_normal"),
    Start("10 * 24 elu", "xavier_normal"),
    Start("10 * 24 tanh", "xavier_normal"),
    Start("10 * 24 tanh", "xavier_normal", 2.0),
    Start("5 * 24 sigmoid", "xavier_normal", verdict="vanishing"),
    Start("6 * 24 sigmoid", "xavier_normal", verdict="vanishing"),
    Start("18 * 24 relu", "xavier_normal", verdict="vanishing"),
    Start("10 * 24 tanh", "xavier_normal", 0.5, verdict="vanishing"),
    Start("10 * 24 relu", "he_normal", 0.5, verdict="vanishing"),
    Start("10 * 24 relu", "he_normal", 2.0, verdict="exploding"),
    Start("10 * 24", "xavier_normal", 2.0, verdict="exploding"),
)


def digits() -> tuple[Any, Any]:
    """600 digits with standardised features."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X = (X - X.mean(axis=0)) / (X.std(axis=0) + 1e-9)
    return X[:600], y[:600]


def verdicts(start: Start, seeds: range, X: Any = None) -> Counter[str]:
    """How often each verdict is given."""
    found: Counter[str] = Counter()
    for seed in seeds:
        net, p = start.begin(seed)
        found[gw.flow(net, p, X, seed=seed).verdict] += 1
    return found


def learned(start: Start, X: Any, y: Any, seeds: range) -> float:
    """The share of samples that are right after 30 epochs, with the best rate; mean of seeds."""
    best = []
    for seed in seeds:
        net, p = start.begin(seed)
        reached = [_reached(net, p, X, y, rate, seed) for rate in RATES]
        best.append(max(reached))
    return float(np.mean(best))


def _reached(net: gw.Network, p: gw.Parameters, X: Any, y: Any, rate: float, seed: int) -> float:
    try:
        run = gw.train(net, X, y, params=p, epochs=30, learning_rate=rate, seed=seed)
    except TrainingError:
        return 0.0
    return float(np.mean(np.argmax(net.predict(run.params, X), axis=1) == y))


def main() -> int:
    """Print the verdicts on each start; 1 where one in a hundred is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--count", type=int, default=100, help="of seeds")
    parser.add_argument("--train", action="store_true")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(2**31) if given.seed is None else given.seed
    print(f"seed {seed}")
    X, y = digits()
    failed = 0
    for start in STARTS:
        found = verdicts(start, range(seed, seed + given.count), X)
        text = ", ".join(f"{kind} {times}" for kind, times in found.most_common())
        if given.train:
            text += f"; learned {learned(start, X, y, range(seed, seed + 3)):.2f}"
        wrong = given.count - found[start.verdict]
        failed += wrong > given.count / 100
        print(f"  {start!s:<42} {text}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
