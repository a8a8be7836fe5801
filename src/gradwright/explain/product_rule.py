"""The product rule with indices: one sum for each place where the variable stands.

∂x[i]/∂x[k] is δ[i,k], which leaves one value of an index that is summed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct

from gradwright.core.nodes import Labels, Node, Power, Product, Variable, variables
from gradwright.notation.raising.build import number_tree
from gradwright.notation.raising.index import IndexRaiser, reading_order, terms_of
from gradwright.notation.tree import (
    Binary,
    Entry,
    Identity,
    Index,
    IndexSum,
    Left,
    Negate,
    Tree,
    walk,
)

#: Most places of the variable that are written out.
MAX_PLACES = 4


class IndexedSteps(Struct, frozen=True):
    """A derivative with indices: its left side, and right sides that are all equal, with rules."""

    left: Left
    lines: tuple[tuple[Tree, str], ...]


class _Term(Struct, frozen=True):
    """A product of factors at letters, some of which are summed over."""

    coefficient: Fraction
    factors: tuple[tuple[Node, Labels], ...]
    bound: tuple[int, ...]


class _Writer:
    """Writes terms: `at` are the indices of the value, `by` those of the variable."""

    def __init__(
        self,
        order: int,
        terms: Sequence[tuple[Fraction, Node]],
        variable: Variable,
        raiser: IndexRaiser,
    ) -> None:
        self.variable = variable
        self.raiser = raiser
        self.fresh = raiser.letters()
        self.at = tuple(next(self.fresh) for _ in range(order))
        self.terms = [self._term(c, node) for c, node in terms]
        most = max((len(term.bound) for term in self.terms), default=0)
        self.inner = tuple(next(self.fresh) for _ in range(most))
        self.by = tuple(next(self.fresh) for _ in variable.axes)

    def _term(self, coefficient: Fraction, node: Node) -> _Term:
        """A term whose first labels are those of the value's axes."""
        if not isinstance(node, Product):
            return _Term(coefficient, ((node, tuple(range(node.order))),), ())
        ordered = sorted(node.factors, key=lambda part: reading_order(part[0], part[1], node.out))
        known = {label: place for place, label in enumerate(node.out)}
        for _, labels in ordered:
            for label in labels:
                known.setdefault(label, len(known))
        factors = tuple((f, tuple(known[label] for label in labels)) for f, labels in ordered)
        bound = tuple(range(node.order, len(known)))
        return _Term(coefficient * node.coefficient, factors, bound)

    def letters(self, term: _Term) -> dict[int, Index]:
        """The letter of each label of a term."""
        names = (*self.at, *self.inner[: len(term.bound)])
        return dict(enumerate(names))

    def places(self, term: _Term) -> list[int]:
        """The factors that are the variable or a power of it."""
        return [k for k, (factor, _) in enumerate(term.factors) if self._exponent(factor)]

    def _exponent(self, factor: Node) -> Fraction:
        if factor is self.variable:
            return Fraction(1)
        is_power = isinstance(factor, Power) and factor.base is self.variable
        return factor.exponent if is_power and isinstance(factor, Power) else Fraction(0)

    def derived(self, term: _Term, place: int, collapsed: bool) -> Tree:
        """The term with one factor derived: with its identities, or after they are resolved."""
        letter = self.letters(term)
        factor, labels = term.factors[place]
        identities: list[Tree] = []
        bound = list(term.bound)
        for label, name in zip(labels, self.by, strict=True):
            if collapsed and label in bound:
                bound.remove(label)
                letter[label] = name
            else:
                identities.append(Identity((letter[label], name)))
        exponent = self._exponent(factor)
        parts: list[Tree] = []
        if exponent != 1:
            parts.append(number_tree(exponent))
        for k, (other, at) in enumerate(term.factors):
            indices = [letter[label] for label in at]
            if k != place:
                parts.append(self.raiser.entry(other, indices, self.fresh))
                continue
            if exponent not in (1, 2):
                base = self.raiser.entry(self.variable, indices, self.fresh)
                parts.append(Binary("^", base, number_tree(exponent - 1)))
            elif exponent == 2:
                parts.append(self.raiser.entry(self.variable, indices, self.fresh))
            parts += identities
        if collapsed:
            parts.sort(key=lambda part: not isinstance(part, Identity))
        return self._summed(term.coefficient, parts, tuple(str(letter[x]) for x in bound))

    def _summed(self, coefficient: Fraction, parts: list[Tree], bound: tuple[str, ...]) -> Tree:
        if abs(coefficient) != 1 or not parts:
            parts.insert(0, number_tree(abs(coefficient)))
        tree = parts[0]
        for part in parts[1:]:
            tree = Binary("*", tree, part)
        tree = IndexSum(bound, tree) if bound else tree
        return Negate(tree) if coefficient < 0 else tree


def product_rule(
    name: str, value: Node, variable: Variable, raiser: IndexRaiser, result: Tree | None
) -> IndexedSteps | None:
    """The derivative of `name`, which is a sum of products, by a variable.

    `result` is the derivative in matrix notation, where it has that. None where the rule has
    nothing to say: where the variable stands within functions, or alone, or too often.
    """
    terms = [(c, node) for c, node in terms_of(value) if variable in variables(node)]
    tied = (isinstance(n, Product) and len(set(n.out)) < n.order for _, n in terms)
    if not terms or any(tied):
        return None
    writer = _Writer(value.order, terms, variable, raiser)
    for term in writer.terms:
        held = [k for k, (f, _) in enumerate(term.factors) if variable in variables(f)]
        if held != writer.places(term) or len(held) > MAX_PLACES:
            return None
    if not any(term.bound for term in writer.terms):
        return None
    rows = []
    for collapsed in (False, True):
        parts = [
            writer.derived(term, place, collapsed)
            for term in writer.terms
            for place in writer.places(term)
        ]
        rows.append(_total(parts))
    lines = [(rows[0], _delta_rule(variable, writer))]
    lines.append((rows[1], _left_over(rows[1])))
    if result is not None:
        indices = (*writer.at, *writer.by)
        whole: Tree = Entry(result, indices) if indices else result
        lines.append((whole, "the same in matrix notation"))
    return IndexedSteps(Left(((name, writer.at), (variable.name, writer.by))), tuple(lines))


def _delta_rule(variable: Variable, writer: _Writer) -> str:
    """What the derivative of an entry by another one is, in the letters that are used."""
    term = next(t for t in writer.terms if writer.places(t))
    _, labels = term.factors[writer.places(term)[0]]
    letter = writer.letters(term)
    pairs = [(str(letter[x]), name) for x, name in zip(labels, writer.by, strict=True)]
    if not pairs:
        return "product rule"
    one, other = (",".join(side) for side in zip(*pairs, strict=True))
    identities = " ".join(f"δ[{a},{b}]" for a, b in pairs)
    return f"product rule; ∂{variable.name}[{one}]/∂{variable.name}[{other}] = {identities}"


def _left_over(tree: Tree) -> str:
    """What became of the sums over δ, and what a δ that is left means."""
    text = "of a sum over δ one value of the index remains"
    left = [part.indices for part in walk(tree) if isinstance(part, Identity)]
    if left:
        one, other = left[0]
        text += f"; δ[{one},{other}] is entry {one} of the unit vector e_{other}"
    return text


def _total(parts: Sequence[Tree]) -> Tree:
    total = parts[0]
    for part in parts[1:]:
        negative = isinstance(part, Negate)
        term = part.operand if isinstance(part, Negate) else part
        total = Binary("-" if negative else "+", total, term)
    return total
