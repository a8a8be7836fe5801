"""The NumPy target for formulas: a complete, readable module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gradwright.emit.expression import Text, operand_text, statement_text
from gradwright.emit.names import python_names
from gradwright.emit.support import HELPERS
from gradwright.ops.table import OPERATIONS
from gradwright.program.ir import (
    Apply,
    Function,
    Ref,
    SoftmaxLogSumExp,
    Spread,
    Statement,
)

#: A value used once is written where it is used, up to this many characters.
MAX_INLINE = 60


def formula_module(function: Function, title: str, notes: Sequence[str]) -> str:
    """A module with one function.

    Arguments are arrays with the shapes that the docstring gives; the text of `title` and
    `notes` is documentation.
    """
    names = python_names(function.inputs)
    body = _Body(function, names)
    lines = body.lines()
    helpers = "".join(f"\n{HELPERS[name]}" for name in sorted(body.helpers))
    parameters = ", ".join(names[name] for name in function.inputs)
    documentation = [f'"""{_safe(title)}', *("", *map(_safe, notes)) * bool(notes), '"""']
    shapes = [f"{names[x]}: {_shape_note(function.axes[x])}" for x in function.inputs]
    return "\n".join(
        [
            *documentation,
            "",
            "import numpy as np",
            helpers,
            "",
            f"def {function.name}({parameters}):",
            f'    """{"; ".join(shapes)}."""',
            *(f"    {line}" for line in lines),
            "",
        ]
    )


def _safe(text: str) -> str:
    return text.replace("\\", "").replace('"""', "'")


def _shape_note(axes: Sequence[object]) -> str:
    return " × ".join(map(str, axes)) if axes else "scalar"


def expression_lines(function: Function) -> tuple[list[str], set[str]]:
    """(the body of a function in expressions, the helpers that it needs)."""
    body = _Body(function, {name: name for name in function.inputs})
    return body.lines(), body.helpers


class _Body:
    """Writes the statements of one function."""

    def __init__(self, function: Function, names: dict[str, str]) -> None:
        self.function = function
        self.names = names
        self.helpers: set[str] = set()
        self.needs: set[str] = set()
        self.texts: dict[str, Text] = {name: Text(names[name]) for name in function.inputs}
        self.uses = self._count_uses()

    def _count_uses(self) -> Counter[str]:
        uses: Counter[str] = Counter()
        for statement in self.function.statements:
            weight = 2 if _repeats_argument(statement) else 1
            for operand in statement.operands:
                if isinstance(operand, Ref):
                    uses[operand.name] += weight
        for operand in self.function.outputs:
            if isinstance(operand, Ref):
                uses[operand.name] += 1
        return uses

    def lines(self) -> list[str]:
        """The function's body."""
        written: list[str] = []
        for statement in self.function.statements:
            self._note_helpers(statement)
            text = statement_text(statement, self._text, self._shape)
            (*_, target) = statement.targets
            once = len(statement.targets) == 1 and self.uses[target] == 1
            if once and len(text.source) <= MAX_INLINE:
                self.texts[target] = text
                continue
            for name in statement.targets:
                self.texts[name] = Text(name)
            written.append(f"{', '.join(statement.targets)} = {text.source}")
        results = [operand_text(operand, self._text).source for operand in self.function.outputs]
        written.append(f"return {', '.join(results)}")
        return [*self._prologue(), *written]

    def _text(self, name: str) -> Text:
        if name not in self.texts:
            self.needs.add(name)
            return Text(self._size(name))
        return self.texts[name]

    def _size(self, size: object) -> str:
        if isinstance(size, int):
            return str(size)
        self.needs.add(str(size))
        return f"size_{size}"

    def _shape(self, target: str) -> str:
        self.needs.add("dtype")
        axes = [self._size(size) for size in self.function.axes[target]]
        return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"

    def _note_helpers(self, statement: Statement) -> None:
        match statement.kernel:
            case Apply(name, _):
                helper = OPERATIONS[name].numpy.helper
                if helper is not None:
                    self.helpers.add(helper)
            case SoftmaxLogSumExp():
                self.helpers.add("softmax_logsumexp")
            case Spread(labels, held):
                plain = len(set(labels)) == len(labels) and not held
                if not plain and tuple(labels) != (0, 0):
                    self.helpers.add("spread")
            case _:
                pass

    def _prologue(self) -> list[str]:
        """Sizes and the dtype, where the body needs them."""
        lines = []
        for size in sorted(self.needs - {"dtype"}):
            lines.append(f"size_{size} = {self._where(size)}")
        if "dtype" in self.needs:
            sizes = {a for axes in self.function.axes.values() for a in axes}
            floats = [name for name in self.function.inputs if name not in sizes]
            listed = ", ".join(self.names[name] for name in floats)
            lines.append(f"dtype = np.result_type({listed})" if listed else "dtype = np.float64")
        return lines

    def _where(self, size: str) -> str:
        if size in self.function.inputs:
            return self.names[size]
        for name in self.function.inputs:
            for place, axis in enumerate(self.function.axes[name]):
                if axis == size:
                    return f"{self.names[name]}.shape[{place}]"
        raise AssertionError(f"no input has an axis of size {size}")


def _repeats_argument(statement: Statement) -> bool:
    """Whether the code writes its argument more than once, so that it needs a name."""
    if isinstance(statement.kernel, Apply):
        return OPERATIONS[statement.kernel.operation].numpy.expression.count("{0}") > 1
    return False
