"""Kernels as expressions of an array library."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from gradwright.core.nodes import Options, Size
from gradwright.core.sizes import minus
from gradwright.emit.library import Library
from gradwright.emit.moves import MOVES, moved
from gradwright.emit.operands import (
    ATOM,
    COMPARE,
    NEGATION,
    POWER,
    PRODUCT,
    SUM,
    Names,
    Text,
    operand_text,
    shape_text,
    turned,
)
from gradwright.ops.table import OPERATIONS
from gradwright.program.ir import (
    AddTied,
    Apply,
    BatchedMatMul,
    Cholesky,
    CholeskyInverse,
    CholeskySolve,
    Einsum,
    Gram,
    Length,
    Map,
    MatMul,
    Permute,
    Ref,
    SoftmaxLogSumExp,
    Spread,
    Statement,
    Sum,
    TensorDot,
    UnitVector,
)

INFIX = {
    "add": ("+", SUM),
    "subtract": ("-", SUM),
    "multiply": ("*", PRODUCT),
    "divide": ("/", PRODUCT),
}


def statement_text(statement: Statement, names: Names, out: str = "") -> Text:
    """The right side of a statement; `out` is an array that a spread is written into."""
    parts = [operand_text(operand, names) for operand in statement.operands]
    if names.is_number(statement.targets[0]):
        return _python_number(statement, parts, names.library)
    return _text(statement, parts, names, out)


def _python_number(statement: Statement, parts: Sequence[Text], library: Library) -> Text:
    """A number as Python's: NumPy's own scalars would widen float32."""
    match statement.kernel:
        case Map("sqrt" | "power" as operator) if _may_be_complex(operator, statement):
            # Python's root of a negative number is complex, and that of a library is not a number.
            base = library.constant.format(value=parts[0].source)
            exponent = parts[1].source if operator == "power" else "0.5"
            called = "np.power" if library.name == "np" else f"{library.name}.pow"
            return Text(f"float({called}({base}, {exponent}))")
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


def _may_be_complex(operator: str, statement: Statement) -> bool:
    """Whether a root, or a power that is no whole number, is taken of what may be negative."""
    base = statement.operands[0]
    power = Fraction(1, 2) if operator == "sqrt" else statement.operands[1]
    if isinstance(power, Fraction) and power.denominator == 1:
        return False
    match base:
        case Fraction():
            return base < 0
        case Length(size):
            return "-" in str(size)
    return True


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
        case kernel if isinstance(kernel, MOVES):
            return moved(statement, parts, names)
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
        case Cholesky():
            return Text(f"{module}.linalg.cholesky({parts[0].source})")
        case CholeskySolve():
            return Text(f"cholesky_solve({parts[0].source}, {parts[1].source})")
        case CholeskyInverse():
            return Text(f"cholesky_inverse({parts[0].source})")
        case UnitVector(place):
            size = names.size(names.axes(statement.targets[0])[0])
            at = names.size(minus(place, 1))
            return Text(library.unit.format(size=size, place=at, like=names.like()))
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
