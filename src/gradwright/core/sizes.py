"""Sizes that are sums and products of others, such as m+n of a concatenation.

A size is a whole number, a name, or a polynomial in names, kept as its one canonical text:
`2*h*d+n-1`. So sizes are equal when they are the same value, as numbers and names are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TypeGuard

Size = int | str

#: Products of names, sorted, with their coefficients; no name is the constant.
Terms = tuple[tuple[tuple[str, ...], int], ...]

_TERM = re.compile(r"([+-]?)([^+-]+)")


@lru_cache(maxsize=4096)
def terms(size: Size) -> Terms:
    """A size as a polynomial."""
    if isinstance(size, int):
        return (((), size),) if size else ()
    found: dict[tuple[str, ...], int] = {}
    for sign, body in _TERM.findall(size):
        factors = body.split("*")
        coefficient = -1 if sign == "-" else 1
        if factors[0].isdigit():
            coefficient *= int(factors.pop(0))
        key = tuple(sorted(factors))
        found[key] = found.get(key, 0) + coefficient
    return tuple(found.items())


def _size(found: Mapping[tuple[str, ...], int]) -> Size:
    """The canonical text: longer products first, positive terms before negative ones."""
    kept = [(names, c) for names, c in found.items() if c]
    if not kept:
        return 0
    if len(kept) == 1 and not kept[0][0]:
        return kept[0][1]
    kept.sort(key=lambda term: (term[1] < 0, -len(term[0]), term[0]))
    text = ""
    for names, coefficient in kept:
        size = abs(coefficient)
        factors = [*([str(size)] if size != 1 or not names else []), *names]
        text += ("-" if coefficient < 0 else "+" if text else "") + "*".join(factors)
    return text


def size_text(size: Size, name: Callable[[str], str]) -> str:
    """A size that is made of others as an expression, its names as they are spelled."""
    text = ""
    for names, coefficient in terms(size):
        count = abs(coefficient)
        factors = [*([str(count)] if count != 1 or not names else []), *map(name, names)]
        sign = "-" if coefficient < 0 else "+"
        text += (f" {sign} " if text else "-" * (sign == "-")) + " * ".join(factors)
    return text or "0"


def plus(*sizes: Size) -> Size:
    """The sum of some sizes."""
    found: dict[tuple[str, ...], int] = {}
    for size in sizes:
        for names, coefficient in terms(size):
            found[names] = found.get(names, 0) + coefficient
    return _size(found)


def minus(one: Size, other: Size) -> Size:
    """`one - other`."""
    return plus(one, times(-1, other))


def times(*sizes: Size) -> Size:
    """The product of some sizes."""
    found: dict[tuple[str, ...], int] = {(): 1}
    for size in sizes:
        made: dict[tuple[str, ...], int] = {}
        for names, coefficient in found.items():
            for more, other in terms(size):
                key = tuple(sorted((*names, *more)))
                made[key] = made.get(key, 0) + coefficient * other
        found = made
    return _size(found)


def renamed_size(size: Size, name: Callable[[str], Size]) -> Size:
    """A size with other sizes in place of the names that it is made of."""
    return plus(*(times(coefficient, *map(name, names)) for names, coefficient in terms(size)))


def is_compound(size: Size | None) -> TypeGuard[str]:
    """Whether a size is neither a number nor a name."""
    return isinstance(size, str) and ("+" in size or "-" in size or "*" in size)


def names_in(sizes: Iterable[Size | None]) -> set[str]:
    """The names that sizes are made of."""
    found: set[str] = set()
    for size in sizes:
        if is_compound(size):
            found.update(*(names for names, _ in terms(size)))
        elif isinstance(size, str):
            found.add(size)
    return found


class Lengths(dict[str, int]):
    """Lengths of names; a size that is made of names has its length too."""

    def __missing__(self, size: str) -> int:
        if not is_compound(size):
            raise KeyError(size)
        return self.length(size)

    def length(self, size: Size) -> int:
        """The length of a size.

        Raises:
            KeyError: a name that it is made of has no length.
        """
        if isinstance(size, int):
            return size
        if not is_compound(size):
            return self[size]
        total = 0
        for names, coefficient in terms(size):
            for name in names:
                coefficient *= self[name]
            total += coefficient
        return total


def expected_length(size: Size, known: Mapping[str, int], otherwise: int) -> int:
    """The length of a size, where names without a length count as `otherwise`; at least 1."""
    if isinstance(size, int):
        return size
    assumed = Lengths({name: known.get(name, otherwise) for name in names_in((size,))})
    return max(1, assumed.length(size))
