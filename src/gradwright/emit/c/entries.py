"""Kernels on single entries as expressions of C, and sums over some axes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from string import ascii_lowercase

from msgspec.structs import replace

from gradwright.core.nodes import Size
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS
from gradwright.program.ir import (
    Alignment,
    Apply,
    BatchedMatMul,
    Einsum,
    Function,
    Gram,
    Kernel,
    Map,
    MatMul,
    Operand,
    Permute,
    Ref,
    Statement,
    Sum,
    TensorDot,
)

Axes = tuple[Size, ...]

INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}

CALLS = {"power": "real_pow({0}, {1})", "sqrt": "real_sqrt({0})", "negative": "-({0})"}


def is_entrywise(statement: Statement) -> bool:
    """Whether a statement computes each entry from entries, one expression for all."""
    kernel = statement.kernel
    if isinstance(kernel, Apply):
        record = OPERATIONS.get(kernel.operation)
        return isinstance(record, Elementwise) and bool(record.c)
    return isinstance(kernel, Map | Permute)


def as_sum(statement: Statement, axes: Mapping[str, Axes]) -> Statement:
    """A product other than that of two matrices as a sum over entries, which shares loops.

    Other statements stay as they are.
    """
    operands = [operand for operand in statement.operands if isinstance(operand, Ref)]
    if isinstance(statement.kernel, Gram):
        operands.append(operands[0])
    laid = [_laid(operand, axes) for operand in operands]
    subscripts = _subscripts(statement.kernel, [len(letters) for letters, _ in laid])
    if subscripts is None:
        return statement
    listed, result = subscripts.split("->")
    held = [
        "".join(given[place] for place in places)
        for given, (_, places) in zip(listed.split(","), laid, strict=True)
    ]
    kernel = Einsum(f"{','.join(held)}->{result}")
    return replace(statement, kernel=kernel, operands=tuple(Ref(o.name) for o in operands))


def _laid(operand: Ref, axes: Mapping[str, Axes]) -> tuple[Alignment, tuple[int, ...]]:
    """The axes that an operand is laid over, and for each axis of its own the place there."""
    own = len(axes[operand.name])
    laid = tuple(range(own)) if operand.alignment is None else operand.alignment
    return laid, tuple(laid.index(axis) for axis in range(own))


def _subscripts(kernel: Kernel, orders: Sequence[int]) -> str | None:
    """A product of arrays with so many axes in einsum's subscripts, with none left out."""
    match kernel:
        case MatMul(left, right) if min(orders) < 2:
            one = "a" if orders[0] == 1 else "ab" if left else "ba"
            other = "a" if orders[1] == 1 else "ca" if right else "ac"
            return f"{one},{other}->{(one + other).replace('a', '')}"
        case Gram():
            return "ab,a,ac->bc"
        case BatchedMatMul(left, right):
            most = max(orders)
            before = ascii_lowercase[3 : most + 1]
            one, other = ("ab" if left else "ba"), ("ca" if right else "ac")
            behind = [before[len(before) + 2 - order :] for order in orders]
            return f"{behind[0]}{one},{behind[1]}{other}->{before}bc"
        case TensorDot(left_axes, right_axes):
            letters = iter(ascii_lowercase)
            first = [next(letters) for _ in range(orders[0])]
            tied = {two: first[one] for one, two in zip(left_axes, right_axes, strict=True)}
            second = [tied[k] if k in tied else next(letters) for k in range(orders[1])]
            rest = [x for k, x in enumerate(first) if k not in left_axes]
            rest += [x for k, x in enumerate(second) if k not in right_axes]
            return f"{''.join(first)},{''.join(second)}->{''.join(rest)}"
        case Einsum(subscripts):
            return subscripts
    return None


def reduced(statement: Statement, function: Function) -> tuple[Axes, Alignment] | None:
    """The loops of a sum over axes, and which of them each axis of the result runs along."""
    kernel = statement.kernel
    if isinstance(kernel, Sum):
        (operand,) = statement.operands
        assert isinstance(operand, Ref)
        axes = function.axes[operand.name]
        return axes, tuple(k for k in range(len(axes)) if k not in kernel.axes)
    if isinstance(kernel, Einsum):
        listed, result = kernel.subscripts.split("->")
        letters = list(dict.fromkeys(listed.replace(",", "")))
        sizes: dict[str, Size] = {}
        for held, operand in zip(listed.split(","), statement.operands, strict=True):
            assert isinstance(operand, Ref)
            sizes.update(zip(held, function.axes[operand.name], strict=True))
        return tuple(sizes[x] for x in letters), tuple(letters.index(x) for x in result)
    return None


OperandText = Callable[..., str]


def number(value: Fraction) -> str:
    """A number: whole ones as they are, others rounded to the precision of the arrays.

    A whole number that no `int` holds is such an other: as it is it would be none in C.
    """
    if value.denominator == 1 and abs(value) < 2**31:
        return str(value.numerator) if value >= 0 else f"({value.numerator})"
    return f"(real){float(value)!r}" if value >= 0 else f"(real)({float(value)!r})"


def entry_expression(statement: Statement, text: OperandText) -> str:
    """The value of one entry; of a sum or a contraction, the summand."""
    kernel, operands = statement.kernel, statement.operands
    match kernel:
        case Sum():
            return text(operands[0])
        case Einsum(subscripts):
            return " * ".join(_factors(subscripts, operands, text))
        case Permute(order):
            return text(operands[0], tuple(order))
        case Map("greater"):
            return f"(real)({text(operands[0])} > {text(operands[1])})"
        case Map("square"):
            return f"{text(operands[0])} * {text(operands[0])}"
        case Map(operator) if operator in INFIX:
            one, other = map(text, operands)
            return f"{one} {INFIX[operator]} {other}"
        case Map(operator):
            return CALLS[operator].format(*map(text, operands))
        case Apply(name, options):
            record = OPERATIONS[name]
            assert isinstance(record, Elementwise)
            return record.c.format(*map(text, operands), **{k: number(v) for k, v in options})
    raise AssertionError(kernel)


def _factors(subscripts: str, operands: tuple[Operand, ...], text: OperandText) -> list[str]:
    listed = subscripts.split("->")[0]
    letters = list(dict.fromkeys(listed.replace(",", "")))
    return [
        text(operand, along=tuple(map(letters.index, held)))
        for held, operand in zip(listed.split(","), operands, strict=True)
    ]
