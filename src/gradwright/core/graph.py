"""The graph: the only maker of nodes.

Constructors do local, terminating work: identities, ones, sizes, powers and like terms. Everything
that has to be decided (expanding, factoring, recognising) is a pass of `simplify`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from fractions import Fraction
from hashlib import blake2b
from math import gcd, lcm
from typing import Any

from gradwright.core.contraction import canonical_order, normalise
from gradwright.core.nodes import (
    ONE,
    Add,
    Function,
    Labels,
    Node,
    OneHot,
    Operation,
    Options,
    Power,
    Product,
    Select,
    Size,
    SizeOf,
    Unit,
    Variable,
)
from gradwright.core.powers import multiplied, powers_multiply, rational, rational_power
from gradwright.core.sizes import is_compound, terms
from gradwright.core.work import require_digits, spend


def _digest(*parts: object) -> bytes:
    spend(4 + len(parts))
    listed = [part if isinstance(part, bytes) else repr(part).encode() for part in parts]
    return blake2b(b"\x1f".join([*listed, b""]), digest_size=16).digest()


class Graph:
    """An intern table and the constructors that fill it."""

    def __init__(self) -> None:
        self._nodes: dict[bytes, Node] = {}
        self._symmetric: dict[Node, bool] = {}
        self._kept: dict[Hashable, dict[Node, Any]] = {}
        # What was asked for before, by the arguments themselves: a digest takes longer.
        self._asked: dict[Hashable, Node] = {}

    def kept(self, by: Hashable) -> dict[Node, Any]:
        """What a pass found out about nodes, which holds as long as the graph; the pass adds."""
        return self._kept.setdefault(by, {})

    def __len__(self) -> int:
        return len(self._nodes)

    # Leaves -------------------------------------------------------------------------------------

    def variable(self, name: str, axes: Sequence[Size] = (), facts: Iterable[str] = ()) -> Variable:
        """An input of the given axes."""
        axes, held = tuple(axes), frozenset(facts)
        asked = ("variable", name, axes, held)
        found = self._asked.get(asked)
        if found is None:
            key = _digest("variable", name, axes, sorted(held))
            found = self._asked[asked] = Variable(axes, key, name, held)
            self._nodes[key] = found
        assert isinstance(found, Variable)
        return found

    def number(self, value: Fraction | int, axes: Sequence[Size] = ()) -> Node:
        """The same rational in every entry."""
        return self._plain(rational(value), tuple(range(len(axes))), tuple(axes))

    def ones(self, *axes: Size) -> Node:
        """A tensor of ones."""
        return self.number(1, axes)

    def identity(self, axes: Sequence[Size]) -> Node:
        """The identity on tensors of these axes: axes `axes + axes`."""
        labels = tuple(range(len(axes)))
        return self._plain(ONE, labels + labels, tuple(axes) * 2)

    def size_of(self, size: Size) -> Node:
        """A size as a scalar."""
        if isinstance(size, int):
            return self.number(size)
        if is_compound(size):
            made = [(c, [(self.size_of(name), ()) for name in names]) for names, c in terms(size)]
            return self.add([(c, self.product(factors)) for c, factors in made], ())
        key = _digest("size", size)
        return self._nodes.setdefault(key, SizeOf((), key, size))

    def unit(self, place: Size, size: Size) -> Node:
        """The unit vector of a size with its 1 at `place`, counted from 1."""
        if size == 1:
            return self.ones(size)
        key = _digest("unit", place, size)
        return self._nodes.setdefault(key, Unit((size,), key, place))

    def select(
        self, parts: Sequence[Size], whole: Size, start: Size, steps: Sequence[Size]
    ) -> Node:
        """Axes `parts`, then `whole`: 1 where its index is start + Σ step · index, from 0."""
        if tuple(parts) == (whole,) and start == 0 and tuple(steps) == (1,):
            return self.identity((whole,))
        axes = (*parts, whole)
        key = _digest("select", axes, start, tuple(steps))
        return self._nodes.setdefault(key, Select(axes, key, start, tuple(steps)))

    def one_hot(self, indices: Variable, size: Size) -> Node:
        """A row of `size` zeros and a 1 for each entry of `indices`: where the entry says."""
        key = _digest("one hot", indices.key, size)
        return self._nodes.setdefault(key, OneHot((*indices.axes, size), key, indices))

    def _plain(self, value: Fraction, out: Labels, axes: tuple[Size, ...]) -> Node:
        if not value:
            out = tuple(range(len(axes)))
        return self._interned(value, (), out, axes)

    # Products -----------------------------------------------------------------------------------

    def product(
        self,
        factors: Iterable[tuple[Node, Sequence[int]]],
        out: Sequence[int] = (),
        *,
        coefficient: Fraction | int = ONE,
        sizes: dict[int, Size] | None = None,
    ) -> Node:
        """`coefficient · Σ Π factors`, summed over the labels that are not in `out`.

        `sizes` gives the sizes of labels of `out` that no factor holds.
        """
        listed = tuple([(node, tuple(labels)) for node, labels in factors])
        value = rational(coefficient)
        asked = (listed, tuple(out), value.numerator, value.denominator, *(sizes or {}).items())
        found = self._asked.get(asked)
        if found is None:
            found = self._asked[asked] = self._product(listed, out, value, dict(sizes or {}))
        return found

    def _product(
        self,
        listed: Sequence[tuple[Node, Labels]],
        out: Sequence[int],
        coefficient: Fraction,
        known: dict[int, Size],
    ) -> Node:
        for node, labels in listed:
            for label, size in zip(labels, node.axes, strict=True):
                held = known.setdefault(label, size)
                if held != size:
                    raise AssertionError(f"label {label} has sizes {held!r} and {size!r}")
        axes = tuple([known[label] for label in out])
        flat = normalise(coefficient, listed, out, known)
        value = flat.coefficient
        powered: list[tuple[Node, Labels]] = []
        scalars = [(self.size_of(size), ONE, ()) for size in flat.vanished]
        for base, exponent, labels in [*flat.terms, *scalars]:
            node = base if exponent is ONE else self.power(base, exponent)
            if isinstance(node, Product):
                # A power that fell apart (a number, a product of powers) is flattened once more.
                again = [(self.power(b, e), ls) for b, e, ls in [*flat.terms, *scalars]]
                held_sizes = {
                    label: flat.size_of(label)
                    for label in {*flat.out, *(x for _, ls in again for x in ls)}
                }
                return self.product(again, flat.out, coefficient=value, sizes=held_sizes)
            powered.append((node, labels))
        if not value:
            return self.number(0, axes)
        return self._intern_product(value, powered, flat.out, axes)

    def _intern_product(
        self,
        coefficient: Fraction,
        factors: list[tuple[Node, Labels]],
        out: Labels,
        axes: tuple[Size, ...],
    ) -> Node:
        placed, number = canonical_order(factors, out, self.symmetric)
        renamed = tuple([number[label] for label in out])
        if coefficient == 1 and len(placed) == 1:
            node, labels = placed[0]
            distinct = len(set(renamed)) == len(renamed)
            if labels == renamed and distinct:
                return node
            swapped = labels == tuple(reversed(renamed)) and len(labels) == 2
            if swapped and distinct and self.symmetric(node):
                return node
        return self._interned(coefficient, placed, renamed, axes)

    def _interned(
        self,
        coefficient: Fraction,
        placed: tuple[tuple[Node, Labels], ...],
        renamed: Labels,
        axes: tuple[Size, ...],
    ) -> Node:
        """The product of factors in canonical order."""
        asked = (coefficient.numerator, coefficient.denominator, placed, renamed, axes)
        known = self._asked.get(asked)
        if known is not None:
            return known
        require_digits(coefficient)
        key = _digest(
            "product",
            coefficient,
            renamed,
            axes,
            *((node.key + repr(ls).encode()) for node, ls in placed),
        )
        found = self._nodes.get(key)
        if found is None:
            # One is always the same object, which is quicker to ask for than its value.
            number = ONE if coefficient == 1 else coefficient
            found = self._nodes[key] = Product(axes, key, number, placed, renamed)
        self._asked[asked] = found
        return found

    def scale(self, coefficient: Fraction | int, node: Node) -> Node:
        """`coefficient · node`."""
        if coefficient == 1:
            return node
        if isinstance(node, Product):
            return self._with_coefficient(node, multiplied(node.coefficient, rational(coefficient)))
        if not coefficient:
            return self.number(0, node.axes)
        labels = tuple(range(node.order))
        return self._interned(rational(coefficient), ((node, labels),), labels, node.axes)

    def hadamard(self, *nodes: Node) -> Node:
        """The elementwise product of nodes with equal axes."""
        labels = tuple(range(nodes[0].order))
        return self.product([(node, labels) for node in nodes], labels)

    def times(self, scalar: Node, node: Node) -> Node:
        """A scalar node times a node."""
        labels = tuple(range(node.order))
        return self.product([(scalar, ()), (node, labels)], labels)

    def permute(self, node: Node, order: Sequence[int]) -> Node:
        """The node with its axes in another order: new axis k is old axis `order[k]`."""
        if tuple(order) == tuple(range(node.order)):
            return node
        return self.product([(node, tuple(range(node.order)))], tuple(order))

    def total(self, node: Node) -> Node:
        """The sum of all entries."""
        return self.product([(node, tuple(range(node.order)))], ())

    def broadcast(self, node: Node, places: Sequence[int], axes: Sequence[Size]) -> Node:
        """The node repeated: its axis k becomes axis `places[k]` of a result with `axes`."""
        out = tuple(range(len(axes)))
        return self.product([(node, tuple(places))], out, sizes=dict(enumerate(axes)))

    # Sums, powers, functions --------------------------------------------------------------------

    def add(self, terms: Iterable[tuple[Fraction | int, Node]], axes: Sequence[Size]) -> Node:
        """A sum of scaled nodes that all have `axes`; like terms are merged."""
        collected: dict[Node, Fraction] = {}
        axes = tuple(axes)
        pending = [(rational(c), node) for c, node in terms]
        if len(pending) == 1 and pending[0][0] == 1:
            return pending[0][1]
        pending.reverse()
        while pending:
            coefficient, node = pending.pop()
            if node.axes != axes:
                raise AssertionError(f"a term with axes {node.axes} in a sum with axes {axes}")
            if isinstance(node, Add):
                pending.extend((multiplied(coefficient, c), t) for c, t in reversed(node.terms))
                continue
            if isinstance(node, Product) and node.coefficient != 1:
                if node.coefficient == 0:
                    continue
                unit = self._with_coefficient(node, ONE)
                pending.append((multiplied(coefficient, node.coefficient), unit))
                continue
            held = collected.get(node)
            collected[node] = coefficient if held is None else held + coefficient
        spend(5 + 3 * len(collected))
        kept = sorted(((c, n) for n, c in collected.items() if c), key=lambda term: term[1].key)
        if not kept:
            return self.number(0, axes)
        if len(kept) == 1:
            return self.scale(*kept[0])
        return self._intern_sum(kept, axes)

    def _intern_sum(self, terms: list[tuple[Fraction, Node]], axes: tuple[Size, ...]) -> Node:
        """Terms in primitive form: integer coefficients without common factor, the first > 0."""
        top, bottom = gcd(*(c.numerator for c, _ in terms)), lcm(*(c.denominator for c, _ in terms))
        if terms[0][0] < 0:
            top = -top
        shared = ONE if top == bottom == 1 else Fraction(top, bottom)
        primitive = tuple(terms if shared is ONE else ((c / shared, node) for c, node in terms))
        key = _digest("add", axes, *((str(c).encode() + node.key) for c, node in primitive))
        found = self._nodes.get(key)
        if found is None:
            found = self._nodes[key] = Add(axes, key, primitive)
        return self.scale(shared, found)

    def _with_coefficient(self, node: Product, coefficient: Fraction) -> Node:
        """A product with another coefficient: its factors are in canonical order already."""
        if not node.factors or not coefficient:
            return self._plain(coefficient, node.out, node.axes)
        if coefficient == 1:
            return self._intern_product(ONE, list(node.factors), node.out, node.axes)
        return self._interned(coefficient, node.factors, node.out, node.axes)

    def subtract(self, one: Node, other: Node) -> Node:
        """`one - other`."""
        return self.add([(1, one), (-1, other)], one.axes)

    def power(self, base: Node, exponent: Fraction | int) -> Node:
        """The elementwise power with a rational exponent."""
        exponent = rational(exponent)
        if exponent == 1:
            return base
        if exponent == 0:
            return self.ones(*base.axes)
        if isinstance(base, (Unit, OneHot, Select)) and exponent > 0:
            return base
        if isinstance(base, Power) and powers_multiply(base.exponent, exponent):
            return self.power(base.base, base.exponent * exponent)
        if isinstance(base, Product):
            split = self._power_of_product(base, exponent)
            if split is not None:
                return split
        asked = (base, exponent.numerator, exponent.denominator)
        found = self._asked.get(asked)
        if found is None:
            key = _digest("power", base.key, exponent)
            found = self._nodes.setdefault(key, Power(base.axes, key, base, exponent))
            self._asked[asked] = found
        return found

    def _power_of_product(self, base: Product, exponent: Fraction) -> Node | None:
        """(c Π x)^p = c^p Π x^p where that is valid: no sum, no identity, no sign to lose."""
        if base.summed or len(set(base.out)) < len(base.out):
            return None
        if exponent.denominator != 1 and len(base.factors) > 1:
            return None
        coefficient = rational_power(base.coefficient, exponent)
        if coefficient is None:
            return None
        factors = [(self.power(node, exponent), labels) for node, labels in base.factors]
        sizes = dict(zip(base.out, base.axes, strict=True))
        return self.product(factors, base.out, coefficient=coefficient, sizes=sizes)

    def function(self, operation: str, *arguments: Node, options: Options = ()) -> Node:
        """An elementwise operation on arguments of equal axes."""
        asked = (operation, arguments, options)
        found = self._asked.get(asked)
        if found is None:
            key = _digest("function", operation, options, *(part.key for part in arguments))
            made = Function(arguments[0].axes, key, operation, arguments, options)
            found = self._asked[asked] = self._nodes.setdefault(key, made)
        return found

    def operation(
        self, operation: str, arguments: Sequence[Node], axes: Sequence[Size], options: Options = ()
    ) -> Node:
        """Any other operation of the table, with the axes of its result."""
        key = _digest("operation", operation, options, tuple(axes), *(p.key for p in arguments))
        made = Operation(tuple(axes), key, operation, tuple(arguments), options)
        return self._nodes.setdefault(key, made)

    # Symmetry -----------------------------------------------------------------------------------

    def symmetric(self, node: Node) -> bool:
        """Whether a matrix node is its own transpose, by declared facts and structure."""
        if node.order != 2 or node.axes[0] != node.axes[1]:
            return False
        known = self._symmetric.get(node)
        if known is None:
            known = self._symmetric[node] = self._is_symmetric(node)
        return known

    def _is_symmetric(self, node: Node) -> bool:
        match node:
            case Variable(facts=facts):
                return "symmetric" in facts
            case Power(base=base):
                return self.symmetric(base)
            case Function(arguments=parts):
                return all(self.symmetric(part) for part in parts)
            case Operation(operation="inv", arguments=parts):
                return self.symmetric(parts[0])
            case Product():
                return self.permute(node, (1, 0)) is node
            case Add(terms=terms):
                return {(c, self.permute(t, (1, 0))) for c, t in terms} == set(terms)
            case _:
                return False
