"""A text as statements: definitions, then a formula; between them stand `;` or line ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from gradwright.errors import Span
from gradwright.notation.left_side import equals_sign
from gradwright.notation.lexer import MAX_LENGTH, canonical_name, is_name

_LEFT = re.compile(r"\s*(?P<name>[^\W\d]\w*'?)(?:\((?P<parameters>[^()]*)\))?\s*")
#: At the end of a line, or at the start of the next, these carry a statement on; a minus at the
#: start is the sign of a new one.
_CARRIES_ON = frozenset("+*/.^=·⊙⊘⊗'")
_MINUS = frozenset("-−")


class Defined(Struct, frozen=True):
    """The left side of a definition, and where its right side starts."""

    name: str
    parameters: tuple[str, ...]
    start: int
    span: Span


class Statement(Struct, frozen=True):
    """A part of a text; `defined` is what it defines, if it is a definition."""

    start: int
    end: int
    defined: Defined | None


def statements(text: str) -> list[Statement]:
    """The statements of a text; the last is the formula.

    A line end separates statements only behind a definition, so a formula may have several lines.
    """
    if not isinstance(text, str) or len(text) > MAX_LENGTH or not re.search(r"[;\n]", text):
        return [Statement(0, len(text) if isinstance(text, str) else 0, None)]
    found: list[Statement] = []
    start = 0
    for end, is_line in _ends(text):
        statement = Statement(start, end, _defined(text, start, end))
        if is_line and statement.defined is None:
            continue
        if text[start:end].strip():
            found.append(statement)
        start = end + 1
    return found or [Statement(0, len(text), None)]


def _ends(text: str) -> Iterator[tuple[int, bool]]:
    """The places where a statement may end, and whether it is the end of a line."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if depth == 0 and character == ";":
            yield place, False
        elif depth == 0 and character == "\n":
            before, after = text[:place].rstrip()[-1:], text[place:].lstrip()[:1]
            if before not in _CARRIES_ON | _MINUS and after not in _CARRIES_ON:
                yield place, True
    yield len(text), False


def _defined(text: str, start: int, end: int) -> Defined | None:
    equals = equals_sign(text[start:end])
    if equals is None:
        return None
    left = _LEFT.fullmatch(text, start, start + equals)
    if left is None or not is_name(canonical_name(left["name"])):
        return None
    parameters = tuple(canonical_name(p.strip()) for p in (left["parameters"] or "").split(","))
    if left["parameters"] is None:
        parameters = ()
    elif not all(map(is_name, parameters)):
        return None
    span = Span(left.start("name"), left.end("name"))
    return Defined(canonical_name(left["name"]), parameters, start + equals + 1, span)
