"""The engine: the only caller of rewriting rules, and the place where their use is recorded."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from msgspec import Struct

from gradwright.core.graph import Graph
from gradwright.core.nodes import (
    Add,
    Function,
    Labels,
    Node,
    Operation,
    Power,
    Product,
    arguments,
    postorder,
)
from gradwright.core.work import spend


class Rule(Struct, frozen=True, eq=False):
    """A local identity; what it makes of a node depends on the node alone.

    `apply` returns the replacement, or None where the rule does not fit. `statement` is the
    identity in words that an explanation can show. A rule is tried at nodes with one of the heads
    `at` that have a part with one of the heads `holding`; where these are left out, at all.
    """

    name: str
    statement: str
    apply: Callable[[Graph, Node], Node | None]
    at: frozenset[str] = frozenset()
    holding: frozenset[str] = frozenset()


def rule(
    name: str,
    statement: str,
    apply: Callable[[Graph, Node], Node | None],
    *,
    at: str,
    holding: str = "",
) -> Rule:
    """A rule, with the heads of nodes as words: classes, and operations by name."""
    return Rule(name, statement, apply, frozenset(at.split()), frozenset(holding.split()))


#: Nodes that go by the name of their operation; a union would be made anew at each look.
NAMED = (Function, Operation)


def head(node: Node) -> str:
    """What a node is at its top: an operation by name, or its class."""
    return node.operation if isinstance(node, NAMED) else type(node).__name__


#: Rules that are tried in this order; the first that fits is used.
RuleSet = tuple[Rule, ...]

#: What a set of rules makes of nodes: the first that fits and its replacement, or None.
Fits = dict[Node, tuple[Rule, Node] | None]


class Step(Struct, frozen=True):
    """A use of a rule: the claim that `before` equals `after`."""

    rule: Rule
    before: Node
    after: Node


class Budget:
    """How many rule applications a pass may make; running out ends the pass, not the program."""

    def __init__(self, steps: int = 2000) -> None:
        self.steps = steps

    def spend(self) -> bool:
        """Take one step; False when there is none left."""
        self.steps -= 1
        return not self.spent

    @property
    def spent(self) -> bool:
        """Whether a step was asked for that was not there."""
        return self.steps < 0


def rebuilt(graph: Graph, node: Node, new: dict[Node, Node]) -> Node:
    """The node over replaced arguments, through the constructors."""
    match node:
        case Product(factors=factors):
            if all(new[factor] is factor for factor, _ in factors):
                return node
            sizes = dict(zip(node.out, node.axes, strict=True))
            replaced = [(new[factor], labels) for factor, labels in factors]
            return graph.product(replaced, node.out, coefficient=node.coefficient, sizes=sizes)
        case Add(terms=terms):
            if all(new[term] is term for _, term in terms):
                return node
            return graph.add([(c, new[term]) for c, term in terms], node.axes)
        case Power(base=base, exponent=exponent):
            return node if new[base] is base else graph.power(new[base], exponent)
        case Function(arguments=parts) | Operation(arguments=parts) if all(
            new[part] is part for part in parts
        ):
            return node
        case Function(operation=operation, arguments=parts, options=options):
            return graph.function(operation, *(new[part] for part in parts), options=options)
        case Operation(operation=operation, arguments=parts, options=options):
            return graph.operation(operation, [new[p] for p in parts], node.axes, options)
        case _:
            return node


def rewrite(
    graph: Graph,
    node: Node,
    *sets: RuleSet,
    budget: Budget,
    log: list[Step] | None = None,
) -> Node:
    """Apply the rules of some sets bottom-up until none fits or the budget is spent.

    Every intermediate result is equal to `node`, so stopping early is always right. Sets are tried
    one after the other; what each makes of a node is kept with the graph, for other sets beside it.
    """
    known: list[tuple[RuleSet, Fits]] = [(rules, graph.kept(rules)) for rules in sets]
    while True:
        parts = postorder(node)
        if all(_first_fit(graph, part, known) is None for part in parts):
            return node
        new: dict[Node, Node] = {}
        for part in parts:
            new[part] = _settled(graph, rebuilt(graph, part, new), known, budget, log)
        if new[node] is node or budget.spent:
            return new[node]
        # A rule may have made new parts below the node it rewrote.
        node = new[node]


def _settled(
    graph: Graph,
    node: Node,
    known: list[tuple[RuleSet, Fits]],
    budget: Budget,
    log: list[Step] | None,
) -> Node:
    while True:
        fit = _first_fit(graph, node, known)
        if fit is None or not budget.spend():
            return node
        rule, after = fit
        if log is not None:
            log.append(Step(rule, node, after))
        node = after


def _first_fit(
    graph: Graph, node: Node, known: list[tuple[RuleSet, Fits]]
) -> tuple[Rule, Node] | None:
    """What the first set that fits makes of a node; each set is tried once at a node."""
    for rules, fits in known:
        fit = fits[node] if node in fits else fits.setdefault(node, _fit(graph, node, rules))
        if fit is not None:
            return fit
    return None


def _fit(graph: Graph, node: Node, rules: RuleSet) -> tuple[Rule, Node] | None:
    """The first of some rules that changes a node, and what it makes of it."""
    # Rules look for pairs of factors.
    spend(2 + (len(node.factors) ** 2 // 4 if isinstance(node, Product) else 0))
    held: set[str] | None = None
    for rule in _at(rules, head(node)):
        if rule.holding:
            held = set(map(head, arguments(node))) if held is None else held
            if held.isdisjoint(rule.holding):
                continue
        after = rule.apply(graph, node)
        if after is not None and after is not node:
            return rule, after
    return None


@lru_cache(maxsize=1024)
def _at(rules: RuleSet, top: str) -> RuleSet:
    """The rules that may fit a node with that head."""
    return tuple(rule for rule in rules if not rule.at or top in rule.at)


def substitute(graph: Graph, node: Node, replacements: dict[Node, Node]) -> Node:
    """The node with whole sub-nodes replaced, the outermost first."""
    if not replacements:
        return node
    new: dict[Node, Node] = dict(replacements)
    for part in postorder(node):
        if part not in new:
            new[part] = rebuilt(graph, part, new)
    return new[node]


def without(product: Product, dropped: set[int]) -> list[tuple[Node, Labels]]:
    """The factors of a product except those at the given places."""
    return [factor for place, factor in enumerate(product.factors) if place not in dropped]


def often(product: Product, label: int) -> int:
    """How often a label stands in the factors and the axes of a product."""
    return product.out.count(label) + sum(labels.count(label) for _, labels in product.factors)
