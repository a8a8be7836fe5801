"""What lowering makes of a tree."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gradwright.core.nodes import Node, Product, Size
from gradwright.notation.tree import Tree


@dataclass(frozen=True, slots=True)
class Lowered:
    """A node and how many of its leading axes are rows.

    With `free` indices, each axis is one of them and none is a row.
    """

    node: Node
    rows: int
    free: tuple[str, ...] = ()

    @property
    def row_axes(self) -> tuple[Size, ...]:
        """The sizes of the row axes."""
        return self.node.axes[: self.rows]

    @property
    def column_axes(self) -> tuple[Size, ...]:
        """The sizes of the column axes."""
        return self.node.axes[self.rows :]

    @property
    def is_scalar(self) -> bool:
        """Whether there is no axis at all."""
        return not self.node.axes


@dataclass(frozen=True, slots=True)
class Lowering:
    """The value of a whole tree, and what the user said for each node on the way."""

    value: Lowered
    said: dict[Node, tuple[Tree, int]]


def number_value(node: Node) -> Fraction | None:
    """The rational that a scalar constant node stands for, else None."""
    if isinstance(node, Product) and node.is_number:
        return node.coefficient
    return None
