"""What a formula is made from: text, LaTeX, an expression of symbols, a function for NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradwright.api.symbolic import Expression, traced
from gradwright.notation.declarations import AnyDeclaration, Declaration
from gradwright.notation.informal import formal
from gradwright.notation.latex import is_latex, read_latex
from gradwright.notation.left_side import equals_sign
from gradwright.notation.parser import parse
from gradwright.notation.statements import statements
from gradwright.render.plain import plain_text

#: A text, an expression, or a function of NumPy code.
Source = str | Expression | Callable[..., Any]


def read_source(
    source: Source, declared: dict[str, AnyDeclaration]
) -> tuple[str, dict[str, AnyDeclaration]]:
    """The text of a source in the input grammar, and the declarations with those it brings.

    Raises:
        NotationError: LaTeX that cannot be read.
        SymbolError, UnsupportedError: a function that cannot be traced.
    """
    if callable(source):
        source = traced(source, _symbols(declared))
    if isinstance(source, Expression):
        return plain_text(source.tree), {**source.symbols, **declared}
    if isinstance(source, str) and is_latex(source):
        return _from_latex(source), declared
    return source, declared


def _symbols(declared: Mapping[str, AnyDeclaration]) -> dict[str, Declaration]:
    return {name: d for name, d in declared.items() if isinstance(d, Declaration)}


def _from_latex(source: str) -> str:
    """LaTeX in the input grammar, statement by statement."""
    parts = []
    for statement in statements(source):
        read = formal(read_latex(source[statement.start : statement.end]))
        equals = equals_sign(read.text)
        is_definition = equals is not None and statement.end < len(source)
        start = equals + 1 if equals is not None and is_definition else 0
        with read.errors_at_the_original():
            right = plain_text(parse(" " * start + read.text[start:]))
        parts.append(f"{read.text[:start].replace('=', ' = ')}{right}")
    return "; ".join(parts)
