"""Kernels that are calls of routines: matrix products, and operations on rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from gradwright.core.nodes import Size
from gradwright.emit.buffered import plain_name
from gradwright.emit.c.dialect import VECTORS, Dialect
from gradwright.emit.c.entries import number
from gradwright.emit.c.memory import Memory, extent, length
from gradwright.emit.c.moves import Places, moved
from gradwright.errors import UnsupportedError
from gradwright.ops.record import Structured
from gradwright.ops.table import OPERATIONS
from gradwright.program.ir import (
    Apply,
    Cholesky,
    CholeskyInverse,
    CholeskySolve,
    MatMul,
    Operand,
    Ref,
    SoftmaxLogSumExp,
    Statement,
    is_temporary,
)

Axes = tuple[Size, ...]

#: The routines for Cholesky factors.
ROUTINES_OF_FACTORS = {
    Cholesky: "cholesky",
    CholeskySolve: "cholesky_solve",
    CholeskyInverse: "cholesky_inverse",
}


def call(
    statement: Statement,
    axes: Mapping[str, Axes],
    array: Callable[[str], str],
    memory: Memory,
    dialect: Dialect = VECTORS,
) -> list[str]:
    """The call that a statement is.

    Args:
        statement: what is computed.
        axes: the axes of every value.
        array: where a value lies.
        memory: in which order.
        dialect: which routines there are.

    Raises:
        UnsupportedError: there is no routine.
    """
    kernel = statement.kernel
    if isinstance(kernel, MatMul):
        made = product_of(statement, axes, memory)
        # Where the result lies transposed the letters are those of the transposed product.
        said = "" if memory.is_turned(axes[made.target]) else dialect.remark(made.text)
        return [f"{_product_call(made, array, dialect)}{said}"]
    operands = [array(o.name) for o in statement.operands if isinstance(o, Ref)]
    results = [array(name) if axes[name] else f"&{array(name)}" for name in statement.targets]
    if isinstance(kernel, SoftmaxLogSumExp):
        along, rows, columns = _rows(statement, axes, memory)
        return [f"softmax_logsumexp_{along}({', '.join([rows, columns, *operands, *results])});"]
    if isinstance(kernel, Cholesky | CholeskySolve | CholeskyInverse):
        held = axes[statement.targets[0]]
        counted = [length(held[1:])] if isinstance(kernel, CholeskySolve) else []
        listed = ", ".join([extent(held[0]), *counted, *operands, *results])
        return [f"{ROUTINES_OF_FACTORS[type(kernel)]}({listed});"]
    record = OPERATIONS.get(kernel.operation) if isinstance(kernel, Apply) else None
    if isinstance(kernel, Apply) and isinstance(record, Structured) and record.c:
        along, rows, columns = _rows(statement, axes, memory)
        if needs_room(statement) and (len(results) < 2 or rows != columns):
            raise no_code(statement)
        values = {name: number(value) for name, value in kernel.options}
        values |= {"along": along, "rows": rows, "columns": columns, "out": results[0]}
        values |= {"room": results[-1], "count": length(axes[_name(statement.operands[-1])][1:])}
        return [f"{record.c.format(*operands, **values)};"]
    lines = moved(statement, Places(axes, array, memory, dialect.indices))
    if lines is None:
        raise no_code(statement)
    return lines


def _rows(statement: Statement, axes: Mapping[str, Axes], memory: Memory) -> tuple[str, str, str]:
    """How the rows of an operand lie in memory, how many there are, and how long they are."""
    held = axes[_name(statement.operands[0])]
    along = "columns" if memory.is_turned(held) else "rows"
    return along, length(held[:-1]), extent(held[-1])


def needs_room(statement: Statement) -> bool:
    """Whether a routine works in memory beside its result."""
    kernel = statement.kernel
    record = OPERATIONS.get(kernel.operation) if isinstance(kernel, Apply) else None
    return isinstance(record, Structured) and "{room}" in record.c


class Product(Struct, frozen=True):
    """C (rows × columns) = A B, a sum over `inner`, for A and B as they lie in memory.

    A is transposed where its rows lie behind each other in memory; B where it is `turned`.
    """

    target: str
    rows: Size
    columns: Size
    inner: Size
    left: str
    left_transposed: bool
    right: str
    turned: bool

    @property
    def text(self) -> str:
        """In letters, as Z = X W; a value without a name is left out."""
        left = f"{plain_name(self.left)}{'ᵀ' * self.left_transposed}"
        made = f"{left} {plain_name(self.right)}{'ᵀ' * self.turned}"
        return made if is_temporary(self.target) else f"{plain_name(self.target)} = {made}"

    @property
    def sums_along_rows(self) -> bool:
        """Whether both A and B' have what is summed over innermost."""
        return self.turned and not self.left_transposed


def product_of(statement: Statement, axes: Mapping[str, Axes], memory: Memory) -> Product:
    """A matrix product; where the result lies transposed, C' = B' A'."""
    kernel = statement.kernel
    assert isinstance(kernel, MatMul)
    (target,) = statement.targets
    sides = [
        (_name(operand), transposed != memory.is_turned(axes[_name(operand)]))
        for operand, transposed in zip(
            statement.operands, (kernel.left_transposed, kernel.right_transposed), strict=True
        )
    ]
    rows, columns = axes[target]
    if memory.is_turned(axes[target]):
        rows, columns = columns, rows
        sides = [(name, not transposed) for name, transposed in reversed(sides)]
    (left, left_transposed), (right, turned) = sides
    first, second = (axes[left][place] for place in memory.order(axes[left]))
    inner = first if left_transposed else second
    return Product(target, rows, columns, inner, left, left_transposed, right, turned)


def _product_call(made: Product, array: Callable[[str], str], dialect: Dialect) -> str:
    across = extent(made.rows if made.left_transposed else made.inner)
    strides = ["1", across] if made.left_transposed else [across, "1"]
    routine = "product_turned" if made.turned else "product"
    sizes = map(extent, (made.rows, made.columns, made.inner))
    left, right, into = map(array, (made.left, made.right, made.target))
    return f"{routine}({', '.join([*sizes, left, *strides, right, into, *dialect.room])});"


def _name(operand: Operand) -> str:
    assert isinstance(operand, Ref)
    return operand.name


def no_code(statement: Statement) -> UnsupportedError:
    """The error for a kernel that the target C does not have."""
    kernel = statement.kernel
    said = kernel.operation if isinstance(kernel, Apply) else type(kernel).__name__
    return UnsupportedError(
        "the target c",
        f"{said} is needed and there is no C code for it",
        'use target="numpy"',
    )
