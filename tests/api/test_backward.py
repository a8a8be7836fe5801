"""`gw.check`: backward passes written by hand pass, and a slip in one is found and named.

The passes are NumPy written out here, layer by layer, for every activation, loss and layout; one
test holds them against a complex step of their own forward pass. A slip is planted in that code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DataError, NetworkError, UnsupportedError

Array = Any

#: φ(z) and φ'(z), which may use a = φ(z).
ACTIVATIONS = {
    "": (lambda z: z, lambda z, a: np.ones_like(z)),
    "relu": (lambda z: np.where(z.real > 0, z, 0), lambda z, a: (z.real > 0) * 1.0),
    "leaky_relu": (
        lambda z: np.where(z.real > 0, z, 0.1 * z),
        lambda z, a: np.where(z.real > 0, 1.0, 0.1),
    ),
    "tanh": (np.tanh, lambda z, a: 1 - a**2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z, a: a * (1 - a)),
    "softplus": (lambda z: np.log(1 + np.exp(z)), lambda z, a: 1 / (1 + np.exp(-z))),
    "silu": (
        lambda z: z / (1 + np.exp(-z)),
        lambda z, a: (1 + np.exp(-z) + z * np.exp(-z)) / (1 + np.exp(-z)) ** 2,
    ),
}

#: ℓ of the outputs and targets, summed, and ∂ℓ/∂a.
LOSSES = {
    "squared_error": (lambda a, y: ((a - y) ** 2).sum(), lambda a, y: 2 * (a - y)),
    "binary_cross_entropy": (
        lambda a, y: -(y * np.log(a) + (1 - y) * np.log(1 - a)).sum(),
        lambda a, y: (a - y) / (a * (1 - a)),
    ),
    "poisson": (lambda a, y: (np.exp(a) - y * a).sum(), lambda a, y: np.exp(a) - y),
    "cross_entropy": (lambda a, y: -(y * np.log(a)).sum(), lambda a, y: -y / a),
}
ENDS = {
    "squared_error": ["", "tanh", "sigmoid", "softmax"],
    "binary_cross_entropy": ["sigmoid"],
    "poisson": ["", "tanh"],
    "cross_entropy": ["softmax"],
}


def softmax(z: Array) -> Array:
    e = np.exp(z - z.real.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class ByHand:
    """A backward pass in NumPy; `slip` says what is wrong in it, and in which layer."""

    def __init__(self, widths, activations, loss, reduction, layout, slip="", where=0) -> None:
        self.widths, self.activations, self.loss = widths, activations, loss
        self.reduction, self.layout, self.slip, self.where = reduction, layout, slip, where

    @property
    def network(self) -> Any:
        layers = [
            f"{w} {a}".strip() for w, a in zip(self.widths[1:], self.activations, strict=True)
        ]
        text = " -> ".join([str(self.widths[0]), *layers])
        return gw.Network(text, loss=self.loss, reduction=self.reduction, layout=self.layout)

    def weight(self, W: Array) -> Array:
        """Inputs × outputs, and back."""
        return W.T if self.layout == "columns" else W

    def forward(self, p: dict[str, Array], X: Array) -> tuple[list[Array], list[Array]]:
        Z, A = [X], [X]
        for k, name in enumerate(self.activations, start=1):
            Z.append(A[-1] @ self.weight(p[f"W{k}"]) + p[f"b{k}"])
            A.append(softmax(Z[-1]) if name == "softmax" else ACTIVATIONS[name][0](Z[-1]))
        return Z, A

    def value(self, p: dict[str, Array], X: Array, y: Array) -> Any:
        total = LOSSES[self.loss][0](self.forward(p, X)[1][-1], y)
        return total / len(X) if self.reduction == "mean" else total

    def __call__(self, p: dict[str, Array], X: Array, y: Array) -> dict[str, Array]:
        Z, A = self.forward(p, X)
        n, last = len(X), len(self.activations)
        dA = LOSSES[self.loss][1](A[-1], y)
        if (self.reduction == "mean") != (self.slip == "reduction"):
            dA = dA / n
        if self.slip == "factor 2":
            dA = dA / 2
        found = {}
        turned = (lambda v: v) if self.layout == "rows" else np.transpose
        for k in range(last, 0, -1):
            here = self.where == k
            dZ = self.through(k, dA, Z[k], A[k])
            if here and self.slip == "derivative twice":
                dZ = self.through(k, dZ, Z[k], A[k])
            if here and self.slip == "derivative missing":
                dZ = dA
            if here and self.slip == "derivative at A":
                name = self.activations[k - 1]
                dZ = dA * ACTIVATIONS[name][1](A[k], ACTIVATIONS[name][0](A[k]))
            if here and self.slip == "sign":
                dZ = -dZ
            inputs = Z[k - 1] if here and self.slip == "input" else A[k - 1]
            W = inputs.T @ dZ
            W = W.T if here and self.slip == "transposed block" else W
            b = dZ if here and self.slip == "bias unsummed" else dZ.sum(axis=0)
            b = dZ.mean(axis=0) if here and self.slip == "bias mean" else b
            found |= {f"W{k}": self.weight(W), f"b{k}": b}
            found |= {f"dZ{k}": turned(dZ), f"Z{k}": turned(Z[k]), f"A{k}": turned(A[k])}
            weight = self.weight(p[f"W{k}"])
            dA = dZ @ (weight if here and self.slip == "weight" else weight.T)
        return found

    def through(self, k: int, dA: Array, Z: Array, A: Array) -> Array:
        name = self.activations[k - 1]
        if name == "softmax":
            return A * (dA - (dA * A).sum(axis=1, keepdims=True))
        return dA * ACTIVATIONS[name][1](Z, A)


def drawn(rng: np.random.Generator, **changed: Any) -> ByHand:
    depth = int(rng.integers(1, 5))
    loss = str(rng.choice(list(LOSSES)))
    made = {
        "widths": rng.choice(np.arange(2, 9), depth + 1, replace=False).tolist(),
        "activations": [*rng.choice(list(ACTIVATIONS), depth - 1), rng.choice(ENDS[loss])],
        "loss": loss,
        "reduction": str(rng.choice(["mean", "sum"])),
        "layout": str(rng.choice(["rows", "columns", "transposed"])),
    }
    made["activations"] = [str(name) for name in made["activations"]]
    return ByHand(**{**made, **changed})


def test_the_passes_by_hand_are_right(rng: np.random.Generator) -> None:
    """The oracle of this file against a complex step of its own forward pass."""
    mine = drawn(rng)
    p = {name: np.array(value) for name, value in mine.network.init(seed=3).items()}
    X, y = rng.standard_normal((4, mine.widths[0])), rng.random((4, mine.widths[-1]))
    found = mine(p, X, y)
    for name, value in p.items():
        step = np.zeros(value.shape)
        for place in np.ndindex(value.shape):
            moved = value.astype(complex)
            moved[place] += 1e-30j
            step[place] = mine.value({**p, name: moved}, X, y).imag / 1e-30
        np.testing.assert_allclose(found[name], step, rtol=1e-9, atol=1e-10 * np.abs(step).max())


@pytest.mark.parametrize("draw", range(6))
def test_a_right_pass_is_right(draw: int, rng: np.random.Generator) -> None:
    mine = drawn(rng)
    report = gw.check(mine, mine.network, seed=int(rng.integers(1000)))
    assert report.ok, f"{mine.network}\n{report}"
    assert report.oracle == "derived gradient" and not report.findings
    assert {block.name for block in report.blocks} >= {"W1", "b1", "Z1", "A1", "dZ1"}
    assert report.to_dict()["ok"]


#: A network with equal widths in front of layer 2, the slip, its layer, wrong blocks, words.
BASE = {
    "widths": [4, 5, 5, 3],
    "activations": ["tanh", "sigmoid", "softmax"],
    "loss": "cross_entropy",
    "reduction": "mean",
    "layout": "rows",
}
ALL = "W1 b1 dZ1 W2 b2 dZ2 W3 b3 dZ3"
BELOW = "W1 b1 dZ1 W2 b2 dZ2"
SLIPS = {
    "sum": ("reduction", 0, {}, ALL, "1/7 is missing: a sum over the samples"),
    "mean": ("reduction", 0, {"reduction": "sum"}, ALL, "divided by the number of samples, 7"),
    "no 2": (
        "factor 2",
        0,
        {"loss": "squared_error"},
        ALL,
        "the factor 2 of the derivative of the square is missing",
    ),
    "half": ("factor 2", 0, {}, ALL, "it is 1/2 times"),
    "slope": ("derivative missing", 2, {}, BELOW, "sigmoid is missing: dZ2 is dA2"),
    "softmax missing": ("derivative missing", 3, {}, ALL, "softmax is missing: dZ3 is dA3"),
    "softmax twice": ("derivative twice", 3, {}, ALL, "softmax is applied twice in dZ3"),
    "slope twice": ("derivative twice", 1, {}, "W1 b1 dZ1", "tanh is applied twice in dZ1"),
    "at A": ("derivative at A", 2, {}, BELOW, "sigmoid is taken at A2 in place of Z2"),
    "weight": ("weight", 2, {}, "W1 b1 dZ1", "W2 and its transpose are exchanged in dA1"),
    "turned": ("transposed block", 2, {}, "W2", "rows and columns of W2 are exchanged"),
    "turned, unequal": ("transposed block", 1, {}, "W1", "it is transposed"),
    "sign": ("sign", 2, {}, BELOW, "it is negated"),
    "input": ("input", 3, {}, "W3", "Z2 is taken in place of A2"),
    "unsummed": ("bias unsummed", 2, {}, "b2", "it is not summed over the batch"),
    "bias mean": ("bias mean", 2, {}, "b2", "divided by the number of samples, 7"),
}


@pytest.mark.parametrize("row", SLIPS.values(), ids=SLIPS)
def test_a_slip_is_found_and_named(row: Any, seed: int) -> None:
    slip, where, changed, blocks, words = row
    layout = ["rows", "columns", "transposed"][seed % 3]
    mine = ByHand(**{**BASE, **changed, "layout": layout}, slip=slip, where=where)
    report = gw.check(mine, mine.network, seed=seed % 100_000)
    assert {block.name for block in report.blocks if not block.ok} == set(blocks.split())
    (finding,) = report.findings
    names, said = finding.split(": ", 1)
    assert set(names.split(", ")) == set(blocks.split()) and words in said, finding


NET = ByHand(**BASE).network


def right(params: dict[str, Array], X: Array, y: Array) -> dict[str, Array]:
    found = ByHand(**BASE)(params, X, y)
    return {name: value for name, value in found.items() if name[0] in "Wb"}


def changing(params: dict[str, Array], X: Array, y: Array) -> dict[str, Array]:
    found = right(params, X, y)
    params["W2"] -= 0.1 * found["W2"]
    return found


def failing(params: dict[str, Array], X: Array, y: Array) -> dict[str, Array]:
    return {"W1": X @ params["W1"].T}


REFUSED = {
    "raises": (failing, "failing(params, X, y): it raised ValueError: matmul"),
    "changes": (changing, "it changed W2, which it was given"),
    "no mapping": (lambda p, X, y: [1.0], "it returned a list"),
    "missing": (lambda p, X, y: {"W1": p["W1"]}, "b1, W2, b2, W3, b3 are missing"),
    "unknown": (lambda p, X, y: right(p, X, y) | {"W9": 1.0}, "'W9', which is no array"),
    "dW1": (lambda p, X, y: right(p, X, y) | {"dW1": 1.0}, "name the gradient by W1 'W1'"),
    "shape": (lambda p, X, y: right(p, X, y) | {"b3": np.ones(4)}, r"b3 has the shape (4,)"),
    "nan": (lambda p, X, y: right(p, X, y) | {"b3": np.full(3, np.nan)}, "3 of the 3 values of b3"),
    "complex": (lambda p, X, y: right(p, X, y) | {"b3": np.ones(3) * 1j}, "complex128"),
    "words": (lambda p, X, y: right(p, X, y) | {"b3": "none"}, "b3 has the dtype <U4"),
    "uneven": (lambda p, X, y: right(p, X, y) | {"b3": [[1.0], [1.0, 2.0]]}, "b3 is no array"),
}


@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED)
def test_what_is_no_backward_pass_is_refused(row: Any) -> None:
    function, words = row
    with pytest.raises(DataError) as refused:
        gw.check(function, NET)
    assert words in str(refused.value)


def test_other_arguments_are_refused() -> None:
    X = np.zeros((2, 4))
    for wrong in (
        {"y": [0, 1]},
        {"X": np.zeros((2, 5))},
        {"X": X, "y": [0, 7]},
        {"tolerance": -1.0},
        {"tolerance": "small"},
        {"params": {"W1": np.zeros((4, 5))}},
    ):
        with pytest.raises(DataError):
            gw.check(right, NET, **wrong)
    with pytest.raises(DataError):
        gw.check({"W1": X}, NET)
    with pytest.raises(NetworkError):
        gw.check(right, right)
    with pytest.raises(NetworkError):
        gw.check(right, NET, gw.Network("4 -> 3").init())
    masked = gw.Network("4 -> 5 tanh -> dropout(0.5) -> 3 softmax")
    with pytest.raises(UnsupportedError):
        gw.check(lambda p, X, y: {**p, "Z1": X}, masked, training=(0, 0))


def test_what_is_given_is_used(rng: np.random.Generator) -> None:
    """Class indices are handed over as they are, and values in single precision pass on request."""
    p, X, labels = NET.init(seed=3), rng.standard_normal((6, 4)), rng.integers(3, size=6)
    seen = []

    def single(params: dict[str, Array], X: Array, y: Array) -> dict[str, Array]:
        seen.append((params["W1"].copy(), X.copy(), y.copy()))
        found = right(params, X, np.eye(3)[y])
        return {name: value.astype(np.float32) for name, value in found.items()}

    report = gw.check(single, NET, p, X, labels, tolerance=1e-5)
    assert report.ok and report.tolerance == 1e-5
    assert np.array_equal(seen[0][0], p["W1"]) and np.array_equal(seen[0][1], X)
    assert seen[0][2].dtype == labels.dtype and np.array_equal(seen[0][2], labels)
    report = gw.check(single, NET, dict(p), X, labels)
    assert not report.ok and "single-precision" in report.findings[0]


def test_a_convention_at_a_kink_is_accepted() -> None:
    """All parameters 0: relu may have any slope from 0 to 1 there."""
    net = gw.Network("2 -> 3 relu -> 1", loss="squared_error")
    p, X, y = net.init(scheme="zeros"), np.ones((4, 2)), np.ones((4, 1))
    p["W2"][...] = 1.0

    def one_at_zero(params: dict[str, Array], X: Array, y: Array) -> dict[str, Array]:
        Z = X @ params["W1"] + params["b1"]
        A = np.maximum(Z, 0)
        d2 = 2 * (A @ params["W2"] + params["b2"] - y) / len(X)
        d1 = d2 @ params["W2"].T * (Z >= 0)
        return {"W2": A.T @ d2, "b2": d2.sum(0), "W1": X.T @ d1, "b1": d1.sum(0)}

    report = gw.check(one_at_zero, net, p, X, y)
    assert report.ok and "between the one-sided slopes" in report.findings[0]


@pytest.mark.parametrize("training", [None, (5, 2)])
def test_layers_of_every_kind_have_a_reference(training: Any) -> None:
    """Whose own gradient, handed back, is right, and with a wrong block is not."""
    block = gw.residual("6 silu -> 5")
    net = gw.Network([4, "5 relu", "batch_norm", block, "dropout(0.3)", "3 softmax"])
    state = [name for name in net.init() if name.startswith(("mu", "var"))]
    assert state

    def own(params: dict[str, Array], X: Array, y: Array) -> dict[str, Array]:
        p = net.init()
        for name, value in params.items():
            p[name] = value
        found = net.gradient(p, X, y, training=training)
        return {name: np.array(value) for name, value in found.items() if name not in state}

    def with_values(params: dict[str, Array], X: Array, y: Array) -> dict[str, Array]:
        Z1 = X @ params["W1"] + params["b1"]
        A2 = (np.maximum(Z1, 0) - params["mu2"]) / np.sqrt(params["var2"] + 1e-5) * params["g2"]
        return own(params, X, y) | {"Z1": Z1, "A2": A2 + params["b2"]}

    assert gw.check(own if training else with_values, net, training=training).ok
    report = gw.check(lambda *at: {n: 7 * v for n, v in own(*at).items()}, net, training=training)
    assert not report.ok and "1/7 is missing" in report.findings[0]
