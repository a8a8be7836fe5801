"""The bookkeeping of one contraction: labels, deltas, ones and sizes.

This is the only place where labels are unified, where a label that lost its last factor turns into
its size, and where powers of one factor are merged. A slip here is wrong by a factor of a
dimension, so everything else goes through `normalise`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

from msgspec import Struct

from gradwright.core.nodes import ONE, Labels, Node, Power, Product, Size
from gradwright.core.powers import multiplied
from gradwright.core.work import spend

#: A factor while a product is being built: base, exponent, labels.
Term = tuple[Node, Fraction, Labels]


class LabelClasses:
    """Union-find over labels, with the size of each class."""

    def __init__(self, sizes: Iterable[Size]) -> None:
        self._size = list(sizes)
        self._parent = list(range(len(self._size)))
        self._united = False

    @property
    def representatives(self) -> set[int]:
        """One label of each class."""
        return {label for label, parent in enumerate(self._parent) if label == parent}

    def fresh(self, size: Size) -> int:
        """A new label for an axis of this size."""
        self._parent.append(len(self._parent))
        self._size.append(size)
        return len(self._parent) - 1

    def find(self, label: int) -> int:
        """The representative of a label's class."""
        while self._parent[label] != label:
            self._parent[label] = self._parent[self._parent[label]]
            label = self._parent[label]
        return label

    def resolved(self, labels: Labels) -> Labels:
        """The representatives of some labels."""
        return tuple([self.find(label) for label in labels]) if self._united else labels

    def unite(self, one: int, other: int) -> None:
        """Make two labels equal, as an identity between their axes does."""
        one, other = self.find(one), self.find(other)
        if one != other:
            self._united = True
            self._parent[max(one, other)] = min(one, other)

    def size(self, label: int) -> Size:
        """The size of a label's axis."""
        return self._size[self.find(label)]


class Normalised(Struct):
    """A product with flat factors, merged powers and resolved labels."""

    coefficient: Fraction
    terms: list[Term]
    out: Labels
    size_of: Callable[[int], Size]
    vanished: list[Size] = []


def normalise(
    coefficient: Fraction,
    factors: Iterable[tuple[Node, Sequence[int]]],
    out: Sequence[int],
    sizes: dict[int, Size],
) -> Normalised:
    """Flatten nested products, resolve identities and merge powers.

    `factors` and `out` use the caller's labels, whose sizes are in `sizes`. `vanished` lists the
    sizes of summed labels that no factor holds any more: each is a factor of the result.
    """
    classes = LabelClasses(sizes.values())
    local = {label: k for k, label in enumerate(sizes)}
    flat: list[Term] = []
    pending = [(node, tuple([local[label] for label in labels])) for node, labels in factors]
    pending.reverse()
    while pending:
        node, labels = pending.pop()
        if isinstance(node, Product):
            if node.coefficient is not ONE:
                coefficient = multiplied(coefficient, node.coefficient)
            inner = _enter(node, labels, classes)
            pending.extend(reversed(inner))
        elif isinstance(node, Power):
            flat.append((node.base, node.exponent, labels))
        else:
            flat.append((node, ONE, labels))
    spend(10 + 5 * len(flat))
    resolved_out = classes.resolved(tuple([local[label] for label in out]))
    terms = _merge_powers(flat, classes)
    held = {label for _, _, labels in terms for label in labels}
    lost = classes.representatives.difference(held, resolved_out)
    vanished = [classes.size(label) for label in sorted(lost)]
    return Normalised(coefficient, terms, resolved_out, classes.size, vanished)


def _enter(product: Product, labels: Labels, classes: LabelClasses) -> list[tuple[Node, Labels]]:
    """The factors of an inner product in the labels of the outer one."""
    outer: dict[int, int] = {}
    for inner_label, label in zip(product.out, labels, strict=True):
        if inner_label in outer:
            classes.unite(outer[inner_label], label)
        else:
            outer[inner_label] = label
    entered = []
    for node, inner_labels in product.factors:
        for inner_label, size in zip(inner_labels, node.axes, strict=True):
            if inner_label not in outer:
                outer[inner_label] = classes.fresh(size)
        entered.append((node, tuple([outer[label] for label in inner_labels])))
    return entered


def _merge_powers(flat: list[Term], classes: LabelClasses) -> list[Term]:
    """Add the exponents of equal bases with equal labels; drop what cancels."""
    exponents: dict[tuple[Node, Labels], Fraction] = {}
    for node, exponent, labels in flat:
        place = (node, classes.resolved(labels))
        held = exponents.get(place)
        # x^(1/2) · x^(1/2) = x and x^a · x^b = x^(a+b) hold wherever both factors are defined.
        exponents[place] = exponent if held is None else held + exponent
    return [(node, e, labels) for (node, labels), e in exponents.items() if e is ONE or e]


def canonical_order(
    factors: Sequence[tuple[Node, Labels]], out: Labels, symmetric: Callable[[Node], bool]
) -> tuple[tuple[tuple[Node, Labels], ...], dict[int, int]]:
    """Sort factors and number labels so that equal products look equal.

    Labels are ranked by their places in `out` and refined by their incidences; what is still
    tied is split one label at a time. Ties between labels that no symmetry exchanges may be
    split differently for equal products: the result is then still correct, only not identical.
    """
    spend(5 + 2 * len(factors))
    places: dict[int, int] = {}
    for place, label in enumerate(out):
        places.setdefault(label, place)
    ranks = _refined(factors, places, symmetric)
    placed = []
    for node, labels in factors:
        if len(labels) == 2 and ranks[labels[0]] > ranks[labels[1]] and symmetric(node):
            labels = (labels[1], labels[0])
        placed.append((node, labels))
    if len(placed) > 1:
        placed.sort(key=lambda factor: (factor[0].key, [ranks[label] for label in factor[1]]))
    number = {label: k for k, label in enumerate(places)}
    for _, labels in placed:
        for label in labels:
            number.setdefault(label, len(number))
    renamed = [(node, tuple([number[label] for label in labels])) for node, labels in placed]
    return tuple(renamed), number


def _refined(
    factors: Sequence[tuple[Node, Labels]],
    places: dict[int, int],
    symmetric: Callable[[Node], bool],
) -> dict[int, int]:
    """A rank for every label; summed labels come after those of the output, at `places`."""
    summed = {label for _, labels in factors for label in labels if label not in places}
    base = len(places) + max(places.values(), default=0) + 1
    ranks = places | dict.fromkeys(summed, base)
    if len(summed) < 2:
        return ranks
    incidences: dict[int, list[tuple[Node, int, Labels]]] = defaultdict(list)
    for node, labels in factors:
        ordered = not (len(labels) == 2 and symmetric(node))
        for place, label in enumerate(labels):
            if label in summed:
                incidences[label].append((node, place if ordered else 0, labels))
    next_rank = base
    while True:
        spend(len(factors) + 2 * len(summed))
        classes = len({ranks[label] for label in summed})
        ranks |= _one_round(incidences, ranks, next_rank)
        if len({ranks[label] for label in summed}) == len(summed):
            return ranks
        if len({ranks[label] for label in summed}) == classes:
            counts = Counter(ranks.values())
            tied = min(rank for rank, count in counts.items() if rank >= base and count > 1)
            first = min(label for label in summed if ranks[label] == tied)
            for label in summed:
                if ranks[label] > tied or (ranks[label] == tied and label != first):
                    ranks[label] += 1


def _one_round(
    incidences: dict[int, list[tuple[Node, int, Labels]]], ranks: dict[int, int], base: int
) -> dict[int, int]:
    """One step of colour refinement over the summed labels."""
    signatures = {
        label: (
            ranks[label],
            sorted(
                (node.key, place, tuple(sorted(ranks[other] for other in labels)))
                for node, place, labels in places
            ),
        )
        for label, places in incidences.items()
    }
    ordered = sorted(signatures.values())
    return {label: base + ordered.index(signature) for label, signature in signatures.items()}
