"""X1: the three layouts of a network say the same in other shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DataError, NetworkError
from gradwright.nn.layouts import LAYOUTS
from gradwright.nn.parameters import Parameters
from tests.nn.random_networks import random_network

Array = Any

#: Sums of at most some thousand products of numbers near 1, in another order.
TOLERANCE = 1e-12

FORWARD = {
    "rows": "Z₁ = X W₁ + ones(n) b₁ᵀ",
    "columns": "Z₁ = W₁ X + b₁ ones(n)ᵀ",
    "transposed": "Z₁ = W₁ᵀ X + b₁ ones(n)ᵀ",
}
GRADIENT = {
    "rows": "∂L/∂W₁ = Xᵀ δZ₁",
    "columns": "∂L/∂W₁ = δZ₁ Xᵀ",
    "transposed": "∂L/∂W₁ = X δZ₁ᵀ",
}


def relative(one: Array, other: Array) -> float:
    scale = float(np.max(np.abs(other), initial=0.0))
    return float(np.max(np.abs(one - other), initial=0.0)) / (scale or 1.0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_x1_the_derivation_is_written_in_the_layout(layout: str) -> None:
    text = gw.Network("4 -> 5 relu -> 3 softmax", layout=layout).backprop().explain()
    assert FORWARD[layout] in text and GRADIENT[layout] in text
    assert "(A₂ − Y)/n" in text
    axes = "rows" if layout == "rows" else "columns"
    assert f"the {axes} of X" in text and f"the {axes} of Y sum to 1" in text


def test_x1_layouts_give_equal_numbers(rng: np.random.Generator) -> None:
    for _ in range(12):
        text, loss, X, y = random_network(rng)
        reduction = str(rng.choice(["mean", "sum"]))
        rows = gw.Network(text, loss, reduction)
        p = rows.init(int(rng.integers(2**31)), "he_normal")
        value, gradient = rows.value_and_gradient(p, X, y)
        for layout in ("columns", "transposed"):
            net, q = rows.relayout(layout), p.relayout(layout)
            assert relative(net.predict(q, X), rows.predict(p, X)) < TOLERANCE, text
            other, turned = net.value_and_gradient(q, X, y)
            assert abs(other - value) <= TOLERANCE * max(1.0, abs(value)), text
            assert relative(turned.relayout("rows").flat, gradient.flat) < TOLERANCE, text
            assert relative(net.jacobian(q, X), rows.jacobian(p, X)) < TOLERANCE, text
            norms = rows.sample_gradient_norms(p, X, y)
            assert relative(net.sample_gradient_norms(q, X, y), norms) < TOLERANCE, text
            trace = net.backprop().trace(q, X, y)
            assert relative(trace.values["δW1"], turned["W1"]) < TOLERANCE, text


def test_x1_relayout_and_back_is_exact(rng: np.random.Generator) -> None:
    text, loss, *_ = random_network(rng)
    net = gw.Network(text, loss)
    p = net.init(7, "he_normal")
    for one in LAYOUTS:
        for other in LAYOUTS:
            there = p.relayout(one)
            assert np.array_equal(there.relayout(other).relayout(one).flat, there.flat)
        assert np.array_equal(net.relayout(one).init(7, "he_normal").flat, there.flat)
        assert net.relayout(one).relayout("rows").backprop().explain() == net.backprop().explain()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_checked_by_the_oracle(layout: str, seed: int) -> None:
    net = gw.Network("3 -> 4 tanh -> 2 * 5 relu -> 2 softmax", layout=layout)
    assert net.backprop().check(seed=seed).ok


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_train_alike(layout: str, rng: np.random.Generator) -> None:
    X, y = rng.standard_normal((50, 4)), rng.integers(3, size=50)
    net = gw.Network("4 -> 6 tanh -> 3 softmax", layout=layout)
    run = gw.train(net, X, y, epochs=3, batch_size=16)
    rows = gw.train(net.relayout("rows"), X, y, epochs=3, batch_size=16)
    assert relative(run.params.relayout("rows").flat, rows.params.flat) < 1e-10


@pytest.mark.parametrize("layout", LAYOUTS)
def test_kept_and_passing_values_do_not_share_memory(layout: str, seed: int) -> None:
    """Layers 1 and 3 are equally wide; one keeps Z, the other needs its Z for a moment."""
    text = "3 -> 8 leaky_relu -> 5 relu -> 8 softmax -> 2"
    assert gw.Network(text, "squared_error", layout=layout).backprop().check(seed=seed).ok


def test_no_overflow_in_columns() -> None:
    net = gw.Network("2 -> 2 softmax", layout="columns")
    p = net.init(0)
    p["W1"] = np.array([[2000.0, 0.0], [0.0, -2000.0]])
    X = np.array([[1.0, 1.0]])
    assert net.loss(p, X, np.array([1])) == pytest.approx(4000.0)


def test_a_file_of_another_layout_is_refused(tmp_path: Path) -> None:
    net = gw.Network("3 -> 3 -> 3", loss="squared_error", layout="columns")
    p = net.init(3)
    p.save(tmp_path / "p.npz")
    loaded = Parameters.load(tmp_path / "p.npz", net.model.layers)
    assert np.array_equal(loaded.flat, p.flat)
    with pytest.raises(DataError, match="layout columns and the network has rows"):
        Parameters.load(tmp_path / "p.npz", net.relayout("rows").model.layers)


def test_parameters_of_another_layout_are_refused() -> None:
    net = gw.Network("3 -> 3", loss="squared_error")
    with pytest.raises(NetworkError):
        net.predict(net.relayout("columns").init(0), np.ones((1, 3)))
    with pytest.raises(NetworkError, match="rows, columns, transposed"):
        net.relayout("diagonal")
