"""Declarations: what texts say, what they imply, what contradicts itself."""

from __future__ import annotations

import pytest

from gradwright.errors import GradwrightError, LimitError, ShapeError, SymbolError, UnsupportedError
from gradwright.notation.declarations import by_convention, declare


@pytest.mark.parametrize(
    ("text", "kind", "sizes", "facts"),
    [
        ("scalar", "scalar", (), ""),
        ("scalar positive", "scalar", (), "positive"),
        ("vector n", "vector", ("n",), ""),
        ("vector 3", "vector", (3,), ""),
        ("  vector\tn  onehot ", "vector", ("n",), "onehot"),
        ("matrix m n", "matrix", ("m", "n"), ""),
        ("matrix 1 n", "matrix", (1, "n"), ""),
        ("matrix n₁ n₂ binary", "matrix", ("n1", "n2"), "binary"),
        ("matrix n n posdef", "matrix", ("n", "n"), "posdef symmetric invertible"),
        ("posdef n n", "matrix", ("n", "n"), "posdef symmetric invertible"),
        ("symmetric n n", "matrix", ("n", "n"), "symmetric"),
        ("symmetric 4 4 positive", "matrix", (4, 4), "symmetric positive"),
        ("invertible n n", "matrix", ("n", "n"), "invertible"),
        ("matrix m n sum1 unit", "matrix", ("m", "n"), "sum1 unit"),
        ("vector n signs", "vector", ("n",), "signs"),
    ],
)
def test_declarations(text, kind, sizes, facts):
    found = declare("A", text)
    assert (found.name, found.kind, found.sizes) == ("A", kind, sizes)
    assert found.facts == frozenset(facts.split())


@pytest.mark.parametrize(
    ("text", "error", "at", "facts"),
    [
        ("", SymbolError, "", ["empty"]),
        ("vektor n", SymbolError, "vektor", ["vektor", "vector"]),
        ("vector", ShapeError, "vector", ["1 size and 0 are given"]),
        ("matrix n", ShapeError, "matrix n", ["2 sizes and 1 are given: n"]),
        ("matrix m n k", ShapeError, "matrix m n k", ["2 sizes and 3 are given: m n k"]),
        ("scalar n", ShapeError, "scalar n", ["0 sizes and 1 are given: n"]),
        ("vector n possitive", SymbolError, "possitive", ["possitive", "positive"]),
        ("vector n onehot foo", SymbolError, "foo", ["foo"]),
        ("matrix m,n", SymbolError, "m,n", ["'m,n'"]),
        ("vector -1", SymbolError, "-1", ["'-1'"]),
        ("vector 0", ShapeError, "0", ["0"]),
        ("vector " + "9" * 5000, LimitError, "9" * 5000, ["5000"]),
        ("symmetric m n", ShapeError, "symmetric", ["A has m rows and n columns"]),
        ("posdef 2 3", ShapeError, "posdef", ["2 rows and 3 columns"]),
        ("matrix m n invertible", ShapeError, "invertible", ["m rows and n columns"]),
        ("vector n posdef", SymbolError, "posdef", ["posdef", "A is a vector"]),
        ("scalar symmetric", SymbolError, "symmetric", ["A is a scalar"]),
        ("scalar onehot", SymbolError, "onehot", ["A is a scalar"]),
        ("posdef matrix n n", SymbolError, "posdef matrix", ["posdef stands first"]),
        ("tensor", ShapeError, "tensor", ["a size for each axis"]),
        ("tensor b n d possitive", SymbolError, "possitive", ["possitive"]),
        ("elementwise", UnsupportedError, "elementwise", ["elementwise"]),
        ("map n m", UnsupportedError, "map", ["map"]),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_errors(text, error, at, facts):
    with pytest.raises(error) as caught:
        declare("A", text)
    span = caught.value.span
    assert text[span.start : span.end] == at
    assert "A" in caught.value.asked
    for fact in facts:
        assert fact in caught.value.clash


def test_the_order_of_words_is_named():
    with pytest.raises(SymbolError) as caught:
        declare("A", "posdef matrix n n")
    assert caught.value.instead == "write matrix n n posdef"
    assert "posdef" in declare("A", "matrix n n posdef").facts


@pytest.mark.parametrize("name", ["", "2x", "a b", "x'", "ᵀ", "ϕ", "a" * 101])
def test_bad_names(name):
    with pytest.raises(GradwrightError):
        declare(name, "scalar")


def test_names_are_canonical():
    assert declare("W₃", "matrix m n").name == "W3"


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ("a b c d e f g a1 gamma", "scalar"),
        ("h i n x y z x1 theta", "vector"),
        ("A B X W Z W1", "matrix"),
        ("α δ δA Δ φ ω", "vector"),
    ],
)
def test_letter_convention(names, kind):
    assert {by_convention(name) for name in names.split()} == {kind}
