"""Where a formula is defined: by the text, also where what it asks for was merged away.

Making a node merges √x·√x to x, x/x to 1 and 0·log(x) to 0. Each holds wherever the left side is
defined, so the calculus may use it; where that is, only the text tells.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from gradwright.core.facts import positive
from gradwright.core.nodes import (
    Function,
    Node,
    Operation,
    Power,
    SizeOf,
    Variable,
    arguments,
    postorder,
    sum_of_squares,
)
from gradwright.errors import DomainError
from gradwright.notation.lowered import Lowering, number_value
from gradwright.notation.raising.contract import NotMatrix
from gradwright.notation.raising.raiser import Raiser
from gradwright.notation.tree import Tree
from gradwright.ops.record import Structured
from gradwright.ops.table import record
from gradwright.render.plain import plain_text
from gradwright.render.unicode import unicode_text
from gradwright.simplify.field import evaluate

#: Domains that hold wherever the argument is above 0.
HOLD_ABOVE_ZERO = ("{0} > 0", "{0} ≥ 0", "{0} > -1")

#: No declared fact tells that something is above 0, its form alone does.
BY_FORM: frozenset[str] = frozenset()


class Domain(Struct, frozen=True):
    """Where a formula is defined; no conditions for everywhere.

    With `merged`, some condition is of a part that is merged away: the value of the text as it is
    written tells whether it holds, that of the code does not.
    """

    conditions: tuple[str, ...]
    merged: bool


def domain_of(lowering: Lowering, raiser: Raiser) -> Domain:
    """The conditions in reading order, without repeats.

    That 1 + exp(x) > 0 goes without saying; that a symbol is above 0 is said though it is declared,
    as declared facts are not always verified.
    """
    kept = [condition(part, raiser) for part in postorder(lowering.value.node)]
    merged = merged_conditions(lowering, raiser)
    return Domain(tuple(dict.fromkeys(text for text in (*kept, *merged) if text)), bool(merged))


def merged_conditions(lowering: Lowering, raiser: Raiser) -> tuple[str, ...]:
    """Where those parts of a text are defined that its value no longer has."""
    kept = set(postorder(lowering.value.node))
    gone = (part for part in postorder(*lowering.parts) if part not in kept)
    return tuple(text for part in gone if (text := condition(part, raiser)))


def condition(node: Node, raiser: Raiser) -> str:
    """Where a node is defined if what it is made of is; empty for everywhere."""
    match node:
        case Function(arguments=parts) | Operation(arguments=parts):
            domain = _stated(node)
            if domain in HOLD_ABOVE_ZERO and positive(parts[0], BY_FORM):
                return ""
            if domain and number_value(parts[0]) is None:
                return domain.format(shown(parts[0], raiser))
        case Power(base=base, exponent=exponent) if number_value(base) is None:
            if (exponent > 0 and sum_of_squares(base)) or positive(base, BY_FORM):
                return ""
            if exponent.denominator != 1:
                return f"{shown(base, raiser)} > 0"
            if exponent < 0:
                return f"{shown(base, raiser)} ≠ 0"
    return ""


def _stated(node: Function | Operation) -> str:
    """The domain that the record of an operation states."""
    known = record(node)
    guard = known.guard if isinstance(known, Structured) else ""
    return "" if dict(node.options).get(guard) else known.domain


def shown(node: Node, raiser: Raiser) -> str:
    """A node as text, where it has one."""
    try:
        return unicode_text(raiser.tree(node))
    except NotMatrix:
        return "the argument"


def require_finite_numbers(lowering: Lowering, text: str) -> None:
    """Refuse a number in a text that is none, such as 0/0 and log(0): nothing varies with it.

    Raises:
        DomainError: there is one.
    """
    varying: dict[Node, bool] = {}
    limited: dict[Node, bool] = {}
    for node in postorder(*lowering.parts):
        below = arguments(node)
        sized = isinstance(node, SizeOf) or any(isinstance(size, str) for size in node.axes)
        varying[node] = isinstance(node, Variable) or sized or any(varying[c] for c in below)
        limited[node] = _is_limited(node) or any(limited[c] for c in below)
    for node, part in lowering.parts.items():
        if limited[node] and not varying[node] and not node.axes:
            _require_finite(node, part, text)


def _is_limited(node: Node) -> bool:
    """Whether there are arguments at which an operation is not defined."""
    if isinstance(node, Function | Operation):
        return bool(_stated(node))
    return isinstance(node, Power)


def _require_finite(node: Node, part: Tree, text: str) -> None:
    try:
        with np.errstate(all="ignore"):
            defined = bool(np.isfinite(evaluate(node, {}, {})))
    except np.linalg.LinAlgError:
        defined = False
    except OverflowError:
        # A number beyond the largest float is refused where it is computed with.
        defined = True
    if not defined:
        raise DomainError(
            f"a derivative of {text}",
            f"{plain_text(part)} is not defined, and the formula with it",
            "write a number that there is",
            text=text,
            span=part.span,
        )
