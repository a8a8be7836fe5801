"""What lowering makes of a tree."""

from __future__ import annotations

from fractions import Fraction

from msgspec import Struct

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Product, Size
from gradwright.notation.tree import Tree


class Lowered(Struct, frozen=True):
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


class Lowering(Struct, frozen=True):
    """The value of a whole tree, and what the user said for each node on the way.

    `parts` has every node that the text asks for, inner ones first, and the part of the text that
    asks for it: also what a product or a sum has merged, and of a division what it multiplies by.
    """

    value: Lowered
    said: dict[Node, tuple[Tree, int]]
    parts: dict[Node, Tree]


def number_value(node: Node) -> Fraction | None:
    """The rational that a scalar constant node stands for, else None."""
    if isinstance(node, Product) and node.is_number:
        return node.coefficient
    return None


def turned(graph: Graph, value: Lowered) -> Lowered:
    """The transpose: its rows are the columns."""
    order = value.node.order
    axes = (*range(value.rows, order), *range(value.rows))
    return Lowered(graph.permute(value.node, axes), order - value.rows)


def spread(graph: Graph, one: Lowered, other: Lowered) -> tuple[Lowered, Lowered]:
    """Both values with the axes of their common shape, by kind and never by size."""
    return _spread_to(graph, one, other), _spread_to(graph, other, one)


def _spread_to(graph: Graph, value: Lowered, like: Lowered) -> Lowered:
    rows = like.row_axes or value.row_axes
    columns = like.column_axes or value.column_axes
    return spread_over(graph, value, rows, columns)


def spread_over(
    graph: Graph, value: Lowered, rows: tuple[Size, ...], columns: tuple[Size, ...]
) -> Lowered:
    """A value repeated over the rows and columns that it does not have."""
    axes = (*rows, *columns)
    if value.node.axes == axes:
        return value
    places = (
        *range(len(value.row_axes)),
        *range(len(rows), len(rows) + len(value.column_axes)),
    )
    return Lowered(graph.broadcast(value.node, places, axes), len(rows))
