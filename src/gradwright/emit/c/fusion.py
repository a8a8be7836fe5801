"""Which statements share a nest of loops: those on single entries, and sums of what they make."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from gradwright.core.nodes import Size
from gradwright.emit.c.entries import is_entrywise, reduced
from gradwright.program.ir import Alignment, Einsum, Function, Permute, Ref, Statement

Axes = tuple[Size, ...]


class Loops(Struct):
    """Statements that one nest of loops over `axes` computes, and the sums that it collects.

    A sum has, for each of its own axes, the loop that runs along it.
    """

    axes: Axes
    statements: list[Statement] = []
    sums: list[tuple[Statement, Alignment]] = []

    @property
    def all(self) -> list[Statement]:
        """The statements and the sums."""
        return [*self.statements, *(statement for statement, _ in self.sums)]

    @property
    def made(self) -> set[str]:
        """The values of single entries that the loops define."""
        return {statement.targets[0] for statement in self.statements}


def grouped(function: Function, statements: Sequence[Statement]) -> list[Loops | Statement]:
    """Consecutive statements on entries in one nest of loops, others by themselves.

    A sum joins the loops that make what it sums, also where other parts stand behind them.
    """
    parts: list[Loops | Statement] = []
    for statement in statements:
        if is_entrywise(statement):
            axes = function.axes[statement.targets[0]]
            last = parts[-1] if parts else None
            if not (isinstance(last, Loops) and _joins(last, statement, axes)):
                last = Loops(axes)
                parts.append(last)
            last.statements.append(statement)
            continue
        sum_of = reduced(statement, function)
        if sum_of is None:
            parts.append(statement)
            continue
        axes, alignment = sum_of
        reads = {o.name for o in statement.operands if isinstance(o, Ref)}
        made = [x for x in parts if isinstance(x, Loops) and reads <= x.made]
        if not (made and _joins(made[-1], statement, axes)):
            made = [Loops(axes)]
            parts += made
        made[-1].sums.append((statement, alignment))
    return parts


def without(function: Function, optional: str | None) -> tuple[list[Statement], list[Statement]]:
    """(the statements that other results than `optional` need, those that it needs alone)."""
    wanted = {o.name for o in function.outputs if isinstance(o, Ref)} - {optional}
    first: list[Statement] = []
    for statement in reversed(function.statements):
        if wanted & set(statement.targets):
            wanted |= {o.name for o in statement.operands if isinstance(o, Ref)}
            first.append(statement)
    first.reverse()
    return first, [x for x in function.statements if x not in first]


def _joins(loops: Loops, statement: Statement, axes: Axes) -> bool:
    """Whether a statement may stand in loops that are there: it reads no other entry of them."""
    if loops.axes != axes or (not axes and loops.sums):
        return False
    sums = {s.targets[0] for s, _ in loops.sums}
    reads = [o for o in statement.operands if isinstance(o, Ref)]
    if any(o.name in sums for o in reads):
        return False
    straight = [o.alignment is None for o in reads]
    match statement.kernel:
        case Permute():
            straight = [False for _ in reads]
        case Einsum(subscripts):
            listed = subscripts.split("->")[0]
            letters = "".join(dict.fromkeys(listed.replace(",", "")))
            straight = [held == letters for held in listed.split(",")]
    return all(s for s, o in zip(straight, reads, strict=True) if o.name in loops.made)


def read(part: Loops | Statement) -> list[str]:
    """The values that a part reads from memory."""
    if isinstance(part, Statement):
        return [o.name for o in part.operands if isinstance(o, Ref)]
    names = [o.name for s in part.all for o in s.operands if isinstance(o, Ref)]
    return [name for name in dict.fromkeys(names) if name not in part.made]


def targets(part: Loops | Statement) -> list[str]:
    """The values that a part makes."""
    if isinstance(part, Statement):
        return list(part.targets)
    return [x for s in part.all for x in s.targets]
