"""A program: named values in order of computation, each bound to one kernel."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from msgspec import Struct

from gradwright.core.nodes import Options, Size
from gradwright.ops.table import OPERATIONS

#: How an operand's axes are laid over the result's: for each axis of the result the operand's
#: axis, or None where the operand is repeated.
Alignment = tuple[int | None, ...]


class Ref(Struct, frozen=True):
    """A value as an operand; `alignment` None means as it is."""

    name: str
    alignment: Alignment | None = None


class Length(Struct, frozen=True):
    """A size as a number. It is no value of a function: a value may have the same name."""

    size: str


#: An operand: a value, a size, or a number.
Operand = Ref | Length | Fraction


class MatMul(Struct, frozen=True):
    """Matrix product of operands with one or two axes, transposed as said."""

    left_transposed: bool = False
    right_transposed: bool = False


class Gram(Struct, frozen=True):
    """Xᵀ diag(w) X of X (p × i) and w (p): symmetric, so half the work of a matrix product."""


class BatchedMatMul(Struct, frozen=True):
    """Matrix products of the last two axes, one for each place of the axes before them."""

    left_transposed: bool = False
    right_transposed: bool = False


class TensorDot(Struct, frozen=True):
    """The sum over pairs of axes of two operands; the axes left over follow in order."""

    left: tuple[int, ...]
    right: tuple[int, ...]


class Take(Struct, frozen=True):
    """What whole numbers choose along an axis; the axes of the numbers stand in its place."""

    axis: int


class Cut(Struct, frozen=True):
    """The places from `start` to before `stop` along an axis, counted from 0."""

    axis: int
    start: Size
    stop: Size


class Pick(Struct, frozen=True):
    """One place along an axis, counted from 1; the axis is left out."""

    axis: int
    place: Size


class Place(Struct, frozen=True):
    """The operand at one place, counted from 1, along a new axis of a size; zeros elsewhere."""

    axis: int
    place: Size
    size: Size


class Concatenate(Struct, frozen=True):
    """The operands behind each other along an axis."""

    axis: int


class Pad(Struct, frozen=True):
    """The operand from `start` on along an axis of a size, zeros around it."""

    axis: int
    start: Size
    size: Size


class Reshape(Struct, frozen=True):
    """The same entries in their order, over other axes."""


class Indicator(Struct, frozen=True):
    """The array of a factor that chooses: 1 at start plus the sum of steps times indices."""

    start: Size
    steps: tuple[Size, ...]


class Put(Struct, frozen=True):
    """Zeros with the first operand added up at places along a new first axis of a size.

    The second operand has the places; its axes are the first ones of the first operand.
    """

    size: Size


class OneHotRows(Struct, frozen=True):
    """A row of zeros with a 1 at its place for each whole number."""


class Einsum(Struct, frozen=True):
    """Any other contraction, in einsum's subscripts."""

    subscripts: str


class Map(Struct, frozen=True):
    """Elementwise: add, subtract, multiply, divide, power, greater, negative, square, sqrt."""

    operator: str


class Apply(Struct, frozen=True):
    """An operation of the table."""

    operation: str
    options: Options = ()


class SoftmaxLogSumExp(Struct, frozen=True):
    """softmax and log-sum-exp of one argument, with one exp; two targets."""


class Cholesky(Struct, frozen=True):
    """The lower triangle L with L Lᵀ = A, for a positive definite A."""


class CholeskySolve(Struct, frozen=True):
    """The solution z of L Lᵀ z = b, from L and b, which has one axis or two."""


class CholeskyInverse(Struct, frozen=True):
    """The inverse of L Lᵀ, from L."""


class Sum(Struct, frozen=True):
    """The sum over some axes."""

    axes: tuple[int, ...]


class Permute(Struct, frozen=True):
    """The axes in another order."""

    order: tuple[int, ...]


class Spread(Struct, frozen=True):
    """Repeat along new axes, and place along the diagonals of tied ones.

    `labels` names each axis of the result; the operand has the labels `held`, in order.
    """

    labels: tuple[int, ...]
    held: tuple[int, ...]


class AddTied(Struct, frozen=True):
    """The first operand, with the second added along the diagonals of tied axes.

    `labels` and `held` as in `Spread`, of which this is the sum with an array.
    """

    labels: tuple[int, ...]
    held: tuple[int, ...]


class UnitVector(Struct, frozen=True):
    """1 at a place, counted from 1, and 0 elsewhere; there is no operand."""

    place: Size


Kernel = (
    MatMul
    | Gram
    | BatchedMatMul
    | TensorDot
    | Take
    | Cut
    | Pick
    | Place
    | Concatenate
    | Pad
    | Reshape
    | Indicator
    | Put
    | OneHotRows
    | Einsum
    | Map
    | Apply
    | SoftmaxLogSumExp
    | Cholesky
    | CholeskySolve
    | CholeskyInverse
    | Sum
    | Permute
    | Spread
    | UnitVector
    | AddTied
)


class Statement(Struct, frozen=True):
    """`targets := kernel(operands)`."""

    targets: tuple[str, ...]
    kernel: Kernel
    operands: tuple[Operand, ...]


class Function(Struct, frozen=True):
    """Inputs, statements, and the outputs as operands; `axes` gives every value's axes.

    A size is the length of an input's axis, or a scalar input of that name where no input has
    such an axis. `merged` says, for each output, how many axes in a row become one axis of the
    result: (2, 1) for the vec of a matrix by a vector. Without an entry, or with an empty one, the
    axes stay as they are.
    """

    name: str
    inputs: tuple[str, ...]
    statements: tuple[Statement, ...]
    outputs: tuple[Operand, ...]
    axes: dict[str, tuple[Size, ...]]
    merged: tuple[tuple[int, ...], ...] = ()

    @property
    def index_inputs(self) -> frozenset[str]:
        """The inputs that are whole numbers, to choose places by."""
        return frozenset(
            statement.operands[-1].name
            for statement in self.statements
            if isinstance(statement.kernel, Take | Put | OneHotRows)
            and isinstance(statement.operands[-1], Ref)
        )

    @property
    def callables(self) -> tuple[tuple[str, int], ...]:
        """The abstract functions that it applies, (name, number of arguments), sorted.

        They are parameters behind the inputs.
        """
        found = {
            (statement.kernel.operation, len(statement.operands))
            for statement in self.statements
            if isinstance(statement.kernel, Apply) and statement.kernel.operation not in OPERATIONS
        }
        return tuple(sorted(found))


def temporary(number: int) -> str:
    """The name of a value that has none of its own; no identifier looks like it."""
    return f"%{number}"


def is_temporary(name: str) -> bool:
    """Whether a name was made by `temporary`."""
    return name.startswith("%")


def operand_axes(operand: Operand, axes: Mapping[str, tuple[Size, ...]]) -> tuple[Size, ...]:
    """The axes of an operand as laid over the result: 1 where it is repeated."""
    if not isinstance(operand, Ref):
        return ()
    own = axes[operand.name]
    if operand.alignment is None:
        return own
    return tuple(1 if axis is None else own[axis] for axis in operand.alignment)


def broadcast(*shapes: tuple[Size, ...]) -> tuple[Size, ...]:
    """The axes of an elementwise result: equal from the last axis on, or repeated."""
    order = max(map(len, shapes), default=0)
    result: list[Size] = [1] * order
    for shape in shapes:
        for place, size in enumerate(shape, start=order - len(shape)):
            if size == 1:
                continue
            if result[place] not in (1, size):
                raise AssertionError(f"axes {shapes} do not go together elementwise")
            result[place] = size
    return tuple(result)


def number_values(function: Function) -> frozenset[str]:
    """The values that are made of numbers and sizes alone, whatever the inputs hold."""
    found: set[str] = set()
    for statement in function.statements:
        if isinstance(statement.kernel, Map | Apply) and all(
            not isinstance(operand, Ref) or operand.name in found for operand in statement.operands
        ):
            found.update(statement.targets)
    return frozenset(found)
