"""Lengths of the axes of points at which nodes are evaluated: small and unequal."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

from gradwright.core.nodes import (
    Add,
    Function,
    Node,
    Operation,
    Power,
    Product,
    Select,
    Size,
    SizeOf,
    Unit,
    Variable,
    bare_sizes,
)
from gradwright.core.sizes import Lengths, is_compound, minus, names_in, plus, times

#: Lengths at evaluation points count up from here: unequal, so that a wrong size shows.
SMALLEST = 2

#: Choices of lengths that are tried where some are not to be longer than others.
SIZE_TRIES = 300

#: Sizes above this are tried as smaller ones first.
LARGE = 12

#: Nodes that treat all places of an axis alike.
ANY_LENGTH = (Variable, SizeOf, Product, Add, Power, Function, Operation)

#: How much longer axes are made where the shortest leave no point.
LONGER = (4, 16)


def large_sizes(parts: Sequence[Node]) -> frozenset[int]:
    """Sizes that are large numbers, where shorter axes show the same as long ones.

    A sum over such an axis that became a number shows when two other lengths are tried: it cannot
    be both. Where nodes choose places of an axis its length matters, and nothing is found.
    """
    if not all(isinstance(part, ANY_LENGTH) for part in parts):
        return frozenset()
    return frozenset(s for part in parts for s in part.axes if isinstance(s, int) and s > LARGE)


def point_sizes(parts: Iterable[Node], large: frozenset[int] = frozenset()) -> tuple[Lengths, ...]:
    """Small unequal lengths for the named and the `large` sizes, in rising and in falling order.

    X'X is invertible only where X has at least as many rows as columns, so one order may have no
    point at all.
    """
    names: set[str] = set()
    ordered: list[tuple[Size, Size]] = []
    for part in parts:
        names |= names_in(part.axes) | bare_sizes(part)
        ordered += [(1, axis) for axis in part.axes if is_compound(axis)]
        if isinstance(part, Unit):
            ordered += [(1, part.place), (part.place, part.axes[0])]
        if isinstance(part, Select):
            *split, whole = part.axes
            steps = (times(k, minus(n, 1)) for k, n in zip(part.steps, split, strict=True))
            ordered += [(0, part.start), (plus(part.start, 1, *steps), whole)]
    found: list[Lengths] = []
    for k, order in enumerate((sorted(names), sorted(names, reverse=True))):
        lengths = unequal_sizes(order, ordered)
        if lengths is not None:
            first = SMALLEST + len(names) + k
            others: dict[Any, int] = {size: first + j for j, size in enumerate(sorted(large))}
            found.append(Lengths({**lengths, **others}))
    return tuple(found)


def unequal_sizes(
    names: Sequence[str], ordered: Sequence[tuple[Size, Size]] = ()
) -> Lengths | None:
    """Different small lengths, the smallest first if that keeps to `ordered`.

    Each of `ordered` is two sizes of which the first is not the larger one. None where no such
    lengths are found.
    """
    draw = random.Random(0)
    longest = SMALLEST + len(names)
    choice: Sequence[int] = range(SMALLEST, longest)
    for attempt in range(SIZE_TRIES):
        lengths = Lengths(zip(names, choice, strict=True))
        if all(lengths.length(one) <= lengths.length(other) for one, other in ordered):
            return lengths
        choice = draw.sample(range(SMALLEST, longest + 1 + attempt // 20), len(names))
    return None


def longer(parts: Iterable[Node], choices: Iterable[Lengths]) -> tuple[Lengths, ...]:
    """The same lengths, all of them longer by as much; none where places of an axis are chosen."""
    if not all(isinstance(part, ANY_LENGTH) for part in parts):
        return ()
    return tuple(
        Lengths({size: length + more for size, length in lengths.items()})
        for lengths in choices
        for more in LONGER
    )
