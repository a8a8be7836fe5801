"""From nodes to surface trees: one candidate, not yet verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property

from msgspec.structs import replace

from gradwright.core.behind import placed
from gradwright.core.graph import Graph
from gradwright.core.nodes import (
    ONE,
    Add,
    Function,
    Node,
    OneHot,
    Operation,
    Power,
    Product,
    Select,
    SizeOf,
    Variable,
    postorder,
    turned_factor,
)
from gradwright.core.powers import multiplied
from gradwright.notation.blocks import block
from gradwright.notation.raising.build import number_tree, product, selection_tree, transposed
from gradwright.notation.raising.contract import (
    NotMatrix,
    Orientation,
    Style,
    contraction_term,
)
from gradwright.notation.raising.cost import Readability, transposes
from gradwright.notation.raising.kronecker import kronecker_terms
from gradwright.notation.raising.sums import sum_term, sum_tree
from gradwright.notation.raising.term import Term
from gradwright.notation.tree import (
    Binary,
    Call,
    IndexArray,
    IndexSum,
    Negate,
    Number,
    Symbol,
    Transpose,
    Tree,
    children,
    with_children,
)
from gradwright.ops.abstract import map_parts
from gradwright.ops.record import Structured
from gradwright.ops.table import OPERATIONS

#: A matrix with this many transposes is also raised as the transpose of a formula.
MANY_TRANSPOSES = 3


def operation_call(node: Operation, arguments: Sequence[Tree]) -> Call:
    """A call of an operation; the largest entry of more than a vector names its axis."""
    order = node.arguments[0].order
    if node.operation != "largest":
        return Call(node.operation, tuple(arguments))
    options = (("axis", Fraction(order - 1)),) if order > 1 else ()
    return Call("max", tuple(arguments), options)


class Raiser:
    """Raises nodes of one graph, saying things as the user said them where possible."""

    def __init__(self, graph: Graph, said: Mapping[Node, tuple[Tree, int]]) -> None:
        self.graph = graph
        self.user_trees: dict[Node, Tree] = {}
        self._symmetric: set[Tree] = set()
        # The trees are parts of each other: each part is looked at once.
        bare: dict[int, Tree] = {}
        for node, (tree, rows) in said.items():
            _strip(tree, bare)
            if rows == min(1, node.order):
                self.user_trees[node] = bare[id(tree)]
        #: Symbols that are rows; as columns they are transposes.
        self._rows = {
            node
            for node, (tree, rows) in said.items()
            if isinstance(tree, Symbol) and node.order == 1 and rows == 0
        }
        parts = bare.values()
        calls = {part.function for part in parts if isinstance(part, Call)}
        #: The indices of the user's own sums and arrays.
        bound = (part for part in parts if isinstance(part, IndexSum | IndexArray))
        self.indices = {index for part in bound for index in part.indices}
        self.style = Style(self._symmetric, traces="tr" in calls, norms="norm2" in calls)
        self._memo: dict[Node, Tree | None] = {}

    @cached_property
    def reading(self) -> Readability:
        """How hard a tree is to read for who knows what the user wrote."""
        return Readability(frozenset(self.user_trees.values()))

    def tree(self, node: Node) -> Tree:
        """A node of order 0 to 2 in matrix notation; order 1 is a column.

        A node of more axes is a name, or as the user wrote it.

        Raises:
            NotMatrix: no matrix form was found.
        """
        if node.order > 2:
            if node not in self.user_trees:
                raise NotMatrix
            return self.user_trees[node]
        for part in postorder(node):
            if part not in self._memo and part.order <= 2:
                made = self._memo[part] = self._attempt(part)
                if made is not None and self.graph.symmetric(part):
                    self._symmetric.add(made)
        found = self._memo.get(node)
        if found is None:
            raise NotMatrix
        return found

    def kronecker(self, node: Node, rows: int) -> Tree:
        """A node of order 3 or 4 in vec form, the first `rows` axes being rows.

        Raises:
            NotMatrix: no Kronecker form was found.
        """
        terms = kronecker_terms(self.graph, node, rows, self.tree, self, self.style)
        return sum_tree(terms, self.reading)

    def _attempt(self, node: Node) -> Tree | None:
        user = self.user_trees.get(node)
        if user is not None and not self._is_spelled_norm(node, user):
            return user
        try:
            return self._raised(node)
        except NotMatrix:
            return None

    def _raised(self, node: Node) -> Tree:
        match node:
            case Variable(name=name):
                return Transpose(Symbol(name)) if node in self._rows else Symbol(name)
            case SizeOf(size=size):
                return Symbol(size)
            case Select():
                return selection_tree(node)
            case OneHot(indices=indices):
                return Call("onehot", (Symbol(indices.name),))
            case Product():
                return self._cheaper_way_up(node, self._term(node).tree())
            case Add() if (behind := placed(self.graph, node)) is not None:
                return self._behind(*behind)
            case Add(terms=terms):
                return self._cheaper_way_up(node, self._sum(node, terms))
            case Power():
                return self._power(node)
            case Function():
                return self._function(node)
            case Operation(arguments=parts):
                known = [self._known(part) for part in parts]
                call = self._along(node) or operation_call(node, known)
                # The gradient of a number is a column here, and J_f(x) a row.
                return Transpose(call) if _is_slope(node) else call
            case _:
                raise NotMatrix

    def _behind(self, axis: int, nodes: Sequence[Node]) -> Tree:
        """Arrays behind each other: vectors as concat(x, y), matrices as a block matrix."""
        if nodes[0].order == 1:
            return Call("concat", tuple(map(self.tree, nodes)))
        grid = [[node] for node in nodes]
        if axis == 1:
            grid = [list(nodes)]
        else:
            beside = [placed(self.graph, n) if isinstance(n, Add) else None for n in nodes]
            rows = [found[1] for found in beside if found is not None and found[0] == 1]
            widths = {tuple(part.axes[1] for part in row) for row in rows}
            if len(rows) == len(nodes) and len(widths) == 1:
                grid = [list(row) for row in rows]
        parts = [self._beside(node) for row in grid for node in row]
        return block(parts, len(grid[0]))

    def _beside(self, node: Node) -> Tree:
        """A part of a block matrix; what is repeated along a single place is one without it."""
        if isinstance(node, Product) and 1 in node.axes and node not in self.user_trees:
            held = {x for _, labels in node.factors for x in labels}
            out = tuple(
                x for x, size in zip(node.out, node.axes, strict=True) if x in held or size != 1
            )
            factors, coefficient = node.factors, node.coefficient
            narrow = self.graph.product(factors, out, coefficient=coefficient)
            if len(out) < node.order:
                tree = self.tree(narrow)
                is_row = len(out) == 1 and out[0] == node.out[1]
                return transposed(tree, self._symmetric) if is_row else tree
        return self.tree(node)

    def _cheaper_way_up(self, node: Product | Add, tree: Tree) -> Tree:
        """(A B + B A)' in place of B' A' + A' B': a matrix as the transpose of a formula."""
        if node.order != 2 or transposes(tree) < MANY_TRANSPOSES:
            return tree
        if isinstance(node, Product):
            turned = self.graph.permute(node, (1, 0))
            if not isinstance(turned, Product):
                return tree
            term = self._term(turned)
            whole = (transposed(product(term.chain), self._symmetric),)
            other = replace(term, chain=whole).tree()
        else:
            terms = tuple((c, self.graph.permute(term, (1, 0))) for c, term in node.terms)
            other = transposed(self._sum(node, terms), self._symmetric)
        return min(tree, other, key=self.reading.cost)

    def _along(self, node: Operation) -> Tree | None:
        """An operation with options over an axis of a matrix, which is said where it has to be.

        That of a transpose is the transpose of that over the other axis.
        """
        known = OPERATIONS.get(node.operation)
        if not isinstance(known, Structured) or not known.options:
            return None
        (argument,) = node.arguments
        options, name = shown_options(node), node.operation
        turned = turned_factor(argument) if argument.order == 2 else None
        if turned is not None and name == "layernorm":
            name = "batchnorm"
        elif turned is not None or (known.result == "batch" and argument.order == 2):
            options = (("axis", Fraction(int(turned is None))), *options)
        call = Call(name, (self._known(argument if turned is None else turned[0]),), options)
        return call if turned is None else Transpose(call)

    def _known(self, node: Node) -> Tree:
        tree = self._memo.get(node)
        return self.tree(node) if tree is None else tree

    def _term(self, node: Product, scale: Fraction = ONE) -> Term:
        """`scale · node` as a term."""
        c = node.coefficient
        user = self.user_trees.get(node if c in (0, 1) else self.graph.scale(1 / c, node))
        if user is not None and node.order:
            return Term(multiplied(scale, node.coefficient), chain=(user,))
        return contraction_term(self.graph, node, self, self.style, scale)

    def orientation(self, node: Node) -> Orientation:
        """Which sign of a sum reads best: as the user wrote it, else with its constant positive."""
        if not isinstance(node, Add) or node in self.user_trees:
            return Orientation(1, None)
        if self.graph.scale(-1, node) in self.user_trees:
            return Orientation(-1, None)
        constants = [c for c, term in node.terms if isinstance(term, Product) and not term.factors]
        if constants:
            return Orientation(-1 if constants[0] < 0 else 1, 2)
        return Orientation(1, 1)

    def signed(self, node: Node, sign: int, coefficient: Fraction) -> tuple[Fraction, Tree]:
        """A factor as multiplier · tree with the given sign, beside a coefficient.

        A sum absorbs the whole coefficient when its own terms have coefficients anyway:
        0.1 + 0.9 u, not 0.1 (1 + 9 u).
        """
        if isinstance(node, Add) and node not in self.user_trees:
            user = self.user_trees.get(self.graph.scale(-1, node))
            if user is not None:
                return Fraction(-1), user
            uneven = any(abs(c) != 1 for c, _ in node.terms)
            whole = uneven and coefficient.denominator != 1
            taken = sign * (abs(coefficient) if whole else ONE)
            if taken != 1:
                scaled = tuple((taken * c, term) for c, term in node.terms)
                return _without_sign(1 / taken, self._sum(node, scaled))
        return _without_sign(ONE, self._known(node))

    def _sum(self, node: Add, terms: tuple[tuple[Fraction, Node], ...]) -> Tree:
        made = []
        for coefficient, term in terms:
            made.append(self._term_of(term, coefficient))
        if node.order and not any(term.chain for term in made):
            ones = self.graph.ones(*node.axes)
            total = sum_term(made, self.reading)
            return Term(total.coefficient, total.over, total.under, (self._known(ones),)).tree()
        return sum_tree(made, self.reading)

    def _term_of(self, node: Node, scale: Fraction) -> Term:
        """A term of a sum; a constant column is written as the number that spreads by itself."""
        if isinstance(node, Product):
            held = {label for _, labels in node.factors for label in labels}
            if node.order < 2 and not held & set(node.out):
                scalar = self.graph.product(node.factors, (), coefficient=node.coefficient)
                if isinstance(scalar, Product):
                    return self._term(scalar, scale)
                return Term(scale, (self._known(scalar),))
            return self._term(node, scale)
        if isinstance(node, Power) and node not in self.user_trees:
            return contraction_term(self.graph, node, self, self.style, scale)
        tree = self._known(node)
        return Term(scale, chain=(tree,)) if node.order else Term(scale, (tree,))

    def _power(self, node: Power) -> Tree:
        base, exponent = node.base, node.exponent
        norm = self._norm_argument(base) if exponent.denominator == 2 else None
        if norm is not None and exponent > 0:
            length: Tree = Call("norm2", (norm,))
            return (
                length
                if exponent == Fraction(1, 2)
                else Binary("^", length, number_tree(2 * exponent))
            )
        if exponent == Fraction(1, 2):
            return Call("sqrt", (self._known(base),))
        if exponent < 0 and exponent.denominator != 1:
            bottom = self._known(self.graph.power(base, -exponent))
            return Binary("./" if node.order else "/", Number(Fraction(1)), bottom)
        if exponent == -1:
            return Binary("./" if node.order else "/", Number(Fraction(1)), self._known(base))
        operator = ".^" if node.order else "^"
        return Binary(operator, self._known(base), number_tree(exponent))

    def _is_spelled_norm(self, node: Node, user: Tree) -> bool:
        """Whether the user wrote a norm as the root of a sum of squares."""
        if not (isinstance(node, Power) and node.exponent == Fraction(1, 2)):
            return False
        spelled = isinstance(user, Call) and user.function == "sqrt"
        return spelled and self._norm_argument(node.base) is not None

    def _norm_argument(self, base: Node) -> Tree | None:
        """u for Σ u², the square of a Euclidean or Frobenius norm."""
        if not (isinstance(base, Product) and base.coefficient == 1 and not base.out):
            return None
        if len(base.factors) == 1:
            factor, labels = base.factors[0]
            squared = isinstance(factor, Power) and factor.exponent == 2
            if squared and len(set(labels)) == len(labels):
                assert isinstance(factor, Power)
                return self._known(factor.base)
        return None

    def _function(self, node: Function) -> Tree:
        parts = tuple(self._argument(part) for part in node.arguments)
        if node.operation == "power":
            return Binary(".^" if node.order else "^", parts[0], parts[1])
        return Call(node.operation, parts, shown_options(node))

    def _argument(self, node: Node) -> Tree:
        """An argument of an elementwise function; a constant spreads by itself."""
        if isinstance(node, Product) and not node.factors and len(set(node.out)) == node.order:
            return number_tree(node.coefficient)
        return self._known(node)


def shown_options(node: Function | Operation) -> tuple[tuple[str, Fraction], ...]:
    """The options that a call shows: those that do not go without saying."""
    if node.operation == "leaky_relu":
        given = dict(node.options)
        return tuple(
            (name, given[name])
            for name, default in (("slope", Fraction(1, 10)), ("kink", given["slope"]))
            if given[name] != default
        )
    known = OPERATIONS.get(node.operation)
    silent = dict(known.options) if known is not None else {}
    return tuple(
        (name, value) for name, value in node.options if name != "tie" and silent.get(name) != value
    )


def _is_slope(node: Operation) -> bool:
    """Whether a node is the derivative of an abstract function whose value is a number."""
    _, by = map_parts(node.operation, len(node.arguments))
    return node.operation not in OPERATIONS and node.order == len(by) == 1


def _without_sign(multiplier: Fraction, tree: Tree) -> tuple[Fraction, Tree]:
    """A leading minus belongs to the coefficient."""
    return (-multiplier, tree.operand) if isinstance(tree, Negate) else (multiplier, tree)


def without_spans(tree: Tree) -> Tree:
    """The same tree without places in a text."""
    bare: dict[int, Tree] = {}
    _strip(tree, bare)
    return bare[id(tree)]


def _strip(tree: Tree, bare: dict[int, Tree]) -> None:
    """Add a tree and its parts without places to `bare`, by the identity of the original."""
    stack = [tree]
    while stack:
        part = stack[-1]
        missing = [child for child in children(part) if id(child) not in bare]
        if missing:
            stack += missing
            continue
        stack.pop()
        if id(part) not in bare:
            below = tuple(bare[id(child)] for child in children(part))
            bare[id(part)] = replace(with_children(part, below), span=None)
