"""What a function costs: matrix products, exponentials, multiplications."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from msgspec import Struct

from gradwright.core.nodes import Size
from gradwright.core.sizes import expected_length
from gradwright.ops import counts
from gradwright.ops.record import Structured
from gradwright.ops.table import OPERATIONS
from gradwright.program.contraction import DEFAULT_LENGTH
from gradwright.program.ir import (
    Apply,
    BatchedMatMul,
    Cholesky,
    CholeskyInverse,
    CholeskySolve,
    Einsum,
    Function,
    Gram,
    Map,
    MatMul,
    Ref,
    SoftmaxLogSumExp,
    Statement,
    TensorDot,
    operand_axes,
)

#: Operations of the table that take one exp of every entry.
EXPONENTIALS = frozenset(
    {"exp", "sigmoid", "softmax", "logsumexp", "softplus", "tanh"}
    | {"silu", "gelu", "gelu_tanh", "mish", "elu", "selu", "normpdf", "normcdf", "erf"}
)


class Cost(Struct, frozen=True):
    """Counts of one call.

    `matrix_products` are products of two matrices; `exponentials` the statements that take an exp
    of a whole array; `multiplications` those of single numbers, divisions included, at the
    lengths given.
    """

    matrix_products: int = 0
    exponentials: int = 0
    multiplications: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.matrix_products + other.matrix_products,
            self.exponentials + other.exponentials,
            self.multiplications + other.multiplications,
        )


def cost(function: Function, lengths: Mapping[str, int] | None = None) -> Cost:
    """The cost of one call; a named size without a length counts as `DEFAULT_LENGTH`."""
    known = lengths or {}

    def length(size: Size) -> int:
        return expected_length(size, known, DEFAULT_LENGTH)

    total = Cost()
    for statement in function.statements:
        axes = [
            tuple(length(size) for size in operand_axes(operand, function.axes))
            for operand in statement.operands
            if isinstance(operand, Ref)
        ]
        result = prod(length(size) for size in function.axes[statement.targets[0]])
        total += _of_statement(statement, axes, result)
    return total


def _of_statement(statement: Statement, axes: list[tuple[int, ...]], result: int) -> Cost:
    match statement.kernel:
        case MatMul(left_transposed=left):
            summed = axes[0][0 if left else -1]
            matrices = all(len(shape) == 2 for shape in axes)
            return Cost(matrix_products=int(matrices), multiplications=result * summed)
        case Gram():
            rows, columns = axes[0]
            half = rows * columns * (columns + 1) // 2
            return Cost(matrix_products=1, multiplications=rows * columns + half)
        case BatchedMatMul(left_transposed=left):
            summed = axes[0][-2 if left else -1]
            return Cost(matrix_products=1, multiplications=result * summed)
        case TensorDot(left=left_axes):
            summed = prod(axes[0][k] for k in left_axes)
            return Cost(matrix_products=1, multiplications=result * summed)
        case Einsum(subscripts):
            listed = subscripts.split("->")[0].split(",")
            lengths: dict[str, int] = {}
            for letters, shape in zip(listed, axes, strict=True):
                lengths.update(zip(letters, shape, strict=True))
            return Cost(multiplications=prod(lengths.values()) * (len(listed) - 1))
        case Map("multiply" | "divide" | "square"):
            return Cost(multiplications=result)
        case Cholesky():
            return Cost(multiplications=counts.cholesky(axes[0][-1]))
        case CholeskySolve():
            made = counts.cholesky_solution(axes[0][-1], counts.columns(axes))
            return Cost(multiplications=made)
        case CholeskyInverse():
            return Cost(multiplications=counts.cholesky_inverse(axes[0][-1]))
        case Apply(name):
            record = OPERATIONS.get(name)
            known = isinstance(record, Structured) and record.multiplications
            return Cost(
                exponentials=int(name in EXPONENTIALS),
                multiplications=known(axes) if known else 0,
            )
        case SoftmaxLogSumExp():
            return Cost(exponentials=1)
        case _:
            return Cost()
