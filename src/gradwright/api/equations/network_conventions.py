"""What an equation about a network may mean besides: derivatives entry by entry, d/dz of names."""

from __future__ import annotations

from gradwright.api.equations.derivatives import (
    by_name,
    elementwise_derivative,
    is_elementwise,
)
from gradwright.api.equations.network_formulas import Quantity
from gradwright.api.equations.network_points import single_formula
from gradwright.nn.activations import activation_text
from gradwright.nn.network import NetworkModel
from gradwright.notation.raising.raiser import without_spans
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.tree import Binary, Call, Symbol, Tree, walk


def dependent(tree: Tree, by: str, model: NetworkModel, batch: dict[str, Quantity]) -> Tree:
    """A formula with every quantity that depends on `by` written out in terms of it."""
    single = by[:1].islower() and not by.startswith("b")
    letters = "za" if single else "ZA"
    layers = range(1, len(model.layers) + 1)
    order = ["x" if single else "X", *(f"{a}{k}" for k in layers for a in letters)]
    start = order.index(by) if by in order else 2 * int(by[1:] or 0) - 2
    for name in reversed(order[start + 1 :]):
        if single:
            formula = single_formula(model, name)
        else:
            formula = batch[name].formula if name in batch else None
        if formula is not None:
            tree = _replaced(tree, Symbol(name), without_spans(formula))
    return tree


def _replaced(tree: Tree, old: Tree, new: Tree) -> Tree:
    return rebuilt(tree, lambda node: new if node == old else node)


def with_formulas(tree: Tree, model: NetworkModel, batch: dict[str, Quantity]) -> Tree:
    """Every d/dz of an expression with what depends on z written out."""

    def change(node: Tree) -> Tree:
        by = by_name(node)
        if by is None or not isinstance(node, Call):
            return node
        if by[1:].isdigit() or by in ("x", "X"):
            inner = dependent(without_spans(node.arguments[0]), by, model, batch)
            return Call(node.function, (inner,))
        return node

    return rebuilt(tree, change)


def entry_by_entry(tree: Tree, model: NetworkModel) -> Tree:
    """∂A2/∂Z2 as φ'(Z2), and the product with an indicator as one of entries."""

    def change(node: Tree) -> Tree:
        if isinstance(node, Symbol) and node.name.startswith("J_"):
            return _slope(node, model)
        by = by_name(node)
        if by is not None and isinstance(node, Call):
            inner = node.arguments[0]
            applied = isinstance(inner, Call) and inner.arguments[:1] == (Symbol(by),)
            if applied and isinstance(inner, Call) and is_elementwise(inner.function):
                return elementwise_derivative(f"{inner.function}(t)", Symbol(by))
        if isinstance(node, Binary) and node.operator == "*" and _is_indicator(node.right):
            return Binary(".*", node.left, node.right)
        return node

    return rebuilt(tree, change)


def _is_indicator(tree: Tree) -> bool:
    """Whether a factor is 0 or 1, or a choice of numbers, entry by entry."""
    calls = [part for part in walk(tree) if isinstance(part, Call)]
    return any(call.function == "step" for call in calls) and all(
        call.function == "step" for call in calls
    )


def _slope(node: Symbol, model: NetworkModel) -> Tree:
    _, top, bottom = node.name.split("_")
    if (top[:1], bottom[:1]) not in (("A", "Z"), ("a", "z")) or top[1:] != bottom[1:]:
        return node
    kind = model.kinds[int(top[1:]) - 1]
    if kind.activation == "softmax":
        return node
    head = activation_text(kind.activation, kind.options, argument="t")
    return elementwise_derivative(head, Symbol(bottom))


def one_sample(tree: Tree) -> Tree:
    """∂Z3/∂A2 as the Jacobian for one sample."""

    def change(node: Tree) -> Tree:
        if isinstance(node, Symbol) and node.name.startswith("J_"):
            _, top, bottom = node.name.split("_")
            if top[:1] in ("Z", "A") and bottom[:1] in ("Z", "A", "X"):
                return Symbol(f"J_{top.lower()}_{bottom.lower()}")
        return node

    return rebuilt(tree, change)
