"""How Jacobians of and by matrices are written, each verified against the complex step."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.api.derivation import Derivation
from tests.simplify.planting import expected_at, text_is_right

#: In letters of capital matrices and small vectors, the derivative as it is printed.
JACOBIANS = [
    ("W*x", "W", "xᵀ ⊗ eye(m)"),
    ("tanh(W*x)", "W", "xᵀ ⊗ diag(1 − tanh(W x)⊙²)"),
    ("softmax(W*x)", "W", "xᵀ ⊗ (diag(softmax(W x)) − softmax(W x) softmax(W x)ᵀ)"),
    ("A*X*B", "X", "Bᵀ ⊗ A"),
    ("tanh(A*X*B)", "X", "diag(vec(1 − tanh(A X B)⊙²)) (Bᵀ ⊗ A)"),
    ("A.*(C*B)", "B", "diag(vec(A)) (eye(n) ⊗ C)"),
    ("exp(A)*x", "A", "(xᵀ ⊗ eye(m)) diag(vec(exp(A)))"),
    ("A'", "A", "commutation(m, n)"),
    ("A'*A", "A", "eye(n) ⊗ Aᵀ + (Aᵀ ⊗ eye(n)) commutation(m, n)"),
    ("inv(A)", "A", "-A⁻ᵀ ⊗ A⁻¹"),
    ("x*y'", "x", "y ⊗ eye(n)"),
    ("x*y'", "y", "eye(m) ⊗ x"),
    ("vec(A*B)", "A", "Bᵀ ⊗ eye(m)"),
    ("tr(A)*A", "A", "tr(A) (eye(n) ⊗ eye(n)) + vec(A) vec(eye(n))ᵀ"),
]
HESSIANS = [
    ("norm2(T - U*V')^2", "U", "2 ((Vᵀ V) ⊗ eye(m))"),
    ("sum(A.^3)", "A", "6 diag(vec(A))"),
    ("sum(log(1 + exp(X*w)))", "X", "(w wᵀ) ⊗ diag(σ(X w) ⊙ (1 − σ(X w)))"),
    ("logdet(A)", "A", "-(A⁻¹ ⊗ A⁻ᵀ) commutation(n, n)"),
    ("tr(A*B*A)", "A", "(B ⊗ eye(n) + eye(n) ⊗ Bᵀ) commutation(n, n)"),
]


def right(derived: Derivation, text: str, wrt: str) -> bool:
    point, expected = expected_at(text, wrt, {})
    return text_is_right(derived, point, expected)


@pytest.mark.parametrize(("text", "wrt", "shown"), JACOBIANS)
def test_a_jacobian_is_a_matrix_of_stacked_columns(text: str, wrt: str, shown: str) -> None:
    derived = gw.formula(text).jacobian(wrt)
    assert (derived.form, str(derived)) == ("kronecker", shown)
    assert right(derived, text, wrt)
    assert derived.check().ok


@pytest.mark.parametrize(("text", "wrt", "shown"), HESSIANS)
def test_a_hessian_is_a_matrix_of_stacked_columns(text: str, wrt: str, shown: str) -> None:
    derived = gw.formula(text).hessian(wrt)
    assert (derived.form, str(derived)) == ("kronecker", shown)
    assert right(derived, str(gw.formula(text).gradient(wrt).text()), wrt)
    assert derived.check().ok


@pytest.mark.parametrize("text", ["softmax(X*W)", "sum(tanh(A*W))", "diag(x)*W*W"])
def test_diagonal_matrices_stand_inside_a_product(text: str) -> None:
    scalar = text.startswith("sum")
    derived = gw.formula(text).hessian("W") if scalar else gw.formula(text).jacobian("W")
    assert derived.form == "kronecker"
    whole = gw.formula(text).gradient("W").text() if scalar else text
    assert right(derived, whole, "W")


def test_the_commutation_matrix_turns_the_vec_of_a_matrix() -> None:
    """K vec(A) = vec(A'), by NumPy's own column-major order."""
    A = np.arange(15.0).reshape(3, 5)
    turned = gw.formula("commutation(m, n)*vec(A)", A="matrix m n")
    assert np.array_equal(turned(A=A), A.T.ravel(order="F"))
    assert gw.formula("vec(A)'*commutation(n, m)*vec(B)", A="matrix m n").gradient("A").check().ok
