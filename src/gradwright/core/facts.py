"""What follows for a node from the facts declared of its inputs."""

from __future__ import annotations

from gradwright.core.nodes import (
    Add,
    Function,
    Node,
    Operation,
    Power,
    Product,
    SizeOf,
    Variable,
    postorder,
)

#: Facts that say that every entry is above 0; `unit` entries lie between 0 and 1.
POSITIVE_FACTS = frozenset({"positive", "unit"})
#: Functions whose values are above 0 everywhere.
POSITIVE_FUNCTIONS = frozenset({"exp", "sigmoid", "softplus", "cosh", "normpdf", "normcdf"})


def positive(node: Node, telling: frozenset[str] = POSITIVE_FACTS) -> bool:
    """Whether every entry is above 0, by structure and by what `telling` has of declared facts."""
    known: dict[Node, bool] = {}
    for part in postorder(node):
        known[part] = _positive(part, known, telling)
    return known[node]


def _positive(node: Node, known: dict[Node, bool], telling: frozenset[str]) -> bool:
    match node:
        case Variable(facts=facts):
            return bool(facts & telling)
        case SizeOf():
            return True
        case Function(operation=name):
            return name in POSITIVE_FUNCTIONS
        case Operation(operation=name):
            return name == "softmax"
        case Power(base=base):
            return known[base]
        case Add(terms=terms):
            return all(c > 0 and known[term] for c, term in terms)
        case Product(coefficient=c, factors=factors, out=out):
            # An identity has zeros beside its diagonal.
            dense = len(set(out)) == len(out)
            return c > 0 and dense and all(known[factor] for factor, _ in factors)
        case _:
            return False


def diagonal(node: Node) -> bool:
    """Whether a node is a matrix declared diagonal, or the inverse of one."""
    if isinstance(node, Operation) and node.operation == "inv":
        node = node.arguments[0]
    return isinstance(node, Variable) and "diagonal" in node.facts


def orthogonal(node: Node) -> bool:
    """Whether a node is a matrix declared orthogonal."""
    return isinstance(node, Variable) and "orthogonal" in node.facts
