"""Every loss by name, on the targets NumPy and C, against the loss of a sample by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DomainError, GradwrightError, UnsupportedError
from gradwright.nn.losses import known_loss, loss_identifier
from tests.programs.installed import COMPILER

Array = np.ndarray

LAYOUTS = ["rows", "columns"]


@dataclass(frozen=True)
class Case:
    """A loss behind a layer, for one sample: of complex outputs `z` before the last activation.

    `targets` are given to the network, for so many samples; `seen` is what the loss makes of them.
    """

    last: str
    value: Callable[[Array, Array], Array]
    targets: Callable[[np.random.Generator, int], Array]
    seen: Callable[[Array], Array] = lambda y: y


def _size(u: Array) -> Array:
    """|u| for a complex step."""
    return np.where(u.real < 0, -u, u)


def _above(u: Array) -> Array:
    return np.where(u.real > 0, u, 0)


def _huber(e: Array, delta: float) -> Array:
    return np.where(_size(e).real < delta, e * e / 2, delta * (_size(e) - delta / 2))


def _softmax(z: Array) -> Array:
    return np.exp(z) / np.sum(np.exp(z))


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def _focal(z: Array, y: Array, gamma: float) -> Array:
    a = _softmax(z)
    return -np.sum(y * (1 - a) ** gamma * np.log(a))


def _binary_focal(z: Array, y: Array, gamma: float) -> Array:
    a = _sigmoid(z)
    return -np.sum(y * (1 - a) ** gamma * np.log(a) + (1 - y) * a**gamma * np.log(1 - a))


def _multiclass_hinge(a: Array, y: Array) -> Array:
    right = int(np.argmax(y))
    return np.sum([_above(1 + a[k] - a[right]) for k in range(len(a)) if k != right])


def numbers(rng: np.random.Generator, n: int) -> Array:
    return rng.normal(size=(n, 2))


def one_hot(y: Array) -> Array:
    return np.eye(3)[y]


def classes(rng: np.random.Generator, n: int) -> Array:
    return rng.integers(3, size=n)


def labels(rng: np.random.Generator, n: int) -> Array:
    return rng.integers(2, size=(n, 2)).astype(float)


CASES = {
    "absolute_error": Case("2", lambda a, y: np.sum(_size(a - y)), numbers),
    "huber": Case("2", lambda a, y: np.sum(_huber(a - y, 1)), numbers),
    "huber(delta=0.75)": Case("2", lambda a, y: np.sum(_huber(a - y, 0.75)), numbers),
    "norm": Case("2", lambda a, y: np.sqrt(np.sum((a - y) ** 2)), numbers),
    "poisson": Case(
        "2",
        lambda a, y: np.sum(np.exp(a) - y * a),
        lambda rng, n: rng.poisson(3.0, (n, 2)).astype(float),
    ),
    "hinge": Case(
        "2", lambda a, y: np.sum(_above(1 - a * y)), labels, lambda y: np.where(y == 1, 1, -1)
    ),
    "multiclass_hinge": Case("3", _multiclass_hinge, classes, one_hot),
    "cross_entropy(label_smoothing=0.1)": Case(
        "3 softmax",
        lambda z, y: -np.sum((0.9 * y + 0.1 / 3) * np.log(_softmax(z))),
        classes,
        one_hot,
    ),
    "focal": Case("3 softmax", lambda z, y: _focal(z, y, 2), classes, one_hot),
    "focal(gamma=1.5)": Case("3 softmax", lambda z, y: _focal(z, y, 1.5), classes, one_hot),
    "binary_focal": Case("2 sigmoid", lambda z, y: _binary_focal(z, y, 2), labels),
    "binary_focal(gamma=2.5)": Case("2 sigmoid", lambda z, y: _binary_focal(z, y, 2.5), labels),
}


def forward(net: gw.Network, p: gw.Parameters, flat: Array, X: Array) -> Array:
    """The values before the last activation, in plain NumPy; `flat` may be complex."""
    splits = np.cumsum([value.size for value in p.values()])[:-1]
    values = dict(zip(p.names(), np.split(flat, splits), strict=True))
    weights = [values[f"W{k}"].reshape(net.widths[k - 1], net.widths[k]) for k in (1, 2)]
    return np.tanh(X @ weights[0] + values["b1"]) @ weights[1] + values["b2"]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("loss", CASES)
def test_values_and_gradients(loss: str, reduction: str, rng: np.random.Generator) -> None:
    case = CASES[loss]
    net = gw.Network(f"3 -> 4 tanh -> {case.last}", loss=loss, reduction=reduction)
    p = net.init()
    p.flat[:] = rng.normal(size=p.flat.size)
    X, y = rng.normal(size=(5, 3)), case.targets(rng, 5)
    Y = case.seen(y)

    def at(flat: Array) -> Array:
        rows = zip(forward(net, p, flat, X), Y, strict=True)
        total = np.sum([case.value(z, target) for z, target in rows])
        return total / (len(X) if reduction == "mean" else 1)

    value, gradient = net.value_and_gradient(p, X, y)
    runs = [(value, gradient.flat)]
    if COMPILER is not None and reduction == "mean":
        rows = np.ascontiguousarray(Y, dtype=float)
        runs.append(net.model.compiled("float64").value_and_gradient(p.flat, X, rows))
    wanted = np.array([at(p.flat + 1e-30j * e).imag / 1e-30 for e in np.eye(p.flat.size)])
    scale = np.max(np.abs(wanted))
    for found, flat in runs:
        # 1e-14 is what is lost where the terms of a small sum cancel.
        assert found == pytest.approx(at(p.flat), rel=1e-12, abs=1e-14)
        np.testing.assert_allclose(flat, wanted, rtol=0, atol=1e-12 * scale + 1e-14)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("loss", CASES)
def test_the_check_in_every_layout(loss: str, layout: str, rng: np.random.Generator) -> None:
    net = gw.Network(f"3 -> 4 tanh -> {CASES[loss].last}", loss=loss, layout=layout)
    assert net.backprop().check(seed=int(rng.integers(2**32))).ok


@pytest.mark.parametrize("loss", CASES)
def test_products_with_the_hessian(loss: str, rng: np.random.Generator) -> None:
    """Against central differences of the gradient; points near a kink of a derivative are rare."""
    case = CASES[loss]
    net = gw.Network(f"3 -> 4 tanh -> {case.last}", loss=loss)
    p = net.init(seed=int(rng.integers(2**31)))
    X, y, v = rng.normal(size=(5, 3)), case.targets(rng, 5), rng.normal(size=p.flat.size)
    h = 1e-6
    sides = []
    for sign in (1, -1):
        moved = p.copy()
        moved.flat[:] += sign * h * v
        sides.append(net.gradient(moved, X, y).flat)
    wanted = (sides[0] - sides[1]) / (2 * h)
    found = net.hvp(p, X, y, v).flat
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6 * np.max(np.abs(wanted)) + 1e-8)


FAR = ["cross_entropy", "cross_entropy(label_smoothing=0.1)", "focal", "focal(gamma=1.5)"]


@pytest.mark.parametrize("loss", [*FAR, "binary_focal", "binary_cross_entropy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scores_far_apart_have_a_finite_loss_and_gradient(loss: str, dtype: str) -> None:
    """exp(-3000) is 0, and so is the probability: its logarithm is taken before it is rounded."""
    last = "softmax" if loss in FAR else "sigmoid"
    net = gw.Network(f"1 -> 2 {last} no_bias", loss=loss, reduction="sum")
    p = net.init(dtype=dtype)
    p.flat[:] = 3000, -3000
    X = np.ones((2, 1))
    targets = [[1.0, 0.0], [0.0, 1.0]]
    value, gradient = net.value_and_gradient(p, X, targets)
    smoothed = 0.1 / 2 * 6000 if "smoothing" in loss else 0
    wrong = 2 * 3000 if last == "sigmoid" else 6000
    expected = wrong * (0.9 if smoothed else 1) + 2 * smoothed
    assert value == pytest.approx(expected, rel=1e-5)
    assert np.all(np.isfinite(gradient.flat)) and np.any(gradient.flat)


@pytest.mark.parametrize("loss", ["focal(gamma=1.5)", "binary_focal(gamma=1.5)"])
def test_second_derivatives_are_numbers_or_an_error(loss: str) -> None:
    """1 - a is rounded to 0, and the second derivative is a product of it with its inverse."""
    last = "softmax" if loss in FAR else "sigmoid"
    net = gw.Network(f"1 -> 2 {last} no_bias", loss=loss)
    p = net.init()
    p.flat[:] = 3000, -3000
    there = p, np.ones((1, 1)), [[0.0, 1.0]]
    for call in (
        lambda: net.hvp(*there, np.ones(2)),
        lambda: net.hessian(*there).dense(),
        lambda: net.gauss_newton(*there).dense(),
        lambda: net.gauss_newton(*there).diagonal(),
    ):
        with pytest.raises(DomainError, match="none that rounding leaves"):
            call()
    p.flat[:] = 3, -3
    assert np.all(np.isfinite(net.hessian(*there).dense()))


@pytest.mark.parametrize("delta", [1e-120, 1e-05, 0.5, 2.0, 1e20])
def test_an_option_is_read_as_python_writes_it(delta: float) -> None:
    X = np.array([[1.0], [-2.0]])
    for written in (repr(delta), f"{delta:e}", f"{delta:g}", repr(delta).removeprefix("0")):
        net = gw.Network("1 -> 1 no_bias", loss=f"huber(delta={written})", reduction="sum")
        p = net.init()
        p.flat[:] = 1
        expected = sum(e * e / 2 if e <= delta else delta * (e - delta / 2) for e in (1, 2))
        assert net.loss(p, X, np.zeros((2, 1))) == pytest.approx(expected, rel=1e-12)
        normed = gw.Network(f"2 -> layer_norm(eps={written})", loss="squared_error")
        found = normed.predict(normed.init(), [[1.0, -1.0]])
        assert found[0, 0] == pytest.approx(1 / np.sqrt(1 + delta), rel=1e-12)


def test_a_loss_by_formula_that_takes_logarithms_is_computed_so_too() -> None:
    net = gw.Network("1 -> 2 softmax no_bias", loss="-sum(y .* (1 - a).^3 .* log(a))")
    p = net.init()
    p.flat[:] = 3000, -3000
    value, gradient = net.value_and_gradient(p, np.ones((1, 1)), [[0.0, 1.0]])
    assert value == pytest.approx(6000) and np.all(np.isfinite(gradient.flat))


#: What is wrong, and what the message says.
BAD = {
    "huber(delt=1)": "delta",
    "huber(delta=0)": "delta is 0",
    "huber(delta=1, delta=2)": "huber(delta=1)",
    "huber(1, 2)": "huber(delta=1)",
    "huber(-1)": "delta is -1",
    f"huber({'1' * 41})": "41 characters of 40",
    "norm(2)": "options of norm are none",
    "focal(gamma=0.5)": "a number from 1",
    "cross_entropy(label_smoothing=1)": "below 1",
    "cross_entropy(0.1, 0.2)": "label_smoothing",
    "hubert(delta=1)": "",
    "hubert": "huber, ",
}


@pytest.mark.parametrize("loss", BAD)
def test_options_that_a_loss_does_not_have(loss: str) -> None:
    with pytest.raises(GradwrightError) as caught:
        gw.Network("3 -> 2 softmax", loss=loss)
    assert BAD[loss] in str(caught.value) and caught.value.instead


def test_options_by_place_and_at_their_defaults() -> None:
    assert known_loss("huber(2)").text == known_loss(" huber( delta = 2.0 ) ").text
    assert known_loss("huber(delta=1)") is known_loss("huber")
    assert known_loss("huber(0.5)").density is False
    assert loss_identifier("cross_entropy(label_smoothing=0.1)").isidentifier()
    # Of a function of the same name a formula is made.
    net = gw.Network("3 -> 1", loss="huber(a'*y - 1)")
    assert net.backprop().check().ok


def test_which_losses_have_a_true_fisher_matrix(rng: np.random.Generator) -> None:
    for loss, case in CASES.items():
        net = gw.Network(f"3 -> 4 tanh -> {case.last}", loss=loss)
        p, X, y = net.init(), rng.normal(size=(5, 3)), case.targets(rng, 5)
        if loss != "poisson":
            with pytest.raises(UnsupportedError, match="density"):
                net.fisher(p, X, y, kind="true")
            continue
        # E[(exp(a) - y)²] = exp(a) for counts of that rate, by the sum over the counts.
        found = net.fisher(p, X, y, kind="true").dense()
        expected = np.zeros_like(found)
        for x in X:
            rates = np.exp(net.predict(p, x[None])[0])
            for k, rate in enumerate(rates):
                weights = [np.exp(-rate)]
                for count in range(1, 80):
                    weights.append(weights[-1] * rate / count)
                slopes = np.arange(80) - rate
                target = np.array([rates + 0.0])
                target[0, k] += 1
                g = net.gradient(p, x[None], target).flat
                expected += np.sum(np.array(weights) * slopes**2) * np.outer(g, g) / len(X)
        np.testing.assert_allclose(found, expected, atol=1e-9 * np.max(found))
