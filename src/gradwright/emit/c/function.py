"""One function of a program as a C function: fused loops, and calls of matrix products."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from gradwright.core.nodes import Size
from gradwright.core.sizes import names_in
from gradwright.emit.buffered import plain_name
from gradwright.emit.c.calls import call
from gradwright.emit.c.dialect import VECTORS, Dialect
from gradwright.emit.c.entries import as_sum, entry_expression, number
from gradwright.emit.c.fusion import Loops, grouped, read, targets, without
from gradwright.emit.c.memory import ROWS, Memory, entry, extent, length
from gradwright.program.ir import (
    Alignment,
    Function,
    Length,
    Operand,
    Permute,
    Ref,
    Statement,
)

Axes = tuple[Size, ...]


class CFunction(Struct, frozen=True):
    """The text of a function and the arrays that it needs beside its parameters."""

    text: str
    scratch: tuple[Axes, ...]


class FunctionPrinter:
    """Prints one function.

    `given` are the values whose arrays are parameters, `spent` inputs that may be written over.
    The array `optional` may be NULL; then the function ends before what makes it. `memory` is the
    order of the axes of every array, `dialect` how loops are written, and `formulas` are what is
    computed, as a comment. Given `sizes` it is a function that users of its module call: it
    takes those sizes, and numbers by value.
    """

    def __init__(
        self,
        function: Function,
        given: Sequence[str],
        spent: Sequence[str] = (),
        optional: str | None = None,
        memory: Memory = ROWS,
        dialect: Dialect = VECTORS,
        formulas: Sequence[str] = (),
        sizes: Sequence[str] | None = None,
    ) -> None:
        statements = tuple(as_sum(x, function.axes) for x in function.statements)
        self.function = function = replace(function, statements=statements)
        self.memory = memory
        self.dialect = dialect
        self.formulas = formulas
        self.public = sizes is not None
        self.sizes = sizes_of(function) if sizes is None else sizes
        self.given = tuple(given)
        self.spent = spent
        self.optional = optional
        always, rest = without(function, optional)
        self.always = grouped(function, always)
        self.parts = [*self.always, *grouped(function, rest)]
        self.stored = self._stored()
        self.arrays = self._placed()

    def _stored(self) -> set[str]:
        """The values that need an array: results, and what another part reads."""
        found = set(self.given)
        for part in self.parts:
            entries = part.made if isinstance(part, Loops) else set()
            found |= set(read(part)) | set(targets(part)) - entries
        return {name for name in found if self.function.axes[name]}

    def _placed(self) -> dict[str, str]:
        """The array of each stored value: its own, or that of an operand read for the last time."""
        reads: dict[str, int] = {}
        for place, part in enumerate(self.parts):
            for name in read(part):
                reads[name] = place
        placed = {name: name for name in self.function.inputs}
        for place, part in enumerate(self.parts):
            for target in targets(part):
                if target not in self.stored:
                    continue
                placed[target] = target
                if isinstance(part, Loops) and target in part.made and target not in self.given:
                    free = [x for x in read(part) if self._may_take(x, target, part, reads, place)]
                    if free:
                        placed[target] = placed[free[0]]
                        reads[free[0]] = len(self.parts)
        return self._backwards(placed, reads)

    def _backwards(self, placed: dict[str, str], reads: dict[str, int]) -> dict[str, str]:
        """A product that is made for loops which write a given array goes into that array."""
        for place, part in enumerate(self.parts):
            if not isinstance(part, Loops):
                continue
            for target in part.made & set(self.given) & self.stored:
                inside = [x for x in read(part) if self._may_take(x, target, part, reads, place)]
                ours = [x for x in inside if x not in self.function.inputs]
                if ours and placed[ours[0]] == ours[0]:
                    placed = {k: target if v == ours[0] else v for k, v in placed.items()}
                    break
        return placed

    def _may_take(
        self, name: str, target: str, part: Loops, reads: dict[str, int], place: int
    ) -> bool:
        axes = self.function.axes
        if axes[name] != axes[target] or reads[name] != place or name in self.given:
            return False
        if name in self.function.inputs and name not in self.spent:
            return False
        uses = [o for s in part.statements for o in s.operands if isinstance(o, Ref)]
        made = next(k for k, s in enumerate(part.all) if target in s.targets)
        behind = [o for s in part.all[made + 1 :] for o in s.operands if isinstance(o, Ref)]
        if any(o.name == name for o in behind):
            # What makes the target would write over what is still to be read.
            return False
        turned = any(isinstance(s.kernel, Permute) for s in part.statements)
        return not turned and all(o.alignment is None for o in uses if o.name == name)

    # Text ---------------------------------------------------------------------------------------

    def printed(self) -> CFunction:
        """The whole function."""
        scratch = [x for x in self.arrays.values() if x not in (*self.function.inputs, *self.given)]
        scratch = [x for x in dict.fromkeys(scratch) if self.function.axes[x]]
        lines = []
        for part in self.always:
            lines += self._part(part)
        outputs = [o.name for o in self.function.outputs if isinstance(o, Ref)]
        scalars = [name for name in outputs if not self._axes(name)]
        lines += [f"*{plain_name(x)} = {self.scalar(x)};" for x in scalars if x in self.given]
        if self.optional is not None:
            lines += [f"if ({plain_name(self.optional)} == NULL)", "    return;"]
        for part in self.parts[len(self.always) :]:
            lines += self._part(part)
        scalar = [name for name in scalars if name not in self.given]
        lines += [f"return {plain_name(name)};" for name in scalar]
        parameters = self._parameters(bool(scratch))
        places = self._scratch_lines(scratch)
        ignored = self.dialect.ignored(parameters, "\n".join([*places, *lines]))
        lines = [*places, *ignored, *lines]
        body = "\n".join(f"    {line}" if line else "" for line in lines)
        head = self._head("real" if scalar else "void", parameters)
        text = f"{self._comment()}{head}\n{{\n{body}\n}}"
        return CFunction(text, tuple(self.function.axes[name] for name in scratch))

    def scalar(self, name: str) -> str:
        """A number by its name; those of callers lie in arrays of one entry."""
        if name in self.function.inputs:
            return plain_name(name) if self.public else f"{plain_name(name)}[0]"
        return f"{plain_name(name)}_value" if name in self.given else plain_name(name)

    def _axes(self, name: str) -> Axes:
        return self.function.axes[name]

    def _comment(self) -> str:
        """The formulas that the function computes, above it."""
        if not self.formulas:
            return ""
        shown = "\n   ".join(self.formulas)
        return f"/* {shown} */\n"

    def _parameters(self, needs_scratch: bool) -> list[str]:
        listed = [f"long {size}" for size in self.sizes]
        for name in self.function.inputs:
            if self.public and not self._axes(name):
                listed.append(f"real {plain_name(name)}")
                continue
            constant = "" if name in self.spent else "const "
            kind = "long" if self.public and name in self.function.index_inputs else "real"
            listed.append(f"{constant}{kind} *{plain_name(name)}")
        listed += [f"real *{plain_name(name)}" for name in self.given]
        return [*listed, *(f"real *{name}" for name in self.dialect.memory(needs_scratch))]

    def _head(self, result: str, parameters: Sequence[str]) -> str:
        scope = "" if self.public else "static "
        lines = [f"{scope}{result} {self.function.name}("]
        for parameter in parameters:
            more = f"{lines[-1]}{parameter}, "
            if len(more) > 98:
                lines[-1] = lines[-1].rstrip()
                lines.append(f"    {parameter}, ")
            else:
                lines[-1] = more
        lines[-1] = lines[-1].removesuffix(", ") + ")"
        return "\n".join(lines)

    def _scratch_lines(self, scratch: Sequence[str]) -> list[str]:
        lines, start = [], "scratch"
        for name in scratch:
            lines.append(f"real *{plain_name(name)} = {start};")
            start = f"{plain_name(name)} + {length(self.function.axes[name])}"
        return lines

    def _part(self, part: Loops | Statement) -> list[str]:
        if isinstance(part, Loops):
            return self._loops(part)
        numbers = [name for name in part.targets if not self.function.axes[name]]
        made = [f"real {self.scalar(name)};" for name in numbers]
        return made + call(part, self.function.axes, self._array, self.memory, self.dialect)

    def _array(self, name: str) -> str:
        """Where an array lies; a number by its name."""
        return plain_name(self.arrays[name]) if self.function.axes[name] else self.scalar(name)

    def _loops(self, loops: Loops) -> list[str]:
        nest = self.memory.order(loops.axes)
        inner: list[str] = []
        for statement in loops.statements:
            inner += self._entry(statement, loops)
        sums = [self._collected(statement, alignment, nest) for statement, alignment in loops.sums]
        for (statement, _), collected in zip(loops.sums, sums, strict=True):
            value = entry_expression(statement, self._operand(loops))
            inner.append(f"{collected.into} {collected.assign} {value};")
        lines: list[str] = []
        for depth, place in enumerate(nest):
            lines += _shifted(depth, [x for c in sums if c.depth == depth for x in c.start])
            if depth == len(nest) - 1:
                local = [c.into for c in sums if c.end]
                lines += _shifted(depth, self.dialect.before_loop(local))
            index, size = self.dialect.indices[place], extent(loops.axes[place])
            lines += _shifted(depth, [f"for (long {index} = 0; {index} < {size}; ++{index}) {{"])
        lines += _shifted(len(nest), inner)
        for depth in reversed(range(len(nest))):
            lines += _shifted(depth, ["}", *(x for c in sums if c.depth == depth for x in c.end)])
        return lines

    def _collected(
        self, statement: Statement, alignment: Alignment, nest: tuple[int, ...]
    ) -> _Collected:
        """How a sum is collected: in a variable where it runs along the innermost loops."""
        (target,) = statement.targets
        axes = self.function.axes[target]
        kept = [loop for loop in alignment if loop is not None]
        if len(set(kept)) == len(nest):
            # Nothing is summed, as on a diagonal.
            into = self._place(target, alignment) if axes else f"const real {self.scalar(target)}"
            return _Collected(into, 0, [], [], "=")
        if sorted(nest.index(loop) for loop in kept) != list(range(len(kept))):
            clear = f"memset({self._array(target)}, 0, (size_t)({length(axes)}) * sizeof(real));"
            return _Collected(self._place(target, alignment), 0, [clear], [])
        into = f"{plain_name(target)}_sum"
        place = self._place(target, alignment) if axes else f"const real {self.scalar(target)}"
        return _Collected(into, len(kept), [f"real {into} = 0;"], [f"{place} = {into};"])

    def _entry(self, statement: Statement, loops: Loops) -> list[str]:
        target = statement.targets[0]
        value = entry_expression(statement, self._operand(loops))
        name = _entry_name(target) if loops.axes else self.scalar(target)
        lines = [f"const real {name} = {value};"]
        if target in self.stored and loops.axes:
            straight = tuple(range(len(loops.axes)))
            lines.append(f"{self._place(target, straight)} = {name};")
        return lines

    def _operand(self, loops: Loops) -> _OperandText:
        return _OperandText(self, loops)

    def _place(self, name: str, alignment: Alignment) -> str:
        """An entry of an array: `alignment` has, for each of its axes, the loop along it."""
        indices = [self.dialect.indices[loop] for loop in alignment if loop is not None]
        return entry(self._array(name), self.function.axes[name], indices, self.memory)


class _Collected(Struct, frozen=True):
    """A sum within loops: what it adds to, and the lines around the loop at a depth."""

    into: str
    depth: int
    start: list[str]
    end: list[str]
    assign: str = "+="


class _OperandText(Struct, frozen=True):
    """How an operand of an entrywise statement is written inside loops.

    Its axes lie over those of the result as `alignment` says; or `along` has the loop of each.
    """

    printer: FunctionPrinter
    loops: Loops

    def __call__(
        self,
        operand: Operand,
        alignment: Alignment | None = None,
        along: tuple[int, ...] | None = None,
    ) -> str:
        if isinstance(operand, Fraction):
            return number(operand)
        if isinstance(operand, Length):
            return f"(real){extent(operand.size)}"
        own = self.printer.function.axes[operand.name]
        if not own:
            return self.printer.scalar(operand.name)
        if operand.name in self.loops.made:
            return _entry_name(operand.name)
        if along is not None:
            return self.printer._place(operand.name, along)
        given = operand.alignment if alignment is None else alignment
        order = len(self.loops.axes)
        if given is None:
            given = (None,) * (order - len(own)) + tuple(range(len(own)))
        loops = tuple(given.index(axis) for axis in range(len(own)))
        return self.printer._place(operand.name, loops)


def _entry_name(name: str) -> str:
    return f"{plain_name(name)}_ij"


def _shifted(depth: int, lines: Iterable[str]) -> list[str]:
    return [f"{'    ' * depth}{line}" for line in lines]


def sizes_of(function: Function) -> list[str]:
    """The sizes that a function is given, in order of their names."""
    held = names_in(size for axes in function.axes.values() for size in axes)
    return sorted(held | {"n"})
