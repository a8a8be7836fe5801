"""One function of a program as a C function: fused loops, and calls of matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from gradwright.core.nodes import Size
from gradwright.core.sizes import is_compound, names_in, size_text
from gradwright.emit.buffered import plain_name
from gradwright.emit.c.entries import as_sum, entry_expression, number
from gradwright.emit.c.fusion import Loops, grouped, read, targets, without
from gradwright.errors import UnsupportedError
from gradwright.ops.record import Structured
from gradwright.ops.table import OPERATIONS
from gradwright.program.ir import (
    Alignment,
    Apply,
    Function,
    Length,
    MatMul,
    Operand,
    Permute,
    Ref,
    SoftmaxLogSumExp,
    Statement,
)

INDICES = "ijkl"

Axes = tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class CFunction:
    """The text of a function and the arrays that it needs beside its parameters."""

    text: str
    scratch: tuple[Axes, ...]


class FunctionPrinter:
    """Prints one function.

    `given` are the values whose arrays are parameters, `spent` inputs that may be written over.
    The array `optional` may be NULL; then the function ends before what makes it.
    """

    def __init__(
        self,
        function: Function,
        given: Sequence[str],
        spent: Sequence[str] = (),
        optional: str | None = None,
    ) -> None:
        statements = tuple(as_sum(x, function.axes) for x in function.statements)
        self.function = function = replace(function, statements=statements)
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
        turned = any(isinstance(s.kernel, Permute) for s in part.statements)
        return not turned and all(o.alignment is None for o in uses if o.name == name)

    # Text ---------------------------------------------------------------------------------------

    def printed(self) -> CFunction:
        """The whole function."""
        scratch = [x for x in self.arrays.values() if x not in (*self.function.inputs, *self.given)]
        scratch = [x for x in dict.fromkeys(scratch) if self.function.axes[x]]
        lines = self._scratch_lines(scratch)
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
        head = self._head("real" if scalar else "void")
        body = "\n".join(f"    {line}" if line else "" for line in lines)
        text = f"{head}\n{{\n{body}\n}}"
        return CFunction(text, tuple(self.function.axes[name] for name in scratch))

    def scalar(self, name: str) -> str:
        """A number by its name; those of callers lie in arrays of one entry."""
        if name in self.function.inputs:
            return f"{plain_name(name)}[0]"
        return f"{plain_name(name)}_value" if name in self.given else plain_name(name)

    def _axes(self, name: str) -> Axes:
        return self.function.axes[name]

    def _head(self, result: str) -> str:
        listed = [f"long {size}" for size in sizes_of(self.function)]
        for name in self.function.inputs:
            constant = "" if name in self.spent else "const "
            listed.append(f"{constant}real *{plain_name(name)}")
        listed += [f"real *{plain_name(name)}" for name in self.given]
        listed += ["real *scratch", "real *space"]
        lines = [f"static {result} {self.function.name}("]
        for parameter in listed:
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
        return [*lines, "(void)scratch, (void)space;"]

    def _part(self, part: Loops | Statement) -> list[str]:
        return self._loops(part) if isinstance(part, Loops) else self._call(part)

    def _call(self, statement: Statement) -> list[str]:
        """A kernel that is no loop over entries."""
        arrays = [self._array(o.name) for o in statement.operands if isinstance(o, Ref)]
        results = [self._array(name) for name in statement.targets]
        match statement.kernel:
            case MatMul(left, right):
                rows, columns = map(extent, self.function.axes[statement.targets[0]])
                first = self._operand_axes(statement.operands[0])
                inner, width = extent(first[0] if left else first[1]), extent(first[1])
                strides = f"1, {width}" if left else f"{width}, 1"
                name = "product_turned" if right else "product"
                return [
                    f"{name}({rows}, {columns}, {inner}, {arrays[0]}, {strides}, {arrays[1]}, "
                    f"{results[0]}, space);"
                ]
            case SoftmaxLogSumExp():
                listed = ", ".join([*self._row_sizes(statement), *arrays, *results])
                return [f"softmax_logsumexp_rows({listed});"]
            case Apply(operation, options) if operation in OPERATIONS:
                record = OPERATIONS[operation]
                if isinstance(record, Structured) and record.c:
                    rows, columns = self._row_sizes(statement)
                    values = {name: number(value) for name, value in options}
                    values |= {"rows": rows, "columns": columns, "out": results[0]}
                    return [f"{record.c.format(*arrays, **values)};"]
        raise no_code(statement)

    def _row_sizes(self, statement: Statement) -> tuple[str, str]:
        """How many rows the operand has, and how long they are."""
        *before, last = self._operand_axes(statement.operands[0])
        return length(tuple(before)), extent(last)

    def _operand_axes(self, operand: Operand) -> Axes:
        assert isinstance(operand, Ref)
        return self.function.axes[operand.name]

    def _array(self, name: str) -> str:
        return plain_name(self.arrays[name])

    def _loops(self, loops: Loops) -> list[str]:
        axes = loops.axes
        inner: list[str] = []
        for statement in loops.statements:
            inner += self._entry(statement, loops)
        kept = [[k for k in alignment if k is not None] for _, alignment in loops.sums]
        # A sum along the innermost loops collects in a variable of the loop around them.
        outside = [k == list(range(len(k))) for k in kept]
        for (statement, alignment), plain in zip(loops.sums, outside, strict=True):
            value = entry_expression(statement, self._operand(loops))
            target = statement.targets[0]
            into = plain_name(target) if plain else self._place(target, alignment)
            inner.append(f"{_sum_name(into)} += {value};")
        lines: list[str] = []
        depth = 0
        starts = self._starts(loops, kept, outside)
        lines += starts[0]
        for place, size in enumerate(axes):
            collected = [
                _sum_name(plain_name(s.targets[0]))
                for (s, _), plain in zip(loops.sums, outside, strict=True)
                if plain
            ]
            if place == len(axes) - 1:
                reduction = f" reduction(+ : {', '.join(collected)})" if collected else ""
                lines.append(f'{"    " * depth}_Pragma("omp simd{reduction}")')
            index = INDICES[place]
            over = f"for (long {index} = 0; {index} < {extent(size)}; ++{index}) {{"
            lines.append(f"{'    ' * depth}{over}")
            depth += 1
            if place < len(axes) - 1:
                lines += [f"{'    ' * depth}{line}" for line in starts[place + 1]]
        lines += [f"{'    ' * depth}{line}" for line in inner]
        ends = self._ends(loops, kept, outside)
        for place in reversed(range(len(axes))):
            depth -= 1
            lines.append("    " * depth + "}")
            lines += [f"{'    ' * depth}{line}" for line in ends[place]]
        return lines

    def _starts(self, loops: Loops, kept: list[list[int]], outside: list[bool]) -> list[list[str]]:
        """For each depth the lines before its loop that set sums to zero."""
        lines: list[list[str]] = [[] for _ in range(len(loops.axes) + 1)]
        for (statement, _), k, plain in zip(loops.sums, kept, outside, strict=True):
            target = statement.targets[0]
            if plain:
                lines[len(k)].append(f"real {_sum_name(plain_name(target))} = 0;")
            else:
                count = length(self.function.axes[target])
                array = self._array(target)
                lines[0].append(f"memset({array}, 0, (size_t)({count}) * sizeof(real));")
        return lines

    def _ends(self, loops: Loops, kept: list[list[int]], outside: list[bool]) -> list[list[str]]:
        """For each depth the lines behind its loop that put sums where they belong."""
        lines: list[list[str]] = [[] for _ in loops.axes]
        for (statement, alignment), k, plain in zip(loops.sums, kept, outside, strict=True):
            target = statement.targets[0]
            if not plain:
                continue
            total = _sum_name(plain_name(target))
            if self.function.axes[target]:
                lines[len(k)].append(f"{self._place(target, alignment)} = {total};")
            else:
                lines[len(k)].append(f"const real {self.scalar(target)} = {total};")
        return lines

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
        axes = self.function.axes[name]
        index = ""
        for axis, loop in enumerate(alignment):
            assert loop is not None
            before = f"({index})" if "+" in index else index
            index = f"{before} * {extent(axes[axis])} + {INDICES[loop]}" if index else INDICES[loop]
        return f"{self._array(name)}[{index}]"


@dataclass(frozen=True, slots=True)
class _OperandText:
    """How an operand of an entrywise statement is written inside loops."""

    printer: FunctionPrinter
    loops: Loops

    def __call__(self, operand: Operand, alignment: Alignment | None = None) -> str:
        if isinstance(operand, Fraction):
            return number(operand)
        if isinstance(operand, Length):
            return f"(real){operand.size}"
        own = self.printer.function.axes[operand.name]
        if not own:
            return self.printer.scalar(operand.name)
        if operand.name in self.loops.made:
            return _entry_name(operand.name)
        given = operand.alignment if alignment is None else alignment
        order = len(self.loops.axes)
        if given is None:
            given = (None,) * (order - len(own)) + tuple(range(len(own)))
        loops = tuple(given.index(axis) for axis in range(len(own)))
        return self.printer._place(operand.name, loops)


def _entry_name(name: str) -> str:
    return f"{plain_name(name)}_ij"


def _sum_name(name: str) -> str:
    return name if "[" in name else f"{name}_sum"


def sizes_of(function: Function) -> list[str]:
    """The sizes that a function is given, in order of their names."""
    held = names_in(size for axes in function.axes.values() for size in axes)
    return sorted(held | {"n"})


def extent(size: Size) -> str:
    """The length of an axis, as an expression that may be a factor."""
    return f"({size_text(size, str)})" if is_compound(size) else str(size)


def length(axes: Axes) -> str:
    """The number of entries, as an expression."""
    return " * ".join(map(extent, axes)) if axes else "1"


def no_code(statement: Statement) -> UnsupportedError:
    """The error for a kernel that the target C does not have."""
    kernel = statement.kernel
    said = kernel.operation if isinstance(kernel, Apply) else type(kernel).__name__
    return UnsupportedError(
        "the target c",
        f"the network needs {said} and there is no C code for it yet",
        'use target="numpy"',
    )
