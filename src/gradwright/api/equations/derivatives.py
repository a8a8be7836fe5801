"""Derivatives of formulas within an equation: φ'(z) entry by entry, and d/dx of an expression."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache

from gradwright.api.equations.indexed import free
from gradwright.api.formula import Formula, formula
from gradwright.errors import UnsupportedError
from gradwright.notation.declarations import AnyDeclaration
from gradwright.notation.functions import FUNCTIONS
from gradwright.notation.parser import parse
from gradwright.notation.raising.raiser import without_spans
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.shapes import infer
from gradwright.notation.tree import (
    Binary,
    Call,
    Entry,
    Equation,
    Identity,
    Index,
    IndexArray,
    IndexSum,
    Left,
    Number,
    Symbol,
    Transpose,
    Tree,
    walk,
)
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS
from gradwright.render.plain import plain_text

#: The argument in the formula of a derivative; no text of a user can hold this name.
_ARGUMENT = "argument of the derivative"

#: What `d/dx f` is read as: the call of this and the name on f.
OPERATOR = "D_"


def is_elementwise(name: str) -> bool:
    """Whether a function of the notation acts entry by entry on its first argument."""
    return name in FUNCTIONS and isinstance(OPERATIONS.get(name), Elementwise)


@lru_cache(maxsize=64)
def _derivative(head: str) -> Tree:
    """The derivative of a function, given as its call on t, as a tree over `_ARGUMENT`.

    Of softmax, which is no function of single entries, it is ∂a_i/∂t_i.
    """
    if head == "t":
        return _over_argument("1 + 0.*t")
    if head == "softmax(t)":
        return _over_argument("softmax(t).*(1 - softmax(t))")
    text = formula(f"sum({head})", t="vector m").gradient("t").text()
    return _over_argument(text)


def _over_argument(text: str) -> Tree:
    """A formula in t as a tree over `_ARGUMENT`."""
    return rebuilt(
        without_spans(parse(text)),
        lambda node: Symbol(_ARGUMENT) if node == Symbol("t") else node,
    )


def elementwise_derivative(head: str, argument: Tree) -> Tree:
    """φ'(argument), entry by entry; `head` is φ(t) as text."""
    return rebuilt(_derivative(head), lambda node: argument if node == Symbol(_ARGUMENT) else node)


def with_primes(tree: Tree) -> Tree:
    """`tanh'(z)` and the like written out."""

    def change(node: Tree) -> Tree:
        if isinstance(node, Call) and node.function.endswith("'") and len(node.arguments) == 1:
            name = {"σ": "sigmoid"}.get(node.function[:-1], node.function[:-1])
            if is_elementwise(name):
                return elementwise_derivative(f"{name}(t)", node.arguments[0])
        return node

    return rebuilt(tree, change)


def by_name(tree: Tree) -> str | None:
    """The name that a derivative d/dx is by; None for any other tree."""
    if isinstance(tree, Call) and tree.function.startswith(OPERATOR) and len(tree.arguments) == 1:
        return tree.function.removeprefix(OPERATOR)
    return None


def derivative(tree: Tree, by: str, declared: Mapping[str, AnyDeclaration]) -> Tree:
    """The derivative of a tree by a symbol, as it is printed.

    Of a scalar, or by one, it has the shape of the other; else it is the Jacobian.

    Raises:
        ShapeError, SymbolError: the tree is not conformable.
        UnsupportedError: the derivative cannot be written in matrix form.
    """
    tree = without_spans(tree)
    scope = infer(tree, declared)
    text = plain_text(tree)
    held = Formula(text, tree, scope)
    if by not in scope.symbols and scope.shape.kind == "scalar":
        return Binary("*", Number(Fraction(0)), Symbol(by))
    if by not in scope.symbols:
        raise UnsupportedError(
            f"the derivative of {text} by {by}",
            f"{by} does not occur in it",
            "differentiate by a symbol of the formula",
        )
    scalar = scope.shape.kind == "scalar" or scope.symbols[by].kind == "scalar"
    made = held.gradient(by) if scalar else held.jacobian(by)
    if made.form == "index":
        raise UnsupportedError(
            f"the derivative of {text} by {by}",
            f"it has {len(held.scope.symbols[by].sizes)} more axes and no matrix form",
            "check its entries, or its product with a vector",
        )
    found = without_spans(parse(made.text()))
    # The derivative of a row by a number is a row.
    return Transpose(found) if scope.shape.kind == "row" else found


def opened(tree: Tree, declared: Mapping[str, AnyDeclaration]) -> Tree:
    """A tree with every d/dx taken; d/dx[k] of entries is the derivative of each entry.

    Raises:
        GradwrightError: a derivative cannot be taken.
    """

    def change(node: Tree) -> Tree:
        if isinstance(node, Entry) and isinstance(node.base, Call):
            by = by_name(node.base)
            if by is not None:
                return _of_entries(node.base.arguments[0], by, node.indices, declared)
        by = by_name(node)
        if by is None:
            return node
        assert isinstance(node, Call)
        (inner,) = node.arguments
        return node if free(inner) else derivative(inner, by, declared)

    return rebuilt(tree, change)


def _of_entries(
    inner: Tree, by: str, indices: tuple[Index, ...], declared: Mapping[str, AnyDeclaration]
) -> Tree:
    """∂inner/∂by[indices], where inner may have free indices, also the same ones."""
    inner = without_spans(inner)
    own = sorted(free(inner))
    others: dict[Index, Index] = {index: f"of{k}" for k, index in enumerate(own)}
    apart = with_indices(inner, others)
    if not own:
        made = derivative(apart, by, declared)
        return Entry(made, indices)
    whole = Equation(Left((("values", tuple(map(str, others.values()))),)), apart)
    scope = infer(whole, declared)
    if by not in scope.symbols:
        return Number(Fraction(0))
    text = plain_text(whole)
    printed = without_spans(parse(Formula(text, whole, scope).jacobian(by).text()))
    wanted = (*own, *indices)
    if not isinstance(printed, Equation):
        return Entry(printed, wanted)
    bound = {index for p in walk(printed) if isinstance(p, IndexSum) for index in p.indices}
    new: dict[Index, Index] = {index: f"over{k}" for k, index in enumerate(sorted(bound))}
    new |= dict(zip(printed.left.indices, wanted, strict=True))
    return with_indices(printed.right, new)


def with_indices(tree: Tree, new: Mapping[Index, Index]) -> Tree:
    """A tree with other indices."""

    def change(node: Tree) -> Tree:
        match node:
            case Entry(base, indices):
                return Entry(base, tuple(new.get(index, index) for index in indices))
            case Identity((one, other)):
                return Identity((new.get(one, one), new.get(other, other)))
            case IndexSum(indices, body):
                return IndexSum(tuple(str(new.get(index, index)) for index in indices), body)
            case IndexArray(indices, body):
                return IndexArray(tuple(str(new.get(index, index)) for index in indices), body)
        return node

    return rebuilt(tree, change)
