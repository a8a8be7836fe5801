"""Numbers a + b ε with ε² = 0 over two fields, and over each other.

With numbers a + b δ in place of a and b they hold two infinitesimals, and the coefficient of ε δ is
a second derivative. Over the integers modulo a prime rational functions are exact; over mpmath's
numbers every function has as many digits as mpmath is told.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath

#: That of the package's exact evaluation.
PRIME = 2**31 - 1


class Undefined(Exception):
    """The field has no value here: a division by zero, or a function that is not rational."""


class Residue:
    """An integer modulo the prime."""

    __slots__ = ("value",)

    def __init__(self, value: int) -> None:
        self.value = value % PRIME

    @classmethod
    def of(cls, number: Fraction) -> Residue:
        return cls(number.numerator * pow(number.denominator, -1, PRIME))

    def __add__(self, other: Residue) -> Residue:
        return Residue(self.value + other.value)

    def __sub__(self, other: Residue) -> Residue:
        return Residue(self.value - other.value)

    def __mul__(self, other: Residue) -> Residue:
        return Residue(self.value * other.value)

    def __truediv__(self, other: Residue) -> Residue:
        if not other.value:
            raise Undefined
        return Residue(self.value * pow(other.value, -1, PRIME))

    def __neg__(self) -> Residue:
        return Residue(-self.value)

    def __bool__(self) -> bool:
        return bool(self.value)


class Dual:
    """a + b ε, where a and b are numbers of the field or hold infinitesimals of their own."""

    __slots__ = ("slope", "value")

    def __init__(self, value: Any, slope: Any) -> None:
        self.value = value
        self.slope = slope

    def __add__(self, other: Dual) -> Dual:
        return Dual(self.value + other.value, self.slope + other.slope)

    def __sub__(self, other: Dual) -> Dual:
        return Dual(self.value - other.value, self.slope - other.slope)

    def __mul__(self, other: Dual) -> Dual:
        return Dual(self.value * other.value, self.value * other.slope + self.slope * other.value)

    def __truediv__(self, other: Dual) -> Dual:
        if not other:
            raise Undefined
        ratio = self.value / other.value
        return Dual(ratio, (self.slope - ratio * other.slope) / other.value)

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.slope)

    def __bool__(self) -> bool:
        """Whether it has an inverse."""
        return bool(self.value)


def constant(number: Any, zero: Any, order: int) -> Any:
    """A number of the field among those with so many infinitesimals."""
    made, nothing = number, zero
    for _ in range(order):
        made, nothing = Dual(made, nothing), Dual(nothing, nothing)
    return made


def moving(number: Any, slopes: list[Any], zero: Any) -> Any:
    """number + slopes[0] ε₀ + slopes[1] ε₁ + …"""
    made = number
    for place, slope in enumerate(slopes):
        made = Dual(made, constant(slope, zero, place))
    return made


def standard(number: Any) -> Any:
    """A number without its infinitesimals."""
    while isinstance(number, Dual):
        number = number.value
    return number


def mixed(number: Any) -> Any:
    """The coefficient of the product of all infinitesimals."""
    while isinstance(number, Dual):
        number = number.slope
    return number


# Functions of one number ------------------------------------------------------------------------

Real = Callable[[Any], Any]


def _like(number: Any, value: Any) -> Any:
    """A plain number as one with as many infinitesimals as another has."""
    if not isinstance(number, Dual):
        return value
    return Dual(_like(number.value, value), _like(number.value, mpmath.mpf(0)))


def _smooth(function: Real, slope: Real) -> Real:
    """A function by its values at plain numbers, and its derivative as a function like it."""

    def at(x: Any) -> Any:
        return Dual(at(x.value), slope(x.value) * x.slope) if isinstance(x, Dual) else function(x)

    return at


def _flat(x: Any) -> Any:
    return _like(x, mpmath.mpf(0))


def _over(number: Any, x: Any) -> Any:
    return _like(x, mpmath.mpf(number)) / x


_exp = _smooth(mpmath.exp, lambda x: _exp(x))
_sqrt = _smooth(mpmath.sqrt, lambda x: _over(0.5, _sqrt(x)))
_sin = _smooth(mpmath.sin, lambda x: _cos(x))
_cos = _smooth(mpmath.cos, lambda x: -_sin(x))
_sign = _smooth(mpmath.sign, _flat)
_step = _smooth(lambda x: mpmath.mpf(x > 0), _flat)


def _bell(height: Callable[[], Any], width: float) -> Real:
    """height · exp(-width x²); the height is asked for with the digits of the moment."""
    return lambda x: _like(x, height()) * _exp(-(_like(x, mpmath.mpf(width)) * x * x))


def _root_of_rest(x: Any) -> Any:
    return _sqrt(_like(x, mpmath.mpf(1)) - x * x)


#: The others are made of these.
REAL: dict[str, Real] = {
    "exp": _exp,
    "log": _smooth(mpmath.log, lambda x: _over(1, x)),
    "sqrt": _sqrt,
    "sin": _sin,
    "cos": _cos,
    "arcsin": _smooth(mpmath.asin, lambda x: _over(1, _root_of_rest(x))),
    "arccos": _smooth(mpmath.acos, lambda x: _over(-1, _root_of_rest(x))),
    "arctan": _smooth(mpmath.atan, lambda x: _over(1, _like(x, mpmath.mpf(1)) + x * x)),
    "erf": _smooth(mpmath.erf, _bell(lambda: 2 / mpmath.sqrt(mpmath.pi), 1)),
    "normcdf": _smooth(mpmath.ncdf, _bell(lambda: 1 / mpmath.sqrt(2 * mpmath.pi), 0.5)),
    "sign": _sign,
    "abs": _smooth(abs, _sign),
    "step": _step,
    "relu": _smooth(lambda x: x if x > 0 else mpmath.mpf(0), _step),
}
