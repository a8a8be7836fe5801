"""Lowering of what moves entries: contractions with factors that choose places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Size
from gradwright.core.sizes import minus, plus, times
from gradwright.notation.blocks import BLOCKS, columns_of, is_zero
from gradwright.notation.lowered import Lowered
from gradwright.notation.places import joined
from gradwright.notation.ranges import Place, Range
from gradwright.notation.rearranging import bounds
from gradwright.notation.size_text import as_size
from gradwright.notation.tree import Call, Part


def part(graph: Graph, tree: Part, value: Lowered) -> Lowered:
    """`base[2:n,:]`: along each axis a range of it, or one place."""
    node = value.node
    labels = list(range(node.order))
    factors: list[tuple[Node, tuple[int, ...]]] = [(node, tuple(labels))]
    out = list(labels)
    _, places = joined(tree) or (None, tree.places)
    for axis, place in enumerate(places):
        size = node.axes[axis]
        if not isinstance(place, Range):
            at = place.size if isinstance(place, Place) else place
            factors.append((graph.unit(at, size), (axis,)))
            out.remove(axis)
        elif place != Range():
            first, last = bounds(place, size)
            length = plus(minus(last, first), 1)
            made = graph.select((length,), size, minus(first, 1), (1,))
            factors.append((made, (node.order + axis, axis)))
            out[out.index(axis)] = node.order + axis
    # One row of a matrix is a row, one slice of a tensor a column, a matrix or a tensor.
    is_row = value.rows == 0 or (node.order == 2 and isinstance(tree.places[0], int))
    return Lowered(graph.product(factors, out), 0 if is_row else min(1, len(out)))


def concatenated(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    """The sum of its parts, each put at its places into zeros."""
    axis = int(dict(tree.options).get("axis", 0))
    return Lowered(_behind(graph, [part.node for part in parts], axis), parts[0].rows)


def _behind(graph: Graph, nodes: Sequence[Node], axis: int) -> Node:
    """Arrays put behind each other along an axis."""
    if len(nodes) == 1:
        return nodes[0]
    whole = plus(*(node.axes[axis] for node in nodes))
    start: Size = 0
    terms = []
    for node in nodes:
        labels = tuple(range(node.order))
        chosen = graph.select((node.axes[axis],), whole, start, (1,))
        out = [node.order if label == axis else label for label in labels]
        terms.append((1, graph.product([(node, labels), (chosen, (axis, node.order))], out)))
        start = plus(start, node.axes[axis])
    return graph.add(terms, terms[0][1].axes)


def blocks(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    """`[A, B; C, D]`: the parts of a row put side by side, then the rows beneath each other."""
    columns = columns_of(tree)
    rows = len(parts) // columns
    zeros = list(map(is_zero, tree.arguments))
    known = [part for part, zero in zip(parts, zeros, strict=True) if not zero]
    tall = rows > 1 or any(part.row_axes for part in known)
    wide = columns > 1 or any(part.column_axes for part in known)
    grid = [
        [None if zeros[k] else parts[k] for k in range(row * columns, (row + 1) * columns)]
        for row in range(rows)
    ]
    heights = [_length([p.row_axes for p in row if p is not None]) for row in grid]
    widths = [
        _length([p.column_axes for p in column if p is not None])
        for column in zip(*grid, strict=True)
    ]
    beneath = []
    for row, height in zip(grid, heights, strict=True):
        beside = []
        for value, width in zip(row, widths, strict=True):
            axes = (*(height,) * tall, *(width,) * wide)
            beside.append(graph.number(0, axes) if value is None else _filled(graph, value, axes))
        beneath.append(_behind(graph, beside, int(tall)))
    return Lowered(_behind(graph, beneath, 0), int(tall))


def _length(sides: Sequence[tuple[Size, ...]]) -> Size:
    """The length that parts have in common along a side; without one it is a single place."""
    return next((axes[0] for axes in sides if axes), 1)


def _filled(graph: Graph, value: Lowered, axes: tuple[Size, ...]) -> Node:
    """A part with all axes of a block matrix, those that it lacks with a single place."""
    if value.node.order == len(axes):
        return value.node
    kept = () if not value.node.order else (0,) if value.rows else (len(axes) - 1,)
    out = tuple(range(len(axes)))
    sizes = {label: axes[label] for label in out if label not in kept}
    return graph.product([(value.node, kept)], out, sizes=sizes)


def reshaped(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    """The entries of some axes as one axis, and that as other axes.

    Axes in front and behind that stay as they are keep their labels.
    """
    (value,) = parts
    sizes = [as_size(argument) for argument in tree.arguments[1:]]
    new = tuple(size for size in sizes if size is not None)
    old = value.node.axes
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    middle, made = old[head : len(old) - tail], new[head : len(new) - tail]
    if not middle and not made:
        return Lowered(value.node, 1)
    whole = times(*middle)
    first = tuple(range(len(old)))
    second = tuple(range(len(old), len(old) + len(made)))
    flat = len(old) + len(made)
    inside = first[head : len(old) - tail]
    factors: list[tuple[Node, tuple[int, ...]]] = []
    labels, out = list(first), [*first[:head], *second, *first[len(old) - tail :]]
    if middle == (whole,):
        labels[head] = flat
    else:
        factors.append((_split(graph, middle, whole), (*inside, flat)))
    if made == (whole,):
        out[head] = flat
    else:
        factors.append((_split(graph, made, whole), (*second, flat)))
    return Lowered(graph.product([(value.node, tuple(labels)), *factors], out), 1)


def _common(one: Sequence[Size], other: Sequence[Size]) -> int:
    """How many sizes two lists have in common from their first on; not all of both."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count


def _split(graph: Graph, axes: Sequence[Size], whole: Size) -> Node:
    """One axis as several, the last of which runs fastest."""
    if not axes:
        # Of an axis of length 1 there is one place.
        return graph.unit(1, whole)
    steps = [times(*axes[k + 1 :]) for k in range(len(axes))]
    return graph.select(axes, whole, 0, steps)


#: What moves entries, by its function.
MOVED: Mapping[str, Callable[[Graph, Call, Sequence[Lowered]], Lowered]] = {
    "concat": concatenated,
    "reshape": reshaped,
    BLOCKS: blocks,
}
