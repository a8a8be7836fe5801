"""Kernels on single entries as expressions of C, and sums over some axes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from msgspec.structs import replace

from gradwright.core.nodes import Size
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS
from gradwright.program.ir import (
    Alignment,
    Apply,
    Einsum,
    Function,
    Map,
    MatMul,
    Operand,
    Permute,
    Ref,
    Statement,
    Sum,
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
    """A product with a vector as a sum over entries, which shares loops; others as they are."""
    kernel = statement.kernel
    if not isinstance(kernel, MatMul):
        return statement
    orders = [len(axes[o.name]) for o in statement.operands if isinstance(o, Ref)]
    if min(orders) == 2:
        return statement
    one = "a" if orders[0] == 1 else "ab" if kernel.left_transposed else "ba"
    other = "a" if orders[1] == 1 else "ca" if kernel.right_transposed else "ac"
    result = (one + other).replace("a", "")
    return replace(statement, kernel=Einsum(f"{one},{other}->{result}"))


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
    parts = listed.split(",")
    return [
        text(operand, tuple(held.index(x) if x in held else None for x in letters))
        for held, operand in zip(parts, operands, strict=True)
    ]
