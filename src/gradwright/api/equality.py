"""Whether two formulas are equal, and if not, the smallest numbers that show it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.api.checking import drawn_functions
from gradwright.api.drawn import drawn_value
from gradwright.api.formula import declared_symbols
from gradwright.core.graph import Graph
from gradwright.core.sizes import Lengths, names_in
from gradwright.core.work import bounded
from gradwright.errors import GradwrightError, ShapeError, UnsupportedError
from gradwright.notation.declarations import AnyDeclaration, Declaration
from gradwright.notation.definitions import read
from gradwright.notation.lower import lower
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Binary, Symbol, Tree, walk
from gradwright.simplify.equal import equal as equal_nodes

Array = Any

#: Lengths that are tried for sizes, the smallest sum first, and points for each of them.
LENGTHS = (1, 2, 3)
SIZES_TRIED = 60
POINTS = 12

#: Values differ when they are apart by more than this part of the larger one.
TOLERANCE = 1e-9


class Equality(Struct, frozen=True, eq=False):
    """The outcome: true as a condition when both sides are equal.

    `level` says how equality was shown: "same node", "equal modulo a prime" or "equal at random
    points". Otherwise `counterexample` has a value for each symbol, the smallest that was found,
    and `left` and `right` are the two sides there.
    """

    equal: bool
    level: str
    counterexample: dict[str, Array] = {}
    left: Array = None
    right: Array = None

    def __bool__(self) -> bool:
        """The same as `equal`."""
        return self.equal

    def __str__(self) -> str:
        if self.equal:
            return f"equal ({self.level})"
        at = ", ".join(f"{name} = {_short(value)}" for name, value in self.counterexample.items())
        return (
            f"not equal: at {at} the left side is {_short(self.left)} and the right side "
            f"{_short(self.right)}"
        )


def _short(value: Array) -> str:
    return str(np.round(np.asarray(value, dtype=float), 6).tolist())


@bounded("comparing two formulas")
def equal(left: str, right: str, /, **declarations: str | AnyDeclaration) -> Equality:
    """Whether two formulas are equal for all values of their symbols.

    >>> print(equal("A*x + A'*x", "(A + A')*x", A="matrix n n", x="vector n"))
    equal (equal modulo a prime)
    >>> found = equal("A*x", "A'*x", A="matrix n n", x="vector n")
    >>> found.equal, found.left - found.right
    (False, array([ 0., -1.]))

    Raises:
        ShapeError: the sides have different shapes, or one has a fault of its own.
        NotationError, SymbolError: a side cannot be read.
        UnsupportedError: it cannot be decided.
    """
    declared = declared_symbols(declarations)
    trees = read(left, declared)[0], read(right, declared)[0]
    joint = infer(Binary("-", *trees), declared)
    scopes = [
        infer(tree, joint.known, text) for tree, text in zip(trees, (left, right), strict=True)
    ]
    if scopes[0].shape != scopes[1].shape:
        raise ShapeError(
            f"whether {left} and {right} are equal",
            f"{left} has the shape {scopes[0].shape} and {right} the shape {scopes[1].shape}",
            "compare formulas of one shape; a scalar is no matrix of equal entries",
        )
    graph = Graph()
    nodes = [
        lower(tree, scope, graph, text=text).value.node
        for tree, scope, text in zip(trees, scopes, (left, right), strict=True)
    ]
    level = equal_nodes(graph, nodes[0], nodes[1])
    if level is not None:
        return Equality(True, level.value)
    return _apart(trees, joint)


def _apart(trees: tuple[Tree, Tree], scope: Scope) -> Equality:
    """The first point, from small ones on, at which the sides differ."""
    undecided = None
    for sizes in small_sizes(scope):
        for values in small_values(scope, sizes):
            try:
                left, right = (_value(tree, values, sizes, scope) for tree in trees)
            except GradwrightError:
                continue
            if not (np.all(np.isfinite(left)) and np.all(np.isfinite(right))):
                continue
            scale = max(float(np.max(np.abs(left))), float(np.max(np.abs(right))))
            if float(np.max(np.abs(left - right))) > TOLERANCE * scale:
                return Equality(False, "", values, left, right)
            undecided = values
    raise UnsupportedError(
        "whether two formulas are equal",
        "they are not equal by computation, and agree at every point that was tried"
        if undecided is not None
        else "no point was found at which both are defined",
        "declare facts such as positive or invertible, under which they are defined",
    )


def small_sizes(scope: Scope) -> Iterator[dict[str, int]]:
    """Lengths for the named sizes, small ones first."""
    held = [d.sizes for d in scope.known.values()]
    names = sorted(names_in(size for sizes in held for size in sizes) | scope.sizes)
    choices = sorted(product(LENGTHS, repeat=min(len(names), 5)), key=lambda c: (sum(c), c))
    for lengths in choices[:SIZES_TRIED]:
        found = Lengths(zip(names, [*lengths, *([2] * len(names))], strict=False))
        if all(found.length(one) <= found.length(other) for one, other in scope.ordered):
            yield found


def small_values(scope: Scope, sizes: dict[str, int]) -> Iterator[dict[str, Array]]:
    """Values of small whole numbers, with more of them other than zero from point to point."""
    for k in range(POINTS):
        generator = np.random.default_rng((k, *sizes.values()))
        yield {
            name: _small(declared, sizes, k, generator)
            for name, declared in sorted(scope.symbols.items())
        }


def _small(
    declared: Declaration, sizes: dict[str, int], k: int, generator: np.random.Generator
) -> Array:
    if declared.facts or declared.among is not None:
        return drawn_value(declared, sizes, generator)
    shape = tuple(map(Lengths(sizes).length, declared.sizes))
    reach = 1 + k // 4
    numbers = generator.integers(-reach if k % 2 else 0, reach, size=shape, endpoint=True)
    return np.asarray(numbers, dtype=np.float64)


def _value(tree: Tree, values: dict[str, Array], sizes: dict[str, int], scope: Scope) -> Array:
    own = infer(tree, scope.known, sizes=scope.sizes)
    used = {part.name for part in walk(tree) if isinstance(part, Symbol)}
    known = {name: value for name, value in {**sizes, **values}.items() if name in used}
    functions = drawn_functions(own, values)
    return np.asarray(evaluate(tree, known | {n: f.call for n, f in functions.items()}, own))
