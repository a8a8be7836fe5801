"""Layouts and notations on random networks: `python -m tests.suites.conventions --count 100`.

Every network is run in each layout, and written in each notation; the printed lines, read back and
evaluated line by line, give the gradients of the emitted code. Each network has its own seed, so
`--first 40 --count 1` repeats the forty-first of a run.
"""

from __future__ import annotations

import argparse
import random
import time
from typing import Any

import numpy as np

import gradwright as gw
from gradwright.explain.conventions import NOTATIONS
from gradwright.nn.layouts import LAYOUTS
from tests.explain.written import values_of
from tests.nn.random_networks import random_network

Array = Any

#: The largest relative difference that is accepted.
TOLERANCE = 1e-12

#: Samples in the batch of a notation for batches; no random network has a layer of this width.
BATCH = 13


def relative(one: Array, other: Array) -> float:
    """The largest difference, relative to the largest entry of `other`."""
    scale = float(np.max(np.abs(other), initial=0.0))
    return float(np.max(np.abs(one - other), initial=0.0)) / (scale or 1.0)


def given_values(net: gw.Network, p: Any, X: Array, Y: Array, notation: str) -> dict[str, Array]:
    """Inputs and parameters under the names of a notation: the first sample, or the batch."""
    c = NOTATIONS[notation]
    values = {c.letters["X"]: X[0] if c.one_sample else X}
    values[c.letters["Y"]] = Y[0] if c.one_sample else Y
    q = p.relayout(c.layout)
    for number in range(1, len(net.widths)):
        for letter in "Wb":
            if f"{letter}{number}" in q:
                values[c.name_of(letter, number)] = q[f"{letter}{number}"]
    return values


def layouts_differ(net: gw.Network, p: Any, X: Array, y: Array) -> float:
    """The largest difference between the layouts in loss, gradients and outputs."""
    value, gradient = net.value_and_gradient(p, X, y)
    worst = 0.0
    for layout in LAYOUTS:
        other, q = net.relayout(layout), p.relayout(layout)
        assert np.array_equal(q.relayout("rows").flat, p.flat)
        other_value, turned = other.value_and_gradient(q, X, y)
        worst = max(
            worst,
            abs(other_value - value) / max(1.0, abs(value)),
            relative(turned.relayout("rows").flat, gradient.flat),
            relative(other.predict(q, X), net.predict(p, X)),
        )
    return worst


def notation_differs(
    net: gw.Network, p: Any, X: Array, y: Array, notation: str, **choices: str
) -> float:
    """The largest difference between the printed derivation and the emitted code.

    Every printed form of a line counts, also those that a later form replaces.
    """
    c = NOTATIONS[notation]
    if c.one_sample:
        X, y = X[:1], y[:1]
    else:
        X, y = np.resize(X, (BATCH, X.shape[1])), np.resize(y, (BATCH, y.shape[1]))
    printed = net.backprop(notation=notation, **choices).explain()
    samples = None if c.one_sample else BATCH
    found = values_of(printed, given_values(net, p, X, y, notation), samples)
    value, gradient = net.value_and_gradient(p, X, y)
    worst = abs(found[c.letters["L"]][0] - value) / max(1.0, abs(value))
    expected = gradient.relayout(c.layout)
    for name in expected:
        left = f"∂{c.letters['L']}/∂{c.name_of(name[0], int(name[1:]))}"
        worst = max([worst, *(relative(form, expected[name]) for form in found[left])])
    return float(worst)


def network_differs(seed: int) -> tuple[str, dict[str, float]]:
    """(the network, the largest difference of the layouts and of each notation)."""
    rng = np.random.default_rng(seed)
    text, loss, X, y = random_network(rng)
    net = gw.Network(text, loss, "sum")
    p = net.init(seed, "he_normal")
    found = {"layouts": layouts_differ(net, p, X, y)}
    for notation in NOTATIONS:
        found[notation] = notation_differs(net, p, X, y, notation)
    return text, found


def main() -> int:
    """Print the largest differences; 1 when one is too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(2**31) if given.seed is None else given.seed
    print(f"seed {seed}")
    started = time.perf_counter()
    worst: dict[str, float] = {}
    for number in range(given.first, given.first + given.count):
        text, found = network_differs(seed + number)
        for name, difference in found.items():
            worst[name] = max(worst.get(name, 0.0), difference)
            if difference > TOLERANCE:
                print(f"  {number}: {name} differs by {difference:.1e} on {text}")
    for name, difference in worst.items():
        print(f"  {name}: {difference:.1e}")
    print(f"  {given.count} networks, {time.perf_counter() - started:.0f} s")
    return 1 if max(worst.values()) > TOLERANCE else 0


if __name__ == "__main__":
    raise SystemExit(main())
