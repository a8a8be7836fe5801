"""The statements of one function of a formula as nested expressions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from gradwright.core.nodes import Size
from gradwright.core.sizes import is_compound, size_text
from gradwright.emit.expression import is_tied, statement_text
from gradwright.emit.library import NUMPY, Library
from gradwright.emit.names import PythonNames, python_names
from gradwright.emit.operands import ATOM, Text, operand_text
from gradwright.ops.table import OPERATIONS
from gradwright.program.ir import (
    AddTied,
    Apply,
    BatchedMatMul,
    CholeskyInverse,
    CholeskySolve,
    Cut,
    Einsum,
    Function,
    Gram,
    Indicator,
    Map,
    MatMul,
    OneHotRows,
    Operand,
    Pad,
    Permute,
    Pick,
    Place,
    Put,
    Ref,
    Reshape,
    SoftmaxLogSumExp,
    Spread,
    Statement,
    TensorDot,
    is_temporary,
    number_values,
)
from gradwright.program.verify import where_is

#: A value used once is written where it is used, up to this many characters.
MAX_INLINE = 60

#: Lines of a function's body are at most this long, before four spaces of indentation.
MAX_LINE = 96


class FormulaBody:
    """The statements of one function as nested expressions.

    After `lines`, `helpers` holds the helper functions that the code calls. `names` gives the
    parameter of each input; where they are given, the inputs are among them. `written` is the
    value that goes into the array `out`, if the caller gives one.
    """

    def __init__(
        self,
        function: Function,
        library: Library = NUMPY,
        names: Mapping[str, str] | None = None,
        written: str | None = None,
    ) -> None:
        self.function = function
        self.library = library
        self.helpers: set[str] = set()
        self._numbers = number_values(function)
        self._given = PythonNames((*library.called, *(names or {}).values()))
        self._out = written
        if written is not None:
            self._given.give("out", "out")
        self.names = (
            python_names(function.inputs, self._given)
            if names is None
            else {name: names[name] for name in function.inputs}
        )
        self._sizes: dict[str, str] = {}
        self._callables: dict[str, str] = {}
        for applied, _ in function.callables:
            self.callable(applied)
        self._needs_dtype = False
        self._texts = {name: Text(plain) for name, plain in self.names.items()}
        self._views = views(function)
        self._inlined: set[str] = set()
        self._uses = self._count_uses()
        self._owned = owned(function, self._uses)
        self._written: list[str] = []

    # Names, as expressions ask for them ---------------------------------------------------------

    def value(self, name: str) -> Text:
        """The text that stands for a value."""
        return self._texts[name]

    def callable(self, name: str) -> str:
        """The parameter for an abstract function."""
        if name not in self._callables:
            plain = name.rstrip("'")
            order = len(name) - len(plain)
            written = {0: plain, 1: f"d_{plain}"}.get(order, f"d{order}_{plain}")
            self._callables[name] = self._given.give(written, "function")
        return self._callables[name]

    def size(self, size: Size) -> str:
        """The name of a size, which the first lines of the body assign."""
        if isinstance(size, int):
            return str(size)
        if is_compound(size):
            return f"({size_text(size, self.size)})"
        if size not in self._sizes:
            place = where_is(size, self.function)
            assert place is not None
            scalar = place[1] is None
            self._sizes[size] = self.names[size] if scalar else self._given.give(size, "size")
        return self._sizes[size]

    def like(self) -> str:
        """The dtype of the result, which the first lines of the body find, or a tensor with it."""
        if self.library is not NUMPY:
            return self._floating()[0]
        self._needs_dtype = True
        return "dtype"

    def axes(self, name: str) -> Sequence[Size]:
        """The axes of a value."""
        return self.function.axes[name]

    def owns(self, name: str) -> bool:
        """Whether the array of a value may be written over: it was made here and is read once."""
        return self.library is NUMPY and name in self._owned

    def is_number(self, name: str) -> bool:
        """Whether a value is made of numbers and sizes alone."""
        return name in self._numbers

    # Lines --------------------------------------------------------------------------------------

    def lines(self) -> list[str]:
        """The function's body."""
        for statement in self.function.statements:
            self.helpers |= helpers_of(statement, self.library, self.owns)
            self._write(statement)
        outputs = self.function.outputs
        named = [operand.name for operand in outputs if isinstance(operand, Ref)]
        self._shorten(named, lambda: f"return {self._listed()}")
        # The results first: they may name sizes, which the prologue assigns.
        returned = f"return {self._listed()}"
        return [*self._prologue(), *self._written, returned]

    def _listed(self) -> str:
        outputs = self.function.outputs
        merged = self.function.merged or ((),) * len(outputs)
        return ", ".join(map(self._result, outputs, merged))

    def _result(self, operand: Operand, merged: Sequence[int]) -> str:
        """An output; what shows an input's own memory is copied, the caller may write to it."""
        text = operand_text(operand, self)
        if not isinstance(operand, Ref) or self.is_number(operand.name):
            like = self.like() if "{like}" in self.library.number else ""
            return self.library.number.format(value=text.source, like=like)
        shown = (
            f"{text.at(ATOM)}.{self.library.copy}()" if operand.name in self._views else text.source
        )
        if not merged:
            return shown
        whole = shown if operand.name in self._views else text.at(ATOM)
        return f"{whole}.reshape({self._merged_shape(operand.name, merged)})"

    def _merged_shape(self, name: str, merged: Sequence[int]) -> str:
        axes = iter(self.function.axes[name])
        sides = ([self.size(next(axes)) for _ in range(count)] for count in merged)
        return ", ".join(" * ".join(side) for side in sides)

    def _write(self, statement: Statement) -> None:
        operands = [operand.name for operand in statement.operands if isinstance(operand, Ref)]
        (*_, target) = statement.targets
        out = "out" if target == self._out else ""
        self._shorten(operands, lambda: f"t000 = {statement_text(statement, self, out).source}")
        text = statement_text(statement, self, out)
        once = len(statement.targets) == 1 and self._uses[target] == 1
        if once and len(text.source) <= MAX_INLINE:
            self._texts[target] = text
            self._inlined.add(target)
        else:
            self._assign(statement.targets, text)

    def _assign(self, targets: Sequence[str], text: Text) -> None:
        for target in targets:
            named = not is_temporary(target)
            name = self._given.give(target, "t") if named else self._given.next("t")
            self._texts[target] = Text(name)
        listed = ", ".join(self._texts[target].source for target in targets)
        self._written.append(f"{listed} = {text.source}")

    def _shorten(self, operands: Sequence[str], line: Callable[[], str]) -> None:
        """Give inlined operands lines of their own, the longest first, until the line fits."""
        inlined = [name for name in dict.fromkeys(operands) if name in self._inlined]
        inlined.sort(key=lambda name: len(self._texts[name].source))
        while inlined and len(line()) > MAX_LINE:
            name = inlined.pop()
            self._inlined.discard(name)
            self._assign([name], self._texts[name])

    def _count_uses(self) -> Counter[str]:
        uses: Counter[str] = Counter()
        for statement in self.function.statements:
            weight = 2 if _repeats_argument(statement, self.library) else 1
            for operand in statement.operands:
                if isinstance(operand, Ref):
                    uses[operand.name] += weight
        uses.update(o.name for o in self.function.outputs if isinstance(o, Ref))
        return uses

    def _prologue(self) -> list[str]:
        """Sizes and the dtype, where the body needs them."""
        lines = []
        for size, name in sorted(self._sizes.items()):
            place = where_is(size, self.function)
            assert place is not None
            if place[1] is not None:
                lines.append(f"{name} = {self.names[place[0]]}.shape[{place[1]}]")
        if self._needs_dtype:
            lines.append(f"dtype = np.result_type({', '.join([*self._floating(), '0.0'])})")
        return lines

    def _floating(self) -> list[str]:
        """The inputs that are no sizes and no indices; 0.0 makes integers floating."""
        sizes = {axis for axes in self.function.axes.values() for axis in axes}
        indices = self.function.index_inputs
        return [
            name
            for x, name in self.names.items()
            if (self.function.axes[x] or x not in sizes) and x not in indices
        ]


def mostly_zero(function: Function) -> str | None:
    """The last output, if it is an array whose entries off a diagonal are 0."""
    last = function.outputs[-1]
    merged = bool(function.merged and function.merged[-1])
    for statement in function.statements:
        if isinstance(statement.kernel, Spread) and last == Ref(statement.targets[0]):
            return statement.targets[0] if is_tied(statement.kernel) and not merged else None
    return None


def views(function: Function) -> frozenset[str]:
    """The inputs, and the values that NumPy makes as views of them."""
    found = {name for name in function.inputs if function.axes[name]}
    for statement in function.statements:
        first = statement.operands[0] if len(statement.operands) == 1 else None
        shown = isinstance(first, Ref) and first.name in found
        same = isinstance(statement.kernel, Permute | Einsum | Cut | Pick | Reshape)
        if shown and same and function.axes[statement.targets[0]]:
            found.update(statement.targets)
    return frozenset(found)


def owned(function: Function, uses: Mapping[str, int]) -> frozenset[str]:
    """The values whose arrays NumPy makes for them, which one statement reads once."""
    found: set[str] = set()
    for statement in function.statements:
        target = statement.targets[0]
        made = isinstance(statement.kernel, Map | MatMul | Gram | BatchedMatMul | TensorDot)
        same = isinstance(statement.kernel, Permute | AddTied)
        first = statement.operands[0] if statement.operands else None
        if uses[target] == 1 and (
            made or (same and isinstance(first, Ref) and first.name in found)
        ):
            found.add(target)
    return frozenset(found)


def helpers_of(
    statement: Statement, library: Library, owns: Callable[[str], bool] = lambda name: False
) -> set[str]:
    """The helper functions that a statement calls."""
    match statement.kernel:
        case Apply(name, _):
            known = OPERATIONS.get(name)
            helper = None if known is None else library.code(known).helper
            return set() if helper is None else {helper}
        case SoftmaxLogSumExp():
            return {"softmax_logsumexp"}
        case CholeskySolve():
            return {"cholesky_solve"}
        case CholeskyInverse():
            return {"cholesky_inverse"}
        case Gram():
            return {"gram"}
        case Pad():
            return {"padded"}
        case Place():
            return {"placed"}
        case Indicator():
            return {"indicator"}
        case Put():
            return {"put"}
        case OneHotRows():
            return {"one_hot"}
        case AddTied():
            total = statement.operands[0]
            in_place = isinstance(total, Ref) and owns(total.name)
            return {"add_on_diagonals" if in_place else "spread"}
        case Spread():
            # The other cases are np.full, np.eye and np.diag.
            return {"spread"} if is_tied(statement.kernel) else set()
        case _:
            return set()


def _repeats_argument(statement: Statement, library: Library) -> bool:
    """Whether the code writes its argument more than once, so that it needs a name."""
    if isinstance(statement.kernel, Apply):
        known = OPERATIONS.get(statement.kernel.operation)
        return known is not None and library.code(known).expression.count("{0}") > 1
    return False
