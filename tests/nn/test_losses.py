"""Every loss by name, on the targets NumPy and C, against the loss of a sample by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

import gradwright as gw
from tests.programs.installed import COMPILER

Array = np.ndarray

LAYOUTS = ["rows", "columns", "transposed"]


@dataclass(frozen=True)
class Case:
    """A loss behind a layer, for one sample: of complex outputs `a` and real targets `y`."""

    last: str
    value: Callable[[Array, Array], Array]
    targets: Callable[[np.random.Generator, int], Array]


def _size(u: Array) -> Array:
    """|u| for a complex step."""
    return np.where(u.real < 0, -u, u)


CASES = {
    "absolute_error": Case(
        "2", lambda a, y: np.sum(_size(a - y)), lambda rng, n: rng.normal(size=(n, 2))
    ),
    "poisson": Case(
        "2",
        lambda a, y: np.sum(np.exp(a) - y * a),
        lambda rng, n: rng.poisson(3.0, (n, 2)).astype(float),
    ),
}


def by_hand(case: Case, net: gw.Network, p: gw.Parameters, X: Array, Y: Array) -> Array:
    """The loss of a batch for complex parameters, by a forward pass in plain NumPy."""

    def at(flat: Array) -> Array:
        values = dict(zip(p.names(), np.split(flat, splits), strict=True))
        weights = [values[f"W{k}"].reshape(net.widths[k - 1], net.widths[k]) for k in (1, 2)]
        hidden = np.tanh(X @ weights[0] + values["b1"])
        outputs = hidden @ weights[1] + values["b2"]
        losses = [case.value(a, y) for a, y in zip(outputs, Y, strict=True)]
        return np.sum(losses) / (len(X) if net.model.reduction == "mean" else 1)

    splits = np.cumsum([value.size for value in p.values()])[:-1]
    step = 1e-30j
    return np.array([at(p.flat + step * e).imag / 1e-30 for e in np.eye(p.flat.size)])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("loss", CASES)
def test_values_and_gradients(loss: str, reduction: str, rng: np.random.Generator) -> None:
    case = CASES[loss]
    net = gw.Network(f"3 -> 4 tanh -> {case.last}", loss=loss, reduction=reduction)
    p = net.init()
    p.flat[:] = rng.normal(size=p.flat.size)
    X, Y = rng.normal(size=(5, 3)), case.targets(rng, 5)
    values = [case.value(a, y) for a, y in zip(net.predict(p, X), Y, strict=True)]
    expected = np.mean(values) if reduction == "mean" else np.sum(values)
    assert net.loss(p, X, Y) == pytest.approx(expected, rel=1e-12)
    wanted = by_hand(case, net, p, X, Y)
    runs = [net.value_and_gradient(p, X, Y)[1].flat]
    if COMPILER is not None:
        value, flat = net.model.compiled("float64").value_and_gradient(p.flat, X, Y)
        assert value == pytest.approx(expected, rel=1e-12)
        runs.append(flat)
    for found in runs:
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * np.max(np.abs(wanted)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("loss", CASES)
def test_the_check_in_every_layout(loss: str, layout: str, rng: np.random.Generator) -> None:
    net = gw.Network(f"3 -> 4 tanh -> {CASES[loss].last}", loss=loss, layout=layout)
    assert net.backprop().check(seed=int(rng.integers(2**32))).ok
