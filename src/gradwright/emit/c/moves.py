"""Kernels that move entries, as loops of C: parts, concatenations, places, other axes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction

from msgspec import Struct

from gradwright.core.nodes import Size
from gradwright.core.sizes import minus, plus, size_text
from gradwright.emit.c.entries import number
from gradwright.emit.c.memory import SAMPLES, Memory, entry, extent, length
from gradwright.program.ir import (
    AddTied,
    Concatenate,
    Cut,
    Indicator,
    Length,
    OneHotRows,
    Operand,
    Pad,
    Pick,
    Place,
    Put,
    Ref,
    Reshape,
    Spread,
    Statement,
    Take,
    UnitVector,
)

Axes = tuple[Size, ...]


class Places(Struct, frozen=True):
    """Where values lie: their axes, their arrays, in which order, and the indices of loops."""

    axes: Mapping[str, Axes]
    array: Callable[[str], str]
    memory: Memory
    indices: Sequence[str]

    def of(self, name: str) -> Array:
        """The array of a value."""
        return Array(self.array(name), self.axes[name], self)

    def laid(self, operand: Operand, indices: Sequence[str]) -> str:
        """An entry of an operand, at an index for each axis of the result that it is laid over."""
        match operand:
            case Fraction():
                return number(operand)
            case Length(size):
                return f"(real){extent(size)}"
            case Ref(name, alignment):
                laid = range(len(indices)) if alignment is None else alignment
                own = range(len(self.axes[name]))
                return self.of(name).at([indices[laid.index(axis)] for axis in own])

    def tied(self, labels: Sequence[int], held: Iterable[int]) -> list[str]:
        """The index of the loop along each label: one for all axes that it ties."""
        distinct = list(dict.fromkeys(labels))
        return [self.indices[distinct.index(label)] for label in held]


class Array(Struct, frozen=True):
    """An array, and loops over its entries in the order of memory. A number is its own entry."""

    text: str
    axes: Axes
    places: Places

    @property
    def indices(self) -> list[str]:
        """An index for each axis."""
        return list(self.places.indices[: len(self.axes)])

    @property
    def zeros(self) -> str:
        """The line that fills it with zeros."""
        return f"memset({self.text}, 0, (size_t)({length(self.axes)}) * sizeof(real));"

    def at(self, indices: Sequence[str] | None = None) -> str:
        """An entry; without indices that of the loops."""
        if not self.axes:
            return self.text
        return entry(self.text, self.axes, indices or self.indices, self.places.memory)

    def shifted(self, axis: int, start: Size) -> list[str]:
        """The indices of the loops, so much further along an axis."""
        indices = self.indices
        if start != 0:
            indices[axis] = f"{_text(start)} + {indices[axis]}"
        return indices

    def inserted(self, axis: int, place: Size) -> list[str]:
        """The indices of the loops, with a place along one more axis."""
        return [*self.indices[:axis], _text(minus(place, 1)), *self.indices[axis:]]

    def loops(self, target: str, value: str) -> list[str]:
        """`target = value` for every entry of this array."""
        order = self.places.memory.order(self.axes)
        along = [(self.indices[axis], self.axes[axis]) for axis in order]
        return _nest(along, f"{target} = {value};")


def moved(statement: Statement, places: Places) -> list[str] | None:
    """The loops of a kernel that moves entries; None for any other kernel."""
    kernel = statement.kernel
    into = places.of(statement.targets[0])
    sources = [places.of(o.name) for o in statement.operands if isinstance(o, Ref)]
    match kernel:
        case Concatenate(axis):
            lines: list[str] = []
            start: Size = 0
            for source in sources:
                lines += source.loops(into.at(source.shifted(axis, start)), source.at())
                start = plus(start, source.axes[axis])
            return lines
        case Cut(axis, start, _):
            return into.loops(into.at(), sources[0].at(into.shifted(axis, start)))
        case Pad(axis, start, _):
            (source,) = sources
            return [into.zeros, *source.loops(into.at(source.shifted(axis, start)), source.at())]
        case Pick(axis, place):
            return into.loops(into.at(), sources[0].at(into.inserted(axis, place)))
        case Place(axis, place, _):
            (source,) = sources
            return [into.zeros, *source.loops(into.at(source.inserted(axis, place)), source.at())]
        case Take() | Put() | OneHotRows():
            return _chosen(statement, into, sources)
        case Spread(labels, held):
            (operand,) = statement.operands
            cleared = [into.zeros] if len(set(labels)) < len(labels) else []
            value = places.laid(operand, places.tied(labels, held))
            return [*cleared, *_spread(into, labels, f"= {value}")]
        case AddTied(labels, held):
            total, added = statement.operands
            copied = into.loops(into.at(), places.laid(total, into.indices))
            value = places.laid(added, places.tied(labels, held))
            return [*copied, *_spread(into, labels, f"+= {value}")]
        case Indicator(first, steps):
            indices = places.indices[: len(steps)]
            at = " + ".join([*[_text(first)][: first != 0], *map(_step, steps, indices)])
            along = zip(indices, into.axes[:-1], strict=True)
            return [into.zeros, *_nest(along, f"{into.at([*indices, at])} = 1;")]
        case UnitVector(place):
            return [into.zeros, f"{into.text}[{_text(minus(place, 1))}] = 1;"]
        case Reshape() if _keeps_samples(into, sources[0]):
            count = f"(size_t)({length(into.axes)}) * sizeof(real)"
            return [f"memcpy({into.text}, {sources[0].text}, {count});"]
    return None


def _chosen(statement: Statement, into: Array, sources: Sequence[Array]) -> list[str]:
    """What whole numbers choose, or where they put it; a negative one chooses what is not there."""
    match statement.kernel:
        case Take(axis):
            table, chosen = sources
            behind = axis + len(chosen.axes)
            code = chosen.at(into.indices[axis:behind])
            place = f"(long)({code} < 0 ? 0 : {code})"
            row = table.at([*into.indices[:axis], place, *into.indices[behind:]])
            return into.loops(into.at(), f"{code} < 0 ? NAN : {row}")
        case Put():
            source, chosen = sources
            count = len(chosen.axes)
            code = chosen.at(source.indices[:count])
            row = into.at([f"(long)({code} < 0 ? 0 : {code})", *source.indices[count:]])
            return [into.zeros, *source.loops(row, f"{row} + {source.at()}")]
        case _:
            (chosen,) = sources
            return [
                into.zeros,
                *chosen.loops(into.at([*chosen.indices, f"(long){chosen.at()}"]), "1"),
            ]


def _spread(into: Array, labels: Sequence[int], assigned: str) -> list[str]:
    """The loops over the entries of an array whose indices are equal where labels are."""
    distinct = list(dict.fromkeys(labels))
    sizes = [into.axes[labels.index(label)] for label in distinct]
    along = zip(into.places.tied(labels, distinct), sizes, strict=True)
    return _nest(along, f"{into.at(into.places.tied(labels, labels))} {assigned};")


def _nest(along: Iterable[tuple[str, Size]], line: str) -> list[str]:
    """A line in loops, each of an index up to a size."""
    loops = [
        f"{'    ' * depth}for (long {index} = 0; {index} < {extent(size)}; ++{index})"
        for depth, (index, size) in enumerate(along)
    ]
    return [*loops, f"{'    ' * len(loops)}{line}"]


def _step(step: Size, index: str) -> str:
    return index if step == 1 else f"{extent(step)} * {index}"


def _text(size: Size) -> str:
    return size_text(size, str) if isinstance(size, str) else str(size)


def _keeps_samples(into: Array, source: Array) -> bool:
    """Whether the entries keep their order in memory: the axis of samples stays the first."""
    if not into.places.memory.samples_innermost or SAMPLES not in (*into.axes, *source.axes):
        return True
    firsts = (into.axes[:1], source.axes[:1])
    return firsts == ((SAMPLES,), (SAMPLES,))
