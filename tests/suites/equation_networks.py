"""Right equations about random networks, and the values of their quantities by hand.

Gradients are complex steps on the loss as a function of one quantity, the rest of the forward pass
after it written out here.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

import gradwright as gw
from tests.suites.equation_trees import Point, Tree

#: More than any width, so that no matrix product is one by chance.
SAMPLES = 9
STEP = 1e-30


@dataclass(frozen=True, slots=True)
class NetworkEquation:
    """Two equal sides, a network, and points with the values of all its quantities."""

    left: Tree
    right: Tree
    network: gw.Network
    points: tuple[Point, ...]


def equation(draw: random.Random) -> NetworkEquation:
    """A formula of the textbook for a random layer of a random network."""
    depth = draw.randint(1, 3)
    widths = draw.sample(range(2, 8), depth + 1)
    inner = [draw.choice(["relu", "tanh", "sigmoid"]) for _ in range(depth - 1)]
    activations = [*inner, draw.choice(["softmax", "sigmoid", "tanh"])]
    loss = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}.get(
        activations[-1], "squared_error"
    )
    layers = zip(widths[1:], activations, strict=True)
    written = " -> ".join([str(widths[0]), *(f"{w} {a}" for w, a in layers)])
    network = gw.Network(written, loss, "sum")
    left, right = draw.choice(_equations(activations))
    points = []
    for _ in range(3):
        generator = np.random.default_rng(draw.randrange(2**32))
        points.append(values(network, _given(network, widths, generator)))
    return NetworkEquation(left, right, network, tuple(points))


def _sym(letter: str, layer: int) -> Tree:
    return ("sym", "X" if (letter, layer) == ("A", 0) else f"{letter}{layer}")


def _d(letter: str, layer: int) -> Tree:
    return ("sym", f"d{_sym(letter, layer)[1]}")


def _equations(activations: list[str]) -> list[tuple[Tree, Tree]]:
    depth = len(activations)
    ones: Tree = ("ones", "X")
    found: list[tuple[Tree, Tree]] = []
    for k, activation in enumerate(activations, start=1):
        before = _sym("A", k - 1)
        bias = ("*", ones, ("t", _sym("b", k)))
        found += [
            (_sym("Z", k), ("+", ("*", before, _sym("W", k)), bias)),
            (_d("W", k), ("*", ("t", before), _d("Z", k))),
            (_d("b", k), ("*", ("t", _d("Z", k)), ones)),
            (_d("A", k - 1), ("*", _d("Z", k), ("t", _sym("W", k)))),
            (_sym("A", k), ("fn", activation, _sym("Z", k))),
        ]
        if activation != "softmax":
            found.append((_d("Z", k), (".*", _d("A", k), _slope(activation, k))))
    if activations[-1] in ("softmax", "sigmoid"):
        found.append((_d("Z", depth), ("-", _sym("A", depth), ("sym", "Y"))))
    return found


def _slope(activation: str, k: int) -> Tree:
    if activation == "relu":
        return ("fn", "step", _sym("Z", k))
    if activation == "tanh":
        return ("-", ("num", 1), (".*", _sym("A", k), _sym("A", k)))
    return (".*", _sym("A", k), ("-", ("num", 1), _sym("A", k)))


def with_bias_rows(at: Point) -> Point:
    """A point with every bias, and the derivative by it, as a row."""
    return {n: v.reshape(1, -1) if n.lstrip("d")[0] == "b" else v for n, v in at.items()}


# Values ------------------------------------------------------------------------------------------


def _given(network: gw.Network, widths: list[int], generator: np.random.Generator) -> Point:
    found = {"X": generator.normal(size=(SAMPLES, widths[0]))}
    targets = generator.uniform(0.1, 0.9, size=(SAMPLES, widths[-1]))
    found["Y"] = targets / targets.sum(axis=1, keepdims=True)
    for k, (one, other) in enumerate(pairwise(widths), start=1):
        # So scaled no sigmoid is 1 to the last digit, where its loss has no logarithm.
        found[f"W{k}"] = generator.normal(size=(one, other)) / np.sqrt(one)
        found[f"b{k}"] = generator.normal(size=other)
    return found


def values(network: gw.Network, given: Point) -> Point:
    """All quantities of a batch: forward, and the derivative of the loss by each."""
    text = repr(network).split("'")[1]
    activations = [part.split()[1] for part in text.split(" -> ")[1:]]
    loss = repr(network).split("loss='")[1].split("'")[0]
    found = dict(given)
    for k in range(1, len(activations) + 1):
        before = found["X"] if k == 1 else found[f"A{k - 1}"]
        found[f"Z{k}"] = before @ found[f"W{k}"] + found[f"b{k}"]
        found[f"A{k}"] = _activated(activations[k - 1], found[f"Z{k}"])
    gradients = {}
    for name in [n for n in found if n != "Y"]:
        gradients[f"d{name}"] = _gradient(name, found, activations, loss)
    return found | gradients


def _activated(name: str, z: np.ndarray) -> np.ndarray:
    if name == "relu":
        return np.where(np.real(z) > 0, z, 0)
    if name == "softmax":
        raised = np.exp(z)
        return raised / raised.sum(axis=1, keepdims=True)
    return np.tanh(z) if name == "tanh" else 1 / (1 + np.exp(-z))


def _loss(name: str, a: np.ndarray, y: np.ndarray) -> complex:
    if name == "cross_entropy":
        return complex(-np.sum(y * np.log(a)))
    if name == "binary_cross_entropy":
        return complex(-np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)))
    return complex(np.sum((a - y) ** 2))


def _gradient(name: str, held: Point, activations: list[str], loss: str) -> np.ndarray:
    """The derivative by one quantity; what comes after it follows, what comes before is fixed."""
    found = np.zeros(held[name].shape)
    for place in np.ndindex(*held[name].shape):
        moved = held[name].astype(complex)
        moved[place] += 1j * STEP
        found[place] = _rest(name, moved, held, activations, loss).imag / STEP
    return found


def _rest(name: str, moved: np.ndarray, held: Point, activations: list[str], loss: str) -> complex:
    start = 0 if name == "X" else int(name[1:])
    a = moved if name[0] in "XA" else held["X"] if start == 1 else held[f"A{start - 1}"]
    for k in range(start + (name[0] in "XA"), len(activations) + 1):
        weight = moved if name == f"W{k}" else held[f"W{k}"]
        bias = moved if name == f"b{k}" else held[f"b{k}"]
        z = moved if name == f"Z{k}" else a @ weight + bias
        a = _activated(activations[k - 1], z)
    return _loss(loss, a, held["Y"])
