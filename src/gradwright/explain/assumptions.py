"""What a derivative takes for granted: its domain, declared facts, conventions at kinks."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from gradwright.core.graph import Graph
from gradwright.core.nodes import Function, Node, Operation, Power, postorder, sum_of_squares
from gradwright.explain.domains import condition, merged_conditions, shown
from gradwright.notation.lowered import Lowering
from gradwright.notation.raising.contract import NotMatrix
from gradwright.notation.raising.raiser import Raiser
from gradwright.notation.shapes import Scope
from gradwright.ops.record import affine
from gradwright.ops.table import elementwise
from gradwright.render.plain import plain_text
from gradwright.simplify.field import evaluate
from gradwright.simplify.rewrite import Step as Rewrite
from gradwright.simplify.stable import NOTED

HALF = Fraction(1, 2)

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
    lowering: Lowering, scope: Scope, raiser: Raiser, *, twice: bool = False
) -> tuple[str, ...]:
    """Sentences in reading order, without repeats; `twice` for a second derivative."""
    found: dict[str, None] = {}
    for part in postorder(lowering.value.node):
        for text in (condition(part, raiser), _twice(part, raiser) if twice else "", _kink(part)):
            if text:
                found.setdefault(text)
    found |= dict.fromkeys(merged_conditions(lowering, raiser))
    for name, declared in sorted(scope.symbols.items()):
        for fact, words in RELIED_ON.items():
            if fact in declared.facts:
                rows = name if declared.kind in ("vector", "row") else f"each row of {name}"
                found.setdefault(f"{words.format(name, rows)}, as declared")
    return tuple(found)


def _twice(node: Node, raiser: Raiser) -> str:
    if not isinstance(node, Power) or node.exponent.denominator == 1 or not 0 < node.exponent < 2:
        return ""
    if not sum_of_squares(node.base):
        return ""
    why = ", a norm has no second derivative at 0" if node.exponent == HALF else ""
    return f"{shown(node.base, raiser)} > 0{why}"


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
