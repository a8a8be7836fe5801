"""Sums that are arrays behind each other."""

from __future__ import annotations

from msgspec.structs import replace

from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Labels, Node, Product, Select, Size
from gradwright.core.sizes import plus


def placed(graph: Graph, node: Add) -> tuple[int, tuple[Node, ...]] | None:
    """An axis and the arrays behind each other along it that a sum is, each a node of its own.

    Other than `concatenated` this takes any product that holds one choice of places: Σ_k S[k,i]
    a[k] δ[k,j] puts diag(a) at its places.
    """
    found: dict[int, dict[Size, list[Node]]] = {}
    if node.order > 2:
        return None
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


def parts_taken(graph: Graph, node: Product) -> Product:
    """The same product where a part of arrays behind each other is one of them.

    Σ_w S[p,w] T[w,j] is A[p,j] where T is A with other arrays behind or before it and S chooses
    the places of A.
    """
    found, out = list(node.factors), node.out
    for chooser in node.factors:
        select, labels = chooser
        if not (isinstance(select, Select) and len(labels) == 2 and select.steps == (1,)):
            continue
        part, whole = labels
        holders = [f for f in found if whole in f[1] and f is not chooser]
        if len(holders) != 1 or whole in out or holders[0][1].count(whole) != 1:
            continue
        held, places = holders[0]
        array = _array_at(graph, held, places.index(whole), select)
        if array is not None:
            found.remove(chooser)
            kept = tuple(part if x == whole else x for x in places)
            found[found.index(holders[0])] = (array, kept)
    if len(found) == len(node.factors):
        return node
    sizes = dict(zip(out, node.axes, strict=True))
    made = graph.product(found, out, coefficient=node.coefficient, sizes=sizes)
    return made if isinstance(made, Product) else replace(node, factors=tuple(found))


def _array_at(graph: Graph, node: Node, axis: int, select: Select) -> Node | None:
    """The array that stands at the chosen places along an axis, if it is one of several."""
    behind = placed(graph, node) if isinstance(node, Add) and node.order <= 2 else None
    if behind is None or behind[0] != axis:
        return None
    start: Size = 0
    for array in behind[1]:
        if start == select.start and array.axes[axis] == select.axes[0]:
            return array
        start = plus(start, array.axes[axis])
    return None


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
