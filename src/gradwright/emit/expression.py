"""Kernels as expressions of an array library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from gradwright.core.nodes import Options, Size
from gradwright.emit.library import Library
from gradwright.ops.table import OPERATIONS
from gradwright.program.ir import (
    AddTied,
    Alignment,
    Apply,
    BatchedMatMul,
    Concatenate,
    Cut,
    Einsum,
    Gram,
    Indicator,
    Length,
    Map,
    MatMul,
    OneHotRows,
    Operand,
    Pad,
    Permute,
    Put,
    Ref,
    Reshape,
    SoftmaxLogSumExp,
    Spread,
    Statement,
    Sum,
    Take,
    TensorDot,
    UnitVector,
)

COMPARE, SUM, PRODUCT, NEGATION, POWER, ATOM = range(6)

#: Kernels that move entries.
CHOICES = (Take, Put, OneHotRows, Cut, Pad, Concatenate, Reshape, Indicator)

INFIX = {
    "add": ("+", SUM),
    "subtract": ("-", SUM),
    "multiply": ("*", PRODUCT),
    "divide": ("/", PRODUCT),
}


@dataclass(frozen=True, slots=True)
class Text:
    """Source text and how tightly it binds."""

    source: str
    level: int = ATOM

    def at(self, level: int) -> str:
        """The text, in parentheses where it binds less tightly than `level`."""
        return self.source if self.level >= level else f"({self.source})"


class Names(Protocol):
    """What kernels are written with: the library, and how values and sizes are called."""

    @property
    def library(self) -> Library:
        """The library that the expressions are of."""

    def value(self, name: str) -> Text:
        """A value."""

    def size(self, size: Size) -> str:
        """A size."""

    def like(self) -> str:
        """What tells the dtype of arrays that are made of numbers alone."""

    def axes(self, name: str) -> Sequence[Size]:
        """The axes of a value."""

    def callable(self, name: str) -> str:
        """The parameter that stands for an abstract function."""

    def owns(self, name: str) -> bool:
        """Whether the array of a value may be written over: it was made here and is read once."""

    def is_number(self, name: str) -> bool:
        """Whether a value is made of numbers and sizes alone."""


def number(value: Fraction) -> Text:
    """A number; Python numbers do not take part in NumPy's promotion."""
    if value.denominator == 1:
        return Text(str(value.numerator), ATOM if value >= 0 else NEGATION)
    if Fraction(float(value)) == value:
        return Text(repr(float(value)), ATOM if value >= 0 else NEGATION)
    return Text(f"{value.numerator} / {value.denominator}", PRODUCT)


def turned(text: Text, alignment: Alignment | None, library: Library) -> Text:
    """An operand laid over the axes of a result."""
    if alignment is None:
        return text
    order = [axis for axis in alignment if axis is not None]
    body = text.at(ATOM)
    if order != sorted(order):
        body += ".T" if order == [1, 0] else f".{library.permute}({', '.join(map(str, order))})"
    places = list(alignment)
    while places and places[0] is None:
        places.pop(0)
    if None in places:
        body += f"[{', '.join('None' if a is None else ':' for a in places)}]"
    return Text(body)


def operand_text(operand: Operand, names: Names) -> Text:
    """An operand as text."""
    match operand:
        case Ref(name, alignment):
            return turned(names.value(name), alignment, names.library)
        case Length(size):
            return Text(names.size(size))
        case _:
            return number(operand)


def shape_text(axes: Sequence[Size], names: Names) -> str:
    """The shape of an array as a tuple."""
    sizes = [bare(names.size(size)) for size in axes]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def statement_text(statement: Statement, names: Names, out: str = "") -> Text:
    """The right side of a statement; `out` is an array that a spread is written into."""
    parts = [operand_text(operand, names) for operand in statement.operands]
    if names.is_number(statement.targets[0]):
        return _python_number(statement, parts, names.library)
    return _text(statement, parts, names, out)


def _python_number(statement: Statement, parts: Sequence[Text], library: Library) -> Text:
    """A number as Python's: NumPy's own scalars would widen float32."""
    match statement.kernel:
        case Map("sqrt"):
            return Text(f"{parts[0].at(ATOM)} ** 0.5", POWER)
        case Map("square"):
            return Text(f"{parts[0].at(ATOM)} ** 2", POWER)
        case Map(operator):
            return _map(operator, parts, library)
        case Apply(name, options):
            made = [Text(library.constant.format(value=part.source)) for part in parts]
            return Text(f"float({_apply(name, options, made, library).source})")
    raise AssertionError(statement.kernel)


def _text(statement: Statement, parts: Sequence[Text], names: Names, out: str) -> Text:
    library = names.library
    module = library.name
    match statement.kernel:
        case Map("multiply") if _is_outer(statement, names):
            left, right = (names.value(o.name) for o in statement.operands if isinstance(o, Ref))
            return Text(f"{module}.outer({left.source}, {right.source})")
        case Map("greater"):
            sides = [part.at(COMPARE + 1) for part in parts]
            like = names.like() if "{like}" in library.greater else ""
            text = library.greater.format(*sides, like=like)
            return Text(text, ATOM if text.endswith(")") else COMPARE)
        case Map(operator):
            return _map(operator, parts, library)
        case MatMul() | Gram() | BatchedMatMul() | TensorDot() | Einsum():
            return _contraction(statement, parts, names)
        case kernel if isinstance(kernel, CHOICES):
            return _choice(statement, parts, names)
        case Sum(axes):
            (operand,) = statement.operands
            whole = isinstance(operand, Ref) and len(names.axes(operand.name)) == len(axes)
            return Text(f"{module}.sum({parts[0].source}{'' if whole else _axis(axes, library)})")
        case Permute(order):
            if order == (1, 0):
                return Text(parts[0].at(ATOM) + ".T")
            return Text(f"{module}.{library.permute}({parts[0].source}, {order})")
        case Apply(name) if name not in OPERATIONS:
            return Text(f"{names.callable(name)}({', '.join(part.source for part in parts)})")
        case Apply(name, options):
            return _apply(name, options, parts, library)
        case SoftmaxLogSumExp():
            return Text(f"softmax_logsumexp({parts[0].source})")
        case UnitVector(place):
            size = names.size(names.axes(statement.targets[0])[0])
            return Text(library.unit.format(size=size, place=place - 1, like=names.like()))
        case Spread() | AddTied():
            return _laid(statement, parts, names, out)
    raise AssertionError(statement.kernel)


def _laid(statement: Statement, parts: Sequence[Text], names: Names, out: str) -> Text:
    """A value repeated, or laid on diagonals."""
    target = names.axes(statement.targets[0])
    match statement.kernel:
        case Spread(labels, held):
            fixed = all(names.is_number(o.name) for o in statement.operands if isinstance(o, Ref))
            template = names.library.full if fixed else names.library.repeat
            if is_tied(statement.kernel):
                return Text(_tied(statement.kernel, parts[0], target, names, out))
            return _spread(labels, held, parts[0], target, names, template)
        case AddTied(labels, held):
            total, _ = statement.operands
            if isinstance(total, Ref) and names.owns(total.name):
                given = f"{parts[0].source}, {parts[1].source}, {tuple(held)}, {tuple(labels)}"
                return Text(f"add_on_diagonals({given})")
            added = _tied(statement.kernel, parts[1], target, names)
            return Text(f"{parts[0].at(SUM)} + {added}", SUM)
    raise AssertionError(statement.kernel)


def _contraction(statement: Statement, parts: Sequence[Text], names: Names) -> Text:
    """A sum of products over common axes."""
    library = names.library
    module = library.name
    match statement.kernel:
        case MatMul(turn_left, turn_right):
            one = Text(parts[0].at(ATOM) + ".T") if turn_left else parts[0]
            other = Text(parts[1].at(ATOM) + ".T") if turn_right else parts[1]
            return Text(f"{one.at(PRODUCT)} @ {other.at(PRODUCT + 1)}", PRODUCT)
        case Gram():
            return Text(f"gram({parts[0].source}, {parts[1].source})")
        case BatchedMatMul(turn_left, turn_right):
            one = _swapped(module, parts[0]) if turn_left else parts[0]
            other = _swapped(module, parts[1]) if turn_right else parts[1]
            return Text(f"{one.at(PRODUCT)} @ {other.at(PRODUCT + 1)}", PRODUCT)
        case TensorDot(left, right):
            orders = [len(names.axes(o.name)) for o in statement.operands if isinstance(o, Ref)]
            return _tensordot(module, left, right, parts, orders)
        case Einsum("aa->"):
            return Text(f"{module}.trace({parts[0].source})")
        case Einsum("aa->a"):
            return Text(library.diagonal.format(parts[0].source))
        case Einsum(subscripts):
            listed = ", ".join(part.source for part in parts)
            return Text(f'{module}.einsum("{subscripts}", {listed})')
    raise AssertionError(statement.kernel)


def _choice(statement: Statement, parts: Sequence[Text], names: Names) -> Text:
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


def bare(size: str) -> str:
    """The text of a size where commas or colons show its extent."""
    whole = size.startswith("(") and size.endswith(")")
    return size[1:-1] if whole else size


def _swapped(module: str, text: Text) -> Text:
    """Every matrix of the last two axes transposed."""
    return Text(f"{module}.swapaxes({text.source}, -1, -2)")


def _tensordot(
    module: str,
    left: tuple[int, ...],
    right: tuple[int, ...],
    parts: Sequence[Text],
    orders: Sequence[int],
) -> Text:
    """A sum over pairs of axes; over the last axis with a matrix or a vector it is a product."""
    order, other_order = orders
    if left == (order - 1,) and other_order <= 2:
        other = parts[1] if right == (0,) else Text(parts[1].at(ATOM) + ".T")
        return Text(f"{parts[0].at(PRODUCT)} @ {other.at(PRODUCT + 1)}", PRODUCT)
    listed = f"{parts[0].source}, {parts[1].source}"
    return Text(f"{module}.tensordot({listed}, ({list(left)}, {list(right)}))")


def _is_outer(statement: Statement, names: Names) -> bool:
    """Whether a product is a column times a row."""
    left, right = statement.operands
    return (
        isinstance(left, Ref)
        and isinstance(right, Ref)
        and (left.alignment, right.alignment) == ((0, None), None)
        and len(names.axes(right.name)) == 1
    )


def _axis(axes: tuple[int, ...], library: Library) -> str:
    return f", {library.axis}={axes[0] if len(axes) == 1 else axes}"


def _map(operator: str, parts: Sequence[Text], library: Library) -> Text:
    if operator in INFIX:
        sign, level = INFIX[operator]
        return Text(f"{parts[0].at(level)} {sign} {parts[1].at(level + 1)}", level)
    if operator == "negative":
        return Text(f"-{parts[0].at(NEGATION)}", NEGATION)
    if operator == "power":
        return Text(f"{parts[0].at(ATOM)} ** {parts[1].at(ATOM)}", POWER)
    return Text(f"{library.name}.{operator}({parts[0].source})")


def option_texts(options: Options) -> dict[str, str]:
    """Options as literals."""
    return {name: repr(float(value)) for name, value in options}


def _apply(name: str, options: Options, parts: Sequence[Text], library: Library) -> Text:
    code = library.code(OPERATIONS[name])
    template = code.expression
    for place in range(len(parts)):
        # An argument of a call needs no parentheses of its own.
        for before, after in (("(", ")"), ("(", ","), (" ", ")"), (" ", ",")):
            marker = f"{before}{{{place}}}{after}"
            template = template.replace(marker, f"{before}\x00{place}\x00{after}")
        template = template.replace(f"\x00{place}\x00", f"{{bare{place}}}")
    bare = {f"bare{place}": part.source for place, part in enumerate(parts)}
    level = ATOM if _is_call(template) and template.startswith(f"{library.name}.") else SUM
    if code.helper is not None:
        level = ATOM
    atoms = [part.at(ATOM) for part in parts]
    return Text(template.format(*atoms, **bare, **option_texts(options)), level)


def _is_call(template: str) -> bool:
    """Whether a template is one call, and not a product or quotient of two."""
    depth = 0
    for place, character in enumerate(template):
        depth += (character == "(") - (character == ")")
        if character == ")" and depth == 0:
            return place == len(template) - 1
    return False


def is_tied(kernel: Spread) -> bool:
    """Whether entries off a diagonal are 0; a matrix with one diagonal has code of its own."""
    return len(set(kernel.labels)) < len(kernel.labels) and kernel.labels != (0, 0)


def _tied(
    kernel: Spread | AddTied, value: Text, axes: Sequence[Size], names: Names, out: str = ""
) -> str:
    """A value on the diagonals of an array of zeros."""
    laid = f"{kernel.held}, {kernel.labels}, {shape_text(axes, names)}, {names.like()}"
    return f"spread({value.source}, {laid}{', ' * bool(out)}{out})"


def _spread(
    labels: Sequence[int],
    held: Sequence[int],
    value: Text,
    axes: Sequence[Size],
    names: Names,
    template: str,
) -> Text:
    if tuple(labels) == (0, 0) and held:
        return Text(names.library.diagonal_matrix.format(value.source))
    if tuple(labels) == (0, 0):
        eye = names.library.eye.format(size=names.size(axes[0]), like=names.like())
        return Text(eye) if value.source == "1" else Text(f"{value.at(PRODUCT)} * {eye}", PRODUCT)
    shape = shape_text(axes, names)
    places = tuple(held.index(x) if x in held else None for x in labels)
    laid = turned(value, places, names.library)
    return Text(
        template.format(value=laid.source, atom=laid.at(ATOM), shape=shape, like=names.like())
    )
