"""Numbers in the texts of networks and of losses: how they are read, and written in full."""

from __future__ import annotations

from fractions import Fraction

#: As Python writes numbers from 0, so that what a program formats is read: 0.5, 1e-05.
NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?"

#: The most characters of one.
MAX_CHARACTERS = 40


def exact_decimal(value: Fraction) -> str:
    """A number that has a finite decimal expansion, written in full.

    Options are typed as decimals, so their denominators divide a power of ten.

    >>> exact_decimal(Fraction(-1, 80))
    '-0.0125'
    """
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
        # A denominator d = 2^a 5^b needs max(a, b) <= log2(d) digits; more means none suffice.
        if digits > value.denominator.bit_length():
            raise ValueError(f"{value} has no finite decimal expansion")
    whole = str(abs(value.numerator * 10**digits // value.denominator)).zfill(digits + 1)
    sign = "-" if value < 0 else ""
    return sign + (f"{whole[:-digits]}.{whole[-digits:]}" if digits else whole)
