"""One contraction as a term: labels are eliminated one by one until matrix products are left."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

from msgspec import Struct

from gradwright.core.behind import parts_taken
from gradwright.core.graph import Graph
from gradwright.core.nodes import ONE, Labels, Node, Power, Product, Size
from gradwright.core.powers import multiplied
from gradwright.core.work import spend
from gradwright.notation.raising.build import (
    Chain,
    hadamard,
    product,
    transposed_chain,
)
from gradwright.notation.raising.cost import cost
from gradwright.notation.raising.term import Term
from gradwright.notation.size_text import size_tree
from gradwright.notation.tree import Binary, Call, Number, Spelled, Symbol, Tree

#: Integer powers up to this are treated as repeated factors.
MAX_REPEATED = 4

TWO = Number(Fraction(2))


class NotMatrix(Exception):
    """The expression has no form in matrix notation that this package finds."""


class FactorRaiser(Protocol):
    """What a contraction asks about its factors."""

    def orientation(self, node: Node) -> Orientation:
        """Which sign of a factor reads best, and whether the other one may be used."""

    def signed(self, node: Node, sign: int, coefficient: Fraction) -> tuple[Fraction, Tree]:
        """A factor as multiplier · tree with the given sign, beside a coefficient."""


class Orientation(Struct, frozen=True):
    """The sign that a factor is written with; `cost` says how unwelcome the other is."""

    sign: int
    cost: int | None


class Style(Struct, frozen=True):
    """What the user's own text says about taste, and which trees are symmetric matrices."""

    symmetric: set[Tree] = set()
    traces: bool = False
    norms: bool = False


class Piece(Struct, frozen=True):
    """An elementwise product of chains over one label (a column) or two (row, column)."""

    labels: Labels
    over: tuple[Chain, ...]
    under: tuple[Chain, ...] = ()


class Contraction:
    """The factors of one product, and what is left of them as labels are summed away."""

    def __init__(
        self,
        graph: Graph,
        raiser: FactorRaiser,
        style: Style,
        kept: Labels,
        sizes: dict[int, Size],
        coefficient: Fraction,
    ) -> None:
        self.graph = graph
        self.raiser = raiser
        self.coefficient = coefficient
        self.style = style
        self.kept = set(kept)
        self.sizes = sizes
        self.pieces: list[Piece] = []
        self.over: list[Tree] = []
        self.under: list[Tree] = []

    # Reading factors ----------------------------------------------------------------------------

    def read(self, factors: Sequence[tuple[Node, Labels]]) -> None:
        """Take the factors in, each with the sign that reads best.

        Raises:
            NotMatrix: a factor has more than two axes.
        """
        parts = [(*self._split_power(factor), labels) for factor, labels in factors]
        signs = self._signs([(base, count) for base, count, _, _ in parts])
        for (base, count, above, labels), sign in zip(parts, signs, strict=True):
            if base.order > 2:
                raise NotMatrix
            self.sizes |= dict(zip(labels, base.axes, strict=True))
            self._add(base, count, above, labels, sign)

    def _signs(self, parts: Sequence[tuple[Node, int]]) -> list[int]:
        """A sign for each factor; a minus that is left is absorbed by the most willing one."""
        wanted = [self.raiser.orientation(base) for base, _ in parts]
        odd = [count % 2 == 1 for _, count in parts]
        negative = self.coefficient < 0
        for orientation, counts in zip(wanted, odd, strict=True):
            negative ^= counts and orientation.sign < 0
        signs = [orientation.sign for orientation in wanted]
        willing = [
            (orientation.cost, k)
            for k, (orientation, counts) in enumerate(zip(wanted, odd, strict=True))
            if counts and orientation.cost is not None
        ]
        if negative and willing:
            signs[min(willing)[1]] *= -1
        return signs

    def _add(self, base: Node, count: int, above: bool, labels: Labels, sign: int) -> None:
        known = self.coefficient if above and count == 1 else ONE
        multiplier, tree = self.raiser.signed(base, sign, known)
        if multiplier is not ONE:
            self.coefficient *= multiplier ** (count if above else -count)
        if not labels:
            (self.over if above else self.under).extend([tree] * count)
            return
        if len(labels) == 2 and labels[0] == labels[1]:
            tree, labels = Call("diag", (tree,)), labels[:1]
        chains = ((tree,),) * count
        piece = Piece(labels, chains) if above else Piece(labels, (), chains)
        self.pieces.append(piece)

    def _split_power(self, factor: Node) -> tuple[Node, int, bool]:
        """(base, how often it is a factor, whether above or below the fraction line)."""
        if not isinstance(factor, Power):
            return factor, 1, True
        exponent = factor.exponent
        if exponent.denominator == 1 and abs(exponent) <= MAX_REPEATED:
            return factor.base, abs(int(exponent)), exponent > 0
        if exponent < 0:
            return self.graph.power(factor.base, -exponent), 1, False
        return factor, 1, True

    # Elimination --------------------------------------------------------------------------------

    def eliminate(self) -> None:
        """Sum over every label that is not kept.

        Raises:
            NotMatrix: more than two matrices meet at a label.
        """
        while True:
            spend(10 + 5 * len(self.pieces))
            self._merge()
            summed = {x for piece in self.pieces for x in piece.labels} - self.kept
            if not summed:
                return
            label = min(sorted(summed), key=self._difficulty)
            self._sum_over(label)

    def _merge(self) -> None:
        """Pieces over the same labels become one elementwise product."""
        groups: dict[frozenset[int], list[Piece]] = {}
        for piece in self.pieces:
            groups.setdefault(frozenset(piece.labels), []).append(piece)
        self.pieces = [self._merged(group) for group in groups.values()]

    def _merged(self, group: Sequence[Piece]) -> Piece:
        if len(group) == 1:
            return group[0]
        choices = []
        for labels in dict.fromkeys(piece.labels for piece in group):
            over = [self._turned(c, p.labels, labels) for p in group for c in p.over]
            under = [self._turned(c, p.labels, labels) for p in group for c in p.under]
            over.sort(key=_reading_key)
            choices.append(Piece(labels, tuple(over), tuple(under)))
        return min(choices, key=lambda p: sum(cost(product(c)) for c in (*p.over, *p.under)))

    def _turned(self, chain: Chain, labels: Labels, wanted: Labels) -> Chain:
        return chain if labels == wanted else transposed_chain(chain, self.style.symmetric)

    def _at(self, label: int) -> tuple[list[Piece], list[Piece]]:
        """The vectors and the matrices that hold a label."""
        held = [piece for piece in self.pieces if label in piece.labels]
        return [p for p in held if len(p.labels) == 1], [p for p in held if len(p.labels) == 2]

    def _difficulty(self, label: int) -> int:
        vectors, matrices = self._at(label)
        if not matrices:
            return 0
        if len(matrices) == 1:
            if self._is_closed(matrices[0]):
                return 1
            return 2 if vectors else 5
        return 3 if len(matrices) == 2 else 9

    def _is_closed(self, matrix: Piece) -> bool:
        """Whether both labels are summed and no other piece holds them."""
        return not (set(matrix.labels) & self.kept) and all(
            piece is matrix or not set(piece.labels) & set(matrix.labels) for piece in self.pieces
        )

    def _sum_over(self, label: int) -> None:
        vectors, matrices = self._at(label)
        if len(matrices) > 2:
            raise NotMatrix
        used = [*vectors, *matrices]
        self.pieces = [piece for piece in self.pieces if all(piece is not u for u in used)]
        if not matrices:
            self.over.append(self._vector_total(vectors[0]))
        elif len(matrices) == 1:
            self._sum_matrix(matrices[0], vectors, label)
        else:
            self._multiply(matrices[0], matrices[1], vectors, label)

    def _sum_matrix(self, matrix: Piece, vectors: list[Piece], label: int) -> None:
        others = [x for x in matrix.labels if x != label]
        if not vectors and self._is_closed(matrix):
            self.over.append(self._matrix_total(matrix))
            return
        right = self.chain(vectors[0]) if vectors else (self._ones(label),)
        chain = (*self.chain(matrix, (others[0], label)), *right)
        self.pieces.append(Piece((others[0],), (chain,)))

    def _multiply(self, one: Piece, two: Piece, vectors: list[Piece], label: int) -> None:
        left = next(x for x in one.labels if x != label)
        right = next(x for x in two.labels if x != label)
        middle = self._diagonal(vectors[0] if vectors else None)
        chain = (*self.chain(one, (left, label)), *middle, *self.chain(two, (label, right)))
        turned = transposed_chain(chain, self.style.symmetric)
        if cost(product(turned)) < cost(product(chain)):
            self.pieces.append(Piece((right, left), (turned,)))
        else:
            self.pieces.append(Piece((left, right), (chain,)))

    # Totals -------------------------------------------------------------------------------------

    def _vector_total(self, piece: Piece) -> Tree:
        over, under = piece.over, piece.under
        if len(over) == 1 and not under:
            inner = product(over[0])
            if isinstance(inner, Call) and inner.function == "diag":
                return Call("tr", inner.arguments)
            return Call("sum", (inner,))
        if len(over) == 2 and not under:
            return self._inner_product(over[0], over[1])
        if len(over) < 2:
            return Call("sum", (_elementwise(over, under),))
        return self._inner_product((_elementwise(over[:-1], under),), over[-1])

    def _inner_product(self, one: Chain, two: Chain) -> Tree:
        if one == two:
            plain = isinstance(product(one), Symbol) and not self.style.norms
            if not plain:
                return Binary("^", Call("norm2", (product(one),)), TWO)
        symmetric = self.style.symmetric
        choices = [
            product((*transposed_chain(one, symmetric), *two)),
            product((*transposed_chain(two, symmetric), *one)),
        ]
        return min(choices, key=cost)

    def _matrix_total(self, piece: Piece) -> Tree:
        over, under = piece.over, piece.under
        if len(over) == 2 and not under:
            if over[0] == over[1] and (self.style.norms or not self.style.traces):
                return Binary("^", Call("norm2", (product(over[0]),)), TWO)
            symmetric = self.style.symmetric
            choices: list[Tree] = [
                Call("tr", (product((*transposed_chain(over[0], symmetric), *over[1])),)),
                Call("tr", (product((*transposed_chain(over[1], symmetric), *over[0])),)),
            ]
            if not self.style.traces:
                choices.append(Call("sum", (_elementwise(over, under),)))
            return min(choices, key=cost)
        return Call("sum", (_elementwise(over, under),))

    # Results ------------------------------------------------------------------------------------

    def chain(self, piece: Piece, labels: Labels | None = None) -> Chain:
        """The piece as a product, turned to the wanted order of labels."""
        if len(piece.over) == 1 and not piece.under:
            chain = piece.over[0]
        else:
            chain = (_elementwise(piece.over, piece.under),)
        return self._turned(chain, piece.labels, labels or piece.labels)

    def _diagonal(self, vector: Piece | None) -> Chain:
        """diag(u), which is its own transpose; diag of a matrix is a column and is not."""
        if vector is None:
            return ()
        tree = Call("diag", (product(self.chain(vector)),))
        self.style.symmetric.add(tree)
        return (tree,)

    def _ones(self, *labels: int) -> Tree:
        return Call("ones", tuple(size_tree(self.sizes[label]) for label in labels))

    def body(self, out: Labels) -> Chain:
        """The matrix product for an output of order 0, 1 or 2.

        Raises:
            NotMatrix: the output has more axes.
        """
        self._merge()
        by_labels = {frozenset(piece.labels): piece for piece in self.pieces}
        if not out:
            return ()
        if len(out) > 2:
            raise NotMatrix
        first = by_labels.get(frozenset(out[:1]))
        if len(out) == 1:
            return self.chain(first) if first else (self._ones(out[0]),)
        if out[0] == out[1]:
            if first is None:
                return (Call("eye", (size_tree(self.sizes[out[0]]),)),)
            return self._diagonal(first)
        return self._matrix_body(out, first, by_labels.get(frozenset(out[1:])), by_labels)

    def _matrix_body(
        self,
        out: Labels,
        column: Piece | None,
        row: Piece | None,
        by_labels: dict[frozenset[int], Piece],
    ) -> Chain:
        matrix = by_labels.get(frozenset(out))
        if matrix is not None:
            return (*self._diagonal(column), *self.chain(matrix, out), *self._diagonal(row))
        if column is None and row is None:
            return (self._ones(*out),)
        left_chain = self.chain(column) if column else (self._ones(out[0]),)
        right_chain = self.chain(row) if row else (self._ones(out[1]),)
        return (*left_chain, *transposed_chain(right_chain, self.style.symmetric))


def contraction_term(
    graph: Graph,
    node: Product | Power,
    raiser: FactorRaiser,
    style: Style,
    scale: Fraction = ONE,
) -> Term:
    """The term for `scale · node`, a product or power of order 0, 1 or 2.

    Raises:
        NotMatrix: there is no matrix form.
    """
    factors: Sequence[tuple[Node, Labels]]
    if isinstance(node, Product):
        node = parts_taken(graph, node)
        factors, out, coefficient = node.factors, node.out, node.coefficient
    else:
        out, coefficient = tuple(range(node.order)), ONE
        factors = [(node, out)]
    sizes = dict(zip(out, node.axes, strict=True))
    work = Contraction(graph, raiser, style, out, sizes, multiplied(scale, coefficient))
    work.read(factors)
    work.eliminate()
    body = work.body(out)
    over = sorted(work.over, key=lambda tree: (cost(tree), Spelled(tree)))
    under = sorted(work.under, key=lambda tree: (cost(tree), Spelled(tree)))
    return Term(work.coefficient, tuple(over), tuple(under), body)


def _elementwise(over: Sequence[Chain], under: Sequence[Chain]) -> Tree:
    return hadamard([product(chain) for chain in over], [product(chain) for chain in under])


def _reading_key(chain: Chain) -> tuple[bool, float, Spelled]:
    tree = product(chain)
    return (not isinstance(tree, Symbol), cost(tree), Spelled(tree))
