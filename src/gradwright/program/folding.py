"""Sums and matrix products of a value as named definitions, found again inside other nodes.

A product of products is one node, so that what a forward pass computes is no part of the nodes of
its derivative. Folding gives each contraction of the forward pass a name and writes the derivative
with these names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from gradwright.core.graph import Graph
from gradwright.core.nodes import Labels, Node, Product, Variable, postorder
from gradwright.simplify.rewrite import rebuilt, substitute

#: Behind this sign stand names that no symbol has.
OWN = "·"


class Folding:
    """The contractions of a value as definitions, each in terms of those before it.

    `value` is the value in terms of them.
    """

    def __init__(self, graph: Graph, value: Node) -> None:
        self.graph = graph
        self.definitions: dict[Variable, Node] = {}
        self._names: dict[Product, Variable] = {}
        self.value = self.fold(value, define=True)

    def fold(self, node: Node, without: Collection[Variable] = (), define: bool = False) -> Node:
        """A node in terms of the definitions, except those in `without`.

        With `define` its own contractions become definitions.
        """
        known = {part: name for part, name in self._names.items() if name not in without}
        new: dict[Node, Node] = {}
        for part in postorder(node):
            found = rebuilt(self.graph, part, new)
            if define and isinstance(found, Product) and found.summed:
                found = self._define_parts(found, known)
            if isinstance(found, Product):
                found = self._product(found, known)
            new[part] = found
        return new[node]

    def definition(self, node: Node) -> Node:
        """What a name is defined by; another node is itself."""
        return self.definitions.get(node, node) if isinstance(node, Variable) else node

    def raw(self, node: Node) -> Node:
        """A node in terms of the inputs again."""
        return self.opened(node, {})

    def opened(self, node: Node, known: Mapping[Node, Node]) -> Node:
        """A node in terms of what is known, nodes by their replacements, and of inputs."""
        table = dict(known)
        for variable, definition in self.definitions.items():
            if variable not in table:
                table[variable] = substitute(self.graph, definition, table)
        return substitute(self.graph, node, table)

    def _define_parts(self, node: Product, known: dict[Product, Variable]) -> Node:
        """Name what each group of factors that share summed labels makes, then the whole."""
        for part in _groups(self.graph, node):
            if part.summed and not part.has_structure and part not in known:
                known[part] = self._define(part)
        found = self._product(node, known)
        if isinstance(found, Product) and found.summed and not found.has_structure:
            name = known[found] = self._define(found)
            return name
        return found

    def _define(self, node: Product) -> Variable:
        variable = self.graph.variable(f"{OWN}p{len(self.definitions) + 1}", node.axes)
        self.definitions[variable] = node
        self._names[node] = variable
        return variable

    def _product(self, node: Product, known: Mapping[Product, Variable]) -> Node:
        """A product with its factors put together to definitions, the longest first."""
        found: Node = node
        by_length = sorted(known, key=lambda part: -len(part.factors))
        again = True
        while again and isinstance(found, Product):
            again = False
            for part in by_length:
                if part is found:
                    return known[part]
                made = self._with(found, part)
                if made is not None:
                    found, again = made, True
                    break
        return found

    def _with(self, node: Product, part: Product) -> Node | None:
        """The product with the factors of `part` replaced by its name, if it has them."""
        for places, labels in _matches(node, part):
            rest = [factor for k, factor in enumerate(node.factors) if k not in places]
            inside = {labels[x] for x in part.summed}
            if inside & (set(node.out) | {x for _, ls in rest for x in ls}):
                continue
            outside = tuple(labels[x] for x in part.out)
            factors = [(self._names[part], outside), *rest]
            sizes = dict(zip(node.out, node.axes, strict=True))
            scale = node.coefficient / part.coefficient
            return self.graph.product(factors, node.out, coefficient=scale, sizes=sizes)
        return None


def _groups(graph: Graph, node: Product) -> list[Product]:
    """The factors that summed labels connect, as products: x'y and W z in x'y (W z)."""
    groups: list[tuple[set[int], list[tuple[Node, Labels]]]] = []
    for factor, labels in node.factors:
        summed = set(labels) & node.summed
        joined = [group for group in groups if group[0] & summed]
        groups = [group for group in groups if not group[0] & summed]
        label_set = summed.union(*(group[0] for group in joined))
        members = [member for group in joined for member in group[1]]
        groups.append((label_set, [*members, (factor, labels)]))
    if sum(bool(labels) for labels, _ in groups) < 2 and len(groups) < 2:
        return []
    found = []
    for summed, factors in groups:
        if summed:
            out = tuple(dict.fromkeys(x for _, ls in factors for x in ls if x not in summed))
            made = graph.product(factors, out)
            found += [made] if isinstance(made, Product) else []
    return found


def _matches(node: Product, part: Product) -> Iterator[tuple[set[int], dict[int, int]]]:
    """Ways to find the factors of `part` in `node`: their places, and labels for its labels."""
    stack: list[tuple[tuple[int, ...], dict[int, int]]] = [((), {})]
    while stack:
        places, labels = stack.pop()
        if len(places) == len(part.factors):
            yield set(places), labels
            continue
        factor, own = part.factors[len(places)]
        for place, (other, theirs) in enumerate(node.factors):
            if other is factor and place not in places:
                joined = _joined(labels, own, theirs)
                if joined is not None:
                    stack.append(((*places, place), joined))


def _joined(labels: dict[int, int], own: Labels, theirs: Labels) -> dict[int, int] | None:
    """The labels with those of one more factor, or None where they do not agree one to one."""
    found = dict(labels)
    for one, other in zip(own, theirs, strict=True):
        if found.setdefault(one, other) != other:
            return None
    return found if len(set(found.values())) == len(found) else None
