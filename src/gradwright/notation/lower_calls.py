"""Lowering of calls: what each function of the notation is as a node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Options, Size
from gradwright.notation.abstract import abstract_node
from gradwright.notation.functions import FUNCTIONS
from gradwright.notation.lower_parts import MOVED
from gradwright.notation.lowered import Lowered, number_value, spread, turned
from gradwright.notation.selecting import BY_INDICES
from gradwright.notation.shapes import Scope
from gradwright.notation.size_text import as_size
from gradwright.notation.tree import Call, Symbol
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS

HALF = Fraction(1, 2)


def constant(graph: Graph, tree: Call) -> Lowered:
    """`ones(n)`, `ones(m, n)`, zeros alike, `eye(n)`, `commutation(m, n)`."""
    sizes: list[Size] = []
    for argument in tree.arguments:
        size = as_size(argument)
        assert size is not None
        sizes.append(size)
    if tree.function == "eye":
        return Lowered(graph.identity(sizes), 1)
    if tree.function == "commutation":
        # vec puts the index of the columns first: rows (m, n), columns (n, m).
        return Lowered(graph.product([], (0, 1, 1, 0), sizes=dict(enumerate(sizes))), 2)
    if tree.function == "zeros":
        return Lowered(graph.number(0, sizes), 1)
    return Lowered(graph.ones(*sizes), 1)


def call(graph: Graph, scope: Scope, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    """The value of a call whose arguments have values; the shapes are known to fit."""
    if tree.function in MOVED:
        return MOVED[tree.function](graph, tree, parts)
    if tree.function in BY_INDICES:
        return _chosen(graph, scope, tree, parts)
    if tree.function not in FUNCTIONS:
        node, rows = abstract_node(graph, scope.functions, tree, [part.node for part in parts])
        return Lowered(node, parts[0].rows if rows is None else rows)
    if tree.function in WHOLE and not (tree.function in PAIRS and len(parts) == 2):
        return WHOLE[tree.function](graph, tree, parts)
    record = OPERATIONS[tree.function]
    assert isinstance(record, Elementwise)
    return _elementwise(graph, tree, record, parts)


def _chosen(graph: Graph, scope: Scope, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    """`onehot(t)`, and `gather(E, t)`, the contraction of it with the first axis of E."""
    named = tree.arguments[BY_INDICES[tree.function]]
    assert isinstance(named, Symbol)
    declared = scope.symbols[named.name]
    assert declared.among is not None
    onehot = graph.one_hot(graph.variable(named.name, declared.sizes), declared.among)
    if tree.function == "onehot":
        return Lowered(onehot, 1)
    places = tuple(range(onehot.order))
    base = parts[0].node
    rest = tuple(range(onehot.order, onehot.order + base.order - 1))
    factors = [(onehot, places), (base, (places[-1], *rest))]
    return Lowered(graph.product(factors, (*places[:-1], *rest)), 1)


# Entry by entry ---------------------------------------------------------------------------------


def _elementwise(
    graph: Graph, tree: Call, record: Elementwise, parts: Sequence[Lowered]
) -> Lowered:
    options = dict(record.options) | dict(tree.options)
    if record.name == "leaky_relu":
        parts, options = _leaky(tree, parts)
    nodes, rows = [parts[0].node], parts[0].rows
    if record.arity == 2:
        one, other = spread(graph, parts[0], parts[1])
        constants = any(number_value(part.node) is not None for part in parts)
        if "tie" in options and constants:
            options["tie"] = Fraction(0)
        nodes, rows = [one.node, other.node], one.rows
    given: Options = tuple((name, options[name]) for name, _ in record.options)
    return Lowered(graph.function(record.name, *nodes, options=given), rows)


def _leaky(tree: Call, parts: Sequence[Lowered]) -> tuple[Sequence[Lowered], dict[str, Fraction]]:
    """Slope and kink, positional or by name; the kink defaults to the slope."""
    given = dict(tree.options)
    for name, part in zip(("slope", "kink"), parts[1:], strict=False):
        value = number_value(part.node)
        assert value is not None
        given[name] = value
    slope = given.get("slope", Fraction(1, 10))
    return parts[:1], {"slope": slope, "kink": given.get("kink", slope)}


# Sums and means ---------------------------------------------------------------------------------


def _axis(tree: Call, value: Lowered) -> int | None:
    """The axis of the node that `axis=` says; the shapes know that there is one.

    A row has its axis where a column has its own.
    """
    given = dict(tree.options).get("axis")
    return None if given is None else min(int(given), value.node.order - 1)


def _left(value: Lowered, axis: int, node: Node) -> Lowered:
    """What is left of a value without an axis: down the rows of a matrix, a row."""
    is_row = value.node.order == 2 and axis == 0
    return Lowered(node, 0 if is_row else min(1, node.order))


def _sum(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    (value,) = parts
    labels = tuple(range(value.node.order))
    axis = _axis(tree, value)
    if axis is None:
        return Lowered(graph.total(value.node), 0)
    kept = [label for label in labels if label != axis]
    return _left(value, axis, graph.product([(value.node, labels)], kept))


def _mean(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    (value,) = parts
    total, axis = _sum(graph, tree, parts), _axis(tree, value)
    summed = value.node.axes if axis is None else value.node.axes[axis : axis + 1]
    count = graph.product([(graph.size_of(size), ()) for size in summed])
    return Lowered(graph.times(graph.power(count, -1), total.node), total.rows)


def _norm1(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    return Lowered(graph.total(graph.function("abs", parts[0].node)), 0)


def _norm2(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    return Lowered(graph.power(graph.total(graph.power(parts[0].node, 2)), HALF), 0)


def _along(operation: str, reduces: bool) -> Callable[[Graph, Call, Sequence[Lowered]], Lowered]:
    """An operation over the last axis of a node, of the axis that a call names."""

    def made(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
        (value,) = parts
        last = value.node.order - 1
        axis = _axis(tree, value)
        axis = last if axis is None else axis
        order = [k for k in range(last + 1) if k != axis] + [axis]
        argument = graph.permute(value.node, order)
        known = dict(OPERATIONS[operation].options) | dict(tree.options)
        options = tuple((name, known[name]) for name, _ in OPERATIONS[operation].options)
        if reduces:
            left = graph.operation(operation, (argument,), argument.axes[:-1], options)
            return _left(value, axis, left)
        node = graph.operation(operation, (argument,), argument.axes, options)
        return Lowered(graph.permute(node, [order.index(k) for k in range(last + 1)]), value.rows)

    return made


def _batchnorm(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    """layernorm over the samples."""
    along = Call("layernorm", tree.arguments, (*tree.options, ("axis", Fraction(0))))
    return _along("layernorm", reduces=False)(graph, along, parts)


def _smallest(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    """min(x) = -max(-x)."""
    opposite = Lowered(graph.scale(-1, parts[0].node), parts[0].rows)
    found = _along("largest", reduces=True)(graph, tree, [opposite])
    return Lowered(graph.scale(-1, found.node), found.rows)


# Matrices ---------------------------------------------------------------------------------------


def _trace(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    (value,) = parts
    return Lowered(graph.product([(value.node, tuple(range(value.rows)) * 2)], ()), 0)


def _size(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    axes = parts[0].row_axes if tree.function == "rows" else parts[0].column_axes
    return Lowered(graph.size_of(axes[0]), 0)


def _diagonal(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    (value,) = parts
    axes = tuple(range(value.node.order))
    if value.row_axes and value.column_axes:
        half = axes[: value.rows]
        return Lowered(graph.product([(value.node, half * 2)], half), len(half))
    return Lowered(graph.product([(value.node, axes)], axes * 2), len(axes))


def _vec(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    return Lowered(turned(graph, parts[0]).node, parts[0].node.order)


def _kron(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    one, other = parts
    left = tuple(range(one.node.order))
    right = tuple(range(len(left), len(left) + other.node.order))
    rows = (*left[: one.rows], *right[: other.rows])
    columns = (*left[one.rows :], *right[other.rows :])
    factors = [(one.node, left), (other.node, right)]
    return Lowered(graph.product(factors, (*rows, *columns)), len(rows))


def _outer(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    one, other = parts
    return Lowered(graph.product([(one.node, (0,)), (other.node, (1,))], (0, 1)), 1)


def _inverse(graph: Graph, node: Node) -> Node:
    return graph.operation("inv", (node,), node.axes)


def _inv(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    return Lowered(_inverse(graph, parts[0].node), 1)


def _solve(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    """The inverse times the right side; code solves for it."""
    matrix, right = parts
    labels = (1, 2)[: right.node.order]
    factors = [(_inverse(graph, matrix.node), (0, 1)), (right.node, labels)]
    return Lowered(graph.product(factors, (0, *labels[1:])), 1)


def _determinant(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    return Lowered(graph.operation(tree.function, (parts[0].node,), ()), 0)


def _sqrt(graph: Graph, tree: Call, parts: Sequence[Lowered]) -> Lowered:
    return Lowered(graph.power(parts[0].node, HALF), parts[0].rows)


#: Functions that are no operation on single entries, or have no record of their own.
WHOLE: Mapping[str, Callable[[Graph, Call, Sequence[Lowered]], Lowered]] = {
    "sqrt": _sqrt,
    "sum": _sum,
    "mean": _mean,
    "norm1": _norm1,
    "norm2": _norm2,
    "softmax": _along("softmax", reduces=False),
    "logsumexp": _along("logsumexp", reduces=True),
    "layernorm": _along("layernorm", reduces=False),
    "rmsnorm": _along("rmsnorm", reduces=False),
    "batchnorm": _batchnorm,
    "std": _along("std", reduces=True),
    "rms": _along("rms", reduces=True),
    "columns": _size,
    "rows": _size,
    "max": _along("largest", reduces=True),
    "min": _smallest,
    "hardmax": _along("hardmax", reduces=False),
    "tr": _trace,
    "diag": _diagonal,
    "vec": _vec,
    "kron": _kron,
    "outer": _outer,
    "inv": _inv,
    "solve": _solve,
    "det": _determinant,
    "logdet": _determinant,
}

#: Those that act entry by entry on two arguments.
PAIRS = ("max", "min")
