"""The texts of activations and losses mean what their names say."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from gradwright.errors import NetworkError
from gradwright.nn.activations import (
    ACTIVATIONS,
    activation_text,
    derivative_bound,
    resolve_options,
)
from gradwright.nn.losses import (
    LOSSES,
    default_loss,
    loss_text,
    require_fit,
    target_facts,
)
from gradwright.nn.numbers import exact_decimal
from gradwright.notation.declarations import declare
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import infer

TEXTS = {
    ("identity", ()): "Z",
    ("sigmoid", ()): "sigmoid(Z)",
    ("tanh", ()): "tanh(Z)",
    ("relu", ()): "relu(Z)",
    ("silu", ()): "silu(Z)",
    ("elu", ()): "elu(Z)",
    ("elu", (("alpha", "1"),)): "elu(Z)",
    ("elu", (("alpha", "0.5"),)): "elu(Z, alpha=0.5)",
    ("softmax", ()): "softmax(Z)",
    ("leaky_relu", ()): "leaky_relu(Z)",
    ("leaky_relu", (("slope", "0.1"), ("kink", "0.1"))): "leaky_relu(Z)",
    ("leaky_relu", (("slope", "0.2"), ("kink", "0.2"))): "leaky_relu(Z, slope=0.2)",
    ("leaky_relu", (("slope", "0.1"), ("kink", "0"))): "leaky_relu(Z, kink=0)",
    ("leaky_relu", (("slope", "0.2"), ("kink", "1"))): "leaky_relu(Z, slope=0.2, kink=1)",
    ("leaky_relu", (("slope", "0.2"), ("kink", "0.1"))): "leaky_relu(Z, slope=0.2, kink=0.1)",
}


@pytest.mark.parametrize("given, text", TEXTS.items(), ids=list(TEXTS.values()))
def test_activation_texts(given: tuple[str, tuple[tuple[str, str], ...]], text: str) -> None:
    name, options = given[0], tuple((key, Fraction(value)) for key, value in given[1])
    assert activation_text(name, options) == text
    assert activation_text(name, dict(options), "z") == text.replace("Z", "z")


def test_the_kink_defaults_to_the_slope() -> None:
    fifth = Fraction(1, 5)
    assert resolve_options("leaky_relu", {"slope": fifth}) == (("slope", fifth), ("kink", fifth))


@pytest.mark.parametrize(
    "text", ["0", "1", "-2.5", "1000", "0.001", "0.1234567890123456789012345678901234567", "1.0625"]
)
def test_decimals_are_exact(text: str) -> None:
    assert exact_decimal(Fraction(text)) == text


def test_a_third_has_no_decimal() -> None:
    with pytest.raises(ValueError, match="1/3"):
        exact_decimal(Fraction(1, 3))


def _value(text: str, **arrays: np.ndarray) -> np.ndarray:
    declared = {name: declare(name, "matrix n q") for name in arrays}
    tree = parse(text)
    scope = infer(tree, declared, text)
    return evaluate(tree, arrays, scope)


def _softmax(Z: np.ndarray) -> np.ndarray:
    return np.array([np.exp(row) / sum(np.exp(row)) for row in Z])


MEANINGS = {
    "identity": lambda Z: Z,
    "sigmoid": lambda Z: 1 / (1 + np.exp(-Z)),
    "tanh": lambda Z: (np.exp(2 * Z) - 1) / (np.exp(2 * Z) + 1),
    "relu": lambda Z: Z * (Z > 0),
    "leaky_relu": lambda Z: np.where(Z > 0, Z, Z / 10),
    "elu": lambda Z: np.where(Z > 0, Z, np.exp(Z) - 1),
    "selu": lambda Z: 1.0507009873554805 * np.where(Z > 0, Z, 1.6732632423543772 * (np.exp(Z) - 1)),
    "gelu": lambda Z: Z / 2 * np.vectorize(math.erfc)(-Z / np.sqrt(2)),
    "gelu_tanh": lambda Z: Z / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (Z + 0.044715 * Z**3))),
    "mish": lambda Z: Z * np.tanh(np.log(1 + np.exp(Z))),
    "softsign": lambda Z: Z / (1 + abs(Z)),
    "hard_tanh": lambda Z: np.where(Z > 1, 1, np.where(Z < -1, -1, Z)),
    "silu": lambda Z: Z / (1 + np.exp(-Z)),
    "softplus": lambda Z: np.log(1 + np.exp(Z)),
    "softmax": _softmax,
}


@pytest.mark.parametrize("name", MEANINGS, ids=[f"S3.4 {name}" for name in MEANINGS])
def test_activations_are_what_they_are_called(name: str, rng: np.random.Generator) -> None:
    assert set(MEANINGS) == set(ACTIVATIONS)
    Z = rng.normal(size=(5, 3))
    # A few roundings of numbers near 1; tanh through exp(2z) loses a factor of e^2|z| or so.
    np.testing.assert_allclose(
        _value(activation_text(name), Z=Z), MEANINGS[name](Z), rtol=1e-12, atol=1e-13
    )


def _norm_of_jacobian(text: str, a: float, h: float = 1e-6) -> float:
    """The spectral norm at (a, 1e-3, -60), by central differences."""
    z = np.array([a, 1e-3, -60.0])
    moved = [_value(text, Z=np.stack([z + h * e, z - h * e])) for e in np.eye(3)]
    return float(np.linalg.norm([(up - down) / (2 * h) for up, down in moved], 2))


BOUNDED = {
    **{f"S4.5 {name}": (name, {}) for name in ACTIVATIONS},
    "S4.5 leaky_relu with a steep slope": ("leaky_relu", {"slope": Fraction(3, 2)}),
    "S4.5 elu with a steep left side": ("elu", {"alpha": Fraction(9, 4)}),
    "S4.5 elu with a flat left side": ("elu", {"alpha": Fraction(1, 2)}),
    "S4.5 leaky_relu with a steep kink": ("leaky_relu", {"kink": Fraction(7, 5)}),
}


@pytest.mark.parametrize("name, given", BOUNDED.values(), ids=BOUNDED)
def test_bounds_of_derivatives_hold_and_are_reached(name: str, given: dict[str, Fraction]) -> None:
    options = resolve_options(name, given)
    text, bound = activation_text(name, options), float(derivative_bound(name, options))
    # At the kink itself the derivative is what the option says.
    norms = [float(value) for key, value in options if key == "kink"]
    # On both sides of 0, where some have a kink.
    h = 1e-6
    z = _value(text, Z=np.array([[-h, 1e-3, -60.0], [0, 1e-3, -60], [h, 1e-3, -60]]))
    norms += [float(np.linalg.norm(step)) / h for step in np.diff(z, axis=0)]
    best, width = 0.0, 32.0
    for _ in range(3):
        places = best + 1e-3 + np.linspace(-width, width, 129)
        found = [_norm_of_jacobian(text, a) for a in places]
        best, width = float(places[int(np.argmax(found))]), width / 32
        norms += found
    # Truncation is below h², rounding below 60 eps/h. At 1e-3 from where φ' is largest it has lost
    # a part of at most 1e-6.
    assert bound * (1 - 2e-6) - 2e-8 <= max(norms) <= bound + 2e-8


def test_ranges() -> None:
    assert ACTIVATIONS["softmax"].range == "probabilities"
    assert ACTIVATIONS["sigmoid"].range == "unit interval"


LOSS_MEANINGS = {
    "S3.12 cross_entropy": lambda a, y: -y * np.log(a),
    "S3.5 binary_cross_entropy": lambda a, y: -(y * np.log(a) + (1 - y) * np.log(1 - a)),
    "squared_error": lambda a, y: (a - y) ** 2,
    "absolute_error": lambda a, y: abs(a - y),
    "poisson": lambda a, y: np.exp(a) - y * a,
}


@pytest.mark.parametrize("row", LOSS_MEANINGS)
def test_losses_are_sums_over_samples_and_outputs(row: str, rng: np.random.Generator) -> None:
    name = row.split()[-1]
    A, Y = rng.uniform(0.1, 0.9, (5, 3)), rng.uniform(0, 1, (5, 3))
    expected = sum(LOSS_MEANINGS[row](A[i, k], Y[i, k]) for i in range(5) for k in range(3))
    # Fifteen terms below 5 each, of one sign: at most 15 roundings.
    tolerance = 32 * np.finfo(float).eps
    assert _value(loss_text(name, "sum"), A=A, Y=Y) == pytest.approx(expected, rel=tolerance)
    assert _value(loss_text(name, "mean"), A=A, Y=Y) == pytest.approx(expected / 5, rel=tolerance)


def test_loss_texts() -> None:
    assert loss_text("cross_entropy", "mean") == "-sum(Y.*log(A))/n"
    assert loss_text("binary_cross_entropy", "sum") == "-sum(Y.*log(A) + (1 - Y).*log(1 - A))"
    assert loss_text("squared_error", "mean") == "norm2(A - Y)^2/n"
    assert {name for name in LOSSES if target_facts(name)} == {"cross_entropy", "focal"}
    assert target_facts("cross_entropy") == target_facts("focal") == ("sum1",)


WANTED = {
    "cross_entropy": "softmax",
    "focal": "softmax",
    "binary_cross_entropy": "sigmoid",
    "binary_focal": "sigmoid",
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_which_loss_fits(loss: str, activation: str) -> None:
    wanted = WANTED.get(loss, activation)
    if activation == wanted:
        require_fit(loss, activation)
        return
    with pytest.raises(NetworkError) as caught:
        require_fit(loss, activation)
    assert loss in caught.value.clash and activation in caught.value.asked
    assert f"end the network with {wanted}" in caught.value.instead
    assert default_loss(activation) in caught.value.instead


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_default_loss_fits(activation: str) -> None:
    require_fit(default_loss(activation), activation)
    usual = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}
    assert default_loss(activation) == usual.get(activation, "squared_error")


def test_unknown_losses_and_reductions() -> None:
    for use in (
        lambda: loss_text("entropy", "sum"),
        lambda: target_facts("entropy"),
        lambda: require_fit("entropy", "softmax"),
        lambda: require_fit(["entropy"], "softmax"),
    ):
        with pytest.raises(NetworkError, match="cross_entropy, binary_cross_entropy, squared_err"):
            use()
    with pytest.raises(NetworkError, match="'median' is asked for and the reductions are mean"):
        loss_text("squared_error", "median")
