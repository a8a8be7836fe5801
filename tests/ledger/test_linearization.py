"""Rows S0.9, S0.3 and S2.1: f(x₀) + J(x₀)(x − x₀), its remainder, and the steepest ascent.

The oracle is NumPy by hand; the remainder must fall with the square of the step.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

import gradwright as gw
from gradwright.api.linearization import Linearization, linearize_at_sample
from gradwright.cli.main import run
from gradwright.errors import DomainError, GradwrightError, ShapeError, SymbolError

Array = np.ndarray


def test_s0_9_formula_and_numbers(rng: np.random.Generator) -> None:
    W, x0, x = rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=3)
    made = gw.linearize("tanh(W*x)", "x", at=x0, W=W)
    J = np.diag(1 - np.tanh(W @ x0) ** 2) @ W
    expected = np.tanh(W @ x0) + J @ (x - x0)
    assert np.allclose(made.value, np.tanh(W @ x0), rtol=1e-14)
    assert np.allclose(made.jacobian, J, rtol=1e-13)
    assert np.allclose(made(x), expected, rtol=1e-13)
    assert np.array_equal(made(x0), made.value)
    assert str(made).splitlines()[1] == (
        "f(x₀) + J(x₀) (x − x₀) = tanh(W x₀) + diag(1 − tanh(W x₀)⊙²) W (x − x₀)"
    )
    assert np.allclose(made.formula(W=W, x0=x0, x=x), expected, rtol=1e-13)


#: Formula, variable: columns, rows, matrices, scalars, and what is written as a trace.
FORMULAS = [
    ("V*tanh(W*x)", "x", {}),
    ("x'*A*x", "x", {"A": "matrix n n"}),
    ("x'*A", "x", {}),
    ("logdet(X'*X)", "X", {}),
    ("tanh(X*B)", "X", {}),
    ("diag(x)", "x", {}),
    ("norm2(S)", "S", {"S": "posdef n n"}),
    ("tr(A*inv(X))", "X", {"X": "matrix n n invertible"}),
    ("c^3 + 1", "c", {}),
    ("ones(k)*c", "c", {}),
    ("g(f(x))", "x", {}),
    ("phi(W*x)", "W", {}),
    ("W1*W2", "W1", {}),
    ("softmax(W*x)", "x", {}),
]


@pytest.mark.parametrize(("text", "wrt", "declared"), FORMULAS, ids=[f[0] for f in FORMULAS])
def test_s0_9_the_written_formula_is_the_function(text, wrt, declared, seed: int) -> None:
    made = linearize_at_sample(gw.formula(text, **declared), wrt, seed)
    x = made.at + np.random.default_rng(seed).normal(size=made.at.shape)
    values = {**made._others, wrt: x, made.start: made.at}
    if "S" in declared:
        values[wrt] = x + x.T + 9 * np.eye(len(x))
    assert np.allclose(made.formula(**values), made(values[wrt]), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("text", "wrt", "declared"), FORMULAS, ids=[f[0] for f in FORMULAS])
def test_s0_3_the_remainder_is_of_second_order(text, wrt, declared, seed: int) -> None:
    """remainder/h → 0, and like h² where f is not affine along the direction."""
    found = linearize_at_sample(gw.formula(text, **declared), wrt, seed).remainders()
    assert found.shrinks
    if found.order is not None:
        assert found.order > 1.7
        ratios = [left / h for h, left, noise in found.rows if left > noise]
        assert ratios[-1] < ratios[0] / 4
    assert abs(np.linalg.norm(found.direction) - 1) < 1e-12


def test_s0_3_the_table_by_hand(rng: np.random.Generator) -> None:
    x0, d = np.array([0.3, -1.2]), np.array([3.0, 4.0])
    made = gw.linearize("exp(x)", "x", at=x0)
    found = made.remainders(d, steps=(0.001, 0.1))
    assert [h for h, _, _ in found.rows] == [0.1, 0.001]
    for h, left, _ in found.rows:
        u = h * d / 5
        assert left == pytest.approx(
            np.linalg.norm(np.exp(x0 + u) - np.exp(x0) - np.exp(x0) * u), rel=1e-6
        )
    assert found.order == pytest.approx(2, abs=0.1)
    assert "remainder/h tends to 0" in str(found)


def test_a_wrong_jacobian_is_told_by_its_remainder(rng: np.random.Generator) -> None:
    """The harness has teeth: one hundredth too much and the ratio stays where it is."""
    made = gw.linearize("tanh(W*x)", "x", at=rng.normal(size=3), W=rng.normal(size=(2, 3)))
    made.jacobian = 1.01 * made.jacobian
    found = made.remainders(steps=(1e-3, 1e-4, 1e-5))
    assert not found.shrinks
    assert "does not tend to 0" in str(found)


def test_at_a_kink_the_remainder_does_not_shrink() -> None:
    made = gw.linearize("relu(x)", "x", at=np.zeros(3))
    assert not made.remainders([1.0, 1.0, 1.0]).shrinks
    assert made.remainders([-1.0, -1.0, -1.0]).shrinks


def test_s2_1_the_steepest_ascent(rng: np.random.Generator) -> None:
    A, x0, d = rng.normal(size=(4, 4)), rng.normal(size=4), rng.normal(size=4)
    made = gw.linearize("x'*A*x", "x", at=x0, A=A)
    gradient = (A + A.T) @ x0
    found = made.ascent(d, length=1e-6)
    cosine = gradient @ d / np.linalg.norm(gradient) / np.linalg.norm(d)
    assert found.cosine == pytest.approx(cosine, rel=1e-12)
    assert found.gradient_norm == pytest.approx(np.linalg.norm(gradient), rel=1e-13)
    u = 1e-6 * d / np.linalg.norm(d)
    assert found.gained == pytest.approx((x0 + u) @ A @ (x0 + u) - x0 @ A @ x0, abs=1e-14)
    curvature = np.linalg.norm(A + A.T, 2) * 1e-12
    assert abs(found.gained - found.predicted) <= curvature + 1e-14
    assert found.steepest is not None
    assert np.allclose(found.steepest, gradient / np.linalg.norm(gradient))
    assert made.ascent(found.steepest).cosine == pytest.approx(1)
    assert made.ascent(-found.steepest).cosine == pytest.approx(-1)
    assert "‖∇f‖ ‖Δx‖ cos θ" in str(made)


def test_s2_1_without_a_gradient_there_is_no_angle() -> None:
    made = gw.linearize("x'*x", "x", at=np.zeros(3))
    assert made.ascent().cosine is None
    assert "∇f = 0" in str(made)


BAD = {
    "a point of another shape": (
        lambda: gw.linearize("W*x", "x", at=np.ones(3), W=np.eye(2)),
        ShapeError,
    ),
    "a missing value": (lambda: gw.linearize("W*x", "x", at=[1.0, 2.0]), SymbolError),
    "an unknown variable": (lambda: gw.linearize("x'*x", "q", at=[1.0], x=[1.0]), SymbolError),
    "outside the domain": (lambda: gw.linearize("log(c)", "c", at=-1.0), DomainError),
    "a point that is text": (lambda: gw.linearize("c^2", "c", at="one"), GradwrightError),
    "another shape to evaluate": (
        lambda: gw.linearize("x'*x", "x", at=[1.0, 2.0])(1.0),
        ShapeError,
    ),
    "no direction": (
        lambda: gw.linearize("x'*x", "x", at=[1.0, 2.0]).remainders([0, 0]),
        DomainError,
    ),
    "no step": (
        lambda: gw.linearize("x'*x", "x", at=[1.0, 2.0]).remainders(steps=[0.0]),
        DomainError,
    ),
    "a step out of the domain": (
        lambda: gw.linearize("log(c)", "c", at=1.0).remainders(-1.0, [2.0]),
        DomainError,
    ),
    "the ascent of a vector": (
        lambda: gw.linearize("tanh(x)", "x", at=[1.0, 2.0]).ascent(),
        ShapeError,
    ),
    "a name that is taken": (
        lambda: gw.linearize("x0 + x", "x", at=1.0, x0=1.0).formula,
        SymbolError,
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_in_one_typed_error(name: str) -> None:
    call, error = BAD[name]
    with pytest.raises(error, match="instead:"):
        call()


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["linearize", "tanh(W*x)", "--wrt", "x", "--seed", "3"]
    assert run(asked) == 0
    text = capsys.readouterr().out
    made = linearize_at_sample(gw.formula("tanh(W*x)"), "x", 3)
    assert isinstance(made, Linearization)
    assert text == str(made) + "\n"
    assert run([*asked, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["remainders"]["shrinks"] is True
    assert document["linearization"] == "tanh(W*x0) + diag(1 - tanh(W*x0).^2)*W*(x - x0)"
    assert run(["linearize", "W*x", "--wrt", "W,x"]) == 2


def test_values_stacked_by_vec_have_numbers_only() -> None:
    made = gw.linearize("vec(A)", "A", at=np.arange(6.0).reshape(2, 3))
    assert "no matrix form" in str(made)
    assert np.array_equal(made(np.ones((2, 3))), np.ones(6))
