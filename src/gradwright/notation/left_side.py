"""The left side of an equation: `D[i,j]`, `f`, `∂f[i]/∂W[j,k]`, `∂²f/∂x[i]∂x[j]`."""

from __future__ import annotations

import re

from gradwright.core.work import allowed
from gradwright.errors import NotationError, Span
from gradwright.notation.lexer import MAX_LENGTH, canonical_name, is_name
from gradwright.notation.tree import Left

_NAME = r"\s*(?P<name>[^\W\d]\w*)(?:\[(?P<indices>[^\[\]]*)\])?\s*"
_NAMED = re.compile(_NAME)
_DERIVED = re.compile(r"\s*∂(?P<order>[²³⁴⁵⁶⁷⁸⁹]?)(?P<above>[^∂/]*)/(?P<below>(?:\s*∂[^∂/]*)+)$")
_SQUARED = re.compile(r"\s*∂(?P<name>[^\W\d]\w*)²\s*")
#: A raised digit is its place here.
ORDERS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
ADVICE = "write a name with its indices, as in D[i,j] = …, or a derivative, as in ∂f/∂x[i] = …"


def equals_sign(text: str) -> int | None:
    """The place of the `=` that makes a text an equation: the first outside all brackets."""
    if not isinstance(text, str) or len(text) > allowed(MAX_LENGTH) or "=" not in text:
        return None
    depth = 0
    for place, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "=" and depth == 0:
            return place
    return None


def left_side(text: str, end: int) -> Left:
    """The left side of an equation, the text before `end`.

    Raises:
        NotationError: it is neither names with indices nor a derivative, or an index is there
            twice.
    """
    before = text[:end]
    derived = _DERIVED.fullmatch(before)
    if derived is None:
        left = Left((_name(text, 0, end),))
    else:
        above = _name(text, derived.start("above"), derived.end("above"))
        left = Left((above, *_below(text, derived)))
        order = ORDERS.index(derived["order"]) if derived["order"] else 1
        if order != len(left.names) - 1:
            raise _error(text, end, "the order of the derivative is not the number of variables")
    seen: set[str] = set()
    for index in left.indices:
        if index in seen:
            raise _error(text, end, f"the index {index} stands twice on the left side")
        seen.add(index)
    return left


def _below(text: str, derived: re.Match[str]) -> list[tuple[str, tuple[str, ...]]]:
    squared = _SQUARED.fullmatch(derived["below"])
    if squared is not None:
        return [(canonical_name(squared["name"]), ())] * 2
    found, place = [], derived.start("below")
    for piece in derived["below"].split("∂")[1:]:
        place = text.index("∂", place) + 1
        found.append(_name(text, place, place + len(piece)))
    return found


def _name(text: str, start: int, end: int) -> tuple[str, tuple[str, ...]]:
    found = _NAMED.fullmatch(text, start, end)
    name = canonical_name(found["name"]) if found else ""
    indices: tuple[str, ...] = ()
    if found is not None and found["indices"] is not None:
        indices = tuple(canonical_name(part.strip()) for part in found["indices"].split(","))
    if not all(map(is_name, (name, *indices))):
        shown = text[start:end].strip() or "nothing"
        raise _error(text, end, f"{shown} stands on the left side", start)
    return name, indices


def _error(text: str, end: int, clash: str, start: int = 0) -> NotationError:
    span = Span(start, max(end, start + 1))
    return NotationError("reading the left side", clash, ADVICE, text=text, span=span)
