"""Rows S3.1, S3.2, S3.5, S3.6, S3.8 and S3.12: networks, their losses and gradient descent.

The notes write samples as columns and W fan-out first; here samples are rows, so the note's W⁽ˡ⁾ is
the transpose of W_l.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import ShapeError
from gradwright.nn.parameters import Parameters
from tests.ledger.by_hand import Array, Claim, assert_equal, lines, relu, sigmoid, softmax

LOGISTIC = {"x": "vector n", "w": "vector n", "b": "scalar", "y": "scalar"}
MODEL = {name: LOGISTIC[name] for name in ("x", "w", "b")}
LOSS = "-(y*log({0}) + (1 - y)*log(1 - {0}))"
NOTE_NETWORK = "2 -> 3 sigmoid -> 2 sigmoid -> 1 sigmoid"

CLAIMS = [
    Claim("S3.1", "sigmoid(x'*w + b)", MODEL, "w", "gradient", "σ(xᵀ w + b) (1 − σ(xᵀ w + b)) x"),
    Claim(
        "S3.5",
        LOSS.format("sigmoid(x'*w + b)"),
        LOGISTIC,
        "w",
        "gradient",
        "(σ(xᵀ w + b) − y) x",
    ),
    Claim("S3.5", LOSS.format("sigmoid(x'*w + b)"), LOGISTIC, "b", "gradient", "σ(xᵀ w + b) − y"),
    Claim(
        "S3.8",
        LOSS.format("sigmoid(z)"),
        {"z": "scalar", "y": "scalar"},
        "z",
        "gradient",
        "σ(z) − y",
    ),
    Claim(
        "S3.12",
        "-y'*log(softmax(z))",
        {"z": "vector 10", "y": "vector 10 onehot"},
        "z",
        "gradient",
        "softmax(z) − y",
    ),
]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_the_derivative_is_printed_as_the_mathematics_has_it(claim: Claim, seed: int) -> None:
    derivation = claim.derive()
    assert str(derivation) == claim.printed
    assert f"∂f/∂{claim.wrt} = {claim.printed}" in lines(derivation.explain())
    assert derivation.check(seed=seed).ok


def test_s3_1_logistic_regression_as_formula_and_as_network(
    seed: int, rng: np.random.Generator
) -> None:
    """The network of one layer and the formula give the same numbers, sample by sample."""
    net = gw.Network("3 -> 1 sigmoid", loss="binary_cross_entropy", reduction="sum")
    printed = lines(net.backprop().explain())
    for line in [
        "Z₁ = X W₁ + ones(n) b₁ᵀ n × 1",
        "A₁ = σ(Z₁) n × 1",
        "= A₁ − Y insert the line above and cancel, n × 1",
        "∂L/∂W₁ = Xᵀ δZ₁ 3 × 1",
        "∂L/∂b₁ = δZ₁ᵀ ones(n) 1",
    ]:
        assert line in printed
    X, y, w, b = rng.normal(size=(5, 3)), rng.integers(2, size=5), rng.normal(size=3), 0.3
    p = net.init(seed=6)
    p["W1"][:], p["b1"][:] = w[:, None], b
    model = gw.formula("sigmoid(x'*w + b)", **MODEL)
    assert_equal(net.predict(p, X)[:, 0], sigmoid(X @ w + b))
    assert_equal([model(x=x, w=w, b=b) for x in X], sigmoid(X @ w + b))
    loss = gw.formula(LOSS.format("sigmoid(x'*w + b)"), **LOGISTIC).gradient("w", "b")
    parts = [loss(x=x, w=w, b=b, y=float(t)) for x, t in zip(X, y, strict=True)]
    gradient = net.gradient(p, X, y[:, None])
    assert_equal(gradient["W1"][:, 0], sum(part["w"] for part in parts))
    assert_equal(gradient["b1"][0], sum(part["b"] for part in parts))
    assert_equal(gradient["W1"][:, 0], X.T @ (sigmoid(X @ w + b) - y))
    assert net.backprop().check(seed=seed).ok


def test_s3_1_the_sigmoid_by_its_definition(seed: int, rng: np.random.Generator) -> None:
    typed = gw.formula("1/(1 + exp(-z))", z="scalar").gradient("z")
    z = float(rng.normal())
    assert_equal(typed(z=z), sigmoid(z) * (1 - sigmoid(z)))
    assert typed.check(seed=seed).ok


def forward(p: Parameters, X: Array) -> list[Array]:
    """a⁽⁰⁾ … a⁽³⁾ of the note's network, one sample a row."""
    activations = [X]
    for layer in (1, 2, 3):
        activations.append(sigmoid(activations[-1] @ p[f"W{layer}"] + p[f"b{layer}"]))
    return activations


def test_s3_2_the_network_of_the_note_runs(seed: int, rng: np.random.Generator) -> None:
    net = gw.Network(NOTE_NETWORK, loss="binary_cross_entropy")
    assert net.widths == (2, 3, 2, 1)
    p = net.init(seed=7)
    p.flat[:] = rng.normal(size=p.flat.size)
    shapes = {"W1": (2, 3), "b1": (3,), "W2": (3, 2), "b2": (2,), "W3": (2, 1), "b3": (1,)}
    assert {name: p[name].shape for name in p.names()} == shapes
    X = rng.normal(size=(5, 2))
    assert_equal(net.predict(p, X), forward(p, X)[3])
    assert net.backprop().check(seed=seed).ok


def test_s3_2_shapes_stand_beside_every_symbol() -> None:
    printed = lines(gw.Network(NOTE_NETWORK, loss="binary_cross_entropy").backprop().explain())
    for line in [
        "Z₁ = X W₁ + ones(n) b₁ᵀ n × 3",
        "A₁ = σ(Z₁) n × 3",
        "Z₂ = A₁ W₂ + ones(n) b₂ᵀ n × 2",
        "A₂ = σ(Z₂) n × 2",
        "Z₃ = A₂ W₃ + ones(n) b₃ᵀ n × 1",
        "A₃ = σ(Z₃) n × 1",
    ]:
        assert line in printed


@pytest.mark.parametrize("text", ["4 -> 3 tanh", "4 -> 2 relu -> 5", "4 -> 6 * 3 sigmoid -> 2"])
def test_s3_2_any_number_of_layers(text: str, rng: np.random.Generator) -> None:
    net = gw.Network(text, loss="squared_error")
    p = net.init(seed=8)
    p.flat[:] = rng.normal(size=p.flat.size)
    functions: dict[str, Callable[[Array], Array]] = {
        "tanh": np.tanh,
        "relu": relu,
        "sigmoid": sigmoid,
        "identity": lambda z: z,
    }
    activation = X = rng.normal(size=(5, 4))
    for number, kind in enumerate(net.model.kinds, start=1):
        Z = activation @ p[f"W{number}"] + p[f"b{number}"]
        activation = functions[kind.activation](Z)
    assert_equal(net.predict(p, X), activation)


def test_s3_5_binary_cross_entropy(seed: int, rng: np.random.Generator) -> None:
    """The loss of the network is −Σ [y log ŷ + (1 − y) log(1 − ŷ)], divided by n for the mean."""
    X, Y = rng.normal(size=(7, 3)), rng.integers(2, size=(7, 2)).astype(float)
    for reduction, divisor in (("sum", 1), ("mean", 7)):
        net = gw.Network("3 -> 2 sigmoid", loss="binary_cross_entropy", reduction=reduction)
        p = net.init(seed=9)
        y_hat = sigmoid(X @ p["W1"] + p["b1"])
        expected = -np.sum(Y * np.log(y_hat) + (1 - Y) * np.log(1 - y_hat)) / divisor
        assert_equal(net.loss(p, X, Y), expected)
    derivation = gw.formula(LOSS.format("sigmoid(z)"), z="scalar", y="scalar").gradient("z")
    z = float(rng.normal())
    assert_equal(derivation(z=z, y=1.0), sigmoid(z) - 1)
    assert derivation.check(seed=seed).ok


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_s3_6_a_step_of_gradient_descent(reduction: str, rng: np.random.Generator) -> None:
    """W := W − α ∂L/∂W and b likewise, repeated: whole batches in their order."""
    net = gw.Network(NOTE_NETWORK, loss="binary_cross_entropy", reduction=reduction)
    p = net.init(seed=10)
    X, Y = rng.normal(size=(9, 2)), rng.integers(2, size=(9, 1)).astype(float)
    start, alpha, expected = p.flat.copy(), 0.3, p.copy()
    for _ in range(3):
        step = by_the_note(expected, X, Y)
        for name in expected.names():
            expected[name][:] -= alpha * step[name] / (9 if reduction == "mean" else 1)
    run = gw.train(net, X, Y, p, epochs=3, batch_size=9, learning_rate=alpha, shuffle=False, seed=0)
    assert_equal(run.params.flat, expected.flat)
    assert np.array_equal(p.flat, start)
    assert not np.allclose(expected.flat, start)


def by_the_note(p: Parameters, X: Array, Y: Array) -> dict[str, Array]:
    """The gradients of the sum over samples, with columns and W fan-out first as in the note."""
    found = {name: np.zeros_like(p[name]) for name in p.names()}
    for x, y in zip(X, Y, strict=True):
        _, a1, a2, a3 = (a[0] for a in forward(p, x[None]))
        W2, W3 = p["W2"].T, p["W3"].T
        delta3 = a3 - y
        delta2 = (W3.T @ delta3) * a2 * (1 - a2)
        delta1 = (W2.T @ delta2) * a1 * (1 - a1)
        for layer, delta, a in ((3, delta3, a2), (2, delta2, a1), (1, delta1, x)):
            found[f"W{layer}"] += np.outer(delta, a).T
            found[f"b{layer}"] += delta
    return found


def test_s3_8_the_delta_of_sigmoid_and_binary_cross_entropy() -> None:
    net = gw.Network(NOTE_NETWORK, loss="binary_cross_entropy", reduction="sum")
    printed = lines(net.backprop().explain())
    start = printed.index("δA₃ = (A₃ − Y) ⊘ ((1 − A₃) ⊙ A₃) n × 1")
    assert printed[start + 1 : start + 3] == [
        "δZ₃ = A₃ ⊙ δA₃ ⊙ (1 − A₃)",
        "= A₃ − Y insert the line above and cancel, n × 1",
    ]
    for line in [
        "δA₂ = δZ₃ W₃ᵀ n × 2",
        "δZ₂ = A₂ ⊙ δA₂ ⊙ (1 − A₂) n × 2",
        "∂L/∂W₂ = A₁ᵀ δZ₂ 3 × 2",
    ]:
        assert line in printed


def test_s3_8_the_gradient_of_the_second_weights(seed: int, rng: np.random.Generator) -> None:
    """(W⁽³⁾ᵀ(a⁽³⁾ − y) ∘ g'(z⁽²⁾)) a⁽¹⁾ᵀ as a formula, entry by entry, and from the network."""
    net = gw.Network(NOTE_NETWORK, loss="binary_cross_entropy")
    p = net.init(seed=11)
    p.flat[:] = rng.normal(size=p.flat.size)
    x, y = rng.normal(size=2), np.array([1.0])
    _, a1, a2, a3 = (a[0] for a in forward(p, x[None]))
    W3 = p["W3"].T
    typed = gw.formula(
        "(W3'*(a - y) .* sigmoid(z) .* (1 - sigmoid(z)))*h'",
        W3="matrix 1 2",
        a="vector 1",
        y="vector 1",
        z="vector 2",
        h="vector 3",
    )
    z2 = a1 @ p["W2"] + p["b2"]
    by_formula = typed(W3=W3, a=a3, y=y, z=z2, h=a1)
    slope = a2 * (1 - a2)
    by_entries = [[(a3[0] - 1) * W3[0, i] * slope[i] * a1[j] for j in range(3)] for i in range(2)]
    assert_equal(by_formula, by_entries)
    assert_equal(net.gradient(p, x[None], y[None])["W2"], by_formula.T)
    assert net.backprop().check(seed=seed).ok


ROW_AND_COLUMN = [
    # (text, the row, the column)
    ("x'.*y", "x'", "y"),
    ("y.*x'", "x'", "y"),
    ("x' + y", "x'", "y"),
    ("(a'*W).*z", "a'*W", "z"),
]


@pytest.mark.parametrize(
    ("text", "row", "column"), ROW_AND_COLUMN, ids=[f"S3.8 {c[0]}" for c in ROW_AND_COLUMN]
)
def test_a_row_with_a_column_is_an_error(text: str, row: str, column: str) -> None:
    """Also where the two are equally long."""
    kinds = {"x": "vector n", "y": "vector n", "a": "vector m", "z": "vector n", "W": "matrix m n"}
    with pytest.raises(ShapeError) as caught:
        gw.formula(text, **{name: kind for name, kind in kinds.items() if name in text})
    message = str(caught.value)
    assert f"{row} is a row of n entries" in message
    assert f"{column} is a column of n entries" in message


def test_s3_12_ten_classes(seed: int, rng: np.random.Generator) -> None:
    """L = −Σ y_k log ŷ_k over ten classes; class numbers and one-hot rows mean the same."""
    net = gw.Network("5 -> 4 relu -> 10 softmax", reduction="sum")
    printed = lines(net.backprop().explain())
    for line in [
        "A₂ = softmax(Z₂) n × 10",
        "L = -sum(Y ⊙ log(A₂))",
        "= A₂ − Y insert the line above and cancel; the rows of Y sum to 1, n × 10",
    ]:
        assert line in printed
    p = net.init(seed=12)
    p.flat[:] = rng.normal(size=p.flat.size)
    X, classes = rng.normal(size=(7, 5)), rng.integers(10, size=7)
    Y = np.eye(10)[classes]
    A1 = relu(X @ p["W1"] + p["b1"])
    Y_hat = softmax(A1 @ p["W2"] + p["b2"])
    expected = -sum(np.log(Y_hat[i, classes[i]]) for i in range(7))
    assert_equal(net.loss(p, X, classes), expected)
    assert_equal(net.loss(p, X, Y), expected)
    gradient = net.gradient(p, X, classes)
    assert_equal(gradient["W2"], A1.T @ (Y_hat - Y))
    assert_equal(gradient["b2"], np.sum(Y_hat - Y, axis=0))
    assert net.backprop().check(seed=seed).ok
