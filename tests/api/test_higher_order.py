"""Derivatives of any order, of anything by anything, and by several variables at once."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import LimitError, ShapeError, SymbolError, UnsupportedError
from tests.suites.counting import multiplications

SYMBOLS = {
    "A": "matrix m n",
    "B": "matrix n n invertible",
    "S": "matrix n n symmetric",
    "x": "vector n",
    "y": "vector m",
    "s": "scalar",
    "p": "vector n positive",
}

#: Formula, variables, and the form that the result has.
DERIVATIVES = {
    "mixed, vector and matrix": ("y'*tanh(A*x)", ("x", "A"), "kronecker"),
    "mixed, the other way round": ("y'*tanh(A*x)", ("A", "x"), "kronecker"),
    "mixed, two vectors": ("y'*tanh(A*x)", ("x", "y"), "matrix"),
    "third order": ("y'*tanh(A*x)", ("x", "x", "x"), "kronecker"),
    "fourth order": ("y'*tanh(A*x)", ("x", "x", "x", "x"), "index"),
    "twice by a matrix": ("y'*tanh(A*x)", ("A", "A"), "kronecker"),
    "a vector twice by a vector": ("exp(s)*tanh(A*x)", ("x", "x"), "kronecker"),
    "a vector twice by a scalar": ("exp(s)*tanh(A*x)", ("s", "s"), "matrix"),
    "by a scalar, then a vector": ("exp(s)*tanh(A*x)", ("s", "x"), "matrix"),
    "by a vector, then a scalar": ("exp(s)*tanh(A*x)", ("x", "s"), "matrix"),
    "a matrix by a matrix": ("A'*A", ("A",), "kronecker"),
    "a matrix twice by a matrix": ("A'*A", ("A", "A"), "index"),
    "an inverse": ("inv(B)*x", ("B", "x"), "index"),
    "a scalar by a scalar": ("exp(s)*s^3", ("s", "s", "s"), "matrix"),
    "by a symmetric matrix": ("x'*S*S*x", ("S", "x"), "kronecker"),
    "an exponent that varies": ("p.^x", ("x", "x"), "index"),
    "a power of itself": ("sum(p.^p)", ("p", "p", "p"), "index"),
    "a scalar three times by a matrix": ("tr(inv(B))", ("B", "B", "B"), "index"),
}


@pytest.mark.parametrize(("text", "wrt", "form"), DERIVATIVES.values(), ids=list(DERIVATIVES))
def test_every_order_down_to_the_first_is_right(
    text: str, wrt: tuple[str, ...], form: str, seed: int
) -> None:
    """Each is checked as the derivative of the printed text of the one before."""
    derived = gw.formula(text, **SYMBOLS).derivative(*wrt)
    assert derived.form == form
    while derived is not None:
        assert derived.check(seed).ok, (str(derived), str(derived.check(seed)))
        derived = derived.differentiated


@pytest.mark.parametrize("mode", ["reverse", "forward", "cross_country"])
@pytest.mark.parametrize("order", [2, 3, 4])
def test_powers_of_a_linear_form(order: int, mode: str, rng: np.random.Generator) -> None:
    """∂ᵏ/∂xᵏ Σ z⁵ with z = A x is the sum of 5!/(5-k)! z⁵⁻ᵏ times k rows of A."""
    derived = gw.formula("sum((A*x).^5)", **SYMBOLS).derivative(*["x"] * order, mode=mode)
    A, x = rng.normal(size=(3, 4)), rng.normal(size=4)
    letters = "ijkl"[:order]
    factor = np.prod(range(6 - order, 6))
    slots = ",".join("q" + letter for letter in letters)
    expected = np.einsum(f"q,{slots}->{letters}", factor * (A @ x) ** (5 - order), *[A] * order)
    np.testing.assert_allclose(derived(A=A, x=x), expected, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "times"), [("(0.7978845608028654*c)^5", 1), ("sum(gelu_tanh(x).^3)", 3)]
)
def test_long_numbers_are_read_back(text: str, times: int, seed: int) -> None:
    """(0.7978845608028654)⁵ has 80 digits, all of them exact."""
    name = "x" if "x" in text else "c"
    assert gw.formula(text).derivative(*[name] * times).check(seed).ok


def test_a_result_beyond_what_is_read_names_the_limit() -> None:
    with pytest.raises(LimitError) as caught:
        gw.gradient("(1e-80*c)^5", "c")
    assert "the power of ten is 399" in caught.value.clash
    assert "1e-300" in caught.value.clash


def test_symmetric_in_the_order_of_the_variables(rng: np.random.Generator) -> None:
    f = gw.formula("y'*exp(A*x)", **SYMBOLS)
    at = {"A": rng.normal(size=(2, 3)), "x": rng.normal(size=3), "y": rng.normal(size=2)}
    one, other = f.derivative("x", "A")(**at), f.derivative("A", "x")(**at)
    np.testing.assert_allclose(one, other.transpose(2, 0, 1), rtol=1e-12)


SEVERAL = {
    "jacobian": ("tanh(A*x)*exp(s)", ("x", "A", "s")),
    "hessian": ("y'*tanh(A*x)*s", ("x", "y", "s")),
    "vjp": ("tanh(A*x)", ("x", "A")),
    "jvp": ("tanh(A*x)", ("x", "A")),
    "hvp": ("y'*tanh(A*x)", ("x", "A", "y")),
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_several_variables_at_once_are_right(kind: str, seed: int) -> None:
    text, wrt = SEVERAL[kind]
    assert getattr(gw.formula(text, **SYMBOLS), kind)(*wrt).check(seed).ok


def test_several_variables_are_what_each_is_alone(rng: np.random.Generator) -> None:
    f = gw.formula("y'*tanh(A*x)", **SYMBOLS)
    at = {"A": rng.normal(size=(2, 3)), "x": rng.normal(size=3), "y": rng.normal(size=2)}
    blocks = f.hessian("x", "y")(**at)
    assert {key: block.shape for key, block in blocks.items()} == {
        ("x", "x"): (3, 3),
        ("x", "y"): (3, 2),
        ("y", "x"): (2, 3),
        ("y", "y"): (2, 2),
    }
    np.testing.assert_allclose(blocks["x", "x"], f.hessian("x")(**at), rtol=1e-12)
    np.testing.assert_allclose(blocks["x", "y"], blocks["y", "x"].T, rtol=1e-12)
    tangents = {"tangent_x": rng.normal(size=3), "tangent_y": rng.normal(size=2)}
    whole = np.block([[blocks["x", "x"], blocks["x", "y"]], [blocks["y", "x"], blocks["y", "y"]]])
    product = f.hvp("x", "y")(**at, **tangents)
    expected = whole @ np.concatenate([tangents["tangent_x"], tangents["tangent_y"]])
    np.testing.assert_allclose(np.concatenate([product["x"], product["y"]]), expected, rtol=1e-10)
    along = f.jvp("x", "y")(**at, **tangents)
    slopes = f.gradient("x", "y")(**at)
    assert along == pytest.approx(sum(slopes[v] @ tangents[f"tangent_{v}"] for v in "xy"))


def test_several_variables_share_their_work(rng: np.random.Generator) -> None:
    """Forward products and the residual are computed once, not once for each variable."""
    f = gw.formula("norm2(C*tanh(A*x) - z)^2", A="matrix m n", C="matrix k m", z="vector k")
    k, m, n = 5, 6, 7
    at = {
        "A": rng.normal(size=(m, n)),
        "C": rng.normal(size=(k, m)),
        "x": rng.normal(size=n),
        "z": rng.normal(size=k),
    }
    together = multiplications(f.gradient("A", "C", "x").source(), "gradient", at)
    alone = [multiplications(f.gradient(v).source(), "gradient", at) for v in "ACx"]
    forward = m * n + k * m
    assert together <= sum(alone) - 2 * forward
    # Two forward products, C' times the residual, A' times its pullback, two outer products.
    assert together <= forward + k * m + m * n + k * m + m * n + 4 * (k + m + n)
    assert f.gradient("A", "C", "x").source().count("A @ x") == 1


def test_what_has_no_matrix_form_has_a_product_that_has_one(rng: np.random.Generator) -> None:
    d = gw.formula("A'*A", **SYMBOLS).derivative("A", "A")
    left, _ = d.products["A,A"]
    assert left == "⟨cotangent, (∂²f/∂A²)(tangent_1, ·)⟩"
    assert f"{left} = tangent_1 (cotangent + cotangentᵀ)" in d.explain()
    assert d.to_dict()["products"]["A,A"]["form"] == "matrix"
    A, G, T = rng.normal(size=(2, 3)), rng.normal(size=(3, 3)), rng.normal(size=(2, 3))
    shown = gw.formula(
        d.to_dict()["products"]["A,A"]["text"], cotangent="matrix n n", tangent_1="matrix m n"
    )
    expected = np.einsum("ij,ijklpq,kl->pq", G, d(A=A), T)
    np.testing.assert_allclose(shown(cotangent=G, tangent_1=T), expected, rtol=1e-12)
    assert gw.jacobian("diag(x)", "x").products["x"][0] == "∂⟨cotangent, f⟩/∂x"


def test_a_derivative_that_is_zero_whatever_the_values() -> None:
    assert gw.formula("y'*y + 0*s", **SYMBOLS).gradient("s")(y=[1.0, 2.0], s=3.0) == 0.0


def test_left_sides_in_every_notation() -> None:
    f = gw.formula("y'*tanh(A*x)", **SYMBOLS)
    mixed = f.derivative("x", "A")
    assert "∂²f/∂x∂A = " in mixed.explain("outline")
    assert "as d (∂f/∂x)/d vec(A)ᵀ, columns stacked" in mixed.explain("outline")
    fourth = f.derivative("x", "x", "x", "x")
    assert "∂⁴f/∂x[i]∂x[j]∂x[k]∂x[l] = " in fourth.explain("outline")
    assert "<mn>4</mn>" in fourth.html()
    assert "(∂²f/∂x²) tangent_x + (∂²f/∂x∂A) tangent_A" in f.hvp("x", "A").explain("outline")


def test_what_cannot_be_asked() -> None:
    f = gw.formula("y'*tanh(A*x)", **SYMBOLS)
    with pytest.raises(SymbolError, match="x is named twice"):
        f.gradient("x", "x")
    with pytest.raises(SymbolError, match="no variable is named"):
        f.derivative()
    with pytest.raises(ShapeError, match=r"f\.derivative\('x', 'x'\)"):
        gw.formula("A*x", **SYMBOLS).hessian("x")
    with pytest.raises(UnsupportedError, match="a constraint is that of one"):
        gw.formula("x'*S*x", **SYMBOLS).hessian("S", "x", constraint="projected")
    with pytest.raises(SymbolError, match="tangent_x of its own"):
        gw.formula("x'*y*tangent_x'*x", tangent_x="vector n", y="vector n").jvp("x", "y")
