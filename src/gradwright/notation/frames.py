"""What the parser holds while it reads: values, pending operators, open brackets."""

from __future__ import annotations

from fractions import Fraction

from msgspec import Struct

from gradwright.errors import Span
from gradwright.notation.lexer import Token
from gradwright.notation.tree import Tree

#: How tightly operators bind. A sign Σ takes the rest of its product.
SUMMATION, NEGATION, POWER = 2, 4, 5
LEVEL = {
    "+": 1,
    "-": 1,
    "*": 3,
    "/": 3,
    ".*": 3,
    "./": 3,
    "⊗": 3,
    "^": POWER,
    ".^": POWER,
}


class Value(Struct, frozen=True):
    """A tree and its extent, parentheses included."""

    tree: Tree
    span: Span


class Operator(Struct, frozen=True):
    """An operator that waits for its right side; `bound` are the indices of a sign Σ."""

    sign: str
    level: int
    span: Span
    bound: tuple[str, ...] = ()

    @property
    def is_prefix(self) -> bool:
        """Whether it has no left side."""
        return self.level in (SUMMATION, NEGATION)


class Frame(Struct):
    """An open bracket, or the whole text: what has been read since.

    `bound` are the indices of a sum `sum[i,j](`; `rows` and `columns` count the parts of a block
    matrix that are read.
    """

    opener: Token | None = None
    function: Token | None = None
    bound: tuple[str, ...] = ()
    values: list[Value] = []
    operators: list[Operator] = []
    arguments: list[Tree] = []
    options: dict[str, Fraction] = {}
    rows: int = 0
    columns: int = 0

    @property
    def is_norm(self) -> bool:
        """Whether a norm is open."""
        return self.opener is not None and self.opener.kind == "‖"

    @property
    def is_block(self) -> bool:
        """Whether a block matrix is open."""
        return self.opener is not None and self.opener.kind == "["

    @property
    def pending_power(self) -> bool:
        """Whether the last value is the exponent of a `^` that is still open."""
        for operator in reversed(self.operators):
            if operator.level != NEGATION:
                return operator.level == POWER
        return False
