"""Sums that are arrays behind each other."""

from __future__ import annotations

from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Labels, Node, Product, Select, Size
from gradwright.core.sizes import plus


def placed(graph: Graph, node: Add) -> tuple[int, tuple[Node, ...]] | None:
    """An axis and the arrays behind each other along it that a sum is, each a node of its own.

    Other than `concatenated` this takes any product that holds one choice of places: Σ_k S[k,i]
    a[k] δ[k,j] puts diag(a) at its places.
    """
    found: dict[int, dict[Size, list[Node]]] = {}
    for coefficient, term in node.terms:
        factors: list[tuple[Node, Labels]] = [(term, (0, 1))]
        out: Labels = (0, 1)
        if isinstance(term, Product):
            factors, out, coefficient = list(term.factors), term.out, coefficient * term.coefficient
        chosen = [f for f in factors if isinstance(f[0], Select) and len(f[1]) == 2]
        if len(chosen) != 1 or out.count(chosen[0][1][1]) != 1:
            return None
        select, (part, whole) = chosen[0]
        assert isinstance(select, Select)
        rest = [f for f in factors if f is not chosen[0]]
        if select.steps != (1,) or any(whole in labels for _, labels in rest):
            return None
        kept = tuple(part if x == whole else x for x in out)
        axes = (
            select.axes[0] if x == whole else size for x, size in zip(out, node.axes, strict=True)
        )
        sizes = dict(zip(kept, axes, strict=True))
        array = graph.product(rest, kept, coefficient=coefficient, sizes=sizes)
        found.setdefault(out.index(whole), {}).setdefault(select.start, []).append(array)
    if len(found) != 1:
        return None
    ((axis, held),) = found.items()
    arrays: list[Node] = []
    start: Size = 0
    while start in held:
        terms = held.pop(start)
        if any(term.axes != terms[0].axes for term in terms):
            return None
        arrays.append(graph.add([(1, term) for term in terms], terms[0].axes))
        start = plus(start, arrays[-1].axes[axis])
    return (axis, tuple(arrays)) if not held and start == node.axes[axis] else None


def concatenated(node: Add) -> tuple[int, tuple[Node, ...]] | None:
    """An axis and the arrays that a sum puts behind each other along it, each once into zeros."""
    found: dict[Size, tuple[int, Node]] = {}
    for coefficient, term in node.terms:
        if coefficient != 1 or not isinstance(term, Product) or len(term.factors) != 2:
            return None
        (chosen, places), (array, labels) = sorted(
            term.factors, key=lambda factor: not isinstance(factor[0], Select)
        )
        if not isinstance(chosen, Select) or chosen.steps != (1,) or term.coefficient != 1:
            return None
        part, whole = places
        axis = labels.index(part) if labels.count(part) == 1 else -1
        if axis < 0 or term.out != tuple(whole if x == part else x for x in labels):
            return None
        if len(set(term.out)) < len(term.out):
            return None
        found[chosen.start] = (axis, array)
    start: Size = 0
    arrays: list[Node] = []
    axis = next(iter(found.values()))[0]
    while start in found and found[start][0] == axis:
        arrays.append(found.pop(start)[1])
        start = plus(start, arrays[-1].axes[axis])
    whole_size = node.axes[axis]
    return (axis, tuple(arrays)) if not found and start == whole_size else None
