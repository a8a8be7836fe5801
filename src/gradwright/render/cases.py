"""A value given by cases: on one line, as a LaTeX `cases` environment, as a MathML table."""

from __future__ import annotations

from msgspec import Struct

from gradwright.notation.tree import Tree
from gradwright.render.latex import latex
from gradwright.render.mathml import mathml_row
from gradwright.render.unicode import unicode_text

ENTRYWISE = "entry by entry"

_LATEX = {"<": "<", "≤": r"\le", "=": "=", "≥": r"\ge", ">": ">"}
_OPPOSITE = {"<": ">", ">": "<"}


class Comparison(Struct, frozen=True):
    """`left relation right`; the relation is one of < ≤ = ≥ >."""

    left: Tree
    relation: str
    right: Tree

    def text(self) -> str:
        """On one line."""
        return f"{unicode_text(self.left)} {self.relation} {unicode_text(self.right)}"

    def latex(self) -> str:
        """As LaTeX mathematics."""
        return f"{latex(self.left)} {_LATEX[self.relation]} {latex(self.right)}"

    def mathml(self) -> str:
        """As a row of MathML."""
        sign = self.relation.replace("<", "&lt;").replace(">", "&gt;")
        return f"{mathml_row(self.left)}<mo>{sign}</mo>{mathml_row(self.right)}"

    def opposite(self) -> Comparison:
        """The other side of a strict comparison."""
        return Comparison(self.left, _OPPOSITE[self.relation], self.right)


class Cases(Struct, frozen=True):
    """Values and when they hold.

    With `given` the cases hold under that comparison, and the values below and above change
    places where its opposite holds. `entrywise` says that both sides are vectors or matrices that
    are compared entry by entry.
    """

    cases: tuple[tuple[Tree, Comparison], ...]
    given: Comparison | None = None
    entrywise: bool = False

    def text(self, left: str) -> str:
        """On one line: `left: value if condition, …`."""
        parts = (f"{unicode_text(value)} if {when.text()}" for value, when in self.cases)
        line = f"{left}: {', '.join(parts)}"
        if self.entrywise:
            line = f"{line}, {ENTRYWISE}"
        if self.given is None:
            return line
        swapped = self.given.opposite().text()
        return f"{line}  (for {self.given.text()}; for {swapped} the cases swap)"

    def latex(self, left: str) -> str:
        r"""As LaTeX mathematics that needs amsmath, with a `cases` environment."""
        rows = r" \\ ".join(
            rf"{latex(value)} & \text{{if }} {when.latex()}" for value, when in self.cases
        )
        line = rf"{left} = \begin{{cases}} {rows} \end{{cases}}"
        if self.entrywise:
            line += rf" \quad \text{{{ENTRYWISE}}}"
        if self.given is None:
            return line
        swapped = self.given.opposite().latex()
        return (
            rf"{line} \quad \text{{for }} {self.given.latex()} \text{{; for }} {swapped} "
            r"\text{ the cases swap}"
        )

    def mathml(self) -> tuple[str, str]:
        """The right side as a row of MathML, and the remark beside it as text."""
        rows = "".join(
            f"<mtr><mtd>{mathml_row(value)}</mtd>"
            f"<mtd><mrow><mtext>if&#xa0;</mtext>{when.mathml()}</mrow></mtd></mtr>"
            for value, when in self.cases
        )
        table = f'<mrow><mo>{{</mo><mtable columnalign="left">{rows}</mtable></mrow>'
        remarks = [ENTRYWISE] if self.entrywise else []
        if self.given is not None:
            swapped = self.given.opposite().text()
            remarks.append(f"for {self.given.text()}; for {swapped} the cases swap")
        return table, ", ".join(remarks)

    def to_dict(self) -> dict[str, object]:
        """As plain values, in the form of `text`."""
        return {
            "cases": [
                {"value": unicode_text(value), "if": when.text()} for value, when in self.cases
            ],
            "given": None if self.given is None else self.given.text(),
            "entrywise": self.entrywise,
        }
