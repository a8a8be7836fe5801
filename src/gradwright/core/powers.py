"""Rational numbers, their powers, and powers of powers: where they multiply."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

from gradwright.core.nodes import ONE
from gradwright.core.work import MAX_BITS, allowed


def rational(value: Fraction | int) -> Fraction:
    """The number as a Fraction; making one takes longer than to look."""
    if type(value) is Fraction:
        return value
    return ONE if value == 1 else Fraction(value)


def multiplied(one: Fraction, other: Fraction) -> Fraction:
    """Their product; most coefficients are one, and are not multiplied with."""
    if one is ONE:
        return other
    return one if other is ONE else one * other


def powers_multiply(inner: Fraction, outer: Fraction) -> bool:
    """Whether (x^inner)^outer = x^(inner·outer) wherever the left side is defined.

    (x^2)^(1/2) is |x|, so an even inner exponent allows an integer outer one only.
    """
    return outer.denominator == 1 or (inner.numerator % 2 == 1)


def rational_power(value: Fraction, exponent: Fraction) -> Fraction | None:
    """`value ** exponent` if that is rational and short, for whole exponents and square roots."""
    if value == 0 and exponent < 0:
        return None
    bits = max(value.numerator.bit_length(), value.denominator.bit_length())
    if value not in (0, 1, -1) and bits * abs(exponent.numerator) > allowed(MAX_BITS):
        return None
    if exponent.denominator == 1:
        return value**exponent.numerator
    if exponent.denominator != 2 or value < 0:
        return None
    top, bottom = isqrt(value.numerator), isqrt(value.denominator)
    if top * top != value.numerator or bottom * bottom != value.denominator:
        return None
    return Fraction(top, bottom) ** exponent.numerator
