"""Kernels that are calls of routines: matrix products, and operations on rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gradwright.core.nodes import Size
from gradwright.emit.c.entries import number
from gradwright.emit.c.memory import Memory, extent, length
from gradwright.emit.c.moves import moved
from gradwright.errors import UnsupportedError
from gradwright.ops.record import Structured
from gradwright.ops.table import OPERATIONS
from gradwright.program.ir import Apply, MatMul, Operand, Ref, SoftmaxLogSumExp, Statement

Axes = tuple[Size, ...]


def call(
    statement: Statement, axes: Mapping[str, Axes], array: Callable[[str], str], memory: Memory
) -> list[str]:
    """The call that a statement is.

    Args:
        statement: what is computed.
        axes: the axes of every value.
        array: where a value lies.
        memory: in which order.

    Raises:
        UnsupportedError: there is no routine.
    """
    kernel = statement.kernel
    if isinstance(kernel, MatMul):
        return [_product(statement, axes, array, memory)]
    operands = [array(o.name) for o in statement.operands if isinstance(o, Ref)]
    results = [array(name) for name in statement.targets]
    if isinstance(kernel, SoftmaxLogSumExp):
        along, rows, columns = _rows(statement, axes, memory)
        return [f"softmax_logsumexp_{along}({', '.join([rows, columns, *operands, *results])});"]
    record = OPERATIONS.get(kernel.operation) if isinstance(kernel, Apply) else None
    if isinstance(kernel, Apply) and isinstance(record, Structured) and record.c:
        along, rows, columns = _rows(statement, axes, memory)
        values = {name: number(value) for name, value in kernel.options}
        values |= {"along": along, "rows": rows, "columns": columns, "out": results[0]}
        return [f"{record.c.format(*operands, **values)};"]
    lines = moved(statement, axes, array, memory)
    if lines is None:
        raise no_code(statement)
    return lines


def _rows(statement: Statement, axes: Mapping[str, Axes], memory: Memory) -> tuple[str, str, str]:
    """How the rows of an operand lie in memory, how many there are, and how long they are."""
    held = axes[_name(statement.operands[0])]
    along = "columns" if memory.is_turned(held) else "rows"
    return along, length(held[:-1]), extent(held[-1])


def _product(
    statement: Statement, axes: Mapping[str, Axes], array: Callable[[str], str], memory: Memory
) -> str:
    """A matrix product of what lies in memory: C = A B, or C' = B' A' where C lies transposed."""
    kernel = statement.kernel
    assert isinstance(kernel, MatMul)
    (target,) = statement.targets
    sides = [
        (_name(operand), transposed != memory.is_turned(axes[_name(operand)]))
        for operand, transposed in zip(
            statement.operands, (kernel.left_transposed, kernel.right_transposed), strict=True
        )
    ]
    rows, columns = map(extent, axes[target])
    if memory.is_turned(axes[target]):
        rows, columns = columns, rows
        sides = [(name, not transposed) for name, transposed in reversed(sides)]
    (left, left_transposed), (right, right_transposed) = sides
    first, second = (extent(axes[left][place]) for place in memory.order(axes[left]))
    inner = first if left_transposed else second
    strides = f"1, {second}" if left_transposed else f"{second}, 1"
    routine = "product_turned" if right_transposed else "product"
    return (
        f"{routine}({rows}, {columns}, {inner}, {array(left)}, {strides}, {array(right)}, "
        f"{array(target)}, space);"
    )


def _name(operand: Operand) -> str:
    assert isinstance(operand, Ref)
    return operand.name


def no_code(statement: Statement) -> UnsupportedError:
    """The error for a kernel that the target C does not have."""
    kernel = statement.kernel
    said = kernel.operation if isinstance(kernel, Apply) else type(kernel).__name__
    return UnsupportedError(
        "the target c",
        f"the network needs {said} and there is no C code for it yet",
        'use target="numpy"',
    )
