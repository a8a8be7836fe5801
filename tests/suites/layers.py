"""Random layers by formula: `python -m tests.suites.layers --count 100`.

Each layer stands in the middle of a network. Loss, gradients and both Jacobians are compared with
the same function in plain NumPy, sample by sample, derived by complex steps. Each layer has its
own seed, so `--first 40 --count 1` repeats the forty-first of a run.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

import gradwright as gw
from gradwright.errors import UnsupportedError
from tests.nn.random_layers import SIZES, RandomLayer, random_layer

Array = Any

#: The largest relative difference that is accepted.
TOLERANCE = 1e-9

STEP = 1e-30


def network_of(case: RandomLayer) -> gw.Network:
    """The random layer in the middle, with sizes that differ all around."""
    made = gw.layer(case.text, input="vector n", **case.parameters)
    sizes = {name: SIZES[name] for name, _ in made.formula.sizes}
    return gw.Network([SIZES["n"] + 2, "4 tanh", made(**sizes), "2"], loss="squared_error")


def moved(net: gw.Network, rng: np.random.Generator) -> object:
    p = net.init()
    p.flat[:] = 0.7 * rng.normal(size=p.flat.size)
    return p


def loss_by_hand(case: RandomLayer, values: dict, X: np.ndarray, Y: np.ndarray) -> complex:
    """The mean over the samples, one at a time and layer by layer."""
    total = 0
    for x, y in zip(X, Y, strict=True):
        first = np.tanh(x @ values["W1"] + values["b1"])
        own = {name: values[f"{name}2"] for name in case.parameters}
        second = case.function({**own, "x": first})
        total = total + np.sum((second @ values["W3"] + values["b3"] - y) ** 2)
    return total / len(X)


def complex_step(case: RandomLayer, p: object, X: np.ndarray, Y: np.ndarray) -> dict:
    found = {}
    for name in p:
        found[name] = np.empty(p[name].shape)
        for place in np.ndindex(p[name].shape):
            values = {key: value.astype(complex) for key, value in p.items()}
            values[name][place] += 1e-30j
            found[name][place] = np.imag(loss_by_hand(case, values, X, Y)) / 1e-30
    return found


def error(ours: np.ndarray, theirs: np.ndarray) -> float:
    scale = np.max(np.abs(theirs), initial=0.0)
    return float(np.max(np.abs(ours - theirs), initial=0.0)) / (scale or 1.0)


def jacobian_errors(case: RandomLayer, net: gw.Network, p: Any, x: Array) -> dict[str, float]:
    """How far both blocks of the layer are from complex steps through its function."""
    J_y, J_theta = net.layer_jacobians(p, x)[1]
    before = np.tanh(x @ p["W1"] + p["b1"])
    values = {name: p[f"{name}2"] for name in case.parameters} | {"x": before}
    columns = {}
    for name in ("x", *case.parameters):
        slots = []
        for place in np.ndindex(values[name].shape):
            point = {key: value.astype(complex) for key, value in values.items()}
            point[name][place] += 1j * STEP
            slots.append(np.imag(case.function(point)) / STEP)
        columns[name] = np.stack(slots, axis=-1)
    found = {"J_y": error(J_y.dense(), columns["x"])}
    if case.parameters:
        stacked = np.concatenate([columns[name] for name in case.parameters], axis=1)
        found["J_theta"] = error(J_theta.dense(), stacked)
    return found


def layer_errors(case: RandomLayer, rng: np.random.Generator) -> dict[str, float]:
    """The relative errors of the loss, of every gradient and of both Jacobians."""
    net = network_of(case)
    p = moved(net, rng)
    X, Y = rng.normal(size=(3, net.widths[0])), rng.normal(size=(3, 2))
    value, gradient = net.value_and_gradient(p, X, Y)
    by_hand = complex_step(case, p, X, Y)
    own = {key: array.astype(complex) for key, array in p.items()}
    found = {"loss": error(np.array(value), np.array(np.real(loss_by_hand(case, own, X, Y))))}
    found |= {name: error(gradient[name], by_hand[name]) for name in p}
    return found | jacobian_errors(case, net, p, X[0])


def main() -> int:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--count", type=int, default=100)
    reader.add_argument("--first", type=int, default=0)
    reader.add_argument("--seed", type=int, default=0)
    given = reader.parse_args()
    started, wrong, refused, worst = time.perf_counter(), 0, 0, 0.0
    for number in range(given.first, given.first + given.count):
        rng = np.random.default_rng([given.seed, number])
        case = random_layer(rng)
        try:
            errors = layer_errors(case, rng)
        except UnsupportedError as problem:
            refused += 1
            print(f"{number}: {case.text}: {problem}")
            continue
        largest = max(errors.values())
        worst = max(worst, largest)
        if not largest < TOLERANCE:
            wrong += 1
            print(f"{number}: {case.text}: {errors}")
    seconds = time.perf_counter() - started
    print(
        f"{given.count} layers, seed {given.seed}: {wrong} wrong, {refused} refused, "
        f"largest error {worst:.1e}, {seconds:.0f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
