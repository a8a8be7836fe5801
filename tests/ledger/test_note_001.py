"""Rows S1.2, S1.4, S1.5 and S1.7 to S1.9: a quadratic form, and backpropagation written out.

That the proofs of sigmoid and tanh lead to their rules (S1.2, S1.3) is tested in
tests/ops/test_records.py.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import gradwright as gw
from gradwright.nn.parameters import Parameters
from tests.ledger.by_hand import Array, assert_equal, lines, relu, sigmoid, softmax

NETWORK = "3 -> 10 relu -> 6 relu -> 3 softmax"
GOLDEN = Path(__file__).parent / "golden" / "s1_5.txt"

#: Set to write the golden files anew; the change is then read as a difference.
REGENERATE = "GRADWRIGHT_GOLDEN"


def test_s1_2_the_sigmoid(seed: int, rng: np.random.Generator) -> None:
    derivation = gw.formula("sigmoid(x)", x="scalar").gradient("x")
    assert str(derivation) == "σ(x) (1 − σ(x))"
    x = float(rng.normal())
    assert_equal(derivation(x=x), sigmoid(x) * (1 - sigmoid(x)))
    assert derivation.check(seed=seed).ok


def test_s1_3_the_hyperbolic_tangent(seed: int, rng: np.random.Generator) -> None:
    derivation = gw.formula("tanh(x)", x="scalar").gradient("x")
    assert str(derivation) == "1 − tanh(x)²"
    x = float(rng.normal())
    assert_equal(derivation(x=x), 1 - np.tanh(x) ** 2)
    assert derivation.check(seed=seed).ok


def test_s1_4_the_quadratic_form(seed: int, rng: np.random.Generator) -> None:
    f = gw.formula("x'*A*x", A="matrix n n", x="vector n")
    derivation = f.gradient("x")
    assert str(derivation) == "(A + Aᵀ) x"
    assert [str(part) for part in lines(derivation.explain()) if "product rule" in part] == [
        "∂f/∂x = A x product rule, part 1 of 2",
        "∂f/∂x = Aᵀ x product rule, part 2 of 2",
    ]
    A, x = rng.normal(size=(5, 5)), rng.normal(size=5)
    expected = [
        sum(A[k, j] * x[j] for j in range(5)) + sum(A[i, k] * x[i] for i in range(5))
        for k in range(5)
    ]
    assert_equal(f(A=A, x=x), sum(x[i] * A[i, j] * x[j] for i in range(5) for j in range(5)))
    assert_equal(derivation(A=A, x=x), expected)
    assert derivation.check(seed=seed).ok


def test_s1_5_the_derivation_is_the_one_that_was_read() -> None:
    """The golden file was read line by line; GRADWRIGHT_GOLDEN=1 writes it anew."""
    text = gw.Network(NETWORK).backprop().explain() + "\n"
    if os.environ.get(REGENERATE):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_s1_5_no_line_is_superfluous() -> None:
    """One gradient for each parameter, one δ for each matrix between, and no factor of one."""
    text = gw.Network(NETWORK).backprop().explain()
    before, _, after = text.partition("with the shape of every symbol under it")
    whole = before + after[after.index("2. Local Jacobians") :]
    printed = [
        line for line in lines(whole) if "kink" not in line and not line.startswith("Parameters")
    ]
    defined = [line.split(" = ")[0] for line in printed if " = " in line]
    defined = [name for name in defined if not name.startswith("∂z") and "∂a" not in name]
    forward = ["Z₁", "A₁", "Z₂", "A₂", "Z₃", "A₃", "L"]
    delta = ["δA₃", "δZ₃", "δA₂", "δZ₂", "δA₁", "δZ₁"]
    gradients = [f"∂L/∂{name}" for name in ("W₃", "b₃", "W₂", "b₂", "W₁", "b₁")]
    assert defined == forward + delta + gradients
    text = "\n".join(printed)
    assert "∂L/∂X" not in text and "δX" not in text
    assert " 1 " not in text.replace("1 − ", "").replace("= 1", "")


def test_s1_7_the_loss_by_the_output(seed: int, rng: np.random.Generator) -> None:
    """∂L/∂ŷ = −y/ŷ; by z: ŷ Σy − y, and ŷ − y where y is known to sum to one."""
    by_output = gw.formula("-y'*log(h)", h="vector n positive", y="vector n").gradient("h")
    assert str(by_output) == "-y ⊘ h"
    h, y = softmax(rng.normal(size=4)), rng.normal(size=4)
    assert_equal(by_output(h=h, y=y), -y / h)
    loss = "-y'*log(softmax(z))"
    any_y = gw.formula(loss, z="vector n", y="vector n").gradient("z")
    assert str(any_y) == "sum(y) softmax(z) − y"
    z = rng.normal(size=4)
    assert_equal(any_y(z=z, y=y), np.sum(y) * softmax(z) - y)
    for fact, said in (("sum1", "sums to 1"), ("onehot", "is one-hot")):
        cancelled = gw.formula(loss, z="vector n", y=f"vector n {fact}").gradient("z")
        assert str(cancelled) == "softmax(z) − y"
        assert any(said in assumption for assumption in cancelled.assumptions)
        assert_equal(cancelled(z=z, y=np.eye(4)[2]), softmax(z) - np.eye(4)[2])
        assert cancelled.check(seed=seed).ok
    assert by_output.check(seed=seed).ok and any_y.check(seed=seed).ok


DELTAS = [("sum", "-Y ⊘ A₁", "A₁ − Y"), ("mean", "-(Y ⊘ A₁)/n", "(A₁ − Y)/n")]


@pytest.mark.parametrize(("reduction", "first", "cancelled"), DELTAS, ids=[d[0] for d in DELTAS])
def test_s1_7_the_delta_of_a_batch(
    reduction: str, first: str, cancelled: str, seed: int, rng: np.random.Generator
) -> None:
    """With X the identity, ∂L/∂W is the delta itself."""
    net = gw.Network("5 -> 3 softmax", reduction=reduction)
    printed = lines(net.backprop().explain())
    assert f"δA₁ = {first} n × 3" in printed
    assert "δZ₁ = A₁ ⊙ (δA₁ − (A₁ ⊙ δA₁) ones(3))" in printed
    assert (
        f"= {cancelled} insert the line above and cancel; the rows of Y sum to 1, n × 3" in printed
    )
    p = net.init(seed=2)
    classes = rng.integers(3, size=5)
    Y_hat = softmax(p["W1"] + p["b1"])
    divisor = 5 if reduction == "mean" else 1
    found = net.gradient(p, np.eye(5), classes)["W1"]
    assert_equal(found, (Y_hat - np.eye(3)[classes]) / divisor)
    assert net.backprop().check(seed=seed).ok


def written_out(p: Parameters, X: Array, Y: Array, divisor: int) -> tuple[float, dict[str, Array]]:
    """(loss, gradients) of the network, each line as in the notes."""
    Z1 = X @ p["W1"] + p["b1"]
    A1 = relu(Z1)
    Z2 = A1 @ p["W2"] + p["b2"]
    A2 = relu(Z2)
    Y_hat = softmax(A2 @ p["W3"] + p["b3"])
    dZ3 = (Y_hat - Y) / divisor
    dA2 = dZ3 @ p["W3"].T
    dZ2 = dA2 * (Z2 > 0)
    dA1 = dZ2 @ p["W2"].T
    dZ1 = dA1 * (Z1 > 0)
    gradients = {
        "W3": A2.T @ dZ3,
        "b3": np.array([sum(dZ3[i, k] for i in range(len(X))) for k in range(3)]),
        "W2": A1.T @ dZ2,
        "b2": np.ones(len(X)) @ dZ2,
        "W1": X.T @ dZ1,
        "b1": np.ones(len(X)) @ dZ1,
    }
    return float(-np.sum(Y * np.log(Y_hat)) / divisor), gradients


LINES = [
    ("S1.8", "∂L/∂W₃ = A₂ᵀ δZ₃ 6 × 3"),
    ("S1.8", "δA₂ = δZ₃ W₃ᵀ n × 6"),
    ("S1.8", "∂L/∂b₃ = δZ₃ᵀ ones(n) 3"),
    ("S1.9", "δZ₂ = δA₂ ⊙ step(Z₂) n × 6"),
    ("S1.9", "∂L/∂W₂ = A₁ᵀ δZ₂ 10 × 6"),
    ("S1.9", "∂L/∂b₂ = δZ₂ᵀ ones(n) 6"),
    ("S1.9", "δA₁ = δZ₂ W₂ᵀ n × 10"),
    ("S1.9", "δZ₁ = δA₁ ⊙ step(Z₁) n × 10"),
    ("S1.9", "∂L/∂W₁ = Xᵀ δZ₁ 3 × 10"),
    ("S1.9", "∂L/∂b₁ = δZ₁ᵀ ones(n) 10"),
    ("S1.9", "At the kink: relu'(0) = 0."),
]


@pytest.mark.parametrize("line", [line for _, line in LINES], ids=[" ".join(c) for c in LINES])
def test_each_line_of_the_backward_pass_is_printed(line: str) -> None:
    assert line in lines(gw.Network(NETWORK).backprop().explain())


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_s1_8_and_s1_9_every_gradient(reduction: str, seed: int, rng: np.random.Generator) -> None:
    net = gw.Network(NETWORK, reduction=reduction)
    p = net.init(seed=3)
    p.flat[:] += 0.1 * rng.normal(size=p.flat.size)
    X, Y = rng.normal(size=(7, 3)), np.eye(3)[rng.integers(3, size=7)]
    loss, expected = written_out(p, X, Y, 7 if reduction == "mean" else 1)
    found_loss, found = net.value_and_gradient(p, X, Y)
    assert_equal(found_loss, loss)
    for name, block in expected.items():
        assert_equal(found[name], block)
    assert net.backprop().check(seed=seed).ok


def test_s1_9_the_gradient_at_the_kink_is_zero() -> None:
    """With W₁ and b₁ zero every Z₁ is 0, and nothing passes through it."""
    net = gw.Network("3 -> 4 relu -> 2 softmax")
    p = net.init(seed=4)
    p["W1"][:] = 0
    gradient = net.gradient(p, np.ones((5, 3)), np.array([0, 1, 1, 0, 1]))
    assert_equal(gradient["W1"], np.zeros((3, 4)))
    assert_equal(gradient["b1"], np.zeros(4))
    assert np.any(gradient["b2"] != 0)
