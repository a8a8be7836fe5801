"""Row S2.3: a loss as a formula of one sample, such as E = ‖yᴸ − y‖."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import force_setattr

import gradwright as gw
from gradwright.errors import GradwrightError, NetworkError, ShapeError, UnsupportedError

Array = np.ndarray

BY_HAND = {
    "norm2(a - y)": lambda a, y: np.sqrt(np.sum((a - y) ** 2)),
    "norm2(a - y)^2/q": lambda a, y: np.mean((a - y) ** 2),
    "sum(log(cosh(a - y)))": lambda a, y: np.sum(np.log(np.cosh(a - y))),
    "sum(softplus(-a.*y))": lambda a, y: np.sum(np.log1p(np.exp(-a * y))),
    "1 - a'*y/(norm2(a)*norm2(y))": lambda a, y: (
        1 - a @ y / np.sqrt(np.sum(a**2)) / np.sqrt(np.sum(y**2))
    ),
    "logsumexp(a) - a'*y": lambda a, y: np.log(np.sum(np.exp(a))) - a @ y,
    "r = a - 2*y; bend(t) = sqrt(1 + t^2); sum(bend(r))/q": lambda a, y: np.mean(
        np.sqrt(1 + (a - 2 * y) ** 2)
    ),
}


def by_hand(text: str, p: object, X: Array, Y: Array, reduction: str, name: str) -> Array:
    """∂L/∂(the parameter) by complex steps through a forward pass in plain NumPy."""
    found = np.empty(p[name].shape)
    for place in np.ndindex(found.shape):
        values = {key: value.astype(complex) for key, value in p.items()}
        values[name][place] += 1e-30j
        hidden = np.tanh(X @ values["W1"] + values["b1"])
        outputs = hidden @ values["W2"] + values["b2"]
        losses = [BY_HAND[text](a, y) for a, y in zip(outputs, Y, strict=True)]
        total = np.sum(losses) / (len(X) if reduction == "mean" else 1)
        found[place] = total.imag / 1e-30
    return found


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("text", BY_HAND)
def test_s2_3_gradients_of_a_loss_by_formula(
    text: str, reduction: str, rng: np.random.Generator
) -> None:
    net = gw.Network("3 -> 5 tanh -> 2", loss=text, reduction=reduction)
    p = net.init()
    p.flat[:] = rng.normal(size=p.flat.size)
    X, Y = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    values = [BY_HAND[text](a, y) for a, y in zip(net.predict(p, X), Y, strict=True)]
    expected = np.mean(values) if reduction == "mean" else np.sum(values)
    assert net.loss(p, X, Y) == pytest.approx(expected, rel=1e-12)
    gradient = net.gradient(p, X, Y)
    for name in p:
        expected = by_hand(text, p, X, Y, reduction, name)
        assert np.allclose(gradient[name], expected, rtol=1e-9, atol=1e-11 * np.max(abs(expected)))


@pytest.mark.parametrize("layout", ["rows", "columns", "transposed"])
@pytest.mark.parametrize("text", ["norm2(a - y)", "logsumexp(a) - a'*y"])
def test_every_layout_has_them(text: str, layout: str) -> None:
    net = gw.Network("3 -> 5 tanh -> 2", loss=text, layout=layout)
    assert net.backprop().check().ok


def test_the_check_sees_a_wrong_loss() -> None:
    net = gw.Network("3 -> 2", loss="norm2(a - y)^2/2")
    kind = net.model.kinds[-1]
    force_setattr(kind.loss_formula, "text", "norm2(a - y)^2/3")
    assert not net.backprop().check().ok


def test_s2_3_the_gradient_of_a_distance_and_its_convention_at_zero() -> None:
    net = gw.Network("3 -> 2", loss="norm2(a - y)", reduction="sum")
    p = net.init(scheme="zeros")
    X = np.array([[1.0, 2.0, 3.0], [1.0, 0.0, 0.0]])
    Y = np.array([[0.0, 0.0], [3.0, 4.0]])
    # The first sample has the distance 0, whose derivative is 0 by convention.
    assert np.allclose(net.gradient(p, X, Y)["b1"], [-0.6, -0.8], rtol=1e-15)
    text = net.backprop().explain()
    assert "norm2'(0) = 0" in text
    assert "δA₁ = diag(1 ⊘ sqrt((A₁ − Y)⊙² ones(2))) (A₁ − Y)" in text


def test_a_formula_that_is_a_named_loss_is_that_loss(rng: np.random.Generator) -> None:
    X, Y = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    one = gw.Network("3 -> 5 tanh -> 2", loss="norm2(a - y)^2")
    other = gw.Network("3 -> 5 tanh -> 2", loss="squared_error")
    p = one.init(seed=1)
    assert one.loss(p, X, Y) == pytest.approx(other.loss(p, X, Y), rel=1e-12)
    assert np.allclose(one.gradient(p, X, Y).flat, other.gradient(p, X, Y).flat, rtol=1e-12)


def test_behind_a_layer_by_formula(rng: np.random.Generator) -> None:
    swish = gw.layer("z .* sigmoid(z)", input="vector n")
    fixed = gw.layer("W*x", input="vector n", W="matrix 2 n")
    for items in ([3, "4", swish], [3, swish, fixed]):
        net = gw.Network(items, loss="sum(abs(a - y))/q + norm2(a)")
        assert net.backprop().check().ok
        X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, net.widths[-1]))
        run = gw.train(net, X, Y, epochs=20, learning_rate=0.05)
        assert run.history[-1].loss < run.history[0].loss
        assert gw.flow(net, run.params, X, Y).layers


BAD = {
    "a name": ("rmse", NetworkError),
    "a vector": ("a - y", ShapeError),
    "another letter": ("norm2(b - y)", NetworkError),
    "no outputs": ("norm2(y)^2", NetworkError),
    "abstract": ("f(a)", UnsupportedError),
    "no formula": ("norm2(a -", GradwrightError),
    "nothing": ("", GradwrightError),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_loss_ends_in_a_typed_error(name: str) -> None:
    text, kind = BAD[name]
    with pytest.raises(kind) as caught:
        gw.Network("3 -> 2", loss=text)
    assert caught.value.asked and caught.value.clash and caught.value.instead
