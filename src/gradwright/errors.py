"""The one family of errors.

Every message has four parts: what was asked, the two facts that clash, where in the user's text,
and what to write instead. The class says what kind of input was wrong; all of them are
`GradwrightError`, which the command line turns into one message and exit code 2.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from msgspec import Struct


class Span(Struct, frozen=True):
    """A half-open range of characters `[start, end)` in the user's text."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The smallest span that covers both."""
        return Span(min(self.start, other.start), max(self.end, other.end))


class GradwrightError(Exception):
    """Bad input, explained.

    Args:
        asked: what was asked for, e.g. "the product A*x".
        clash: the two facts that clash, with their names and sizes.
        instead: what to write instead.
        text: the user's text, when the fault lies in a text.
        span: the characters at fault in `text`.
        place: where, in words, when there is no text (a file and line, a parameter).
    """

    def __init__(
        self,
        asked: str,
        clash: str,
        instead: str,
        *,
        text: str | None = None,
        span: Span | None = None,
        place: str | None = None,
    ) -> None:
        self.asked = asked
        self.clash = clash
        self.instead = instead
        self.text = text
        self.span = span
        self.place = place
        super().__init__(self._message())

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is copied, and sent between processes, by what it was made from.
        made = partial(type(self), text=self.text, span=self.span, place=self.place)
        return made, (self.asked, self.clash, self.instead)

    def _message(self) -> str:
        lines = [f"{self.asked}: {self.clash}"]
        if self.text is not None and self.span is not None:
            lines += caret_lines(self.text, self.span)
        elif self.text is not None:
            lines.append(f"  in: {self.text}")
        if self.place is not None:
            lines.append(f"  at: {self.place}")
        lines.append(f"  instead: {self.instead}")
        return "\n".join(lines)


def caret_lines(text: str, span: Span, width: int = 76) -> list[str]:
    """The line of `text` that holds `span` and a line of carets under it.

    Long lines are cut to `width` characters around the span.
    """
    start = min(span.start, len(text))
    line_start = text.rfind("\n", 0, start) + 1
    newline = text.find("\n", start)
    line = text[line_start : newline if newline >= 0 else len(text)]
    column = start - line_start
    left = max(0, column - width // 2)
    window = line[left : left + width].replace("\t", " ")
    prefix = "..." if left > 0 else ""
    suffix = "..." if left + width < len(line) else ""
    carets = max(1, min(span.end - start, width - (column - left), len(line) - column))
    pad = " " * (len(prefix) + column - left)
    return [f"  {prefix}{window}{suffix}", f"  {pad}{'^' * carets}"]


def require_type(
    error: type[GradwrightError],
    asked: str,
    value: object,
    kinds: type | tuple[type, ...],
    expected: str,
    instead: str,
) -> None:
    """Refuse a value of another type.

    Raises:
        GradwrightError: of the class `error`, with the type of the value and what is expected.
    """
    if not isinstance(value, kinds):
        raise error(asked, f"a {type(value).__name__} is given and {expected}", instead)


class NotationError(GradwrightError):
    """The text cannot be read: an unexpected character, an unbalanced parenthesis."""


class SymbolError(GradwrightError):
    """A name is unknown, or declared as something it cannot be."""


class ShapeError(GradwrightError):
    """Two sizes or two kinds clash, or a size cannot be determined."""


class LimitError(GradwrightError):
    """The input asks for more length, nesting, time or memory than is allowed."""


class DomainError(GradwrightError):
    """A value or a declared fact is outside what the operation is defined for."""


class UnsupportedError(GradwrightError):
    """Well-formed mathematics that this release does not do."""


class NetworkError(GradwrightError):
    """The network's text or its use is wrong: an unknown layer, a loss that does not fit."""


class DataError(GradwrightError):
    """The data is wrong: a missing column, a cell that is no number, a label out of range."""


class OutputError(GradwrightError):
    """The result cannot be written where it was asked for."""


class ConditionWarning(UserWarning):
    """A solution has few right digits: the matrix is nearly singular."""


class InternalError(GradwrightError):
    """Two results of gradwright's own that must agree do not: a fault here, not in the input."""


class TrainingError(GradwrightError):
    """Training cannot go on: the loss is not finite.

    `run` is the training up to the last epoch without fault; None where none has begun.
    """

    run: Any = None
