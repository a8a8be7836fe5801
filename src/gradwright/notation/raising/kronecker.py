"""Jacobians with three or four axes as matrices d vec(Y)/d vec(X)', columns stacked.

Rows run over (j, i) for a matrix Y[i, j] and over i for a vector, columns likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction

from msgspec import Struct

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
from gradwright.notation.size_text import size_tree
from gradwright.notation.tree import Call, Transpose, Tree

Factors = list[tuple[Node, Labels]]

#: Diagonal matrices in one product.
MAX_DIAGONALS = 2


class _Component(Struct, frozen=True):
    """Factors tied to each other by sums, and the labels they hold."""

    labels: frozenset[int]
    factors: tuple[tuple[Node, Labels], ...]


class _Side(Struct, frozen=True):
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

    Each term is a product of Kronecker products, outer products of two vecs, commutation matrices
    and diagonal matrices for what multiplies a matrix entry by entry.

    Raises:
        NotMatrix: a term is no such product.
    """
    if not (1 <= rows <= 2 and 1 <= node.order - rows <= 2):
        raise NotMatrix
    found = []
    for coefficient, term in _terms(graph, node):
        if not isinstance(term, Product):
            raise NotMatrix
        own, factors = _signed(graph, term, raiser)
        closed, opened = _apart(factors, frozenset(term.out))
        sizes = dict(zip(term.out, term.axes, strict=True))
        for factor, labels in opened:
            sizes |= dict(zip(labels, factor.axes, strict=True))
        above, below = term.out[:rows], term.out[rows:]
        chain = _Splitter(graph, opened, above, below, sizes, raise_node).chain()
        scalars = graph.product(closed, (), coefficient=coefficient * own)
        if isinstance(scalars, Product):
            scale = contraction_term(graph, scalars, raiser, style)
        else:
            scale = Term(Fraction(1), (raise_node(scalars),))
        found.append(Term(scale.coefficient, scale.over, scale.under, chain))
    return found


def _apart(factors: Factors, out: frozenset[int]) -> tuple[Factors, Factors]:
    """The factors that make up a scalar, and the others."""
    closed: Factors = []
    opened: Factors = []
    for part in _components(factors, out):
        (opened if part.labels & out else closed).extend(part.factors)
    return closed, opened


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
    """The factors of one term, and the ways to part them."""

    def __init__(
        self,
        graph: Graph,
        factors: Factors,
        above: Labels,
        below: Labels,
        sizes: Mapping[int, Size],
        raise_node: Callable[[Node], Tree],
    ) -> None:
        self.graph = graph
        self.factors = factors
        self.above, self.below = above, below
        self.sizes = sizes
        self.raise_node = raise_node
        self.parts = _components(factors, frozenset((*above, *below)))

    def chain(self, depth: int = 0) -> Chain:
        """The matrix as a product; beside other factors an identity is no factor.

        Raises:
            NotMatrix: it cannot be parted.
        """
        if depth and not self.factors and self.above == self.below:
            return ()
        for made in (self._kronecker(self.below), self._outer(), self._crossed()):
            if made is not None:
                return made
        if depth < MAX_DIAGONALS:
            for axes in self._tables():
                try:
                    return self._around(axes, depth)
                except NotMatrix:
                    continue
        raise NotMatrix

    def _tables(self) -> list[Labels]:
        """The labels of factors with two axes, those of Y and of X first."""
        found = [self.above, self.below, *(labels for _, labels in self.factors)]
        held = {frozenset(labels) for _, labels in self.factors}
        tables = [axes for axes in found if len(set(axes)) == 2 and frozenset(axes) in held]
        return list(dict.fromkeys(tables))

    def _around(self, axes: Labels, depth: int) -> Chain:
        """`left · diag(vec(F)) · right`, where F are the factors with these two axes.

        The sum over both axes of F is that of the matrix product; where one of them is an axis of
        Y or of X, the matrix on that side holds an identity.
        """
        inner = set(axes)
        over, under = set(self.above) - inner, set(self.below) - inner
        if over & under:
            raise NotMatrix
        table: Factors = []
        left: Factors = []
        right: Factors = []
        for part in _components(self.factors, frozenset((*self.above, *self.below, *axes))):
            if part.labels == inner:
                table += part.factors
            elif part.labels & over and part.labels & under:
                raise NotMatrix
            else:
                (right if part.labels & under else left).extend(part.factors)
        entries = self.raise_node(self._product(table, axes))
        return (
            *self._inside(left, self.above, axes).chain(depth + 1),
            Call("diag", (Call("vec", (entries,)),)),
            *self._inside(right, axes, self.below).chain(depth + 1),
        )

    def _inside(self, factors: Factors, above: Labels, below: Labels) -> _Splitter:
        return _Splitter(self.graph, factors, above, below, self.sizes, self.raise_node)

    def _product(self, factors: Factors, axes: Labels) -> Node:
        return self.graph.product(factors, axes, sizes={x: self.sizes[x] for x in axes})

    def _crossed(self) -> Chain | None:
        """`(left ⊗ right) K`, where Y is made of the transpose of X."""
        if len(self.below) < 2:
            return None
        turned = self.below[::-1]
        plain = not self.factors and self.above == turned
        made = () if plain else self._kronecker(turned)
        if made is None:
            return None
        sizes = tuple(size_tree(self.sizes[label]) for label in self.below)
        return (*made, Call("commutation", sizes))

    def _kronecker(self, below: Labels) -> Chain | None:
        """`left ⊗ right`, for the axes of X or in turn those of its transpose."""
        for left, right in self._pairings(below):
            split = self._split(left.labels, right.labels)
            if split is not None:
                trees = [
                    self._oriented(side, group)
                    for side, group in zip((left, right), split, strict=True)
                ]
                return (Call("kron", (trees[0], trees[1])),)
        return None

    def _pairings(self, below: Labels) -> Iterator[tuple[_Side, _Side]]:
        """Which axes may go to the left factor, the outer index, and which to the right one."""
        for over in _ends(self.above):
            for under in _ends(below):
                if over[0] + under[0] and over[1] + under[1]:
                    yield _Side(over[0], under[0]), _Side(over[1], under[1])

    def _oriented(self, side: _Side, factors: Factors) -> Tree:
        tree = self.raise_node(self._product(factors, side.labels))
        return transposed(tree, frozenset()) if not side.rows else tree

    def _outer(self) -> Chain | None:
        """`vec(left) vec(right)'`."""
        split = self._split(self.above, self.below)
        if split is None:
            return None
        stacked = []
        for factors, axes in zip(split, (self.above, self.below), strict=True):
            tree = self.raise_node(self._product(factors, axes))
            stacked.append(Call("vec", (tree,)) if len(axes) == 2 else tree)
        return (stacked[0], Transpose(stacked[1]))

    def _split(self, first: Labels, second: Labels) -> tuple[Factors, Factors] | None:
        """The factors that hold labels of `first` and of `second`, if none holds both."""
        if set(first) & set(second):
            return None
        groups: tuple[Factors, Factors] = ([], [])
        for part in self.parts:
            at_first, at_second = bool(part.labels & set(first)), bool(part.labels & set(second))
            if at_first and at_second:
                return None
            groups[0 if at_first else 1].extend(part.factors)
        return groups


def _ends(axes: Labels) -> list[tuple[Labels, Labels]]:
    """(outer, inner) index of a stacked matrix; a vector may be either."""
    if len(axes) == 2:
        return [((axes[1],), (axes[0],))]
    return [((), axes), (axes, ())]


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
