"""The surface tree: what the user wrote, as plain frozen values, equal by structure.

Spans say where in the text a node came from and take no part in equality.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import total_ordering
from typing import Any

from msgspec import Struct
from msgspec.structs import force_setattr

from gradwright.core.work import spend
from gradwright.errors import Span
from gradwright.notation.ranges import Range

#: An index is a name that takes all values of an axis, or one of them as a number counted from 1.
Index = str | int

#: Binary operators of the notation. `*` is the matrix (or scalar) product, `^` the power of a
#: scalar or square matrix; the dotted ones act elementwise.
OPERATORS = ("+", "-", "*", "/", ".*", "./", ".^", "^")


class _Structural:
    """Equality and hash by structure, without recursion: a sum may have thousands of terms.

    The hash is kept with the node, and so are what `raising.cost` measures of it and its layout:
    parts are shared by many trees. None of these is pickled; the hash differs between processes.
    """

    __slots__ = ("_cost", "_hash", "_layout", "_transposes")
    _hash: int
    _cost: float
    _layout: Any
    _transposes: int

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            pass
        assert isinstance(self, Tree)
        fresh: list[Tree] = []
        stack: list[Tree] = [self]
        while stack:
            node = stack.pop()
            if not hasattr(node, "_hash"):
                fresh.append(node)
                stack.extend(children(node))
        spend(3 * len(fresh))
        for node in reversed(fresh):
            key = (type(node).__name__, own(node), tuple(hash(part) for part in children(node)))
            force_setattr(node, "_hash", hash(key))
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other):
            # Most trees that are compared differ at the top.
            return False if isinstance(other, _Structural) else NotImplemented
        assert isinstance(self, Tree) and isinstance(other, Tree)
        stack: list[tuple[Tree, Tree]] = [(self, other)]
        while stack:
            one, two = stack.pop()
            if one is two:
                continue
            spend(1)
            if type(one) is not type(two) or hash(one) != hash(two) or own(one) != own(two):
                return False
            stack.extend(zip(children(one), children(two), strict=True))
        return True


class Symbol(_Structural, Struct, frozen=True, eq=False):
    """A name: a variable, or a size used as a number (`n`)."""

    name: str
    span: Span | None = None


class Number(_Structural, Struct, frozen=True, eq=False):
    """An exact decimal or integer literal, never negative."""

    value: Fraction
    span: Span | None = None


class Negate(_Structural, Struct, frozen=True, eq=False):
    """Unary minus."""

    operand: Tree
    span: Span | None = None


class Transpose(_Structural, Struct, frozen=True, eq=False):
    """`operand'`."""

    operand: Tree
    span: Span | None = None


class Binary(_Structural, Struct, frozen=True, eq=False):
    """`left operator right`, with an operator of `OPERATORS`."""

    operator: str
    left: Tree
    right: Tree
    span: Span | None = None


class Call(_Structural, Struct, frozen=True, eq=False):
    """`function(arguments, option=number, ...)`; `ones`, `eye` take sizes as arguments."""

    function: str
    arguments: tuple[Tree, ...]
    options: tuple[tuple[str, Fraction], ...] = ()
    span: Span | None = None


class Entry(_Structural, Struct, frozen=True, eq=False):
    """`base[i,j]`: an entry of a vector or matrix, a scalar for all values of its indices."""

    base: Tree
    indices: tuple[Index, ...]
    span: Span | None = None


class Part(_Structural, Struct, frozen=True, eq=False):
    """`base[2:n,:]`, `base[3,:]`: a part of an array; a number leaves its axis out.

    Axes behind the last that is named are whole.
    """

    base: Tree
    places: tuple[Range | int, ...]
    span: Span | None = None


class IndexSum(_Structural, Struct, frozen=True, eq=False):
    """`sum[i,j](body)`: the sum over all values of some indices."""

    indices: tuple[str, ...]
    body: Tree
    span: Span | None = None


class IndexArray(_Structural, Struct, frozen=True, eq=False):
    """`array[i,j](body)`: the array of all values of the body, its axes in this order."""

    indices: tuple[str, ...]
    body: Tree
    span: Span | None = None


class Identity(_Structural, Struct, frozen=True, eq=False):
    """`δ[i,j]`: 1 where both indices agree, else 0."""

    indices: tuple[Index, Index]
    span: Span | None = None


class Left(Struct, frozen=True):
    """The left side of an equation: names, each with its indices.

    The first is what is defined, as in `D[i,j]`; if others follow, it is differentiated by them,
    as in `∂f[i]/∂x[j]`.
    """

    names: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def indices(self) -> tuple[str, ...]:
        """The indices of all names, which are the axes of the right side in order."""
        return tuple(index for _, indices in self.names for index in indices)


class Equation(_Structural, Struct, frozen=True, eq=False):
    """`left = right`, a whole formula: the free indices of the right side become axes."""

    left: Left
    right: Tree
    span: Span | None = None


Tree = (
    Symbol
    | Number
    | Negate
    | Transpose
    | Binary
    | Call
    | Entry
    | Part
    | IndexSum
    | IndexArray
    | Identity
    | Equation
)

#: What binds indices, by the name that it is written with.
BINDERS: dict[str, type[IndexSum] | type[IndexArray]] = {"sum": IndexSum, "array": IndexArray}


_CHILDREN: dict[type, Callable[[Any], tuple[Tree, ...]]] = {
    Symbol: lambda tree: (),
    Number: lambda tree: (),
    Negate: lambda tree: (tree.operand,),
    Transpose: lambda tree: (tree.operand,),
    Binary: lambda tree: (tree.left, tree.right),
    Call: lambda tree: tree.arguments,
    Entry: lambda tree: (tree.base,),
    Part: lambda tree: (tree.base,),
    IndexSum: lambda tree: (tree.body,),
    IndexArray: lambda tree: (tree.body,),
    Identity: lambda tree: (),
    Equation: lambda tree: (tree.right,),
}


def children(tree: Tree) -> tuple[Tree, ...]:
    """The direct sub-expressions, left to right."""
    # Asked more often than anything else: the type is looked up, a match would try all cases.
    return _CHILDREN[type(tree)](tree)


def spelling(tree: Tree) -> str:
    """A text that differs for different trees; made without recursion."""
    return " ".join(map(_said, walk(tree)))


@total_ordering
class Spelled:
    """A tree as a key to sort by: two are compared node by node, as far as they are the same."""

    __slots__ = ("tree",)

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spelled):
            return NotImplemented
        return self.tree == other.tree

    def __lt__(self, other: Spelled) -> bool:
        for one, two in zip(walk(self.tree), walk(other.tree), strict=False):
            spend(2)
            if one is not two and (left := _said(one)) != (right := _said(two)):
                return left < right
        # The count of children is part of what a node says: no tree goes on where another ends.
        return False

    __hash__ = None  # type: ignore[assignment]


def _said(tree: Tree) -> str:
    return f"{type(tree).__name__}{own(tree)}"


_OWN: dict[type, Callable[[Any], tuple[object, ...]]] = {
    Symbol: lambda tree: (tree.name,),
    Number: lambda tree: (tree.value,),
    Negate: lambda tree: (),
    Transpose: lambda tree: (),
    Binary: lambda tree: (tree.operator,),
    Call: lambda tree: (tree.function, len(tree.arguments), tree.options),
    Entry: lambda tree: tree.indices,
    Part: lambda tree: tree.places,
    IndexSum: lambda tree: tree.indices,
    IndexArray: lambda tree: tree.indices,
    Identity: lambda tree: tree.indices,
    Equation: lambda tree: (tree.left,),
}


def own(tree: Tree) -> tuple[object, ...]:
    """What a node says besides its children."""
    return _OWN[type(tree)](tree)


#: A walk is counted so many nodes at a time.
WALKED = 32


def walk(tree: Tree) -> Iterator[Tree]:
    """Every node, parents before children, without recursion."""
    stack, met = [tree], 0
    while stack:
        node = stack.pop()
        met += 1
        if met % WALKED == 0:
            spend(WALKED)
        yield node
        stack.extend(reversed(children(node)))


def signed_terms(tree: Tree) -> list[tuple[int, Tree]]:
    """The terms of a sum with their signs, along its left spine; a tree that is no sum is one."""
    found: list[tuple[int, Tree]] = []
    while isinstance(tree, Binary) and tree.operator in ("+", "-"):
        found.append((1 if tree.operator == "+" else -1, tree.right))
        tree = tree.left
    return [(1, tree), *reversed(found)]


def with_children(tree: Tree, new: tuple[Tree, ...]) -> Tree:
    """The same node over other children."""
    match tree:
        case Negate(_, span):
            return Negate(new[0], span)
        case Transpose(_, span):
            return Transpose(new[0], span)
        case Binary(operator, _, _, span):
            return Binary(operator, new[0], new[1], span)
        case Call(function, _, options, span):
            return Call(function, new, options, span)
        case Entry(_, indices, span):
            return Entry(new[0], indices, span)
        case Part(_, places, span):
            return Part(new[0], places, span)
        case IndexSum(indices, _, span):
            return IndexSum(indices, new[0], span)
        case IndexArray(indices, _, span):
            return IndexArray(indices, new[0], span)
        case Equation(left, _, span):
            return Equation(left, new[0], span)
        case _:
            return tree


def free_indices(tree: Tree) -> dict[int, frozenset[str]]:
    """The indices that each part of a tree leaves free, by the identity of the part."""
    found: dict[int, frozenset[str]] = {}
    parts = list(walk(tree))
    spend(3 * len(parts))
    if not any(isinstance(part, Entry | Identity) for part in parts):
        return dict.fromkeys(map(id, parts), frozenset())
    for part in reversed(parts):
        below = [found[id(child)] for child in children(part)]
        free = below[0].union(*below[1:]) if below else frozenset[str]()
        match part:
            case Entry(_, indices) | Identity(indices):
                free |= {index for index in indices if isinstance(index, str)}
            case IndexSum(indices, _) | IndexArray(indices, _):
                free -= set(indices)
            case Equation(left, _):
                free -= set(left.indices)
        found[id(part)] = free
    return found


#: A literal has at most this many nodes, so that reading one is quick.
MAX_LITERAL_NODES = 16


def literal(tree: Tree) -> Fraction | None:
    """The rational that a small tree of numbers, `-`, `+`, `*` and `/` stands for, else None."""
    nodes: list[Tree] = []
    for node in walk(tree):
        nodes.append(node)
        if len(nodes) > MAX_LITERAL_NODES:
            return None
    values: dict[int, Fraction] = {}
    for node in reversed(nodes):
        match node:
            case Number(value):
                values[id(node)] = value
            case Negate(operand):
                values[id(node)] = -values[id(operand)]
            case Binary("+" | "-" | "*" | ".*", left, right):
                one, other = values[id(left)], values[id(right)]
                sign = {"+": one + other, "-": one - other}
                values[id(node)] = sign.get(node.operator, one * other)
            case Binary("/" | "./", left, right) if values[id(right)] != 0:
                values[id(node)] = values[id(left)] / values[id(right)]
            case _:
                return None
    return values[id(tree)]
