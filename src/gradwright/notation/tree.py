"""The surface tree: what the user wrote, as plain frozen values, equal by structure.

Spans say where in the text a node came from and take no part in equality.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from gradwright.errors import Span

#: Binary operators of the notation. `*` is the matrix (or scalar) product, `^` the power of a
#: scalar or square matrix; the dotted ones act elementwise.
OPERATORS = ("+", "-", "*", "/", ".*", "./", ".^", "^")


class _Structural:
    """Equality and hash by structure, without recursion: a sum may have thousands of terms.

    The hash is kept with the node. It differs between processes, so it is not pickled.
    """

    __slots__ = ("_hash",)
    _hash: int

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
        for node in reversed(fresh):
            key = (type(node).__name__, own(node), tuple(hash(part) for part in children(node)))
            object.__setattr__(node, "_hash", hash(key))
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Structural):
            return NotImplemented
        assert isinstance(self, Tree) and isinstance(other, Tree)
        stack: list[tuple[Tree, Tree]] = [(self, other)]
        while stack:
            one, two = stack.pop()
            if one is two:
                continue
            if type(one) is not type(two) or hash(one) != hash(two) or own(one) != own(two):
                return False
            stack.extend(zip(children(one), children(two), strict=True))
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Symbol(_Structural):
    """A name: a variable, or a size used as a number (`n`)."""

    name: str
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Number(_Structural):
    """An exact decimal or integer literal, never negative."""

    value: Fraction
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Negate(_Structural):
    """Unary minus."""

    operand: Tree
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Transpose(_Structural):
    """`operand'`."""

    operand: Tree
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Binary(_Structural):
    """`left operator right`, with an operator of `OPERATORS`."""

    operator: str
    left: Tree
    right: Tree
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Call(_Structural):
    """`function(arguments, option=number, ...)`; `ones`, `eye` take sizes as arguments."""

    function: str
    arguments: tuple[Tree, ...]
    options: tuple[tuple[str, Fraction], ...] = ()
    span: Span | None = field(default=None, compare=False)


Tree = Symbol | Number | Negate | Transpose | Binary | Call


def children(tree: Tree) -> tuple[Tree, ...]:
    """The direct sub-expressions, left to right."""
    match tree:
        case Negate(operand) | Transpose(operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
        case Call(_, arguments, _):
            return arguments
        case _:
            return ()


def spelling(tree: Tree) -> str:
    """A text that differs for different trees, to sort by; made without recursion."""
    return " ".join(f"{type(part).__name__}{own(part)}" for part in walk(tree))


def own(tree: Tree) -> tuple[object, ...]:
    """What a node says besides its children."""
    match tree:
        case Symbol(name):
            return (name,)
        case Number(value):
            return (value,)
        case Binary(operator, _, _):
            return (operator,)
        case Call(function, arguments, options):
            return (function, len(arguments), options)
        case _:
            return ()


def walk(tree: Tree) -> Iterator[Tree]:
    """Every node, parents before children, without recursion."""
    stack = [tree]
    while stack:
        node = stack.pop()
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
        case _:
            return tree


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
