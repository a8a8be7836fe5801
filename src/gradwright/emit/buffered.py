"""One function of a layer kind, written with `out=` into arrays that are made once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gradwright.core.nodes import Size
from gradwright.emit.body import helpers_of
from gradwright.emit.expression import option_texts, statement_text
from gradwright.emit.library import NUMPY, Library
from gradwright.emit.operands import Text, operand_text
from gradwright.ops.table import OPERATIONS
from gradwright.program.ir import (
    Apply,
    Einsum,
    Function,
    Map,
    MatMul,
    Ref,
    SoftmaxLogSumExp,
    Statement,
    Sum,
    number_values,
)
from gradwright.program.verify import where_is


def plain_name(name: str) -> str:
    """The name of a value in emitted code: δZ is dZ."""
    return name.replace("δ", "d").replace("%", "t")


class BufferedBody:
    """Writes statements that reuse memory.

    `kept` names values that later functions need: they have an array for each layer. `given`
    names values whose array is a parameter of the function. `spent` names inputs that nobody reads
    afterwards, so that a result may overwrite them. Other matrices share scratch arrays.
    """

    def __init__(
        self,
        function: Function,
        kept: Sequence[str],
        given: Sequence[str],
        spent: Sequence[str] = (),
        passed_on: str = "",
    ) -> None:
        self.function = function
        self.kept = frozenset(kept)
        self.given = frozenset(given)
        self.spent = frozenset(spent)
        self.passed_on = passed_on
        self.helpers: set[str] = set()
        self._numbers = number_values(function)
        held = (function.axes[name] for name in function.inputs)
        self._batch_axis = next((axes.index("n") for axes in held if "n" in axes), 0)
        self._masks = {
            s.targets[0]: f"mask{k or ''}"
            for k, s in enumerate(s for s in function.statements if self._is_mask(s))
        }
        self._overwrites: dict[str, str] = {}
        self._array = self._plan()
        self._fetched: set[str] = set()

    def _plan(self) -> dict[str, str]:
        """The array of each value: one chain of in-place statements shares one array.

        A statement writes over an operand that is not read again and that nobody keeps. `passed_on`
        never lies in the array of a spent input: the layer before takes that for its own result
        while it still reads what it was given.
        """
        remaining = _uses(self.function)
        array: dict[str, str] = {}
        borrowed: set[str] = set()
        for statement in self.function.statements:
            target = statement.targets[0]
            array.update({name: name for name in statement.targets})
            operands = [o for o in statement.operands if isinstance(o, Ref)]
            free = [o.name for o in operands if self._may_take(statement, o, remaining)]
            if target == self.passed_on:
                free = [x for x in free if array.get(x, x) not in borrowed | self.spent]
            made_here = [name for name in free if name in array]
            if made_here:
                old = array[made_here[0]]
                borrowed |= {target} if old in borrowed else set()
                array = {k: target if v == old else v for k, v in array.items()}
            elif free:
                self._overwrites[target] = free[0]
                borrowed.add(target)
            for operand in operands:
                remaining[operand.name] -= 1
        return array

    def _may_take(self, statement: Statement, operand: Ref, remaining: Counter[str]) -> bool:
        """Whether the statement may write its result over an operand."""
        name, target = operand.name, statement.targets[0]
        ours = name in self.spent or name not in self.function.inputs
        free = ours and name not in self.kept | self.given and name not in self._masks
        same = self.function.axes[name] == self.function.axes[target]
        matrix = self._is_batch(target)
        last = remaining[name] == 1 and operand.alignment is None
        writes = _in_place(statement) and target not in self.given and target not in self._masks
        return free and same and matrix and last and writes

    def lines(self, stop_after: Sequence[str] = (), stop: Sequence[str] = ()) -> list[str]:
        """The statements; behind those that make `stop_after` the lines `stop` are written."""
        last = max(
            (k for k, s in enumerate(self.function.statements) if set(s.targets) & set(stop_after)),
            default=-1,
        )
        written: list[str] = []
        for place, statement in enumerate(self.function.statements):
            written += self._statement(statement)
            if place == last:
                written += stop
        return written

    def value(self, name: str) -> Text:
        """A value as it is read."""
        if name in self._masks:
            return Text(self._masks[name])
        return Text(plain_name(self._array.get(name, name)))

    def size(self, size: Size) -> str:
        """A size: n, p and q are assigned in the function's first lines."""
        return str(size)

    @property
    def library(self) -> Library:
        """Buffers are NumPy's arrays."""
        return NUMPY

    def like(self) -> str:
        """The dtype of all arrays."""
        return "buffers.dtype"

    def axes(self, name: str) -> Sequence[Size]:
        """The axes of a value."""
        return self.function.axes[name]

    def callable(self, name: str) -> str:
        """Layers are made of operations that have code."""
        raise AssertionError(f"the abstract function {name} stands in a layer")

    def owns(self, name: str) -> bool:
        """Arrays are written over by the plan alone."""
        return False

    def is_number(self, name: str) -> bool:
        """Whether a value is made of numbers and sizes alone."""
        return name in self._numbers

    def _is_batch(self, name: str) -> bool:
        """Whether a value is a matrix with an axis of samples, which buffers are for."""
        axes = self.function.axes[name]
        return len(axes) == 2 and axes[self._batch_axis] == "n"

    def _is_mask(self, statement: Statement) -> bool:
        greater = isinstance(statement.kernel, Map) and statement.kernel.operator == "greater"
        return greater and self._is_batch(statement.targets[0])

    def _statement(self, statement: Statement) -> list[str]:
        target = statement.targets[0]
        self.helpers |= helpers_of(statement, NUMPY)
        if isinstance(statement.kernel, SoftmaxLogSumExp):
            return self._softmax_logsumexp(statement)
        if not self._is_batch(target) and target not in self.given:
            text = statement_text(statement, self)
            return [f"{plain_name(target)} = {text.source}"]
        made, out = self._destination(target)
        return [*made, *self._into(statement, out)]

    def _softmax_logsumexp(self, statement: Statement) -> list[str]:
        softmax, logsumexp = statement.targets
        made, out = self._destination(softmax)
        argument = operand_text(statement.operands[0], self).source
        call = f"softmax_logsumexp({argument}, out={out})"
        return [*made, f"_, {plain_name(logsumexp)} = {call}"]

    def _destination(self, target: str) -> tuple[list[str], str]:
        """(the line that fetches an array on its first use, the array's name)."""
        out = self.value(target).source
        if target in self.given or out in self._fetched:
            return [], out
        self._fetched.add(out)
        if target in self._overwrites:
            return [f"{out} = {plain_name(self._overwrites[target])}  # overwritten"], out
        rows, columns = self.function.axes[target]
        # What only neighbours share has a place that no layer has: -2 or -1.
        place = "layer" if self._array.get(target) in self.kept else "layer % 2 - 2"
        kind = ", bool" if target in self._masks else ""
        return [f'{out} = buffers.array("{out}", {place}, {rows}, {columns}{kind})'], out

    def _into(self, statement: Statement, out: str) -> list[str]:
        parts = [operand_text(operand, self) for operand in statement.operands]
        sources = [part.source for part in parts]
        match statement.kernel:
            case Map(operator):
                return [f"np.{operator}({', '.join(sources)}, out={out})"]
            case MatMul(left, right):
                one = parts[0].source + (".T" if left else "")
                other = parts[1].source + (".T" if right else "")
                return [f"np.matmul({one}, {other}, out={out})"]
            case Einsum(subscripts):
                return [f'np.einsum("{subscripts}", {", ".join(sources)}, out={out})']
            case Sum(axes):
                axis = axes[0] if len(axes) == 1 else axes
                return [f"np.sum({sources[0]}, axis={axis}, out={out})"]
            case Apply(name, options):
                code = OPERATIONS[name].numpy
                if code.statements:
                    given = option_texts(options) | {"out": out}
                    return [line.format(*sources, **given) for line in code.statements]
        return [f"np.copyto({out}, {statement_text(statement, self).source})"]


def _in_place(statement: Statement) -> bool:
    """Whether the kernel may write over an operand that it reads."""
    if isinstance(statement.kernel, Apply):
        return bool(OPERATIONS[statement.kernel.operation].numpy.statements)
    return isinstance(statement.kernel, Map)


def _uses(function: Function) -> Counter[str]:
    uses: Counter[str] = Counter()
    for statement in function.statements:
        uses.update(o.name for o in statement.operands if isinstance(o, Ref))
    uses.update(o.name for o in function.outputs if isinstance(o, Ref))
    return uses


def sizes_prologue(function: Function, lines: Sequence[str]) -> list[str]:
    """Assignments of the sizes that the lines mention."""
    found = []
    held = {size for axes in function.axes.values() for size in axes if isinstance(size, str)}
    for size in sorted(held):
        if any(_mentions(line, size) for line in lines):
            place = where_is(size, function)
            assert place is not None
            found.append(f"{size} = {plain_name(place[0])}.shape[{place[1]}]")
    return found


def _mentions(line: str, size: str) -> bool:
    words = "".join(c if c.isalnum() or c == "_" else " " for c in line).split()
    return size in words
