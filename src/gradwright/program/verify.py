"""The verifier between building and emitting.

Every name is defined once and before its use, and the axes of every target are those that its
kernel makes of its operands. A failure is a mistake of ours, never the user's.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.core.nodes import Size
from gradwright.core.sizes import minus, plus, times
from gradwright.ops.record import Structured
from gradwright.ops.table import OPERATIONS
from gradwright.program.ir import (
    AddTied,
    Apply,
    BatchedMatMul,
    Cholesky,
    CholeskyInverse,
    CholeskySolve,
    Concatenate,
    Cut,
    Einsum,
    Function,
    Gram,
    Indicator,
    Kernel,
    Length,
    Map,
    MatMul,
    OneHotRows,
    Operand,
    Pad,
    Permute,
    Pick,
    Place,
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
    broadcast,
    operand_axes,
)

Axes = tuple[Size, ...]

#: Kernels that move entries.
MOVING = (Take, Put, OneHotRows, Cut, Pad, Pick, Place, Concatenate, Reshape)


def verify(function: Function) -> Function:
    """Return the function, or fail loudly.

    Raises:
        AssertionError: naming the value and the function at fault.
    """
    defined = set(function.inputs)
    if len(defined) < len(function.inputs):
        raise AssertionError(f"two inputs of {function.name} share a name")
    for statement in function.statements:
        for operand in statement.operands:
            _require(operand, defined, function)
        for target in statement.targets:
            if target in defined:
                raise AssertionError(f"{target} is defined twice in {function.name}")
            if target not in function.axes:
                raise AssertionError(f"{target} has no axes in {function.name}")
            defined.add(target)
        _check_axes(statement, function)
    for operand in function.outputs:
        _require(operand, defined, function)
    return function


def _require(operand: Operand, defined: set[str], function: Function) -> None:
    if isinstance(operand, Ref) and operand.name not in defined:
        raise AssertionError(f"{operand.name} is used before it is defined in {function.name}")
    if isinstance(operand, Length) and where_is(operand.size, function) is None:
        raise AssertionError(f"no input of {function.name} tells the size {operand.size}")


def where_is(size: str, function: Function) -> tuple[str, int | None] | None:
    """(input, axis) whose length a size is; the axis is None for a scalar input of its name."""
    for name in function.inputs:
        for place, axis in enumerate(function.axes[name]):
            if axis == size:
                return name, place
    if size in function.inputs and not function.axes[size]:
        return size, None
    return None


def _check_axes(statement: Statement, function: Function) -> None:
    operands = [operand_axes(operand, function.axes) for operand in statement.operands]
    made = _results(statement, operands, function)
    declared = [function.axes[target] for target in statement.targets]
    if made != declared:
        raise AssertionError(
            f"{statement} of {function.name} makes axes {made}, declared are {declared}"
        )


def _results(statement: Statement, operands: Sequence[Axes], function: Function) -> list[Axes]:
    """The axes of each target."""
    target = function.axes[statement.targets[0]]
    if isinstance(statement.kernel, UnitVector | Indicator):
        return [target]
    first = operands[0]
    match statement.kernel:
        case Map():
            return [broadcast(*operands)]
        case MatMul(left, right):
            return [_matmul(first[::-1] if left else first, _turned(operands[1], right))]
        case Gram():
            if len(first) != 2 or operands[1] != first[:1]:
                raise AssertionError(f"no weights of axes {operands[1]} for rows of {first}")
            return [(first[1], first[1])]
        case BatchedMatMul(left, right):
            return [_batched(first, operands[1], left, right)]
        case TensorDot(left_axes, right_axes):
            return [_tensordot(first, operands[1], left_axes, right_axes)]
        case kernel if isinstance(kernel, MOVING):
            return [_moved(kernel, operands, target)]
        case Einsum(subscripts):
            return [_einsum(subscripts, operands)]
        case Sum(axes):
            return [tuple(size for place, size in enumerate(first) if place not in axes)]
        case Permute(order):
            if sorted(order) != list(range(len(first))):
                raise AssertionError(f"{order} is no order of the axes {first}")
            return [tuple(first[place] for place in order)]
        case SoftmaxLogSumExp():
            return [first, first[:-1]]
        case Cholesky() | CholeskyInverse():
            return [_factored(first)]
        case CholeskySolve():
            return [_matmul(_factored(first), operands[1])]
        case AddTied(labels, held):
            return [_spread(labels, held, operands[1], first)]
        case Spread(labels, held):
            return [_spread(labels, held, first, target)]
        case Apply(name) if name not in OPERATIONS:
            # Its sizes are those that it was declared with.
            return [target]
        case Apply(name):
            if len(operands) > 1 and isinstance(OPERATIONS[name], Structured):
                # A matrix and what it is applied to.
                return [(first[0], *operands[1][1:])]
            if len(operands) > 1:
                return [broadcast(*operands)]
            # Elementwise and like inv and softmax, or over the last axes like det and logsumexp.
            return [first[: len(target)]]
    raise AssertionError(statement.kernel)


def _moved(kernel: Kernel, operands: Sequence[Axes], target: Axes) -> Axes:
    """The axes of what moves entries."""
    first = operands[0]
    match kernel:
        case Take(axis):
            return (*first[:axis], *operands[1], *first[axis + 1 :])
        case Cut(axis, start, stop):
            return (*first[:axis], minus(stop, start), *first[axis + 1 :])
        case Pick(axis, _):
            return (*first[:axis], *first[axis + 1 :])
        case Place(axis, _, size):
            return (*first[:axis], size, *first[axis:])
        case Concatenate(axis):
            total = plus(*(axes[axis] for axes in operands))
            return (*first[:axis], total, *first[axis + 1 :])
        case Pad(axis, _, size):
            return (*first[:axis], size, *first[axis + 1 :])
        case Reshape():
            if times(*first) != times(*target):
                raise AssertionError(f"axes {first} and {target} hold other numbers of entries")
            return target
        case Put(size):
            if first[: len(operands[1])] != operands[1]:
                raise AssertionError(f"no places of axes {operands[1]} for axes {first}")
            return (size, *first[len(operands[1]) :])
        case OneHotRows():
            return (*first, *target[-1:])
    raise AssertionError(kernel)


def _turned(axes: Axes, transposed: bool) -> Axes:
    return axes[::-1] if transposed else axes


def _matmul(left: Axes, right: Axes) -> Axes:
    if not left or not right or left[-1] != right[0] or len(left) > 2 or len(right) > 2:
        raise AssertionError(f"no matrix product of axes {left} and {right}")
    return left[:-1] + right[1:]


def _factored(axes: Axes) -> Axes:
    if len(axes) != 2 or axes[0] != axes[1]:
        raise AssertionError(f"no factor of axes {axes}")
    return axes


def _batched(left: Axes, right: Axes, turned_left: bool, turned_right: bool) -> Axes:
    one, two = _turned(left[-2:], turned_left), _turned(right[-2:], turned_right)
    return (*broadcast(left[:-2], right[:-2]), *_matmul(one, two))


def _tensordot(left: Axes, right: Axes, one: Sequence[int], two: Sequence[int]) -> Axes:
    if [left[k] for k in one] != [right[k] for k in two]:
        raise AssertionError(f"axes {one} of {left} and {two} of {right} differ")
    rest = [size for k, size in enumerate(left) if k not in one]
    return (*rest, *(size for k, size in enumerate(right) if k not in two))


def _einsum(subscripts: str, operands: Sequence[Axes]) -> Axes:
    listed, result = subscripts.split("->")
    sizes: dict[str, Size] = {}
    for letters, axes in zip(listed.split(","), operands, strict=True):
        for letter, size in zip(letters, axes, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise AssertionError(f"{letter} of {subscripts} is {sizes[letter]} and {size}")
    return tuple(sizes[letter] for letter in result)


def _spread(labels: Sequence[int], held: Sequence[int], axes: Axes, target: Axes) -> Axes:
    """The target's axes, where the labels that the operand holds have the operand's sizes."""
    sizes = dict(zip(held, axes, strict=True))
    for label, size in zip(labels, target, strict=True):
        if sizes.setdefault(label, size) != size:
            raise AssertionError(f"label {label} is {sizes[label]} and {size}")
    if not set(held) <= set(labels):
        raise AssertionError(f"held labels {held} are not all among {labels}")
    return target
