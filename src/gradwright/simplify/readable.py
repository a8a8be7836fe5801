"""Printing is raising, and what is printed is verified.

A node is rewritten in several ways, each is raised, and the cheapest whose printed text reads back
as the node itself is taken. So a printed formula that disagrees with the code cannot happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from itertools import chain, count

from msgspec import Struct

from gradwright.core.graph import Graph
from gradwright.core.nodes import Function, Node, Operation, Power, Size, postorder, sum_of_squares
from gradwright.core.work import allowed, within
from gradwright.errors import GradwrightError, LimitError, UnsupportedError
from gradwright.notation.lexer import MAX_LENGTH
from gradwright.notation.lower import lower
from gradwright.notation.lowered import Lowered
from gradwright.notation.parser import parse
from gradwright.notation.raising.build import transposed
from gradwright.notation.raising.contract import NotMatrix
from gradwright.notation.raising.index import IndexRaiser, matrix_form, opened
from gradwright.notation.raising.raiser import Raiser
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Equation, Tree
from gradwright.render.plain import plain_text
from gradwright.simplify.equal import Level, equal
from gradwright.simplify.expand import EXPAND, QUOTIENTS
from gradwright.simplify.inverses import INVERSES
from gradwright.simplify.quotients import FRACTIONS
from gradwright.simplify.rewrite import Budget, RuleSet, Step, rewrite, substitute
from gradwright.simplify.rules import BASIC, DIAGONALS

#: Expanded candidates pay this much more, so that a sum is not multiplied out for nothing.
EXPANDED_SURCHARGE = 1.12

#: Shares of the work of one call: for one candidate, for raising it, for reading it back.
REWRITING, RAISING, READING = 0.05, 0.15, 0.3

#: Candidates that take an identity of inverses to see say more, and pay less.
IDENTITY_DISCOUNT = 0.88

#: Rewrites on the way to one candidate; (A + B)^7 multiplied out takes about 250.
MAX_REWRITES = 500


class Printed(Struct, frozen=True):
    """A verified printed form.

    `form` is "matrix", "kronecker" or "index"; in index form `tree` is an equation with a left
    side. `level` says how the text was shown to equal the node; `steps` are the rewrites that led
    from the node to the form that was printed.
    """

    tree: Tree
    form: str
    level: Level | None
    cost: float
    node: Node
    steps: tuple[Step, ...]


class Candidate(Struct, frozen=True):
    """An equal node and the recorded rewrites that lead to it."""

    node: Node
    steps: tuple[Step, ...]
    surcharge: float


class Printer:
    """Prints nodes of one graph in the letters of one scope."""

    def __init__(self, graph: Graph, scope: Scope, raiser: Raiser) -> None:
        self.graph = graph
        self.scope = scope
        self.raiser = raiser

    def printed(
        self,
        node: Node,
        *,
        as_row: bool = False,
        rows: int | None = 2,
        others: Sequence[Node] = (),
    ) -> Printed:
        """The cheapest verified form of a node; `others` are equal nodes found another way.

        Order 1 prints as a column, or with `as_row` as a row. Orders 3 and 4 print in vec form,
        the first `rows` axes being those of the rows. What has no such form prints in index
        notation, and so does what is beyond matrices where `rows` is None.
        """
        if rows is None and node.order > 2:
            return self._with_indices(away_from_zero(self.graph, node))
        rows = rows or 0
        node = away_from_zero(self.graph, node)
        others = tuple(away_from_zero(self.graph, other) for other in others)
        found: list[tuple[float, Tree, Candidate]] = []
        for candidate in self.candidates(node, others):
            raised = within(RAISING, partial(self._priced, candidate, as_row, rows))
            if raised is not None:
                found.append((*raised, candidate))
        found.sort(key=lambda item: item[0])
        most, text, readable = allowed(MAX_LENGTH), "", not found
        for price, tree, candidate in found:
            text = plain_text(tree)
            if len(text) > most:
                continue
            readable = True
            level = within(READING, partial(self._equals, text, node, as_row, rows))
            if level is not None:
                form = "kronecker" if node.order > 2 else "matrix"
                return Printed(tree, form, level, price, candidate.node, candidate.steps)
        if not readable:
            # Whichever form it had, it would be longer than what is read.
            raise LimitError(
                "writing a result",
                f"it has {len(text)} characters and at most {most} are read back",
                "differentiate a smaller part of the formula",
            )
        return self._with_indices(node)

    def _priced(self, candidate: Candidate, as_row: bool, rows: int) -> tuple[float, Tree] | None:
        """(cost, tree) of a candidate, or None where it has no matrix form."""
        try:
            tree = self._raised(candidate.node, as_row, rows)
        except NotMatrix:
            return None
        return self.raiser.reading.cost(tree) * candidate.surcharge, tree

    def _with_indices(self, node: Node) -> Printed:
        """The index form of a node, read back like any other.

        Raises:
            LimitError: what is read back is limited, and this result lies beyond.
            UnsupportedError: no form was found that reads back as the node.
        """
        taken = {*self.scope.known, *self.scope.sizes, *self.raiser.indices}
        name = next(n for n in chain("DJH", map("D{}".format, count())) if n not in taken)
        whole, parts = matrix_form(self.raiser), opened(self.raiser)
        for tried in dict.fromkeys((simplified(self.graph, node), node)):
            for tree_of in (whole, parts, self._checked):
                tree = IndexRaiser(tree_of, taken).equation(tried, [(name, node.order)])
                level = self.verified(tree, node)
                if level is not None:
                    return Printed(tree, "index", level, float("inf"), tried, ())
        self._require_read(tree, node)
        raise UnsupportedError(
            "writing a result",
            "none of the forms that were tried reads back as the result",
            "differentiate a smaller part of the formula",
        )

    def _require_read(self, tree: Tree, node: Node) -> None:
        """Refuse a result that a limit on what is read keeps from being read back.

        Raises:
            LimitError: there is such a limit.
        """
        try:
            self.read(plain_text(tree), node.axes)
        except LimitError as error:
            raise LimitError(
                "writing a result",
                f"its text is beyond what is read back: {error.asked}: {error.clash}",
                "differentiate a smaller part of the formula",
            ) from error
        except GradwrightError:
            return

    def _checked(self, node: Node) -> Tree | None:
        """A part of an index formula in matrix notation, verified like any other."""
        tree = matrix_form(self.raiser)(node)
        return tree if tree is not None and self.verified(tree, node) is not None else None

    def candidates(self, node: Node, others: Sequence[Node] = ()) -> list[Candidate]:
        """Equal nodes to choose from, without duplicates."""
        found: dict[Node, Candidate] = {}
        for start in (node, *others):
            for sets, surcharge in _rule_sets(start):
                made = within(REWRITING, partial(self._rewritten, start, sets, surcharge))
                if made is not None:
                    found.setdefault(made.node, made)
        # Where no rule could be tried to the end, the result stays as it was differentiated.
        return list(found.values()) or [Candidate(node, (), 1.0)]

    def _rewritten(
        self, start: Node, sets: Sequence[RuleSet], surcharge: float
    ) -> Candidate | None:
        log: list[Step] = []
        budget = Budget(MAX_REWRITES)
        made = rewrite(self.graph, start, *sets, budget=budget, log=log)
        if budget.spent and surcharge > 1:
            # What is multiplied out halfway is long, and nobody wants to read it.
            return None
        return Candidate(made, tuple(log), surcharge)

    def verified(self, tree: Tree, node: Node) -> Level | None:
        """How the printed text of `tree`, a column or an equation, equals `node`, or None."""
        return self._equals(plain_text(tree), node, is_equation=isinstance(tree, Equation))

    def _equals(
        self,
        text: str,
        node: Node,
        as_row: bool = False,
        rows: int = 2,
        *,
        is_equation: bool = False,
    ) -> Level | None:
        """How a printed text equals `node`, or None."""
        try:
            value = self.read(text, node.axes if is_equation else None)
        except GradwrightError:
            # A raised form that the notation does not accept is no form at all.
            return None
        wanted, leading = node, 0 if as_row and node.order == 1 else min(1, node.order)
        if node.order > 2 and not is_equation:
            # Stacked columns: the second axis of a matrix is the outer index.
            turned = (*reversed(range(rows)), *reversed(range(rows, node.order)))
            wanted, leading = self.graph.permute(node, turned), rows
        if value.rows != leading:
            return None
        return equal(self.graph, value.node, wanted)

    def read(self, text: str, axes: Sequence[Size] | None = None) -> Lowered:
        """A printed text, parsed and lowered again into the same graph.

        `axes` are the sizes of the left side of an equation.
        """
        tree = parse(text)
        scope = infer(tree, self.scope.known, text, sizes=self.scope.sizes, axes=axes)
        return lower(tree, scope, self.graph, text=text).value

    def _raised(self, node: Node, as_row: bool, rows: int) -> Tree:
        if node.order > 2:
            return self.raiser.kronecker(node, rows)
        tree = self.raiser.tree(node)
        return transposed(tree, frozenset()) if as_row and node.order == 1 else tree


def _rule_sets(node: Node) -> list[tuple[tuple[RuleSet, ...], float]]:
    """The rules that make a candidate each, and what it pays, without those that cannot fit."""
    sets: list[tuple[tuple[RuleSet, ...], float]] = [
        ((BASIC,), 1.0),
        (((DIAGONALS,), BASIC), 1.0),
        (((QUOTIENTS,), BASIC), 1.0),
        (((EXPAND,), BASIC), EXPANDED_SURCHARGE),
    ]
    parts = postorder(node)
    if any(isinstance(part, Power) and part.exponent <= -1 for part in parts):
        sets.append(((FRACTIONS, BASIC), 1.0))
    if any(isinstance(part, Operation) and part.operation == "inv" for part in parts):
        sets.append(((INVERSES, FRACTIONS, BASIC), IDENTITY_DISCOUNT))
    return sets


def away_from_zero(graph: Graph, node: Node) -> Node:
    """The node where no norm is 0: there the derivative of a norm is written x/‖x‖."""
    return substitute(
        graph,
        node,
        {
            part: graph.power(part.arguments[0], Fraction(-1, 2))
            for part in postorder(node)
            if isinstance(part, Function)
            and part.operation == "rsqrt"
            and sum_of_squares(part.arguments[0])
        },
    )


def with_zero(graph: Graph, node: Node) -> Node:
    """The other way round: x/‖x‖ with the convention that it is 0 at 0, for what runs."""
    return substitute(
        graph,
        node,
        {
            part: graph.function("rsqrt", part.base)
            for part in postorder(node)
            if isinstance(part, Power)
            and part.exponent == Fraction(-1, 2)
            and sum_of_squares(part.base)
        },
    )


def simplified(graph: Graph, node: Node, rules: RuleSet = BASIC) -> Node:
    """A node after the rules that only ever shorten."""
    return rewrite(graph, node, rules, budget=Budget())
