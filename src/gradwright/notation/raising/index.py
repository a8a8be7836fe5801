"""Index notation: the form that every result has when no matrix form exists."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from fractions import Fraction
from itertools import count

from gradwright.core.nodes import (
    Add,
    Function,
    Labels,
    Node,
    OneHot,
    Operation,
    Power,
    Product,
    Select,
    Size,
    Unit,
    Variable,
    variables,
)
from gradwright.core.sizes import is_compound
from gradwright.errors import UnsupportedError
from gradwright.notation.places import parted
from gradwright.notation.raising.build import number_tree, selection_tree
from gradwright.notation.raising.contract import NotMatrix
from gradwright.notation.raising.raiser import Raiser, operation_call, shown_options
from gradwright.notation.ranges import Place
from gradwright.notation.size_text import size_tree
from gradwright.notation.tree import (
    Binary,
    Call,
    Entry,
    Equation,
    Identity,
    Index,
    IndexArray,
    IndexSum,
    Left,
    Negate,
    Number,
    Symbol,
    Tree,
    free_indices,
    own,
    walk,
)

LETTERS = "ijklpqrstuvw"

#: A node of order 0 to 2 in matrix notation, None where it has no such form or is to be opened.
TreeOf = Callable[[Node], Tree | None]

#: Names of what is defined, each with the number of its axes.
Names = Sequence[tuple[str, int]]

ONE = Number(Fraction(1))
ZERO = Number(Fraction(0))


def opened(raiser: Raiser) -> TreeOf:
    """Matrix notation for all but sums and contractions, which are left to the indices."""

    def tree(node: Node) -> Tree | None:
        if isinstance(node, Add) or (isinstance(node, Product) and node.summed):
            return None
        return matrix_form(raiser)(node)

    return tree


def matrix_form(raiser: Raiser) -> TreeOf:
    """Matrix notation wherever there is one."""

    def tree(node: Node) -> Tree | None:
        try:
            return raiser.tree(node)
        except NotMatrix:
            return None

    return tree


class IndexRaiser:
    """Writes nodes with indices.

    `tree_of` writes nodes of order 0 to 2 in matrix notation; each is followed by its indices. No
    index has a name of `taken`. Where δ is taken an identity is written as an entry of eye(n).
    """

    def __init__(self, tree_of: TreeOf, taken: Collection[str]) -> None:
        self.tree_of = tree_of
        self.taken = frozenset(taken)

    def equation(self, node: Node, names: Names) -> Equation:
        """`D[i,j,k] = Σ_l A[i,l] …`; the axes of the node are those of the names in order.

        Raises:
            UnsupportedError: a part has no form at all.
        """
        fresh = self.letters()
        left = Left(tuple((name, tuple(next(fresh) for _ in range(k))) for name, k in names))
        return Equation(left, self._covered(node, left.indices, fresh))

    def letters(self) -> Iterator[str]:
        """Names for indices, in order."""
        yield from (letter for letter in LETTERS if letter not in self.taken)
        yield from (name for name in (f"i{k}" for k in count(1)) if name not in self.taken)

    # Sums and products ------------------------------------------------------------------------

    def _covered(self, node: Node, at: Sequence[str], fresh: Iterator[str]) -> Tree:
        """A node at its indices; those that it does not depend on are indices of ones."""
        tree = self._body(node, at, fresh)
        held = free_indices(tree)[id(tree)]
        axes = zip(at, node.axes, strict=True)
        name = "zeros" if tree == ZERO else "ones"
        filled = [_filled(name, size, index) for index, size in axes if index not in held]
        return _product([*([] if tree in (ONE, ZERO) and filled else [tree]), *filled])

    def _body(self, node: Node, at: Sequence[Index], fresh: Iterator[str]) -> Tree:
        return self._sum(terms_of(node), at, fresh)

    def _sum(
        self, terms: Sequence[tuple[Fraction, Node]], at: Sequence[Index], fresh: Iterator[str]
    ) -> Tree:
        made = []
        used = list[str]()
        for coefficient, term in terms:
            # Sums that stand side by side may have the same indices.
            again = _Replay(fresh, used)
            made.append(self._term(term, at, again, coefficient))
        made.sort(key=lambda part: (part[0] < 0, part[1] == ONE, _names(part[1])))
        total: Tree | None = None
        for coefficient, tree in made:
            scaled = _scaled(abs(coefficient), tree)
            if total is None:
                total = Negate(scaled) if coefficient < 0 else scaled
            else:
                total = Binary("-" if coefficient < 0 else "+", total, scaled)
        assert total is not None
        return total

    def _term(
        self, node: Node, at: Sequence[Index], fresh: Iterator[str], coefficient: Fraction
    ) -> tuple[Fraction, Tree]:
        """(coefficient, tree) of one term with a coefficient."""
        if not isinstance(node, Product):
            node_labels = tuple(range(node.order))
            factors: tuple[tuple[Node, Labels], ...] = ((node, node_labels),)
            out = node_labels
        else:
            factors, out = node.factors, node.out
            coefficient *= node.coefficient
        letter: dict[int, Index] = {}
        pieces: list[Tree] = []
        for index, label, size in zip(at, out, node.axes, strict=True):
            if label in letter:
                pieces.append(self._identity(letter[label], index, size))
            else:
                letter[label] = index
        ordered = sorted(factors, key=lambda factor: reading_order(factor[0], factor[1], out))
        for factor, labels in ordered:
            if isinstance(factor, Unit) and labels[0] not in letter:
                letter[labels[0]] = factor.place
                ordered = [part for part in ordered if part != (factor, labels)]
        bound: dict[str, Size] = {}
        for factor, labels in ordered:
            for label, size in zip(labels, factor.axes, strict=True):
                if label not in letter:
                    letter[label] = name = next(fresh)
                    bound[name] = size
        over, under = pieces, list[Tree]()
        for factor, labels in ordered:
            sign, tree, above = self._factor(
                factor, [letter[x] for x in labels], fresh, coefficient
            )
            coefficient *= sign
            (over if above else under).append(tree)
        return coefficient, _summed(over, under, bound)

    def _identity(self, one: Index, other: Index, size: Size) -> Tree:
        if self.taken & {"δ", "delta"} or is_compound(one) or is_compound(other):
            return _entry(Call("eye", (size_tree(size),)), (one, other))
        return Identity((one, other))

    # Factors ----------------------------------------------------------------------------------

    def _factor(
        self, node: Node, at: Sequence[Index], fresh: Iterator[str], scale: Fraction
    ) -> tuple[int, Tree, bool]:
        """(sign, tree, whether it multiplies) of a factor; a sum may take the sign of the term."""
        if isinstance(node, Power) and node.exponent < 0:
            inverse = node.exponent == -1
            sign, tree = self._signed(node.base, at, fresh, scale) if inverse else (1, None)
            if tree is None:
                tree = self._power(node.base, -node.exponent, at, fresh)
            return sign, tree, False
        sign, tree = self._signed(node, at, fresh, scale)
        return sign, tree, True

    def _signed(
        self, node: Node, at: Sequence[Index], fresh: Iterator[str], scale: Fraction
    ) -> tuple[int, Tree]:
        opened = isinstance(node, Add) and (node.order or self.tree_of(node) is None)
        if not (isinstance(node, Add) and opened):
            return 1, self.entry(node, at, fresh)
        sign = -1 if _is_turned(node, scale) else 1
        terms = [(sign * c, term) for c, term in node.terms]
        return sign, self._sum(terms, at, fresh)

    def _power(
        self, base: Node, exponent: Fraction, at: Sequence[Index], fresh: Iterator[str]
    ) -> Tree:
        tree = self.entry(base, at, fresh)
        if exponent == 1:
            return tree
        if exponent == Fraction(1, 2):
            return Call("sqrt", (tree,))
        return Binary("^", tree, number_tree(exponent))

    def entry(self, node: Node, at: Sequence[Index], fresh: Iterator[str]) -> Tree:
        """A node at its indices, in matrix notation as far as it has that."""
        if isinstance(node, Unit):
            return self._identity(at[0], node.place, node.axes[0])
        if isinstance(node, Power) and node.order:
            return self._power(node.base, node.exponent, at, fresh)
        whole = None
        plain = isinstance(node, Function) and all(isinstance(p, Variable) for p in node.arguments)
        if not ((isinstance(node, Add) or plain) and node.order):
            whole = self._whole(node, fresh)
        if isinstance(whole, IndexArray) or (node.order > 2 and isinstance(node, Function)):
            whole = None
        if whole is not None:
            return _entry(whole, at) if at else whole
        match node:
            case Add() | Product():
                return self._body(node, at, fresh)
            case Power():
                return self._power(node.base, node.exponent, at, fresh)
            case Function():
                parts = [self.entry(part, at, fresh) for part in node.arguments]
                if node.operation == "power":
                    return Binary("^", parts[0], parts[1])
                return Call(node.operation, tuple(parts), shown_options(node))
        raise UnsupportedError(
            "writing a result in index notation",
            "a part of it has no form in matrix notation, and acts on a whole vector or matrix",
            "differentiate a smaller part of the formula",
        )

    def _whole(self, node: Node, fresh: Iterator[str]) -> Tree | None:
        """A node without indices of its own: a name, matrix notation, an operation on such."""
        if isinstance(node, Variable) and node.order > 2:
            return Symbol(node.name)
        if isinstance(node, Select):
            return selection_tree(node)
        if isinstance(node, OneHot):
            return Call("onehot", (Symbol(node.indices.name),))
        found = self.tree_of(node)
        if found is None and isinstance(node, Operation):
            parts = [(part, self._whole(part, fresh)) for part in node.arguments]
            arguments = (self._array(p, fresh) if tree is None else tree for p, tree in parts)
            return operation_call(node, list(arguments))
        return found

    def _array(self, node: Node, fresh: Iterator[str]) -> Tree:
        """The array of all entries of a node."""
        indices = tuple(next(fresh) for _ in node.axes)
        body = self._covered(node, indices, fresh)
        return IndexArray(indices, body) if indices else body


class _Replay:
    """Letters that are given out again for each term of a sum."""

    def __init__(self, fresh: Iterator[str], used: list[str]) -> None:
        self.fresh = fresh
        self.used = used
        self.place = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.place == len(self.used):
            self.used.append(next(self.fresh))
        self.place += 1
        return self.used[self.place - 1]


def terms_of(node: Node) -> Sequence[tuple[Fraction, Node]]:
    """The terms of a sum, also of a multiple of a sum."""
    if isinstance(node, Product) and len(node.factors) == 1:
        ((inner, labels),) = node.factors
        if isinstance(inner, Add) and labels == node.out:
            return [(node.coefficient * c, term) for c, term in inner.terms]
    return node.terms if isinstance(node, Add) else ((Fraction(1), node),)


def reading_order(node: Node, labels: Labels, out: Labels) -> tuple[object, ...]:
    """Scalars first, then matrices before vectors; by the axes of the result, by name."""
    place = min((out.index(label) for label in labels if label in out), default=len(out))
    names = sorted(variable.name for variable in variables(node))
    order = -node.order if node.order else -9
    function, total = isinstance(node, Function), isinstance(node, Add)
    return (order, place, function, names[:1], total, node.key, labels)


def _names(tree: Tree) -> tuple[list[object], list[object]]:
    """The names in a tree, then its indices: an order for the terms of a sum."""
    parts = list(walk(tree))
    names: list[object] = [part.name for part in parts if isinstance(part, Symbol)]
    return names, [list(map(str, own(part))) for part in parts if isinstance(part, Entry)]


def _entry(whole: Tree, at: Sequence[Index]) -> Tree:
    """A value at its indices, some of which may be places that are made of sizes."""
    base, indices = parted(whole, tuple(Place(i) if is_compound(i) else i for i in at))
    return Entry(base, tuple(i for i in indices if isinstance(i, str | int)))


def _is_turned(node: Add, scale: Fraction) -> bool:
    """Whether a sum reads better with its signs turned: 1 - a, and no minus before the term."""
    products = [(c, term) for c, term in node.terms if isinstance(term, Product)]
    constants = [c for c, t in products if not t.factors and len(set(t.out)) == t.order]
    if constants:
        return constants[0] < 0
    return scale < 0 and any(c < 0 for c, _ in node.terms)


def _summed(over: list[Tree], under: list[Tree], bound: dict[str, Size]) -> Tree:
    """The quotient of two products, summed; what the sum does not reach stands before it."""
    if not bound:
        return _quotient(over, under)
    outside, inside = list[Tree](), list[Tree]()
    for tree in over:
        (inside if free_indices(tree)[id(tree)] & set(bound) else outside).append(tree)
    below, beneath = list[Tree](), list[Tree]()
    for tree in under:
        (beneath if free_indices(tree)[id(tree)] & set(bound) else below).append(tree)
    inside += [
        _filled("ones", bound[index], index) for index in _unsized((*inside, *beneath), bound)
    ]
    total = IndexSum(tuple(bound), _quotient(inside, beneath))
    return _product([_quotient(outside, below), total]) if outside or below else total


def _unsized(trees: Sequence[Tree], bound: Collection[str]) -> list[str]:
    """The bound indices that stand in no entry, so that nothing says how far they count."""
    entries = [part for tree in trees for part in walk(tree) if isinstance(part, Entry)]
    held = {index for entry in entries for index in entry.indices}
    return [index for index in bound if index not in held]


def _quotient(over: list[Tree], under: list[Tree]) -> Tree:
    top = _product(over)
    return Binary("/", top, _product(under)) if under else top


def _product(trees: Sequence[Tree]) -> Tree:
    if not trees:
        return ONE
    total = trees[0]
    for tree in trees[1:]:
        total = Binary("*", total, tree)
    return total


def _scaled(size: Fraction, tree: Tree) -> Tree:
    """A positive multiple; a number goes into a quotient's numerator."""
    if size == 1:
        return tree
    if tree == ONE:
        return number_tree(size)
    if size.numerator == 1 and size.denominator > 1 and not isinstance(tree, IndexSum):
        return Binary("/", tree, Number(Fraction(size.denominator)))
    if isinstance(tree, Binary) and tree.operator == "/" and tree.left == ONE:
        return Binary("/", number_tree(size), tree.right)
    if isinstance(tree, Binary) and tree.operator == "/":
        return Binary("/", _scaled(size, tree.left), tree.right)
    if isinstance(tree, Binary) and tree.operator == "*":
        return Binary("*", _scaled(size, tree.left), tree.right)
    return Binary("*", number_tree(size), tree)


def _filled(name: str, size: Size, index: str) -> Tree:
    """An entry of ones, or of zeros."""
    return Entry(Call(name, (size_tree(size),)), (index,))
