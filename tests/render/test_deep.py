"""Chains of thousands of terms: no recursion, and time in proportion to their length."""

from __future__ import annotations

from fractions import Fraction
from time import process_time

import pytest

from gradwright.notation.parser import parse
from gradwright.notation.tree import Binary, Call, Negate, Number, Symbol, Transpose, Tree
from gradwright.render.latex import latex
from gradwright.render.plain import plain_text
from gradwright.render.unicode import unicode_text

PRINTERS = (plain_text, unicode_text, latex)
X = Symbol("x")


def left(operator: str, length: int) -> Tree:
    tree: Tree = X
    for _ in range(length):
        tree = Binary(operator, tree, X)
    return tree


def right(operator: str, length: int) -> Tree:
    tree: Tree = X
    for _ in range(length):
        tree = Binary(operator, X, tree)
    return tree


def nested(length: int, wrap: type[Negate] | type[Transpose]) -> Tree:
    tree: Tree = X
    for _ in range(length):
        tree = wrap(tree)
    return tree


def kronecker(length: int) -> Tree:
    tree: Tree = X
    for _ in range(length):
        tree = Call("kron", (X, tree))
    return tree


DEEP = {
    **{f"left {op}": lambda n, op=op: left(op, n) for op in ("+", "-", "*", "/", ".*", "./")},
    **{f"right {op}": lambda n, op=op: right(op, n) for op in ("+", "*", ".*", "^")},
    "minus": lambda n: nested(n, Negate),
    "transpose": lambda n: nested(n, Transpose),
    "kron": kronecker,
}


@pytest.mark.parametrize("printer", PRINTERS, ids=lambda printer: printer.__name__)
@pytest.mark.parametrize("name", DEEP)
def test_deep_trees_are_printed(name: str, printer) -> None:
    count = 1 if name in ("minus", "transpose") else 5001
    # Compared outside the assertion: its report would show the tree, and that by recursion.
    found = printer(DEEP[name](5000)).count("x")
    assert found == count


@pytest.mark.parametrize("operator", ["+", "*"])
@pytest.mark.parametrize("printer", (plain_text, unicode_text))
def test_long_chains_are_read_back(operator: str, printer) -> None:
    tree = left(operator, 5000)
    assert parse(printer(tree)) == tree


@pytest.mark.parametrize("printer", PRINTERS, ids=lambda printer: printer.__name__)
@pytest.mark.parametrize("name", ["left +", "left *", "right *", "kron"])
def test_time_is_in_proportion_to_length(name: str, printer) -> None:
    def seconds(length: int) -> float:
        tree = DEEP[name](length)
        best = float("inf")
        for _ in range(2):
            started = process_time()
            printer(tree)
            best = min(best, process_time() - started)
        return best

    # Sixteen times the length takes sixteen times as long, and 256 times where it is quadratic.
    assert seconds(8000) < 40 * max(seconds(500), 1e-3)


@pytest.mark.parametrize("exponent", [-300, -60, -20, -13, -5, 5, 13, 60, 299])
@pytest.mark.parametrize("mantissa", ["1", "1.5", "7.25"])
def test_numbers_of_any_size_are_read_back(mantissa: str, exponent: int) -> None:
    tree = Number(Fraction(mantissa) * Fraction(10) ** exponent)
    for printer in (plain_text, unicode_text):
        assert parse(printer(tree)) == tree
