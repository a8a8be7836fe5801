"""Operands of kernels as source text, and what they are written with."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

from msgspec import Struct

from gradwright.core.nodes import Size
from gradwright.emit.library import Library
from gradwright.program.ir import Alignment, Length, Operand, Ref

COMPARE, SUM, PRODUCT, NEGATION, POWER, ATOM = range(6)


class Text(Struct, frozen=True):
    """Source text and how tightly it binds."""

    source: str
    level: int = ATOM

    def at(self, level: int) -> str:
        """The text, in parentheses where it binds less tightly than `level`."""
        return self.source if self.level >= level else f"({self.source})"


class Names(Protocol):
    """What kernels are written with: the library, and how values and sizes are called."""

    @property
    def library(self) -> Library:
        """The library that the expressions are of."""

    def value(self, name: str) -> Text:
        """A value."""

    def size(self, size: Size) -> str:
        """A size."""

    def like(self) -> str:
        """What tells the dtype of arrays that are made of numbers alone."""

    def axes(self, name: str) -> Sequence[Size]:
        """The axes of a value."""

    def callable(self, name: str) -> str:
        """The parameter that stands for an abstract function."""

    def owns(self, name: str) -> bool:
        """Whether the array of a value may be written over: it was made here and is read once."""

    def is_number(self, name: str) -> bool:
        """Whether a value is made of numbers and sizes alone."""


def number(value: Fraction) -> Text:
    """A number; Python numbers do not take part in NumPy's promotion."""
    if value.denominator == 1 and not 2**63 <= abs(value) < 2**1000:
        return Text(str(value.numerator), ATOM if value >= 0 else NEGATION)
    # PyTorch takes no whole number beyond 64 bits; beside an array it is rounded in any case.
    if value.denominator == 1 or Fraction(float(value)) == value:
        return Text(repr(float(value)), ATOM if value >= 0 else NEGATION)
    return Text(f"{value.numerator} / {value.denominator}", PRODUCT)


def turned(text: Text, alignment: Alignment | None, library: Library) -> Text:
    """An operand laid over the axes of a result."""
    if alignment is None:
        return text
    order = [axis for axis in alignment if axis is not None]
    body = text.at(ATOM)
    if order != sorted(order):
        body += ".T" if order == [1, 0] else f".{library.permute}({', '.join(map(str, order))})"
    places = list(alignment)
    while places and places[0] is None:
        places.pop(0)
    if None in places:
        body += f"[{', '.join('None' if a is None else ':' for a in places)}]"
    return Text(body)


def operand_text(operand: Operand, names: Names) -> Text:
    """An operand as text."""
    match operand:
        case Ref(name, alignment):
            return turned(names.value(name), alignment, names.library)
        case Length(size):
            return Text(names.size(size))
        case _:
            return number(operand)


def shape_text(axes: Sequence[Size], names: Names) -> str:
    """The shape of an array as a tuple."""
    sizes = [bare(names.size(size)) for size in axes]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def bare(size: str) -> str:
    """The text of a size where commas or colons show its extent."""
    whole = size.startswith("(") and size.endswith(")")
    return size[1:-1] if whole else size
