"""Tokens: what belongs to a number, to a name, to an operator; limits."""

from __future__ import annotations

from fractions import Fraction

import pytest

from gradwright.errors import LimitError, NotationError, Span
from gradwright.notation.lexer import MAX_LENGTH, canonical_name, is_name, tokens

KINDS = [
    ("1./x", ["number", "./", "name"]),
    ("2.*x", ["number", ".*", "name"]),
    ("2.^x", ["number", ".^", "name"]),
    ("2.0.*x", ["number", ".*", "name"]),
    ("2.+x", ["number", "+", "name"]),
    (".5*x", ["number", "*", "name"]),
    ("x.*.5", ["name", ".*", "number"]),
    ("x''", ["name", "'", "'"]),
    ("xᵀ", ["name", "'"]),
    ("A⁻ᵀ", ["name", "inverse transpose"]),
    ("x⊙²⊘y", ["name", "dotted power", "./", "name"]),
    ("x⊙y", ["name", ".*", "name"]),
    ("a−b·c⊗d", ["name", "-", "name", "*", "name", "⊗", "name"]),
    ("‖x‖₁‖y‖₂", ["‖", "name", "‖₁", "‖", "name", "‖"]),
    ("1e", ["number", "name"]),
    ("1e-", ["number", "name", "-"]),
]


@pytest.mark.parametrize(("text", "kinds"), KINDS, ids=[text for text, _ in KINDS])
def test_kinds(text, kinds):
    found = tokens(text)
    assert [token.kind for token in found] == [*kinds, "end"]
    assert all(text[t.span.start : t.span.end].strip() for t in found[:-1])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("0.5", Fraction(1, 2)),
        (".5", Fraction(1, 2)),
        ("2.", 2),
        ("1e-3", Fraction(1, 1000)),
        ("1.25E+2", 125),
        ("0.1", Fraction(1, 10)),
        ("0e300", 0),
        ("²³", 23),
        ("⁻¹²", -12),
    ],
)
def test_values_are_exact(text, value):
    assert tokens(text)[0].value == value


@pytest.mark.parametrize(
    ("text", "name"),
    [("W₃", "W3"), ("δ", "δ"), ("e\u0301", "é"), ("x_1", "x_1"), ("dZ12", "dZ12"), ("_a", "_a")],
)
def test_names(text, name):
    (token, _) = tokens(text)
    assert (token.kind, token.text, token.span) == ("name", name, Span(0, len(text)))
    assert canonical_name(text) == name
    assert is_name(name)


@pytest.mark.parametrize(
    ("text", "place", "fact", "instead"),
    [
        ("x + ϕ", 4, "Python reads the keyword ϕ as φ", "write φ"),
        ("µ", 0, "as μ", "write μ"),
        ("x ∘ y", 2, "ring operator", "write .*"),
        ("A @ x", 2, "commercial at", "matrix product"),
        ("x . y", 2, "a dot stands alone", ".*"),
        ("₁", 0, "follows no name", "x₁"),
        ("x⁻", 1, "followed by no digit", "⁻¹"),
        ("x\x00", 1, "control character", "remove"),
    ],
)
def test_errors_point_at_the_character(text, place, fact, instead):
    with pytest.raises(NotationError) as caught:
        tokens(text)
    assert caught.value.span.start == place
    assert fact in caught.value.clash
    assert instead in caught.value.instead


@pytest.mark.parametrize(
    "text",
    [
        "1" * 1_201,
        "0." + "1" * 1_200,
        "1e301",
        "1e-301",
        "1e" + "9" * 5000,
        "9" * 50 + "e300",
        "0." + "0" * 40 + "1e-280",
        "x" * 101,
        " " * (MAX_LENGTH + 1),
        "x" + "²" * 1_201,
    ],
    ids=lambda text: text[:8] + f"[{len(text)}]",
)
def test_limits(text):
    with pytest.raises(LimitError):
        tokens(text)


def test_every_number_within_the_limits_is_a_double():
    for text in ("9" * 49 + "e250", "1e300", "1e-300", "0." + "0" * 40 + "1e-250"):
        value = float(tokens(text)[0].value)
        assert 0 < value < float("inf")
        assert value == float(text)
