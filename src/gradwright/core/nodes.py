"""The nodes of the index core.

A node is an array-valued expression. Its axes are known by position and carry a size each; labels
exist only inside one `Product` and mean nothing outside it. Nodes are made by a `Graph` alone,
which interns them: two nodes of one graph are equal exactly when they are the same object.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from msgspec import Struct
from msgspec.structs import force_setattr

from gradwright.core import sizes as size_terms
from gradwright.core.sizes import names_in
from gradwright.core.work import spend

#: The length of an axis: a number, a name that stands for one, or a sum or product of such.
Size = size_terms.Size

#: Labels of a factor's axes, local to the product that holds the factor.
Labels = tuple[int, ...]

#: The exponent and the coefficient that most things have; compared by identity where it is fast.
ONE = Fraction(1)

Options = tuple[tuple[str, Fraction], ...]


class _Walked:
    """Keeps with a node what is below it: passes ask for the same nodes many times."""

    __slots__ = ("_below",)
    _below: tuple[Node, ...]


class Node(_Walked, Struct, frozen=True, eq=False):
    """What all nodes share: the sizes of the axes, and a digest of the structure.

    `key` depends on structure alone, never on the order of creation, so sorting by it is
    reproducible.
    """

    axes: tuple[Size, ...]
    key: bytes

    @property
    def order(self) -> int:
        """The number of axes."""
        return len(self.axes)


class Variable(Node, frozen=True, eq=False):
    """An input, with the facts declared of it."""

    name: str
    facts: frozenset[str]


class SizeOf(Node, frozen=True, eq=False):
    """A named size as a scalar."""

    size: str


class Unit(Node, frozen=True, eq=False):
    """A unit vector: 1 at `place`, counted from 1, and 0 elsewhere."""

    place: Size


class Select(Node, frozen=True, eq=False):
    """1 where the last index is `start` plus the sum of the others times `steps`, else 0.

    Indices count from 0. With one other index it is a part of an axis; with several whose steps
    are the products of the sizes behind them, an axis split into several.
    """

    start: Size
    steps: tuple[Size, ...]


class OneHot(Node, frozen=True, eq=False):
    """1 where the last index is the entry of `indices` at the others, counted from 0, else 0."""

    indices: Variable


class Product(Node, frozen=True, eq=False):
    """`coefficient · Σ Π factors`, summed over the labels that are not in `out`.

    `out` lists the label of each axis. A label twice in `out` is an identity between two axes; a
    label of `out` that no factor has is constant along its axis. Every summed label occurs in
    some factor.
    """

    coefficient: Fraction
    factors: tuple[tuple[Node, Labels], ...]
    out: Labels

    @property
    def summed(self) -> frozenset[int]:
        """The labels that are summed over."""
        return frozenset(label for _, labels in self.factors for label in labels) - set(self.out)

    @property
    def is_number(self) -> bool:
        """A plain rational scalar."""
        return not self.factors and not self.out

    @property
    def has_structure(self) -> bool:
        """Whether an axis is tied to another (identity) or constant (ones)."""
        held = {label for _, labels in self.factors for label in labels}
        return len(set(self.out)) < len(self.out) or not held.issuperset(self.out)


class Add(Node, frozen=True, eq=False):
    """A sum of at least two terms with equal axes; a term that is a Product has coefficient 1."""

    terms: tuple[tuple[Fraction, Node], ...]


class Power(Node, frozen=True, eq=False):
    """An elementwise power with a rational exponent."""

    base: Node
    exponent: Fraction


class Function(Node, frozen=True, eq=False):
    """An elementwise operation; every argument has the axes of the result."""

    operation: str
    arguments: tuple[Node, ...]
    options: Options


class Operation(Node, frozen=True, eq=False):
    """Any other operation: softmax, logsumexp, det, logdet, inv."""

    operation: str
    arguments: tuple[Node, ...]
    options: Options


_ARGUMENTS: dict[type, Callable[[Any], tuple[Node, ...]]] = {
    Product: lambda node: tuple([factor for factor, _ in node.factors]),
    Add: lambda node: tuple([term for _, term in node.terms]),
    Power: lambda node: (node.base,),
    Function: lambda node: node.arguments,
    Operation: lambda node: node.arguments,
    OneHot: lambda node: (node.indices,),
}


def arguments(node: Node) -> tuple[Node, ...]:
    """The nodes that `node` is made of, in a fixed order."""
    below = _ARGUMENTS.get(type(node))
    return () if below is None else below(node)


def postorder(*roots: Node) -> list[Node]:
    """Every node below `roots`, once each, arguments before users, without recursion."""
    if len(roots) != 1:
        return _postorder(roots)
    (root,) = roots
    try:
        below = root._below
    except AttributeError:
        below = tuple(_postorder(arguments(root)))
        force_setattr(root, "_below", below)
    else:
        spend(1 + len(below))
    return [*below, root]


def _postorder(roots: tuple[Node, ...]) -> list[Node]:
    # A dictionary keeps the order in which nodes are done.
    done: dict[Node, None] = {}
    stack: list[Node] = list(reversed(roots))
    while stack:
        node = stack[-1]
        if node in done:
            stack.pop()
            continue
        missing = [part for part in arguments(node) if part not in done]
        if missing:
            missing.reverse()
            stack += missing
            continue
        stack.pop()
        done[node] = None
    spend(3 + 3 * len(done))
    return list(done)


def sum_of_squares(node: Node) -> bool:
    """Whether a node is written as a sum of squares, such as that under the root of a norm."""
    match node:
        case Power(exponent=exponent):
            return exponent > 0 and exponent.denominator == 1 and exponent.numerator % 2 == 0
        case Product(coefficient=coefficient, factors=factors):
            squares = [sum_of_squares(f) for f, _ in factors if not isinstance(f, SizeOf)]
            return coefficient > 0 and bool(squares) and all(squares)
        case _:
            return False


def variables(node: Node) -> frozenset[Variable]:
    """The inputs that `node` depends on by structure."""
    return frozenset(part for part in postorder(node) if isinstance(part, Variable))


def bare_sizes(node: Node) -> frozenset[str]:
    """The named sizes that no factor of a node shows: of ones, identities, units."""
    match node:
        case SizeOf(size=size):
            return frozenset({size})
        case Unit(axes=axes, place=place):
            return frozenset(names_in((*axes, place)))
        case OneHot(axes=axes):
            return frozenset(names_in(axes))
        case Select(axes=axes, start=start, steps=steps):
            return frozenset(names_in((*axes, start, *steps)))
        case Product():
            held = {label for _, labels in node.factors for label in labels}
            sizes = zip(node.out, node.axes, strict=True)
            return frozenset(names_in(s for x, s in sizes if x not in held))
        case _:
            return frozenset()


def turned_factor(node: Node) -> tuple[Node, Labels] | None:
    """(u, order) where a node is u with its axes in another order, and nothing else.

    Axis k of u is axis order[k] of the node.
    """
    if not isinstance(node, Product) or node.coefficient != 1 or len(node.factors) != 1:
        return None
    factor, labels = node.factors[0]
    if node.order < 2 or sorted(labels) != sorted(node.out) or len(set(labels)) < node.order:
        return None
    return factor, tuple(node.out.index(label) for label in labels)
