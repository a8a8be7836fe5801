"""Nodes that a rule should leave alone: one that it fits, changed in one place.

Every part of the node is replaced in turn: a coefficient, an exponent, a function, a variable with
other facts, a term or a factor more or less, an index that stands elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from gradwright.core.graph import Graph
from gradwright.core.nodes import (
    Add,
    Function,
    Labels,
    Node,
    Operation,
    Power,
    Product,
    Size,
    Variable,
    postorder,
)
from gradwright.errors import GradwrightError
from gradwright.simplify.rewrite import substitute

#: Nodes with more parts are not changed: smaller ones show the same.
MOST_PARTS = 14

Factors = tuple[tuple[Node, Labels], ...]


class NearMisses:
    """Changes nodes of one graph, with the variables that there are."""

    def __init__(self, graph: Graph, variables: dict[str, Variable]) -> None:
        self.graph = graph
        self.variables = list(variables.values())

    def of(self, node: Node) -> Iterator[Node]:
        """The node changed in one place, each way once."""
        parts = postorder(node)
        if len(parts) > MOST_PARTS:
            return
        found: set[Node] = {node}
        for part in parts:
            for changed in self._changed(part, part is node):
                try:
                    made = substitute(self.graph, node, {part: changed})
                except (GradwrightError, AssertionError, ValueError):
                    continue
                if made not in found:
                    found.add(made)
                    yield made

    def _changed(self, part: Node, outermost: bool) -> Iterator[Node]:
        match part:
            case Variable():
                yield from self._like(part)
            case Power(base=base, exponent=exponent):
                for other in (exponent + 1, exponent - 1, -exponent, exponent / 2, exponent * 2):
                    yield self.graph.power(base, other)
            case Function(operation=operation, arguments=arguments):
                yield from self._functions(operation, arguments)
                if operation == "step":
                    options = (("kink", 1 - dict(part.options).get("kink", Fraction(0))),)
                    yield self.graph.function(operation, *arguments, options=options)
            case Operation(arguments=(argument, *_), axes=axes):
                if argument.axes == axes:
                    yield argument
                    yield self.graph.function("cos", argument)
                    yield self.graph.operation("softmax", (argument,), axes)
                elif argument.axes[:-1] == axes:
                    yield self.graph.operation("logsumexp", (argument,), axes)
                    yield self.graph.operation("largest", (argument,), axes)
            case Add(terms=terms, axes=axes):
                yield from self._sums(list(terms), axes)
            case Product():
                yield from self._products(part, outermost)
        if part.order == 2 and part.axes[0] == part.axes[1]:
            yield self.graph.permute(part, (1, 0))
        yield self.graph.scale(-1, part)
        yield self.graph.scale(2, part)
        for like in self._like(part):
            yield self.graph.add([(1, part), (1, like)], part.axes)
            break

    def _like(self, part: Node) -> Iterator[Node]:
        yield from (v for v in self.variables if v.axes == part.axes and v is not part)

    def _functions(self, operation: str, arguments: tuple[Node, ...]) -> Iterator[Node]:
        for other in ("cos", "exp", "sigmoid", "step"):
            if other != operation and len(arguments) == 1:
                yield self.graph.function(other, *arguments)
        yield arguments[0]

    def _sums(self, terms: list[tuple[Fraction, Node]], axes: tuple[Size, ...]) -> Iterator[Node]:
        for place, (coefficient, term) in enumerate(terms):
            rest = [*terms[:place], *terms[place + 1 :]]
            yield self.graph.add(rest, axes)
            for other in (2 * coefficient, -coefficient):
                yield self.graph.add([*rest, (other, term)], axes)
            cosine = self.graph.function("cos", term)
            yield self.graph.add([*rest, (coefficient, cosine)], axes)
            yield self.graph.add([*terms, (1, cosine)], axes)
            for like in self._like(term):
                yield self.graph.add([*rest, (coefficient, like)], axes)
                yield self.graph.add([*terms, (1, like)], axes)

    def _products(self, part: Product, outermost: bool) -> Iterator[Node]:
        sizes = dict(zip(part.out, part.axes, strict=True))
        for factor, labels in part.factors:
            sizes |= dict(zip(labels, factor.axes, strict=True))
        # An index that nothing has yet, one for each size.
        fresh = {size: max(sizes) + 1 + k for k, size in enumerate(dict.fromkeys(sizes.values()))}
        sizes |= {label: size for size, label in fresh.items()}

        def made(factors: Factors, out: Labels = part.out) -> Node:
            return self.graph.product(factors, out, coefficient=part.coefficient, sizes=sizes)

        for place, factor in enumerate(part.factors):
            before, after = part.factors[:place], part.factors[place + 1 :]
            yield made((*before, *after))
            yield made((*before, factor, factor, *after))
            for labels in _elsewhere(factor[1], sizes):
                yield made((*before, (factor[0], labels), *after))
                yield made((*before, factor, (factor[0], labels), *after))
        for label, size in sizes.items():
            for vector in (v for v in self.variables if v.axes == (size,)):
                yield made((*part.factors, (vector, (label,))))
                break
        if outermost:
            held = {label for _, labels in part.factors for label in labels}
            for out in _elsewhere(part.out, sizes):
                if held.issuperset(set(part.out) - set(out)):
                    yield made(part.factors, out)
            for label in held - set(part.out):
                yield made(part.factors, (*part.out, label))
            for place in range(len(part.out)):
                if part.out[place] in held:
                    yield made(part.factors, (*part.out[:place], *part.out[place + 1 :]))


def _elsewhere(labels: Labels, sizes: dict[int, Size]) -> Iterator[Labels]:
    """One label replaced by another of the same size, a fresh one among them, or two exchanged."""
    if len(labels) == 2 and sizes[labels[0]] == sizes[labels[1]]:
        yield labels[::-1]
    for place, label in enumerate(labels):
        for other in (x for x in list(sizes) if x != label and sizes[x] == sizes[label]):
            yield (*labels[:place], other, *labels[place + 1 :])
