"""Positive definite matrices that are factored once, for all that is made of their factor.

The log-determinant of A = LLᵀ, its inverse and the solutions of A z = b take a factorisation each
where they are computed one by one. Golub and Van Loan, Matrix Computations (2013), section 4.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

from gradwright.core.definite import positive_definite
from gradwright.core.nodes import Node, Operation, Product, postorder
from gradwright.program.ir import (
    Apply,
    Cholesky,
    CholeskyInverse,
    CholeskySolve,
    Einsum,
    Function,
    Operand,
    Sum,
)
from gradwright.program.structure import only_turned

if TYPE_CHECKING:
    from gradwright.program.build import Builder

#: What is made of a factor.
OF_FACTORS = frozenset({"cholesky_logdet", "inv", "solve"})


def factored(roots: Iterable[Node]) -> dict[Node, Node]:
    """The matrix of each node that is made of a factor.

    A matrix of which one thing is made keeps the routine for it: a solution by itself takes longer
    from a factor, for which NumPy has no substitution.
    """
    made: dict[Node, list[Operation]] = {}
    for part in postorder(*roots):
        if isinstance(part, Operation) and part.operation in OF_FACTORS:
            made.setdefault(_plain(part.arguments[0]), []).append(part)
    return {
        part: matrix
        for matrix, parts in made.items()
        if len(parts) > 1 and positive_definite(matrix)
        for part in parts
    }


def _plain(matrix: Node) -> Node:
    """A matrix, or what it is the transpose of: the same, where it is positive definite."""
    if isinstance(matrix, Product) and matrix.coefficient == 1 and only_turned(matrix):
        return matrix.factors[0][0]
    return matrix


def from_factor(builder: Builder, node: Operation, matrix: Node) -> Operand:
    """What a node is, from the factor of its matrix.

    Solutions come from the factor even where the inverse is there: its product with b has the
    error of the largest entry that the inverse makes of any b, not of this one.
    """
    factor = builder.emit(Cholesky(), (builder.value(matrix),), matrix.axes)
    if node.operation == "inv":
        return builder.emit(CholeskyInverse(), (factor,), matrix.axes)
    if node.operation == "solve":
        return builder.emit(CholeskySolve(), (factor, builder.value(node.arguments[1])), node.axes)
    diagonal = builder.emit(Einsum("aa->a"), (factor,), matrix.axes[:1])
    logarithms = builder.emit(Apply("log"), (diagonal,), matrix.axes[:1])
    return builder.scaled(builder.emit(Sum((0,)), (logarithms,), ()), Fraction(2))


def factor_note(*functions: Function) -> str:
    """What functions compute from one factor, in words; empty where nothing is."""
    statements = [statement for function in functions for statement in function.statements]
    kernels = {type(statement.kernel) for statement in statements}
    if Cholesky not in kernels:
        return ""
    made = [
        ("log det(A)", any(s.kernel == Einsum("aa->a") for s in statements)),
        ("inv(A)", CholeskyInverse in kernels),
        ("inv(A) b", CholeskySolve in kernels),
    ]
    listed = [text for text, is_made in made if is_made]
    return f"{' and '.join(listed)}: from one Cholesky factor of a positive definite A"


def applies(function: Function, operation: str) -> bool:
    """Whether a function has an operation by its own routine."""
    return any(s.kernel == Apply(operation) for s in function.statements)
