"""Named sub-expressions and functions given by a formula: what they stand for, printing, errors."""

from __future__ import annotations

import contextlib
import time

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import GradwrightError, LimitError, NotationError, SymbolError
from gradwright.notation.definitions import read
from gradwright.notation.parser import parse

A = {"A": "matrix m n", "b": "vector m", "W": "matrix m n"}

STATEMENTS = [
    ("r = A*x - b; r'*r", "(A*x - b)'*(A*x - b)"),
    ("r = A*x\nq = r .* b\nsum(q) + r'*r", "sum((A*x) .* b) + (A*x)'*(A*x)"),
    ("r = A*x\n-sum(r)", "-sum(A*x)"),
    ("r = A*x +\n b; sum(r)", "sum(A*x + b)"),
    ("r = A*x\n + b; sum(r)", "sum(A*x + b)"),
    ("r = (A*x\n - b)\nsum(r)", "sum(A*x - b)"),
    ("sum(A*x\n + b)", "sum(A*x + b)"),
    ("f(t) = t^2; sum(f(A*x))", "sum((A*x).^2)"),
    ("f(t) = 1/(1 + t^2); sum(f(A*x))", "sum(1 ./ (1 + (A*x).^2))"),
    ("f(t, s) = t*s; f(A*x, b)", "(A*x) .* b"),
    ("f(t) = c*t; f(A*x)", "c*(A*x)"),
    ("f(t) = t^2; g(t) = f(t) + f(2*t); sum(g(b))", "sum(b.^2 + (2*b).^2)"),
    ("f(t) = exp(-t); f(f(b))", "exp(-exp(-b))"),
    ("k = 2; p = k*b; sum(p)", "sum(2*b)"),
]


@pytest.mark.parametrize(("text", "meaning"), STATEMENTS, ids=[t for t, _ in STATEMENTS])
def test_a_name_stands_for_what_it_was_given(text, meaning):
    assert read(text)[0] == parse(meaning)


@pytest.mark.parametrize(
    ("text", "wrt", "printed"),
    [
        ("r = A*x - b; r'*r", "x", "r = A x − b; 2 Aᵀ r"),
        ("p = softmax(W*x); -b'*log(p)", "x", "p = softmax(W x); Wᵀ (sum(b) p − b)"),
        ("r = A*x - b; s = 2*r; sum(s)", "x", "2 Aᵀ ones(m)"),
        ("f(t) = exp(t)*t; sum(f(x))", "x", "f(t) = exp(t) t; exp(x) + f(x)"),
    ],
)
def test_names_stay_where_they_are_shorter_and_read_back(text, wrt, printed):
    f = gw.formula(text, **A)
    d = f.gradient(wrt)
    assert str(d) == printed
    assert d.check().ok
    for shown in (d.text(), str(d), d.latex()):
        assert gw.equal(gw.formula(shown, **A).text, printed, **f.scope.known), shown


def test_a_function_of_several_parameters_against_a_complex_step(rng):
    """d/dx of exp(-t²)/(1 + s t²) at 2x plus x, by hand-written NumPy."""
    d = gw.gradient("g(t, s) = exp(-t^2)/(1 + s*t^2); h(t) = g(2*t, a) + t; sum(h(x))", "x")
    x = rng.standard_normal(5)

    def value(at):
        return np.sum(np.exp(-((2 * at) ** 2)) / (1 + 0.7 * (2 * at) ** 2) + at)

    expected = [value(x + 1e-30j * e).imag / 1e-30 for e in np.eye(5)]
    assert np.allclose(d(x=x, a=0.7), expected, rtol=1e-13)


def test_an_explanation_shows_the_definitions():
    lines = gw.gradient("r = A*x - b; r'*r", "x", **A).explain().splitlines()
    assert lines[:2] == ["r = A x − b", "f = rᵀ r"]
    assert lines[-1] == "  ∂f/∂x = 2 Aᵀ r"
    assert "<mi>r</mi>" in gw.gradient("r = A*x - b; r'*r", "x", **A).html()


ERRORS = [
    ("r = s; s = 2*x; sum(r)", SymbolError, "s is used before it is defined", "s;"),
    ("r = r + x; sum(r)", SymbolError, "r is used before it is defined", "r + x"),
    ("r = x; r = 2*x; sum(r)", SymbolError, "r is defined twice", "r = 2*x"),
    ("b = x; sum(b)", SymbolError, "b is declared as a symbol", "b = x"),
    ("m = 2; m*b", SymbolError, "m is declared as a symbol or a size", "m = 2"),
    ("sum = x; sum", SymbolError, "sum is a function of the notation", "sum = x"),
    ("x'*x; x", NotationError, "defines no name", "x'*x"),
    ("y[i] = x[i]; sum(y)", NotationError, "defines no name", "y[i]"),
    ("f(t) = sum(t); f(x)", SymbolError, "f is a function of single numbers", "sum(t)"),
    ("f(t) = t*A; f(x)", SymbolError, "A is none", "A; f"),
    ("f(t) = t'; f(x)", SymbolError, "f is a function of single numbers", "t'"),
    ("f(t) = t; f(x, b)", SymbolError, "f takes 1 arguments and 2 are given", "f(x, b)"),
    ("f(t, t) = t; f(x, x)", SymbolError, "the parameter t of f stands twice", "f(t"),
    ("f(t) = t; f*x", SymbolError, "f is a function", "f*x"),
    ("r = A*x; r(x)", SymbolError, "r is no function", "r(x)"),
    ("r = ; r", NotationError, "the text is empty", None),
]


@pytest.mark.parametrize(("text", "kind", "fact", "place"), ERRORS, ids=[e[0] for e in ERRORS])
def test_errors(text, kind, fact, place):
    with pytest.raises(kind) as caught:
        gw.formula(text, **A)
    assert fact in str(caught.value)
    if place is not None:
        assert text[caught.value.span.start :].startswith(place)


def test_names_that_multiply_are_stopped_at_once():
    for joint in ("r{0} = r{1} .* r{1}", "f{0}(t) = f{1}(t)*f{1}(t)"):
        steps = [joint.format(k, k - 1) for k in range(1, 60)]
        first, last = ("r0 = x", "sum(r59)") if "r0" in steps[0] else ("f0(t) = t", "sum(f59(x))")
        started = time.process_time()
        with pytest.raises(LimitError):
            gw.formula("; ".join([first, *steps, last]))
        assert time.process_time() - started < 1


def test_hostile_statements_end_in_typed_errors(rng):
    pieces = ["r", "=", ";", "\n", "(", ")", "t", ",", "x", "f(t)", "*", "[i]", "'", "f", "2", "A"]
    for _ in range(400):
        text = "".join(rng.choice(pieces, size=rng.integers(1, 14)))
        with contextlib.suppress(GradwrightError):
            gw.formula(text)
