"""Kernels that move entries, as source text."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.core.sizes import minus
from gradwright.emit.operands import ATOM, Names, Text, bare, shape_text
from gradwright.program.ir import (
    Concatenate,
    Cut,
    Indicator,
    OneHotRows,
    Pad,
    Pick,
    Place,
    Put,
    Reshape,
    Statement,
    Take,
)

#: Kernels that move entries.
MOVES = (Take, Put, OneHotRows, Cut, Pad, Pick, Place, Concatenate, Reshape, Indicator)


def moved(statement: Statement, parts: Sequence[Text], names: Names) -> Text:
    """What whole numbers choose, and the way back."""
    match statement.kernel:
        case Take(0):
            return Text(f"{parts[0].at(ATOM)}[{parts[1].source}]")
        case Take(axis):
            whole = ":, " * axis
            return Text(f"{parts[0].at(ATOM)}[{whole}{parts[1].source}]")
        case Cut(axis, start, stop):
            whole = ":, " * axis
            first = "" if start == 0 else bare(names.size(start))
            return Text(f"{parts[0].at(ATOM)}[{whole}{first}:{bare(names.size(stop))}]")
        case Pick(axis, place):
            return Text(f"{parts[0].at(ATOM)}[{':, ' * axis}{bare(names.size(minus(place, 1)))}]")
        case Place(axis, place, size):
            at, length = (bare(names.size(s)) for s in (minus(place, 1), size))
            given = f"{axis}, {at}, {length}, {names.like()}"
            return Text(f"placed({parts[0].source}, {given})")
        case Concatenate(axis):
            listed = ", ".join(part.source for part in parts)
            behind = f", {names.library.axis}={axis}" if axis else ""
            return Text(f"{names.library.name}.concatenate([{listed}]{behind})")
        case Pad(axis, start, size):
            places = f"{bare(names.size(start))}, {bare(names.size(size))}"
            return Text(f"padded({parts[0].source}, {axis}, {places})")
        case Reshape():
            sizes = ", ".join(bare(names.size(s)) for s in names.axes(statement.targets[0]))
            return Text(f"{parts[0].at(ATOM)}.reshape({sizes or '()'})")
        case Indicator(start, steps):
            shape = shape_text(names.axes(statement.targets[0]), names)
            strides = ", ".join(map(names.size, steps)) + ("," if len(steps) == 1 else "")
            given = f"{shape}, {bare(names.size(start))}, ({strides}), {names.like()}"
            return Text(f"indicator({given})")
        case Put(size):
            return Text(f"put({parts[0].source}, {parts[1].source}, {names.size(size)})")
        case OneHotRows():
            size = names.size(names.axes(statement.targets[0])[-1])
            return Text(f"one_hot({parts[0].source}, {size}, {names.like()})")
    raise AssertionError(statement.kernel)
