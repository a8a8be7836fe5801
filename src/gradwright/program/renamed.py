"""A function in which values and sizes have other names."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from gradwright.core.nodes import Size
from gradwright.core.sizes import renamed_size
from gradwright.program.ir import (
    Cut,
    Function,
    Indicator,
    Kernel,
    Length,
    Operand,
    Pad,
    Pick,
    Place,
    Put,
    Ref,
    Statement,
    UnitVector,
)

Name = Callable[[str], str]


def renamed(function: Function, value: Name, size: Name) -> Function:
    """The same function with the names that `value` and `size` give; they are distinct."""

    def length(of: Size) -> Size:
        return renamed_size(of, size)

    def operand(of: Operand) -> Operand:
        match of:
            case Ref(name):
                return replace(of, name=value(name))
            case Length(named):
                return Length(str(length(named)))
        return of

    statements = tuple(
        Statement(
            tuple(map(value, statement.targets)),
            _with_sizes(statement.kernel, length),
            tuple(map(operand, statement.operands)),
        )
        for statement in function.statements
    )
    return replace(
        function,
        inputs=tuple(map(value, function.inputs)),
        statements=statements,
        outputs=tuple(map(operand, function.outputs)),
        axes={value(name): tuple(map(length, axes)) for name, axes in function.axes.items()},
    )


def _with_sizes(kernel: Kernel, length: Callable[[Size], Size]) -> Kernel:
    match kernel:
        case Cut(axis, start, stop):
            return Cut(axis, length(start), length(stop))
        case Pick(axis, place):
            return Pick(axis, length(place))
        case Place(axis, place, size):
            return Place(axis, length(place), length(size))
        case Pad(axis, start, size):
            return Pad(axis, length(start), length(size))
        case Indicator(start, steps):
            return Indicator(length(start), tuple(map(length, steps)))
        case Put(size):
            return Put(length(size))
        case UnitVector(place):
            return UnitVector(length(place))
    return kernel
