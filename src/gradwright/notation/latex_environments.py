r"""Environments of LaTeX: lines under each other, cases, block matrices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from gradwright.notation.latex_scripts import Parts, joined
from gradwright.notation.latex_tokens import LatexToken, TokenReader

#: Environments that set lines under each other.
LINES = ("aligned", "align", "equation", "gather", "gathered", "split")
#: Environments of matrices; what they hold are blocks, which may be numbers.
MATRICES = ("matrix", "bmatrix", "pmatrix", "smallmatrix")


class EnvironmentReader(TokenReader, ABC):
    """A reader of environments, given how a sequence is read."""

    @abstractmethod
    def sequence(self, ends: Sequence[str]) -> Parts:
        """Everything up to one of the `ends`, which is left to be read; "" is the end."""

    def environment(self, token: LatexToken) -> Parts:
        """Cases, block matrices, and environments that set lines under each other."""
        name = self.raw_group()
        if name == "cases":
            return self.cases(token)
        if name in MATRICES:
            return self.matrix(token)
        if name.rstrip("*") not in LINES:
            clash = f"the environment {name} has no meaning here"
            raise self.error(token, clash, r"write a matrix as \begin{bmatrix} A & B \end{bmatrix}")
        parts = self.sequence((r"\end",))
        self.next()
        self.raw_group()
        return parts

    def rows(self) -> list[list[Parts]]:
        r"""Cells with `&` between them, in rows with `\\` between them, up to the end."""
        found: list[list[Parts]] = []
        while True:
            cells = [self.sequence(("&", "\\\\", r"\end"))]
            while self.peek().text == "&":
                self.next()
                cells.append(self.sequence(("&", "\\\\", r"\end")))
            if len(cells) > 1 or joined(cells[0]).strip():
                found.append(cells)
            if self.next().text == r"\end":
                self.raw_group()
                return found
            if self.peek().text == "[":
                # The distance to the next row, as in \\[2pt].
                while self.next().text not in ("]", ""):
                    pass

    def cases(self, token: LatexToken) -> Parts:
        """`{value, condition; …}`."""
        shown = (
            ", ".join(joined(cell).strip().rstrip(",") for cell in cells) for cells in self.rows()
        )
        return [("{" + "; ".join(shown) + "}", token.span)]

    def matrix(self, token: LatexToken) -> Parts:
        """`[A, B; C, D]`, in parentheses that part it from what stands before it."""
        rows = self.rows()
        if sum(map(len, rows)) < 2:
            clash = f"the matrix has {sum(map(len, rows))} parts, and a block matrix has several"
            raise self.error(token, clash, r"write \begin{bmatrix} A & B \end{bmatrix}")
        parts: Parts = [(" ([", token.span)]
        for place, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if place or column:
                    parts.append((", " if column else "; ", token.span))
                parts += cell
        return [*parts, ("])", token.span)]
