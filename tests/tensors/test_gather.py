"""Places chosen by whole numbers: rows taken from a table, and added up on the way back."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import GradwrightError, ShapeError, SymbolError

SYMBOLS = {"E": "matrix v d", "t": "indices n v", "w": "vector d", "y": "vector n"}


@pytest.fixture
def point(rng):
    return {
        "E": rng.standard_normal((5, 3)),
        # Places repeat, so that what is put back must be added up.
        "t": np.array([4, 0, 4, 4, 2, 0, 1]),
        "w": rng.standard_normal(3),
        "y": rng.standard_normal(7),
    }


def test_an_embedding_in_a_regression(point, rng):
    """The gradient against NumPy by hand: rows of the error added up token by token."""
    d = gw.gradient("sum((gather(E, t)*w - y).^2)/n", "E", **SYMBOLS)
    assert str(d) == "2 onehot(t)ᵀ (gather(E, t) w − y) wᵀ/n"
    expected = np.zeros((5, 3))
    for k, token in enumerate(point["t"]):
        error = point["E"][token] @ point["w"] - point["y"][k]
        expected[token] += 2 / 7 * error * point["w"]
    assert np.allclose(d(**point), expected, rtol=1e-12)
    assert d.check(seed=int(rng.integers(2**31))).ok
    assert "E[t]" in d.source() and "np.add.at" in d.source()
    narrow = {name: np.float32(value) for name, value in point.items() if name != "t"}
    assert d(**narrow, t=point["t"]).dtype == np.float32


FORMULAS = [
    ("gather(E, t)", "E", SYMBOLS),
    ("tanh(gather(E, t))*w", "E", SYMBOLS),
    ("sum(softmax(gather(E, t)*W).*Y)", "EW", {**SYMBOLS, "W": "matrix d k", "Y": "matrix n k"}),
    ("gather(x, t)'*gather(x, t)", "x", {"x": "vector v", "t": "indices n v"}),
    ("onehot(t)'*onehot(t)*x", "x", {"x": "vector v", "t": "indices n v"}),
    ("gather(gather(E, t), s)", "E", {**SYMBOLS, "s": "indices k n"}),
    (
        "sum(gather(E, t).*gather(F, s))",
        "EF",
        {"E": "matrix v d", "F": "matrix u d", "t": "indices b n v", "s": "indices b n u"},
    ),
    ("sum(gather(T, t).^3)", "T", {"T": "tensor v d k", "t": "indices n v"}),
    ("gather(W*E', s)", "WE", {"W": "matrix v d", "E": "matrix k d", "s": "indices n v"}),
]


@pytest.mark.parametrize(("text", "by", "symbols"), FORMULAS, ids=[row[0] for row in FORMULAS])
def test_derivatives(text, by, symbols, rng):
    formula = gw.formula(text, **{n: d for n, d in symbols.items() if n in text})
    for name in by:
        kinds = [formula.jacobian, formula.vjp, formula.jvp]
        if formula.scope.shape.kind == "scalar":
            kinds = [formula.gradient, formula.hessian, formula.hvp]
        for kind in kinds:
            report = kind(name).check(seed=int(rng.integers(2**31)))
            assert report.ok, report
    reverse, forward = formula.jacobian(by[0]), formula.jacobian(by[0], mode="forward")
    assert reverse.check().ok and forward.check().ok


def test_the_evaluator_and_the_code_agree_with_numpy(point):
    formula = gw.formula("gather(E, t)*w", **{k: v for k, v in SYMBOLS.items() if k != "y"})
    given = {name: point[name] for name in "Etw"}
    value, _ = formula.jacobian("w").value_and(**given)
    expected = point["E"][point["t"]] @ point["w"]
    assert np.allclose(formula(**given), expected, rtol=1e-12)
    assert np.allclose(value, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "error", "at", "fact"),
    [
        (
            "gather(E, t, axis=2)",
            ShapeError,
            "gather(E, t, axis=2)",
            "no options and axis is given",
        ),
        ("t + y", SymbolError, "t", "t is declared as indices n v"),
        ("gather(E, y)", SymbolError, "y", "y is not declared so"),
        ("gather(w, t)", ShapeError, "gather(w, t)", "w has d rows and t has v places"),
        ("gather(y', t)", ShapeError, "gather(y', t)", "y' is a row"),
        ("gather(E)", ShapeError, "gather(E)", "2 arguments and 1 are given"),
        ("onehot(t, y)", ShapeError, "onehot(t, y)", "1 arguments and 2 are given"),
    ],
)
def test_errors(text, error, at, fact):
    with pytest.raises(error) as caught:
        gw.formula(text, **SYMBOLS)
    span = caught.value.span
    assert text[span.start : span.end] == at
    assert fact in caught.value.clash


@pytest.mark.parametrize(
    ("places", "fact"),
    [([0, 5], "t holds 5"), ([-1, 0], "t holds -1"), ([0.0, 1.0], "dtype float64")],
)
def test_places_that_do_not_exist(places, fact):
    d = gw.gradient("sum(gather(E, t))", "E", E="matrix v d", t="indices n v")
    formula = gw.formula("gather(E, t)", E="matrix v d", t="indices n v")
    for call in (d, formula):
        with pytest.raises(GradwrightError) as caught:
            call(E=np.ones((5, 2)), t=np.array(places))
        assert fact in caught.value.clash


def test_no_derivative_by_places():
    with pytest.raises(SymbolError) as caught:
        gw.gradient("sum(gather(E, t))", "t", E="matrix v d", t="indices n v")
    assert "whole numbers" in caught.value.clash


def test_the_torch_target_takes_places_as_whole_numbers():
    d = gw.gradient("sum(gather(E, t))", "E", E="matrix v d", t="indices n v")
    source = d.source("torch")
    assert "(t,) = places(t)" in source and "(E,) = tensors(E)" in source


@pytest.mark.parametrize("text", ["indices n", "indices n v positive", "indices"])
def test_declarations(text):
    with pytest.raises(GradwrightError):
        gw.formula("onehot(t)", t=text)
