"""Two sides compared at points, by the notation's own evaluator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.api.checking import drawn_functions
from gradwright.api.equations.setting import Point
from gradwright.core.sizes import names_in
from gradwright.core.work import spend
from gradwright.errors import DomainError, GradwrightError
from gradwright.notation.declarations import AnyDeclaration, FunctionDeclaration
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Symbol, Tree, walk

Array = Any

#: Values differ when they are apart by more than this part of the larger one, or of 0.01.
TOLERANCE = 1e-9

#: Units of work of one evaluation, besides its operations.
EVALUATED = 50


class Difference(Struct, frozen=True, eq=False):
    """A point at which two sides differ, and their values there."""

    point: Point
    left: Array
    right: Array


class Side(Struct, frozen=True, eq=False):
    """A tree with its scope."""

    tree: Tree
    scope: Scope
    known: dict[int, tuple[Point, Array]] = {}

    def at(self, point: Point) -> Array:
        """The value at a point, kept for the next time.

        Raises:
            GradwrightError: it has none there.
        """
        if id(point) not in self.known:
            self.known[id(point)] = point, self._at(point)
        return self.known[id(point)][1]

    def _at(self, point: Point) -> Array:
        spend(EVALUATED)
        names = {part.name for part in walk(self.tree) if isinstance(part, Symbol)}
        values = {name: point.value(name) for name in names}
        given = {name: value for name, value in values.items() if value is not None}
        functions = drawn_functions(self.scope, given)
        calls = {name: function.call for name, function in functions.items()}
        return np.asarray(evaluate(self.tree, given | calls, self.scope))


def side(tree: Tree, declared: Mapping[str, AnyDeclaration], text: str | None = None) -> Side:
    """A tree with its scope; `text` is what it was read from, for errors to quote.

    Raises:
        ShapeError, SymbolError: it is not conformable, or has an unknown name.
    """
    names = {part.name for part in walk(tree) if isinstance(part, Symbol)}
    used = {name: declared[name] for name in names if name in declared}
    functions = {n: d for n, d in declared.items() if isinstance(d, FunctionDeclaration)}
    sizes = {size for name in names - used.keys() for size in [name] if size in _sizes(declared)}
    return Side(tree, infer(tree, {**used, **functions}, text, sizes=sizes))


def _sizes(declared: Mapping[str, AnyDeclaration]) -> set[str]:
    """The names of sizes."""
    return names_in(size for d in declared.values() for size in d.sizes)


def first_difference(
    left: Side, right: Side, points: Iterable[Point], *, least: int = 1
) -> Difference | None:
    """The first point at which two sides of one shape differ.

    Raises:
        DomainError: fewer than `least` points were found at which both are defined.
    """
    defined = 0
    for point in points:
        try:
            one, other = left.at(point), right.at(point)
        except GradwrightError:
            continue
        if not (np.all(np.isfinite(one)) and np.all(np.isfinite(other))):
            continue
        defined += 1
        if apart(one, other):
            return Difference(point, one, other)
    if defined < least:
        raise DomainError(
            "the values of an equation",
            "no point was found at which both sides are defined",
            "declare facts such as positive or invertible, under which they are",
        )
    return None


def first_above(left: Side, right: Side, points: Iterable[Point], sign: int) -> Difference | None:
    """The first point at which the left side is larger; with `sign` -1, smaller."""
    for point in points:
        try:
            one, other = left.at(point), right.at(point)
        except GradwrightError:
            continue
        if np.any(sign * (one - other) > TOLERANCE * np.maximum(np.abs(one), 1e-2)):
            return Difference(point, one, other)
    return None


def apart(one: Array, other: Array) -> bool:
    """Whether two values differ by more than rounding."""
    if one.shape != other.shape:
        return True
    if not one.size:
        return False
    scale = max(float(np.max(np.abs(one))), float(np.max(np.abs(other))), 1e-2)
    return bool(float(np.max(np.abs(one - other))) > TOLERANCE * scale)
