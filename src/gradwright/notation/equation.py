"""Hand-typed equations: which lines there are, and the sides of each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from gradwright.errors import LimitError, NotationError, Span
from gradwright.notation.latex import is_latex, read_latex
from gradwright.notation.lexer import MAX_LENGTH
from gradwright.notation.mapped import MappedText

#: Most equations in one text.
MAX_EQUATIONS = 1000

_OPENING = "([{"
_CLOSING = ")]}"
_COMPARING = "<>!≠≤≥:"


@dataclass(frozen=True, slots=True)
class Written:
    """One equation as written: its line, counted from 1, its text and its sides in order."""

    line: int
    text: str
    sides: tuple[MappedText, ...]


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
        yield Written(line, whole.original, _sides(whole, line))


def _chains(text: str) -> Iterator[tuple[int, MappedText]]:
    """Chains in one piece, each with the number of its first line."""
    held: tuple[int, MappedText] | None = None
    for number, line in _lines(text):
        if held is not None:
            before = held[1]
            if line.text.startswith("=") and before.text.endswith("="):
                before = before[: len(before.text) - 1].strip()
            if line.text.startswith("=") or held[1].text.endswith("="):
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


def _sides(whole: MappedText, line: int) -> tuple[MappedText, ...]:
    """The text between the equals signs that stand outside brackets."""
    cuts = [-1]
    depth = 0
    text = whole.text
    for place, character in enumerate(text):
        depth += (character in _OPENING) - (character in _CLOSING)
        if character == "=" and depth == 0 and text[max(0, place - 1)] not in _COMPARING:
            cuts.append(place)
    cuts.append(len(text))
    sides = [whole[start + 1 : end].strip() for start, end in pairwise(cuts)]
    if len(sides) == 1:
        raise NotationError(
            f"line {line} of the equations",
            "it has no = outside brackets, and an equation has two sides",
            "write left = right, or begin a comment with #",
            text=text,
            span=Span(0, len(text)),
        )
    for start, side in zip(cuts, sides, strict=False):
        if not side.text:
            place = max(start, 0)
            raise NotationError(
                f"line {line} of the equations",
                "nothing stands on one side of =",
                "write an expression there, or remove the =",
                text=text,
                span=Span(place, place + 1),
            )
    return tuple(sides)
