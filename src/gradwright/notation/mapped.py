"""Text that was rewritten, and where each of its characters stood in what the user wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from msgspec import Struct

from gradwright.errors import GradwrightError, Span


class MappedText(Struct, frozen=True):
    """A text made from `original`; `spans` has the place there of every character of `text`."""

    text: str
    spans: tuple[Span, ...]
    original: str

    @staticmethod
    def of(text: str) -> MappedText:
        """A text that is its own original."""
        return MappedText(text, tuple(Span(k, k + 1) for k in range(len(text))), text)

    def __getitem__(self, part: slice) -> MappedText:
        return MappedText(self.text[part], self.spans[part], self.original)

    def then(self, other: MappedText) -> MappedText:
        """This text and another one with an original of its own, a space between them."""
        shift = len(self.original) + 1
        gap = Span(shift - 1, shift)
        moved = (Span(span.start + shift, span.end + shift) for span in other.spans)
        return MappedText(
            f"{self.text} {other.text}",
            (*self.spans, gap, *moved),
            f"{self.original} {other.original}",
        )

    def strip(self) -> MappedText:
        """Without the white space at both ends."""
        start = len(self.text) - len(self.text.lstrip())
        return self[start : start + len(self.text.strip())]

    def stripped(self) -> MappedText:
        """Without white space at both ends and punctuation at the end."""
        made = self.strip()
        while made.text[-1:] in tuple(",.;"):
            made = made[: len(made.text) - 1].strip()
        return made

    def span(self, start: int, end: int) -> Span:
        """Where the characters from `start` to `end` came from."""
        if not self.spans:
            return Span(0, 0)
        if start >= len(self.spans):
            last = self.spans[-1].end
            return Span(last, last)
        found = self.spans[start]
        for span in self.spans[start + 1 : max(end, start + 1)]:
            found = found.to(span)
        return found

    def whole(self) -> Span:
        """Where the whole text came from."""
        return self.span(0, len(self.text))

    def replaced(
        self, pattern: re.Pattern[str], make: Callable[[re.Match[str]], str | None]
    ) -> MappedText:
        """Every match replaced by what `make` says; None leaves it as it is."""
        text: list[str] = []
        spans: list[Span] = []
        place = 0
        for found in pattern.finditer(self.text):
            new = make(found)
            if new is None:
                continue
            text += [self.text[place : found.start()], new]
            spans += self.spans[place : found.start()]
            spans += [self.span(*found.span())] * len(new)
            place = found.end()
        text.append(self.text[place:])
        return MappedText("".join(text), (*spans, *self.spans[place:]), self.original)

    def joined(self, parts: Iterable[MappedText | str]) -> MappedText:
        """Parts one after another; a plain string comes from the whole of this text."""
        text: list[str] = []
        spans: list[Span] = []
        for part in parts:
            if isinstance(part, str):
                text.append(part)
                spans += [self.whole()] * len(part)
            else:
                text.append(part.text)
                spans += part.spans
        return MappedText("".join(text), tuple(spans), self.original)

    @contextmanager
    def errors_at_the_original(self) -> Iterator[None]:
        """Errors that point into this text point into the original instead."""
        try:
            yield
        except GradwrightError as error:
            if error.text != self.text or error.span is None:
                raise
            span = self.span(error.span.start, error.span.end)
            raise type(error)(
                error.asked, error.clash, error.instead, text=self.original, span=span
            ) from None
