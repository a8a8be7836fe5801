"""What the options make of their texts."""

from __future__ import annotations

import pytest

from gradwright.cli.options import declared, names
from gradwright.cli.subject import is_network
from gradwright.errors import SymbolError


def test_declarations_become_keywords() -> None:
    assert declared(["A=matrix n n", " x = vector n "]) == {"A": "matrix n n", "x": "vector n"}


@pytest.mark.parametrize("text", ["A", "A=", "=matrix n n", "A matrix n n"])
def test_half_a_declaration_is_an_error(text: str) -> None:
    with pytest.raises(SymbolError) as caught:
        declared([text])
    assert repr(text) in str(caught.value)
    assert "A=matrix n n" in caught.value.instead


def test_a_name_is_declared_once() -> None:
    with pytest.raises(SymbolError) as caught:
        declared(["A=matrix n n", "A=scalar"])
    assert "matrix n n" in caught.value.clash
    assert "scalar" in caught.value.clash


@pytest.mark.parametrize(
    ("text", "expected"),
    [("x", ("x",)), ("x,A", ("x", "A")), (" x , A ,", ("x", "A")), (" , ", ())],
)
def test_names(text: str, expected: tuple[str, ...]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4 -> 3 softmax", True), ("4→3", True), ("x'*A*x", False), ("x - (-y)", False)],
)
def test_an_arrow_makes_a_network(text: str, expected: bool) -> None:
    assert is_network(text) is expected
