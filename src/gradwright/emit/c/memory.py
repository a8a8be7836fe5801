"""How the arrays of a network lie in memory: axis by axis, or with the samples innermost.

For narrow layers a row of units does not fill vectors and a batch of samples does. Then every array
with an axis of samples is stored with that axis innermost, whatever the layout of the notation:
the entries of one unit lie behind each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from gradwright.core.nodes import Size
from gradwright.core.sizes import is_compound, size_text
from gradwright.ops.record import Structured
from gradwright.ops.table import OPERATIONS
from gradwright.program.ir import Apply, Function, Kernel, Ref, SoftmaxLogSumExp

#: The axis of samples in functions of a layer, and the size of a batch.
SAMPLES = "n"

#: Up to this width of the widest layer samples lie innermost: measured, see docs/performance.md.
NARROW = 32


class Memory(Struct, frozen=True):
    """The order of an array's axes in memory: that of the layout, or samples first or last."""

    samples_innermost: bool = False
    samples_outermost: bool = False

    @classmethod
    def chosen(cls, functions: Iterable[Function], widths: Sequence[int]) -> Memory:
        """What suits a network with these functions and so many units in its layers."""
        return cls(max(widths) <= NARROW and all(map(_has_plain_rows, functions)))

    def order(self, axes: Sequence[Size]) -> tuple[int, ...]:
        """The places of the axes, outermost first."""
        places = range(len(axes))
        if self.samples_innermost:
            return tuple(sorted(places, key=lambda place: axes[place] == SAMPLES))
        if self.samples_outermost:
            return tuple(sorted(places, key=lambda place: axes[place] != SAMPLES))
        return tuple(places)

    def is_turned(self, axes: Sequence[Size]) -> bool:
        """Whether a matrix lies transposed."""
        return self.order(axes) == (1, 0)


ROWS = Memory()


def extent(size: Size) -> str:
    """The length of an axis, as an expression that may be a factor."""
    return f"({size_text(size, str)})" if is_compound(size) else str(size)


def length(axes: Sequence[Size]) -> str:
    """The number of entries, as an expression."""
    return " * ".join(extent(size) for size in axes if size != 1) or "1"


def entry(array: str, axes: Sequence[Size], indices: Sequence[str], memory: Memory) -> str:
    """An entry of an array, at an index for each axis."""
    place, is_factor = "", False
    for axis in memory.order(axes):
        if axes[axis] == 1:
            # Its one entry, also where it is repeated along other loops.
            continue
        index = indices[axis]
        if not place:
            place, is_factor = index, " " not in index
            continue
        before = place if is_factor else f"({place})"
        place, is_factor = f"{before} * {extent(axes[axis])} + {index}", False
    return f"{array}[{place or '0'}]"


def _has_plain_rows(function: Function) -> bool:
    """Whether what is an operation on rows has no array of more axes than two."""
    return all(
        len(function.axes[operand.name]) <= 2
        for statement in function.statements
        for operand in statement.operands
        if isinstance(operand, Ref) and _is_on_rows(statement.kernel)
    )


def _is_on_rows(kernel: Kernel) -> bool:
    if isinstance(kernel, Apply):
        return isinstance(OPERATIONS.get(kernel.operation), Structured)
    return isinstance(kernel, SoftmaxLogSumExp)
