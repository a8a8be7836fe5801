"""What a derivative takes for granted: domains, declared facts, conventions at kinks."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from gradwright.core.facts import positive
from gradwright.core.graph import Graph
from gradwright.core.nodes import Function, Node, Operation, Power, postorder, sum_of_squares
from gradwright.notation.lowered import number_value
from gradwright.notation.raising.contract import NotMatrix
from gradwright.notation.raising.raiser import Raiser
from gradwright.notation.shapes import Scope
from gradwright.ops.record import Structured, affine
from gradwright.ops.table import elementwise, record
from gradwright.render.plain import plain_text
from gradwright.render.unicode import unicode_text
from gradwright.simplify.field import evaluate
from gradwright.simplify.rewrite import Step as Rewrite
from gradwright.simplify.stable import NOTED

HALF = Fraction(1, 2)

#: Domains that hold wherever the argument is above 0.
HOLD_ABOVE_ZERO = ("{0} > 0", "{0} ≥ 0", "{0} > -1")

#: No declared fact tells that something is above 0, its form alone does.
BY_FORM: frozenset[str] = frozenset()

#: Facts that rules use, in words; the others only say how samples are drawn.
RELIED_ON = {
    "symmetric": "{0} is symmetric",
    "onehot": "{1} is one-hot",
    "sum1": "{1} sums to 1",
    "columns_sum1": "each column of {0} sums to 1",
    "binary": "the entries of {0} are 0 or 1",
    "signs": "the entries of {0} are 1 or -1",
}


def assumptions(
    node: Node, scope: Scope, raiser: Raiser, *, twice: bool = False
) -> tuple[str, ...]:
    """Sentences in reading order, without repeats; `twice` for a second derivative."""
    found: dict[str, None] = {}
    for part in postorder(node):
        for text in (_domain(part, raiser), _twice(part, raiser) if twice else "", _kink(part)):
            if text:
                found.setdefault(text)
    for name, declared in sorted(scope.symbols.items()):
        for fact, words in RELIED_ON.items():
            if fact in declared.facts:
                rows = name if declared.kind in ("vector", "row") else f"each row of {name}"
                found.setdefault(f"{words.format(name, rows)}, as declared")
    return tuple(found)


def domain_conditions(node: Node, raiser: Raiser) -> tuple[str, ...]:
    """Where a formula is defined, in reading order, without repeats; empty for everywhere.

    That 1 + exp(x) > 0 goes without saying; that a symbol is above 0 is said though it is declared,
    as declared facts are not always verified.
    """
    found = dict.fromkeys(_domain(part, raiser) for part in postorder(node))
    return tuple(text for text in found if text)


def _domain(node: Node, raiser: Raiser) -> str:
    match node:
        case Function(arguments=parts) | Operation(arguments=parts):
            known = record(node)
            guard = known.guard if isinstance(known, Structured) else ""
            domain = "" if dict(node.options).get(guard) else known.domain
            if domain in HOLD_ABOVE_ZERO and positive(parts[0], BY_FORM):
                return ""
            if domain and number_value(parts[0]) is None:
                return domain.format(_shown(parts[0], raiser))
        case Power(base=base, exponent=exponent) if number_value(base) is None:
            if (exponent > 0 and sum_of_squares(base)) or positive(base, BY_FORM):
                return ""
            if exponent.denominator != 1:
                return f"{_shown(base, raiser)} > 0"
            if exponent < 0:
                return f"{_shown(base, raiser)} ≠ 0"
    return ""


def _twice(node: Node, raiser: Raiser) -> str:
    if not isinstance(node, Power) or node.exponent.denominator == 1 or not 0 < node.exponent < 2:
        return ""
    if not sum_of_squares(node.base):
        return ""
    why = ", a norm has no second derivative at 0" if node.exponent == HALF else ""
    return f"{_shown(node.base, raiser)} > 0{why}"


def is_norm(node: Node) -> bool:
    """Whether a node is the root of a sum of squares, which has no derivative at 0."""
    return isinstance(node, Power) and node.exponent == HALF and sum_of_squares(node.base)


def _kink(node: Node) -> str:
    if is_norm(node):
        return "norm2'(0) = 0"
    if isinstance(node, Operation) and node.operation == "largest":
        return "at a tie of max(x) the derivative is split equally"
    if not isinstance(node, Function) or node.operation in ("sign", "step"):
        return ""
    known = elementwise(node)
    return known.kink.format(**{key: _number(value) for key, value in node.options})


def _shown(node: Node, raiser: Raiser) -> str:
    try:
        return unicode_text(raiser.tree(node))
    except NotMatrix:
        return "the argument"


def _number(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else str(float(value))


def at_zero_norm(node: Node, values: Mapping[str, Any], sizes: Mapping[str, int]) -> bool:
    """Whether a norm in a formula is 0, where x/‖x‖ is read as 0."""
    norms = [part for part in postorder(node) if is_norm(part)]
    return any(not np.all(evaluate(norm, values, sizes)) for norm in norms)


def kink_arguments(graph: Graph, node: Node) -> list[Node]:
    """The nodes whose zero is a kink of `node`."""
    found = []
    for part in postorder(node):
        if is_norm(part):
            found.append(part)
        if not isinstance(part, Function):
            continue
        known = elementwise(part)
        if known.kink:
            at = part.arguments[0]
            if len(part.arguments) == 2:
                at = graph.subtract(at, part.arguments[1])
            found += [affine(graph, at, 1, -place) for place in known.kinks_at]
    return found


def safer_text(step: Rewrite, raiser: Raiser) -> str:
    """What a rewrite of code says: `log(sum(exp(x))) is taken as logsumexp(x)`, or nothing."""
    if step.rule.name not in NOTED:
        return ""
    if "computed" in step.rule.statement:
        return step.rule.statement
    try:
        before, after = (plain_text(raiser.tree(node)) for node in (step.before, step.after))
    except NotMatrix:
        return f"{step.rule.statement}, from left to right"
    return f"{before} is taken as {after}"
