"""Jacobians with three or four axes as matrices d vec(Y)/d vec(X)', columns stacked.

Rows run over (j, i) for a matrix Y[i, j] and over i for a vector, columns likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Labels, Node, Product, Size
from gradwright.notation.raising.build import Chain, transposed
from gradwright.notation.raising.contract import (
    FactorRaiser,
    NotMatrix,
    Style,
    contraction_term,
)
from gradwright.notation.raising.term import Term
from gradwright.notation.tree import Call, Transpose, Tree

Factors = list[tuple[Node, Labels]]


@dataclass(frozen=True, slots=True)
class _Component:
    """Factors tied to each other by sums, and the labels they hold."""

    labels: frozenset[int]
    factors: tuple[tuple[Node, Labels], ...]


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a product of two groups: its labels for rows and for columns of the matrix."""

    rows: Labels
    columns: Labels

    @property
    def labels(self) -> Labels:
        return (*self.rows, *self.columns)


def kronecker_terms(
    graph: Graph,
    node: Node,
    rows: int,
    raise_node: Callable[[Node], Tree],
    raiser: FactorRaiser,
    style: Style,
) -> list[Term]:
    """Terms for the Jacobian of Y by X, whose first `rows` axes are those of Y.

    Each term is a Kronecker product or an outer product of two vecs, with a diagonal matrix on
    either side for what multiplies Y, or X, entry by entry.

    Raises:
        NotMatrix: a term is neither.
    """
    if not (1 <= rows <= 2 and 1 <= node.order - rows <= 2):
        raise NotMatrix
    found = []
    for coefficient, term in _terms(graph, node):
        if not isinstance(term, Product):
            raise NotMatrix
        own, factors = _signed(graph, term, raiser)
        splitter = _Splitter(graph, term, factors, rows, raise_node)
        found.append(splitter.term(coefficient * own, raiser, style))
    return found


def _terms(graph: Graph, node: Node) -> Sequence[tuple[Fraction, Node]]:
    """The terms of a sum, also of one that a number multiplies or that has its axes in turn."""
    if isinstance(node, Add):
        return node.terms
    if isinstance(node, Product) and len(node.factors) == 1:
        ((inner, labels),) = node.factors
        if isinstance(inner, Add) and sorted(labels) == sorted(node.out):
            places = [labels.index(label) for label in node.out]
            return [(node.coefficient * c, graph.permute(t, places)) for c, t in inner.terms]
    return ((Fraction(1), node),)


class _Splitter:
    """One term: its factors, and the ways to part them."""

    def __init__(
        self,
        graph: Graph,
        node: Product,
        factors: Factors,
        rows: int,
        raise_node: Callable[[Node], Tree],
    ) -> None:
        self.graph = graph
        self.raise_node = raise_node
        self.above, self.below = node.out[:rows], node.out[rows:]
        self.sizes: dict[int, Size] = dict(zip(node.out, node.axes, strict=True))
        self.out = frozenset(node.out)
        parts = _components(factors, self.out)
        self.open = [part for part in parts if part.labels & self.out]
        self.closed = [factor for p in parts if not p.labels & self.out for factor in p.factors]

    def term(self, coefficient: Fraction, raiser: FactorRaiser, style: Style) -> Term:
        """The term with its scalars."""
        chain = self._chain()
        scalars = self.graph.product(self.closed, (), coefficient=coefficient)
        if isinstance(scalars, Product):
            scale = contraction_term(self.graph, scalars, raiser, style)
        else:
            scale = Term(Fraction(1), (self.raise_node(scalars),))
        return Term(scale.coefficient, scale.over, scale.under, chain)

    def _chain(self) -> Chain:
        for build in (self._kronecker, self._outer):
            made = build(self.open)
            if made is not None:
                return made
        left = [part for part in self.open if self._scales(part, self.above)]
        right = [p for p in self.open if p not in left and self._scales(p, self.below)]
        if not left and not right:
            raise NotMatrix
        inner = self._kronecker([p for p in self.open if p not in left and p not in right])
        if inner is None:
            raise NotMatrix
        return (*self._diagonal(left, self.above), *inner, *self._diagonal(right, self.below))

    def _scales(self, part: _Component, axes: Labels) -> bool:
        """Whether a component multiplies a matrix entry by entry."""
        return len(set(axes)) == 2 and part.labels & self.out == set(axes)

    def _diagonal(self, parts: Sequence[_Component], axes: Labels) -> Chain:
        if not parts:
            return ()
        return (Call("diag", (Call("vec", (self._tree(parts, axes),)),)),)

    def _kronecker(self, parts: Sequence[_Component]) -> Chain | None:
        """`left ⊗ right`; where scaled parts are left out and nothing is left, no factor."""
        for left, right in self._pairings():
            split = self._split(parts, left.labels, right.labels)
            if split is None:
                continue
            if len(parts) < len(self.open) and self._is_identity(left, right, parts):
                return ()
            trees = [
                self._oriented(side, group)
                for side, group in zip((left, right), split, strict=True)
            ]
            return (Call("kron", (trees[0], trees[1])),)
        return None

    def _is_identity(self, left: _Side, right: _Side, parts: Sequence[_Component]) -> bool:
        return not parts and left.rows == left.columns and right.rows == right.columns

    def _pairings(self) -> Iterator[tuple[_Side, _Side]]:
        """Which axes may go to the left factor, the outer index, and which to the right one."""
        for over in self._ends(self.above):
            for under in self._ends(self.below):
                if over[0] + under[0] and over[1] + under[1]:
                    yield _Side(over[0], under[0]), _Side(over[1], under[1])

    def _ends(self, axes: Labels) -> list[tuple[Labels, Labels]]:
        """(outer, inner) index of a stacked matrix; a vector may be either."""
        if len(axes) == 2:
            return [((axes[1],), (axes[0],))]
        return [((), axes), (axes, ())]

    def _oriented(self, side: _Side, parts: Sequence[_Component]) -> Tree:
        tree = self._tree(parts, side.labels)
        return transposed(tree, frozenset()) if not side.rows else tree

    def _outer(self, parts: Sequence[_Component]) -> Chain | None:
        """`vec(left) vec(right)'`."""
        split = self._split(parts, self.above, self.below)
        if split is None:
            return None
        trees = [
            self._tree(group, axes)
            for group, axes in zip(split, (self.above, self.below), strict=True)
        ]
        stacked = [
            Call("vec", (tree,)) if len(axes) == 2 else tree
            for tree, axes in zip(trees, (self.above, self.below), strict=True)
        ]
        return (stacked[0], Transpose(stacked[1]))

    def _tree(self, parts: Sequence[_Component], axes: Labels) -> Tree:
        factors = [factor for part in parts for factor in part.factors]
        sizes = {label: self.sizes[label] for label in axes}
        return self.raise_node(self.graph.product(factors, axes, sizes=sizes))

    def _split(
        self, parts: Sequence[_Component], first: Labels, second: Labels
    ) -> tuple[list[_Component], list[_Component]] | None:
        """The components that hold labels of `first` and of `second`, if none holds both."""
        if set(first) & set(second):
            return None
        groups: tuple[list[_Component], list[_Component]] = ([], [])
        for part in parts:
            at_first, at_second = bool(part.labels & set(first)), bool(part.labels & set(second))
            if at_first and at_second:
                return None
            groups[0 if at_first else 1].append(part)
        return groups


def _components(factors: Factors, out: frozenset[int]) -> list[_Component]:
    """Groups of factors that share summed labels, directly or through others."""
    groups: list[_Component] = []
    for factor, labels in factors:
        summed = set(labels) - out
        touched = [group for group in groups if group.labels & summed]
        merged = _Component(
            frozenset(labels).union(*(group.labels for group in touched)),
            (*(f for group in touched for f in group.factors), (factor, labels)),
        )
        groups = [group for group in groups if group not in touched] + [merged]
    return groups


def _signed(graph: Graph, node: Product, raiser: FactorRaiser) -> tuple[Fraction, Factors]:
    """The factors with the signs that read best, and the coefficient that goes with them."""
    coefficient, factors = node.coefficient, list(node.factors)
    willing = []
    for place, (factor, labels) in enumerate(node.factors):
        orientation = raiser.orientation(factor)
        if orientation.sign < 0:
            coefficient, factors[place] = -coefficient, (graph.scale(-1, factor), labels)
        if orientation.cost is not None:
            willing.append((orientation.cost, place))
    if coefficient < 0 and willing:
        _, place = min(willing)
        factor, labels = factors[place]
        coefficient, factors[place] = -coefficient, (graph.scale(-1, factor), labels)
    return coefficient, factors
