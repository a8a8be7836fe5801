"""Formulas with numbers in place of their names, as LaTeX mathematics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradwright.notation.tree import Tree
from gradwright.render.blocks import is_small, number_text
from gradwright.render.latex import latex_pieces
from gradwright.render.layout import Layout, Name, expand, layout

Array = Any


def latex_matrix(value: Array) -> str:
    r"""Numbers in brackets; a vector is a column, a number stands alone.

    >>> print(latex_matrix(np.array([[1.0, 0.25], [-3, 1e-7]])))
    \begin{bmatrix} 1 & 0.25 \\ -3 & 1 \cdot 10^{-7} \end{bmatrix}
    """
    array = np.asarray(value, dtype=np.float64)
    if array.ndim == 0:
        return latex_number(float(array))
    rows = array.reshape(len(array), -1)
    lines = r" \\ ".join(" & ".join(latex_number(float(x)) for x in row) for row in rows)
    return rf"\begin{{bmatrix}} {lines} \end{{bmatrix}}"


def latex_number(value: float) -> str:
    """A number with four significant digits."""
    shown = number_text(value).replace("inf", r"\infty").replace("nan", r"\text{nan}")
    mantissa, _, exponent = shown.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else shown


def latex_with_numbers(tree: Tree, values: Mapping[str, Array]) -> str:
    """A formula with the values of its names in their places; large arrays stay names."""

    def pieces(node: Layout) -> Sequence[str | Layout]:
        if isinstance(node, Name) and node.text in values and is_small(values[node.text]):
            shown = latex_matrix(values[node.text])
            alone = np.ndim(values[node.text]) > 0 or not shown.startswith("-")
            return (shown if alone else rf"\left({shown}\right)",)
        return latex_pieces(node)

    return expand(layout(tree), pieces)
