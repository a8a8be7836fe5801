"""Rows X3, S0.4, S0.6 to S0.8, S2.3, S2.4: functions that are known by name alone."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import GradwrightError, ShapeError, SymbolError
from tests.simplify.planting import WRONG

#: Formula, variable, declarations, and the derivative as it is printed.
PRINTED = [
    ("phi(x)", "x", {}, "diag(phi'(x))"),
    ("phi(W*x)", "x", {}, "diag(phi'(W x)) W"),
    ("φ(W*x)", "x", {}, "diag(φ'(W x)) W"),
    ("φ(W*x)", "W", {}, "xᵀ ⊗ diag(φ'(W x))"),
    ("phi'(x)", "x", {}, "diag(phi''(x))"),
    ("g(f(x))", "x", {}, "J_g(f(x)) J_f(x)"),
    ("h(g(f(x)))", "x", {}, "J_h(g(f(x))) J_g(f(x)) J_f(x)"),
    ("phi(f(x))", "x", {}, "diag(phi'(f(x))) J_f(x)"),
    ("f(W*x)", "x", {}, "J_f(W x) W"),
    ("l(y, f(x))", "x", {"l": "map m m 1"}, "J_f(x)ᵀ J_l_2(y, f(x))ᵀ"),
    ("l(y, W*v)", "W", {"l": "map m m 1"}, "J_l_2(y, W v)ᵀ vᵀ"),
    ("l(y, W*v)", "v", {"l": "map m m 1"}, "Wᵀ J_l_2(y, W v)ᵀ"),
    ("sum(phi(W*x))", "x", {}, "Wᵀ phi'(W x)"),
    ("g(z)'*y", "z", {"g": "elementwise"}, "y ⊙ g'(z)"),
]


def derivation(text: str, wrt: str, declared: dict[str, str]) -> object:
    formula = gw.formula(text, **declared)
    scalar = formula.scope.shape.kind == "scalar"
    return formula.gradient(wrt) if scalar else formula.jacobian(wrt)


@pytest.mark.parametrize(("text", "wrt", "declared", "shown"), PRINTED)
def test_x3_derivatives_stay_symbolic(
    text: str, wrt: str, declared: dict[str, str], shown: str
) -> None:
    derived = derivation(text, wrt, declared)
    assert str(derived) == shown
    assert derived.check(seed=2).ok


@pytest.mark.parametrize(("text", "wrt", "declared", "shown"), PRINTED)
def test_x3_what_is_printed_can_be_typed(
    text: str, wrt: str, declared: dict[str, str], shown: str
) -> None:
    derived = derivation(text, wrt, declared)
    known = derived.scope.known
    again = gw.formula(derived.text(), **known)
    point = {
        name: np.random.default_rng(3).normal(
            size=[2 + sorted(derived.scope.sizes).index(s) for s in d.sizes]
        )
        for name, d in derived.scope.symbols.items()
    }
    from gradwright.api.checking import drawn_functions

    functions = drawn_functions(derived.scope, point)
    if derived.form == "matrix":
        used = {n: v for n, v in {**point, **functions}.items() if n in again.scope.known}
        assert np.allclose(again(**used), derived(**point, **functions), rtol=1e-12)


def test_s0_4_the_chain_rule_for_abstract_functions() -> None:
    """J of g∘f is J_g(f(x)) · J_f(x), with numbers once functions are supplied."""
    derived = gw.formula("g(f(x))").jacobian("x")
    assert str(derived) == "J_g(f(x)) J_f(x)"
    W, V = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 1.5]]), np.array([[2.0, 1.0]])
    f = (lambda x: np.tanh(W @ x), lambda x: (1 - np.tanh(W @ x) ** 2)[:, None] * W)
    g = (lambda u: V @ u, lambda u: V)
    x = np.array([0.1, -0.2, 0.3])
    assert np.allclose(derived(x=x, f=f, g=g), V @ f[1](x), rtol=1e-15)


def test_s0_6_and_s0_7_an_abstract_activation_becomes_any_activation() -> None:
    derived = gw.formula("phi(W*x)").jacobian("x")
    W, x = np.arange(6.0).reshape(2, 3) / 7, np.array([0.3, -0.5, 0.2])
    for text, slope in (
        ("tanh(z)", lambda z: 1 - np.tanh(z) ** 2),
        ("z/(1 + exp(-z))", lambda z: (1 + np.exp(-z) + z * np.exp(-z)) / (1 + np.exp(-z)) ** 2),
    ):
        expected = np.diag(slope(W @ x)) @ W
        formula = gw.formula(text, z="scalar")
        assert np.allclose(derived(W=W, x=x, phi=formula), expected, rtol=1e-13)
        assert np.allclose(derived(W=W, x=x, phi=(np.tanh, slope)), expected, rtol=1e-13)
    hessian = gw.formula("sum(phi(W*x))").hessian("x")
    assert str(hessian) == "Wᵀ diag(phi''(W x)) W"
    z = W @ x
    curvature = -2 * np.tanh(z) * (1 - np.tanh(z) ** 2)
    found = hessian(W=W, x=x, phi=gw.formula("tanh(z)", z="scalar"))
    assert np.allclose(found, W.T @ np.diag(curvature) @ W, rtol=1e-12)


def test_s0_8_the_loss_of_a_linear_output_layer() -> None:
    """L = l(y, W v): ∂L/∂W = δᵀ vᵀ with the row δ = ∂L/∂f, and ∂L/∂v = Wᵀ δᵀ."""
    derived = gw.formula("l(y, W*v)", l="map m m 1").gradient("W", "v")
    assert str(derived) == "W: J_l_2(y, W v)ᵀ vᵀ\nv: Wᵀ J_l_2(y, W v)ᵀ"
    W, v, y = np.arange(6.0).reshape(2, 3), np.array([1.0, 0.5, -1.0]), np.array([1.0, 2.0])
    squared = (
        lambda t, f: np.sum((f - t) ** 2),
        lambda t, f: -2 * (f - t),
        lambda t, f: 2 * (f - t),
    )
    found = derived(W=W, v=v, y=y, l=squared)
    delta = 2 * (W @ v - y)
    assert np.allclose(found["W"], np.outer(delta, v))
    assert np.allclose(found["v"], W.T @ delta)


def test_s2_3_and_s2_4_a_layer_left_abstract_has_both_blocks() -> None:
    """yʳ = fʳ(yʳ⁻¹, θʳ): J_y and J_θ, evaluated at (yʳ⁻¹, θʳ)."""
    declared = {"f": "map k j q", "y": "vector k", "theta": "vector j"}
    layer = gw.formula("f(y, theta)", **declared)
    assert str(layer.jacobian("y")) == "J_f_1(y, theta)"
    assert str(layer.jacobian("theta")) == "J_f_2(y, theta)"
    assert layer.jacobian("y").check().ok and layer.jacobian("theta").check().ok


def test_s2_5_and_s2_6_the_error_through_two_abstract_layers() -> None:
    """∂E/∂θ¹ = (J_θ¹)ᵀ (J_y²)ᵀ ∂E/∂y², for E = g(y², t)."""
    text = "g(f(h(x, a), b), t)"
    vectors = {"x": "vector n", "a": "vector i", "b": "vector j", "t": "vector m"}
    declared = vectors | {"h": "map n i k", "f": "map k j m", "g": "map m m 1"}
    derived = gw.formula(text, **declared).gradient("a", "b", "x")
    assert derived.printed["b"].form == "matrix"
    shown = str(derived).splitlines()
    outer = "J_g_1(f(h(x, a), b), t)ᵀ"
    assert shown[1] == f"b: J_f_2(h(x, a), b)ᵀ {outer}"
    assert shown[0] == f"a: J_h_2(x, a)ᵀ J_f_1(h(x, a), b)ᵀ {outer}"
    assert shown[2] == f"x: J_h_1(x, a)ᵀ J_f_1(h(x, a), b)ᵀ {outer}"
    assert derived.check().ok


def test_x3_second_derivatives_of_maps_have_an_index_form() -> None:
    derived = gw.formula("l(f(x))", l="map m 1").hessian("x")
    assert "H_l(f(x))" in str(derived) and "H_f(x)[k,i,j]" in str(derived)
    assert derived.check(seed=4).ok


def test_x3_the_emitted_code_takes_the_functions() -> None:
    source = gw.formula("phi(W*x)").jacobian("x").source()
    assert "def jacobian(W, x, d_phi):" in source and "phi'" in source
    assert "return d_phi(W @ x)[:, None] * W" in source


def test_x3_a_wrong_derivative_is_caught() -> None:
    from gradwright.ops import abstract
    from gradwright.ops.record import Elementwise

    right = abstract.elementwise_record("phi")
    assert isinstance(right, Elementwise)
    with pytest.MonkeyPatch.context() as patch:
        wrong = WRONG["twice"]
        patch.setattr(
            abstract,
            "_elementwise_derivative",
            lambda graph, node: (wrong(graph, graph.function("phi'", *node.arguments)),),
        )
        assert not gw.formula("phi(W*x)").jacobian("x").check().ok


@pytest.mark.parametrize(
    ("text", "declared", "error", "fact"),
    [
        ("sigmiod(x)", {}, SymbolError, "there is no function of that name"),
        ("phi(x, y)", {}, ShapeError, "phi is elementwise and takes one argument, 2 are given"),
        ("f(x) + f(x, y)", {}, ShapeError, "f takes 1 arguments and 2 are given"),
        ("f(A)", {}, ShapeError, "f maps columns and A is a matrix"),
        ("f'(x)", {}, SymbolError, "a prime is the derivative of an elementwise function"),
        ("x(x)", {}, SymbolError, "x is a symbol or a size"),
        ("f(x) + y", {"f": "map n 3", "y": "vector 4"}, ShapeError, "3 rows and y has 4 rows"),
        ("f(x)", {"f": "map n"}, ShapeError, "the sizes of arguments and value"),
        ("f(x)", {"f": "elementwise n"}, ShapeError, "elementwise has no size"),
    ],
)
def test_x3_what_is_no_use_of_a_function(
    text: str, declared: dict[str, str], error: type[GradwrightError], fact: str
) -> None:
    with pytest.raises(error, match=fact):
        gw.formula(text, **declared)


def test_x3_numbers_need_the_derivatives_that_are_used() -> None:
    derived = gw.formula("phi(W*x)").jacobian("x")
    with pytest.raises(SymbolError, match="phi' is needed and is not among what is given"):
        derived(W=np.eye(2), x=np.ones(2), phi=np.tanh)
    with pytest.raises(SymbolError, match="a float is given"):
        derived(W=np.eye(2), x=np.ones(2), phi=1.0)
    with pytest.raises(SymbolError, match="values are given for W, x and it needs W, phi, x"):
        derived(W=np.eye(2), x=np.ones(2))
