"""Kernels that move entries, as loops of C: parts, concatenations, places, other axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from gradwright.core.nodes import Size
from gradwright.core.sizes import minus, plus, size_text
from gradwright.emit.c.memory import SAMPLES, Memory, entry, extent, length
from gradwright.program.ir import (
    Concatenate,
    Cut,
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

#: The indices of loops.
INDICES = "ijkl"


def moved(
    statement: Statement, axes: Mapping[str, Axes], array: Callable[[str], str], memory: Memory
) -> list[str] | None:
    """The loops of a kernel that moves entries; None for any other kernel."""
    target, kernel = statement.targets[0], statement.kernel
    given = [o.name for o in statement.operands if isinstance(o, Ref)]
    into = _Array(array(target), axes[target], memory)
    sources = [_Array(array(name), axes[name], memory) for name in given]
    zeros = f"memset({into.text}, 0, (size_t)({length(into.axes)}) * sizeof(real));"
    match kernel:
        case Concatenate(axis):
            lines: list[str] = []
            start: Size = 0
            for source in sources:
                lines += source.loops(into.at(_shifted(source.axes, axis, start)), source.at())
                start = plus(start, source.axes[axis])
            return lines
        case Cut(axis, start, _):
            return into.loops(into.at(), sources[0].at(_shifted(into.axes, axis, start)))
        case Pad(axis, start, _):
            (source,) = sources
            return [zeros, *source.loops(into.at(_shifted(source.axes, axis, start)), source.at())]
        case Pick(axis, place):
            return into.loops(into.at(), sources[0].at(_inserted(into.axes, axis, place)))
        case Place(axis, place, _):
            (source,) = sources
            return [zeros, *source.loops(into.at(_inserted(source.axes, axis, place)), source.at())]
        case Take(0) if len(sources[1].axes) == 1:
            table, chosen = sources
            code = f"{chosen.text}[i]"
            row = table.at([f"(long)({code} < 0 ? 0 : {code})", *INDICES[1 : len(into.axes)]])
            return into.loops(into.at(), f"{code} < 0 ? NAN : {row}")
        case Put() if len(sources[1].axes) == 1:
            source, chosen = sources
            code = f"{chosen.text}[i]"
            row = into.at([f"(long)({code} < 0 ? 0 : {code})", *INDICES[1 : len(source.axes)]])
            return [zeros, *source.loops(row, f"{row} + {source.at()}")]
        case Spread(labels, ()) if len(set(labels)) == len(labels) and not sources:
            # Such as the derivative by an input that nothing depends on.
            (number,) = statement.operands
            assert isinstance(number, Fraction)
            return into.loops(into.at(), repr(float(number)))
        case UnitVector(place):
            return [zeros, f"{into.text}[{_text(minus(place, 1))}] = 1;"]
        case Reshape() if _keeps_samples(into, sources[0]):
            count = f"(size_t)({length(into.axes)}) * sizeof(real)"
            return [f"memcpy({into.text}, {sources[0].text}, {count});"]
    return None


class _Array:
    """An array, and loops over its entries in the order of memory."""

    def __init__(self, text: str, axes: Axes, memory: Memory) -> None:
        self.text = text
        self.axes = axes
        self.memory = memory

    def at(self, indices: Sequence[str] | None = None) -> str:
        """An entry; without indices that of the loops."""
        return entry(self.text, self.axes, indices or INDICES[: len(self.axes)], self.memory)

    def loops(self, target: str, value: str) -> list[str]:
        """`target = value` for every entry of this array."""
        lines: list[str] = []
        for depth, axis in enumerate(self.memory.order(self.axes)):
            index = INDICES[axis]
            over = f"for (long {index} = 0; {index} < {extent(self.axes[axis])}; ++{index})"
            lines.append("    " * depth + over)
        return [*lines, f"{'    ' * len(self.axes)}{target} = {value};"]


def _text(size: Size) -> str:
    return size_text(size, str) if isinstance(size, str) else str(size)


def _shifted(axes: Axes, axis: int, start: Size) -> list[str]:
    """The indices of the loops, so much further along an axis."""
    indices = list(INDICES[: len(axes)])
    if start != 0:
        indices[axis] = f"{_text(start)} + {indices[axis]}"
    return indices


def _inserted(axes: Axes, axis: int, place: Size) -> list[str]:
    """The indices of the loops, with a place along one more axis."""
    indices = list(INDICES[: len(axes)])
    return [*indices[:axis], _text(minus(place, 1)), *indices[axis:]]


def _keeps_samples(into: _Array, source: _Array) -> bool:
    """Whether the entries keep their order in memory: the axis of samples stays the first."""
    if not into.memory.samples_innermost or SAMPLES not in (*into.axes, *source.axes):
        return True
    firsts = (into.axes[:1], source.axes[:1])
    return firsts == ((SAMPLES,), (SAMPLES,))
