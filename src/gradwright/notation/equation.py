"""Hand-typed equations: which lines there are, and the sides of each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from msgspec import Struct

from gradwright.errors import LimitError, NotationError
from gradwright.notation.informal import split
from gradwright.notation.informal_indices import agreement
from gradwright.notation.latex import is_latex, read_latex
from gradwright.notation.lexer import MAX_LENGTH
from gradwright.notation.mapped import MappedText

#: Most equations in one text.
MAX_EQUATIONS = 1000
#: Longest side, in characters, and most sides of one chain.
MAX_SIDE = 2000
MAX_SIDES = 50

_OPENING = "([{"
_CLOSING = ")]}"
#: Relations between two sides, longest first.
_RELATION = re.compile(r":=|<=|>=|≤|≥|(?<![!<>:])=|∈|\bin(?=\s+(?:R|ℝ)\b)")
_SPELLED = {"≤": "<=", "≥": ">=", "in": "∈"}
#: A side with its sizes raised, as in Z_2^{n×1}.
_SIZED = re.compile(r"[^\W\d_]\w*(?P<sizes>\^[\(\{](?=[^()]*(?:[*×]|\bx\b))[^()+]*[\)\}])")
#: A condition on two indices at the end: `for i ≠ r`, or after a comma.
_WHERE = re.compile(
    r"(?:[,;]|\bfor\b|\bif\b|\bwhen\b)\s*(?P<condition>[a-z]\s*(?:=|≠|!=)\s*[a-z])\s*$"
)


class Written(Struct, frozen=True):
    """One line as written: its number, counted from 1, its sides and the relations between them.

    A relation is `=`, `:=` (an assignment), `<=`, `>=` or `∈` (of a set ℝ^(m×n)).
    """

    line: int
    text: str
    sides: tuple[MappedText, ...]
    relations: tuple[str, ...]


def written_equations(text: str) -> Iterator[Written]:
    """The equations of a text, one a line.

    `#` begins a comment. A line that begins with `=` goes on with the chain before it, and one
    that ends with `=` goes on in the next line.

    Raises:
        LimitError: the text is too long, or has too many equations.
        NotationError: a line without `=`, or with nothing on one side of it.
    """
    if not isinstance(text, str):
        raise NotationError(
            "reading equations",
            f"a {type(text).__name__} is given and equations are text",
            "write one equation a line, such as dL/dW3 = A2'*dL/dZ3",
        )
    if len(text) > MAX_LENGTH:
        raise LimitError(
            "reading equations",
            f"the text has {len(text)} characters and at most {MAX_LENGTH} are read",
            "check the equations in parts",
        )
    for count, (line, whole) in enumerate(_chains(text), start=1):
        if count > MAX_EQUATIONS:
            raise LimitError(
                "reading equations",
                f"there are more than {MAX_EQUATIONS} of them",
                "check the equations in parts",
            )
        yield from _written(whole, line)


def _chains(text: str) -> Iterator[tuple[int, MappedText]]:
    """Chains in one piece, each with the number of its first line."""
    held: tuple[int, MappedText] | None = None
    for number, line in _lines(text):
        if held is not None:
            before = held[1]
            if line.text[:1] in ("=", "+") and before.text.endswith(line.text[:1]):
                before = before[: len(before.text) - 1].strip()
            goes_on = _RELATION.match(line.text) or line.text.startswith("+")
            if goes_on or held[1].text.endswith(("=", "+")):
                held = held[0], before.then(line)
                continue
            yield held
        held = number, line
    if held is not None:
        yield held


def _lines(text: str) -> Iterator[tuple[int, MappedText]]:
    """Lines without comments, read from LaTeX where they are LaTeX."""
    for number, raw in _pieces(unicodedata.normalize("NFC", text)):
        if not is_latex(raw):
            line = MappedText.of(raw).stripped()
            if line.text:
                yield number, line
            continue
        whole = read_latex(raw)
        place = 0
        for piece in whole.text.split("\n"):
            line = whole[place : place + len(piece)].stripped()
            place += len(piece) + 1
            if line.text:
                yield number, line


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Lines, an environment of LaTeX in one piece."""
    held, first, depth = "", 0, 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = re.sub(r"(?<!\\)#.*", "", raw).replace("$", "").strip()
        first = first if held else number
        held = f"{held} {line}".strip()
        depth += line.count(r"\begin{") - line.count(r"\end{")
        if depth <= 0:
            yield first, held
            held, depth = "", 0
    if held:
        yield first, held


def _written(whole: MappedText, line: int) -> Iterator[Written]:
    """The equation of a chain, and what it says about sizes besides."""
    where = _WHERE.search(whole.text)
    condition = None
    if where is not None:
        condition = agreement(where["condition"])
        whole = whole[: where.start()].strip()
    parts = split(whole, ",")
    told = [part for part in parts[1:] if "∈" in part.text or " in R" in part.text]
    if told and len(told) == len(parts) - 1:
        whole = parts[0]
    else:
        told = []
    sides, relations = _sides(whole, line)
    _check_sizes(sides, line)
    plain: list[MappedText] = []
    for side in sides:
        sized = _SIZED.fullmatch(side.text)
        if sized is None or "∈" in relations:
            plain.append(side)
            continue
        start = sized.start("sizes")
        sizes = side[start:].joined(["ℝ", side[start:]])
        yield Written(line, whole.original, (side[:start], sizes), ("∈",))
        plain.append(side[:start])
    if condition is not None:
        zero = plain[0].joined(["0*(", plain[0], ")"])
        plain = [zero if side.text == "0" else side for side in plain]
        plain = [side.joined(["(", side, f")*{condition}"]) for side in plain]
    if len(plain) > 1:
        yield Written(line, whole.original, tuple(plain), relations)
    for part in told:
        sides, relations = _sides(part, line)
        yield Written(line, whole.original, sides, relations)


def _check_sizes(sides: tuple[MappedText, ...], line: int) -> None:
    longest = max(len(side.text) for side in sides)
    if longest <= MAX_SIDE and len(sides) <= MAX_SIDES:
        return
    raise LimitError(
        f"line {line} of the equations",
        f"it has {len(sides)} sides, the longest of {longest} characters, and at most {MAX_SIDES} "
        f"sides of {MAX_SIDE} characters are read",
        "name parts of it, or check it in parts",
    )


def _sides(whole: MappedText, line: int) -> tuple[tuple[MappedText, ...], tuple[str, ...]]:
    """The text between the relations that stand outside brackets."""
    text = whole.text
    found = [match for match in _RELATION.finditer(text) if _depth(text, match.start()) == 0]
    ends = [0, *(match.end() for match in found)]
    starts = [*(match.start() for match in found), len(text)]
    sides = [whole[a:b].strip() for a, b in zip(ends, starts, strict=True)]
    if len(sides) == 1 and not _SIZED.fullmatch(sides[0].text):
        raise NotationError(
            f"line {line} of the equations",
            "it has no = outside brackets, and an equation has two sides",
            "write left = right, or begin a comment with #",
            text=whole.original,
            span=whole.whole(),
        )
    for place, side in enumerate(sides):
        if not side.text:
            match = found[max(place - 1, 0)]
            raise NotationError(
                f"line {line} of the equations",
                f"nothing stands on one side of {match[0]}",
                f"write an expression there, or remove the {match[0]}",
                text=whole.original,
                span=whole.span(*match.span()),
            )
    relations = tuple(_SPELLED.get(match[0], match[0]) for match in found)
    return tuple(sides), relations


def _depth(text: str, place: int) -> int:
    """How many brackets are open before a place."""
    before = text[:place]
    return sum(before.count(c) for c in _OPENING) - sum(before.count(c) for c in _CLOSING)
