"""Lowering of index notation, which is what the core is made of.

A value with free indices is a node with one axis for each of them. Operations on such values act
on each entry by itself, so they are those on columns of equal length.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Size
from gradwright.notation.lowered import Lowered
from gradwright.notation.places import Written, joined
from gradwright.notation.ranges import Place, Range
from gradwright.notation.tree import (
    Binary,
    Entry,
    Equation,
    Identity,
    IndexArray,
    IndexSum,
    Tree,
)

#: The nodes of a tree that are lowered here.
INDEXED = (Entry, IndexSum, IndexArray, Identity, Equation)


def lowered_indices(
    graph: Graph,
    tree: Entry | IndexSum | IndexArray | Identity | Equation,
    parts: Sequence[Lowered],
    size: Size | None,
) -> Lowered:
    """The value of a node of index notation; `size` is that of the indices of an identity."""
    match tree:
        case Entry(_, indices):
            _, places = joined(tree) or (None, indices)
            return _taken(graph, parts[0].node, tuple(range(parts[0].node.order)), places)
        case Identity((int(one), int(other))):
            return Lowered(graph.number(int(one == other)), 0)
        case Identity(indices):
            assert size is not None
            return _taken(graph, graph.identity((size,)), (0, 1), indices)
        case IndexSum(indices, _):
            held = parts[0].free
            free = tuple(index for index in held if index not in indices)
            return Lowered(_at(graph, parts[0], free), 0, free)
        case IndexArray(indices, _):
            return Lowered(_at(graph, parts[0], indices), 1)
        case Equation(left, _):
            if not left.indices:
                return parts[0]
            return Lowered(_at(graph, parts[0], left.indices), 1)


def _taken(graph: Graph, node: Node, axes: tuple[int, ...], indices: Written) -> Lowered:
    """The entries of a node at indices; a number picks one, an index twice takes a diagonal."""
    label: dict[str, int] = {}
    factors: list[tuple[Node, tuple[int, ...]]] = []
    labels = []
    for axis, index in zip(axes, indices, strict=True):
        if isinstance(index, str):
            labels.append(label.setdefault(index, len(label)))
        else:
            place = index.size if isinstance(index, Place) else index
            assert not isinstance(place, Range)
            labels.append(-1 - axis)
            factors.append((graph.unit(place, node.axes[axis]), (-1 - axis,)))
    free = tuple(label)
    return Lowered(graph.product([(node, labels), *factors], range(len(free))), 0, free)


def _at(graph: Graph, value: Lowered, indices: Sequence[str]) -> Node:
    """A value with its axes in the order of `indices`, summed over all others."""
    place = {index: axis for axis, index in enumerate(value.free)}
    labels = range(value.node.order)
    return graph.product([(value.node, labels)], [place[index] for index in indices])


def aligned(graph: Graph, parts: Sequence[Lowered]) -> tuple[tuple[str, ...], list[Lowered]]:
    """Values as columns whose rows are all their free indices together; scalars stay scalars."""
    sizes: dict[str, Size] = {}
    for part in parts:
        if part.free:
            sizes.update(zip(part.free, part.node.axes, strict=True))
    names = tuple(sizes)
    axes = tuple(sizes.values())
    columns = []
    for part in parts:
        node = part.node
        if part.free and part.free != names:
            places = [names.index(index) for index in part.free]
            node = graph.broadcast(node, places, axes)
        columns.append(Lowered(node, node.order))
    return names, columns


def each_entry(
    graph: Graph, tree: Tree, parts: Sequence[Lowered]
) -> tuple[Tree, Sequence[Lowered]]:
    """An operation on scalars as one that acts on each entry; to divide is to multiply."""
    match tree:
        case Binary("/" | "./", left, right, span):
            inverse = Lowered(graph.power(parts[1].node, -1), 0, parts[1].free)
            return Binary(".*", left, right, span), (parts[0], inverse)
        case Binary("*" | "^" as operator, left, right, span):
            return Binary(f".{operator}", left, right, span), parts
        case _:
            return tree, parts
