"""Pieces of the pages: lines of MathML from what gradwright derived, and tables of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradwright.api.backprop import NetworkDerivation
from gradwright.api.derivation import Derivation
from gradwright.explain.lines import Line
from gradwright.explain.network import Entry
from gradwright.notation.parser import parse
from gradwright.render.mathml import math_element, mathml_name, mathml_row
from gradwright.render.unicode import unicode_name, unicode_text
from gradwright.report.equations import entry_lines, equations

#: Arrays with more rows or columns are described by their shape.
SHOWN = 6


def name(text: str) -> str:
    """A name or a quotient such as ∂L/∂W3 as a `math` element."""
    return math_element(mathml_name(text))


def result(left: str, d: Derivation, remark: str = "") -> str:
    """left = the derived result, as a line."""
    (printed,) = d.printed.values()
    assert printed.tree is not None
    return equations([(mathml_name(left), mathml_row(printed.tree), remark)])


def results(*lines: tuple[str, Derivation, str]) -> str:
    """Several lines of (left side, derivation, remark), aligned."""
    rows = []
    for left, d, remark in lines:
        (printed,) = d.printed.values()
        assert printed.tree is not None
        rows.append((mathml_name(left), mathml_row(printed.tree), remark))
    return equations(rows)


def written(*lines: tuple[str, str, str]) -> str:
    """Lines of (left side, right side as text of the notation, remark), aligned."""
    return equations([(mathml_name(a), mathml_row(parse(b)), c) for a, b, c in lines])


def lines_of(bp: NetworkDerivation, section: str, *lefts: str) -> list[Entry]:
    """The lines of a section, its title beginning with `section`, with these left sides."""
    (part,) = [part for part in bp.sections if part.title.startswith(section)]
    found = [entry for entry in part.entries if not lefts or left_side(entry.line) in lefts]
    assert found, (section, lefts, [left_side(entry.line) for entry in part.entries])
    return found


def shown_lines(entries: Sequence[Entry]) -> str:
    """Lines of a derivation as MathML."""
    return entry_lines(entries)


def text_of(entry: Entry) -> str:
    """A line of a derivation as plain text, with its last form."""
    return f"{left_side(entry.line)} = {unicode_text(entry.line.tree)}"


def left_side(line: Line) -> str:
    """What stands left of the equals sign, as plain text."""
    return unicode_name(line.left)


def number(value: float) -> str:
    """A number with four significant digits; what is rounding beside 1 is 0."""
    if not np.isfinite(value):
        return "∞" if value > 0 else "−∞"
    return "0" if abs(value) < 1e-14 else f"{value:.4g}".replace("-", "−")


def values(array: object) -> str:
    """A number, or an array as a matrix; a large one by its shape and largest entry."""
    found = np.asarray(array, dtype=float)
    if found.ndim == 0:
        return math_element(f"<mn>{number(float(found))}</mn>")
    if found.ndim > 2 or max(found.shape) > SHOWN:
        shape = " × ".join(map(str, found.shape))
        return f"{shape}, largest entry {number(float(np.max(np.abs(found))))}"
    rows = found[:, None] if found.ndim == 1 else found
    cells = "".join(
        f"<mtr>{''.join(f'<mtd><mn>{number(float(v))}</mn></mtd>' for v in row)}</mtr>"
        for row in rows
    )
    return math_element(f"<mrow><mo>[</mo><mtable>{cells}</mtable><mo>]</mo></mrow>")
