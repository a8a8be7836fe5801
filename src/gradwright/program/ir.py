"""A program: named values in order of computation, each bound to one kernel."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gradwright.core.nodes import Options, Size

#: How an operand's axes are laid over the result's: for each axis of the result the operand's
#: axis, or None where the operand is repeated.
Alignment = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Ref:
    """A value as an operand; `alignment` None means as it is."""

    name: str
    alignment: Alignment | None = None


#: An operand: a value, or a number.
Operand = Ref | Fraction


@dataclass(frozen=True, slots=True)
class MatMul:
    """Matrix product of operands with one or two axes, transposed as said."""

    left_transposed: bool = False
    right_transposed: bool = False


@dataclass(frozen=True, slots=True)
class Einsum:
    """Any other contraction, in einsum's subscripts."""

    subscripts: str


@dataclass(frozen=True, slots=True)
class Map:
    """Elementwise: add, subtract, multiply, divide, power, greater."""

    operator: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operation of the table."""

    operation: str
    options: Options = ()


@dataclass(frozen=True, slots=True)
class SoftmaxLogSumExp:
    """softmax and log-sum-exp of one argument, with one exp; two targets."""


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum over some axes."""

    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Permute:
    """The axes in another order."""

    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """Repeat along new axes, and place along the diagonals of tied ones.

    `labels` names each axis of the result; the operand has the labels `held`, in order.
    """

    labels: tuple[int, ...]
    held: tuple[int, ...]


Kernel = MatMul | Einsum | Map | Apply | SoftmaxLogSumExp | Sum | Permute | Spread


@dataclass(frozen=True, slots=True)
class Statement:
    """`targets := kernel(operands)`."""

    targets: tuple[str, ...]
    kernel: Kernel
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """Inputs, statements, and the outputs as operands; `axes` gives every value's axes."""

    name: str
    inputs: tuple[str, ...]
    statements: tuple[Statement, ...]
    outputs: tuple[Operand, ...]
    axes: dict[str, tuple[Size, ...]]
