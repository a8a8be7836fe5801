"""Products with a Jacobian or a Hessian, against the dense derivative and against the oracle."""

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import ShapeError, SymbolError, UnsupportedError
from tests.simplify.planting import WRONG, wrong_derivative

FORMULAS = [
    ("tanh(W*x)", "W"),
    ("softmax(W*x)", "x"),
    ("A*X*B", "X"),
    ("inv(A)*B", "A"),
    ("x'*A", "x"),
    ("softmax(X*W)", "W"),
    ("A'*A", "A"),
    ("diag(x)*A", "x"),
    ("x'*A*x", "x"),
    ("logsumexp(A*x)", "A"),
]
SCALARS = [
    ("x'*A*x + sum(exp(x))", "x"),
    ("logdet(A*A')", "A"),
    ("norm2(T - U*V')^2", "U"),
    ("sum(log(1 + exp(X*w)))", "X"),
]


def point_of(formula: gw.Formula, seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    lengths = {size: 2 + k for k, size in enumerate(sorted(formula.scope.sizes))}
    return {
        name: generator.normal(
            size=[lengths[s] if isinstance(s, str) else s for s in declared.sizes]
        )
        for name, declared in formula.scope.symbols.items()
    }


def close(found: object, expected: object) -> bool:
    gap = np.max(np.abs(np.asarray(found) - np.asarray(expected)))
    return bool(gap <= 1e-12 * np.max(np.abs(np.asarray(expected))))


@pytest.mark.parametrize(("text", "wrt"), FORMULAS)
def test_products_are_those_with_the_dense_jacobian(text: str, wrt: str) -> None:
    formula = gw.formula(text)
    point = point_of(formula, 3)
    generator = np.random.default_rng(4)
    jacobian = formula.jacobian(wrt)(**point)
    value = np.asarray(formula(**point))
    cotangent = generator.normal(size=value.shape)
    tangent = generator.normal(size=point[wrt].shape)
    pulled = formula.vjp(wrt)(**point, cotangent=cotangent)
    pushed = formula.jvp(wrt)(**point, tangent=tangent)
    assert np.shape(pulled) == np.shape(point[wrt]) and np.shape(pushed) == value.shape
    assert close(pulled, np.tensordot(cotangent, jacobian, value.ndim))
    assert close(pushed, np.tensordot(jacobian, tangent, tangent.ndim))
    assert close(np.sum(cotangent * pushed), np.sum(np.asarray(pulled) * tangent))


@pytest.mark.parametrize(("text", "wrt"), SCALARS)
def test_the_hessian_product_is_that_with_the_dense_hessian(text: str, wrt: str) -> None:
    formula = gw.formula(text)
    point = point_of(formula, 5)
    tangent = np.random.default_rng(6).normal(size=point[wrt].shape)
    value, pushed = formula.hvp(wrt).value_and(**point, tangent=tangent)
    assert close(pushed, np.tensordot(formula.hessian(wrt)(**point), tangent, tangent.ndim))
    assert value == formula.gradient(wrt).value_and(**point)[0]


@pytest.mark.parametrize(("text", "wrt"), FORMULAS)
@pytest.mark.parametrize("kind", ["vjp", "jvp"])
def test_products_are_checked_and_written_as_matrices(text: str, wrt: str, kind: str) -> None:
    derivation = getattr(gw.formula(text), kind)(wrt)
    assert derivation.form == "matrix"
    assert derivation.check(seed=1).ok


@pytest.mark.parametrize("kind", ["vjp", "jvp", "hvp"])
def test_a_wrong_product_fails_its_check(kind: str) -> None:
    with wrong_derivative("tanh", 0, WRONG["twice"]):
        text = "sum(tanh(A*x))" if kind == "hvp" else "tanh(A*x)"
        report = getattr(gw.formula(text), kind)("x").check()
    assert not report.ok


def test_what_cannot_be_asked_for() -> None:
    with pytest.raises(ShapeError, match="Hessian needs a scalar"):
        gw.formula("A*x").hvp("x")
    with pytest.raises(SymbolError, match="has a tangent of its own"):
        gw.formula("tangent'*x").jvp("x")
    with pytest.raises(UnsupportedError, match="sizes that are no products"):
        gw.formula("vec(A)").vjp("A")


def test_the_derivation_says_what_it_is_a_product_with() -> None:
    assert str(gw.formula("A*X*B").vjp("X")) == "Aᵀ cotangent Bᵀ"
    assert "⟨cotangent, f⟩/∂X = Aᵀ cotangent Bᵀ" in gw.formula("A*X*B").vjp("X").explain()
    assert "(∂f/∂X) tangent = A tangent B" in gw.formula("A*X*B").jvp("X").explain()
