"""Rows S2.1 to S2.6: steepest ascent, stacked gradients, and backpropagation by layer Jacobians."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gradwright as gw
from gradwright.nn.parameters import Parameters
from tests.ledger.by_hand import Array, Claim, assert_equal, lines

QUADRATIC = ("sum(tanh(W*x)) + x'*A*x", {"W": "matrix m n", "x": "vector n", "A": "matrix n n"})
LAYERS = {"x": "vector n", "W1": "matrix m n", "W2": "matrix k m", "y": "vector k"}
DEEPER = LAYERS | {"W3": "matrix q k", "y": "vector q"}
LAST = "W₂ tanh(W₁ x) − y"
LAST_OF_THREE = "W₃ tanh(W₂ tanh(W₁ x)) − y"

CLAIMS = [
    Claim(
        "S2.1",
        "sum(exp(W*x)) + x'*A*x",
        QUADRATIC[1],
        "x",
        "gradient",
        "Wᵀ exp(W x) + (A + Aᵀ) x",
    ),
    Claim(
        "S2.3",
        "norm2(u - y)",
        {"u": "vector k", "y": "vector k"},
        "u",
        "gradient",
        "(u − y)/‖u − y‖",
    ),
    Claim(
        "S2.3 two layers",
        "norm2(W2*tanh(W1*x) - y)",
        LAYERS,
        "W2",
        "gradient",
        f"({LAST}) tanh(W₁ x)ᵀ/‖{LAST}‖",
    ),
    Claim(
        "S2.5 two layers",
        "norm2(W2*tanh(W1*x) - y)",
        LAYERS,
        "W1",
        "gradient",
        f"((1 − tanh(W₁ x)⊙²) ⊙ (W₂ᵀ ({LAST}))) xᵀ/‖{LAST}‖",
    ),
    Claim(
        "S2.3 three layers",
        "norm2(W3*tanh(W2*tanh(W1*x)) - y)",
        DEEPER,
        "W3",
        "gradient",
        f"({LAST_OF_THREE}) tanh(W₂ tanh(W₁ x))ᵀ/‖{LAST_OF_THREE}‖",
    ),
    Claim(
        "S2.5 three layers",
        "norm2(W3*tanh(W2*tanh(W1*x)) - y)",
        DEEPER,
        "W2",
        "gradient",
        f"((1 − tanh(W₂ tanh(W₁ x))⊙²) ⊙ (W₃ᵀ ({LAST_OF_THREE}))) tanh(W₁ x)ᵀ/‖{LAST_OF_THREE}‖",
    ),
    Claim(
        "S2.4 J_y",
        "tanh(W*v + b)",
        {"W": "matrix m n", "v": "vector n", "b": "vector m"},
        "v",
        "jacobian",
        "diag(1 − tanh(W v + b)⊙²) W",
    ),
    Claim(
        "S2.4 J_b",
        "tanh(W*v + b)",
        {"W": "matrix m n", "v": "vector n", "b": "vector m"},
        "b",
        "jacobian",
        "diag(1 − tanh(W v + b)⊙²)",
    ),
]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_the_derivative_is_printed_as_the_mathematics_has_it(claim: Claim, seed: int) -> None:
    derivation = claim.derive()
    assert str(derivation) == claim.printed
    results = [line for line in lines(derivation.explain()) if line.endswith(f" = {claim.printed}")]
    assert results
    assert derivation.check(seed=seed).ok


def test_s2_3_a_name_is_printed_in_one_way() -> None:
    """W1 is W₁ in the formula, in the list of symbols and under ∂."""
    explained = gw.formula("norm2(W2*tanh(W1*x) - y)", **LAYERS).gradient("W2").explain()
    assert "W1" not in explained and "W2" not in explained


def test_s2_1_the_gradient_is_the_direction_of_steepest_ascent(rng: np.random.Generator) -> None:
    """f(x + Δx) − f(x) ≈ ‖∇f‖‖Δx‖ cos θ, and no other direction of that length gains more."""
    text, symbols = QUADRATIC
    f = gw.formula(text, **symbols)
    W, A, x = rng.normal(size=(3, 5)), rng.normal(size=(5, 5)), rng.normal(size=5)
    gradient = f.gradient("x")(W=W, A=A, x=x)
    assert_equal(gradient, W.T @ (1 - np.tanh(W @ x) ** 2) + A @ x + A.T @ x)
    start, length = f(W=W, A=A, x=x), 1e-5
    # |tanh''| < 1 and f has three of them, so this bounds ‖H‖; the error is at most half.
    second = np.linalg.norm(W, 2) ** 2 + 2 * np.linalg.norm(A, 2)
    error = second / 2 * length**2 + 100 * np.finfo(float).eps * abs(start)

    def gain(direction: Array) -> float:
        return float(f(W=W, A=A, x=x + length * direction) - start)

    directions = rng.normal(size=(200, 5))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    best = gradient / np.linalg.norm(gradient)
    for direction in (*directions, best, -best):
        cosine = gradient @ direction / np.linalg.norm(gradient)
        assert abs(gain(direction) - np.linalg.norm(gradient) * length * cosine) <= error
    assert all(gain(best) > gain(direction) for direction in directions)
    assert gain(-best) < 0 < gain(best)


def test_s2_2_the_jacobian_is_the_stack_of_the_gradients(rng: np.random.Generator) -> None:
    """Row i is the gradient of entry i, taken as e_i' f."""
    W, x = rng.normal(size=(3, 5)), rng.normal(size=5)
    symbols = {"W": "matrix m n", "x": "vector n"}
    J = gw.formula("tanh(W*x)", **symbols).jacobian("x")(W=W, x=x)
    entry = gw.formula("h'*tanh(W*x)", h="vector m", **symbols).gradient("x")
    assert_equal(J, np.stack([entry(h=e, W=W, x=x) for e in np.eye(3)]))
    assert_equal(J, np.stack([(1 - np.tanh(W[i] @ x) ** 2) * W[i] for i in range(3)]))


def test_s2_3_the_convention_for_a_norm_of_zero_is_stated() -> None:
    """What it leads to is in test_norm.py."""
    derivation = gw.formula("norm2(u - y)", u="vector k", y="vector k").gradient("u")
    assert derivation.assumptions == ("norm2'(0) = 0",)


def test_s2_3_a_layered_map_of_three_layers(rng: np.random.Generator) -> None:
    """All gradients from one derivation, against backpropagation by hand."""
    shapes = {"W1": (3, 2), "W2": (4, 3), "W3": (5, 4)}
    point = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    x, y = rng.normal(size=2), rng.normal(size=5)
    E = gw.formula("norm2(W3*tanh(W2*tanh(W1*x)) - y)", **DEEPER)
    found = E.gradient("W1", "W2", "W3")(**point, x=x, y=y)
    y1 = np.tanh(point["W1"] @ x)
    y2 = np.tanh(point["W2"] @ y1)
    residual = point["W3"] @ y2 - y
    assert_equal(E(**point, x=x, y=y), np.linalg.norm(residual))
    e3 = residual / np.linalg.norm(residual)
    e2 = (1 - y2**2) * (point["W3"].T @ e3)
    e1 = (1 - y1**2) * (point["W2"].T @ e2)
    assert_equal(found["W3"], np.outer(e3, y2))
    assert_equal(found["W2"], np.outer(e2, y1))
    assert_equal(found["W1"], np.outer(e1, x))


LAYERED = [
    ("3 -> 4 tanh -> 2", "squared_error"),
    ("2 -> 5 sigmoid -> 3 tanh -> 4", "squared_error"),
    ("4 -> 3 relu no_bias -> 5 tanh -> 2 softmax", "cross_entropy"),
]
IDS = [text for text, _ in LAYERED]


def at_random(net: gw.Network, rng: np.random.Generator) -> tuple[Parameters, Array, Array]:
    p = net.init(seed=5)
    p.flat[:] = rng.normal(size=p.flat.size)
    y = np.eye(net.widths[-1])[0] if net.model.loss == "cross_entropy" else None
    return p, rng.normal(size=net.widths[0]), rng.normal(size=net.widths[-1]) if y is None else y


@pytest.mark.parametrize(("text", "loss"), LAYERED, ids=IDS)
def test_s2_4_both_blocks_of_every_layer(text: str, loss: str, rng: np.random.Generator) -> None:
    """J_y is diag(φ') Wᵀ; J_θ has φ'(z_i) x_k where W has its entry (k, i), and diag(φ') for b."""
    net = gw.Network(text, loss=loss)
    p, before, _ = at_random(net, rng)
    jacobians = net.layer_jacobians(p, before)
    assert len(jacobians) == len(net.widths) - 1
    for number, (J_y, J_theta) in enumerate(jacobians, start=1):
        W, activation = p[f"W{number}"], net.model.kinds[number - 1].activation
        bias = p[f"b{number}"] if f"b{number}" in p.names() else np.zeros(W.shape[1])
        after, slope = SLOPES[activation](before @ W + bias)
        weights = np.concatenate([before[k] * slope for k in range(len(before))], axis=1)
        parts = [weights, slope] if f"b{number}" in p.names() else [weights]
        assert_equal(J_y, slope @ W.T)
        assert_equal(J_theta, np.concatenate(parts, axis=1))
        before = after


def of_softmax(z: Array) -> tuple[Array, Array]:
    s = np.exp(z) / np.sum(np.exp(z))
    return s, np.diag(s) - np.outer(s, s)


def of_sigmoid(z: Array) -> tuple[Array, Array]:
    s = 1 / (1 + np.exp(-z))
    return s, np.diag(s * (1 - s))


#: φ(z) and the Jacobian of φ at z.
SLOPES: dict[str, Callable[[Array], tuple[Array, Array]]] = {
    "identity": lambda z: (z, np.eye(len(z))),
    "tanh": lambda z: (np.tanh(z), np.diag(1 - np.tanh(z) ** 2)),
    "relu": lambda z: (np.maximum(z, 0), np.diag((z > 0).astype(float))),
    "sigmoid": of_sigmoid,
    "softmax": of_softmax,
}


@pytest.mark.parametrize(("text", "loss"), LAYERED, ids=IDS)
def test_s2_5_and_s2_6_backpropagation_by_layer_jacobians(
    text: str, loss: str, seed: int, rng: np.random.Generator
) -> None:
    """∂E/∂θ = J_θᵀ ∂E/∂y and ∂E/∂y_{r−1} = J_yᵀ ∂E/∂y_r give the gradients of the network."""
    net = gw.Network(text, loss=loss)
    p, x, y = at_random(net, rng)
    output = net.predict(p, x[None])[0]
    e = 2 * (output - y) if loss == "squared_error" else -y / output
    blocks: list[Array] = []
    for J_y, J_theta in reversed(net.layer_jacobians(p, x)):
        blocks.insert(0, J_theta.T @ e)
        e = J_y.T @ e
    gradient = net.gradient(p, x[None], y[None])
    assert_equal(gradient.flat, np.concatenate(blocks))
    assert net.backprop().check(seed=seed).ok


@pytest.mark.parametrize(("text", "loss"), LAYERED, ids=IDS)
def test_s2_6_the_error_at_the_input(text: str, loss: str, rng: np.random.Generator) -> None:
    """The product of all J_yᵀ leads from the output to the input, as differences confirm."""
    net = gw.Network(text, loss=loss)
    p, x, _ = at_random(net, rng)
    chain = np.eye(net.widths[-1])
    for J_y, _ in reversed(net.layer_jacobians(p, x)):
        chain = chain @ J_y
    step = 1e-5
    estimate = np.stack(
        [
            (net.predict(p, (x + step * e)[None]) - net.predict(p, (x - step * e)[None]))[0]
            / (2 * step)
            for e in np.eye(len(x))
        ],
        axis=1,
    )
    assert chain.shape == (net.widths[-1], net.widths[0])
    # h² times third derivatives, which grow with the cubes of the weights, and eps/h.
    size = np.prod(
        [max(1.0, float(np.linalg.norm(p[f"W{r}"], 2))) for r in range(1, len(net.widths))]
    )
    assert np.max(np.abs(chain - estimate)) <= step**2 * size**3 + 1e-13 * size / step
