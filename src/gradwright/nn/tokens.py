"""The tokens of a network's text, read from left to right."""

from __future__ import annotations

import re

from msgspec import Struct

from gradwright.core.nodes import Size
from gradwright.errors import LimitError, NotationError, Span
from gradwright.nn.named_layers import is_named
from gradwright.nn.numbers import MAX_CHARACTERS, NUMBER

MAX_LENGTH = 10_000

#: The size that no layer may have.
SAMPLES = "n"

EXAMPLE = "write a network as 64 -> 32 relu -> 10 softmax"

TOKEN = re.compile(
    rf"(?P<arrow>->|→)|(?P<number>{NUMBER})|(?P<name>[A-Za-z_]\w*)|(?P<sign>[*(),=:{{}}])"
    r"|(?P<space>\s+)",
    re.ASCII,
)


class Token(Struct, frozen=True):
    """A word, number or sign, and where it stands."""

    kind: str
    text: str
    span: Span


class Reader:
    """The tokens of a network's text, read from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._scan()
        self.place = 0

    def _scan(self) -> list[Token]:
        if len(self.text) > MAX_LENGTH:
            raise LimitError(
                "a network's text",
                f"it has {len(self.text)} characters and {MAX_LENGTH} are allowed",
                "repeat layers as 30 * 64 sigmoid",
            )
        tokens: list[Token] = []
        start = 0
        while start < len(self.text):
            found = TOKEN.match(self.text, start)
            if found is None:
                raise self.error(
                    f"the character {self.text[start]!r} is not part of a network's text",
                    Span(start, start + 1),
                )
            token = Token(found.lastgroup or "", found[0], Span(found.start(), found.end()))
            start = found.end()
            if token.kind == "number" and len(token.text) > MAX_CHARACTERS:
                raise LimitError(
                    "a number in a network's text",
                    f"it has {len(token.text)} characters and {MAX_CHARACTERS} are allowed",
                    "write a shorter number",
                    text=self.text,
                    span=token.span,
                )
            if token.kind != "space":
                tokens.append(token)
        return tokens

    def error(self, clash: str, span: Span, instead: str = EXAMPLE) -> NotationError:
        """What cannot be read, and where."""
        return NotationError("reading a network", clash, instead, text=self.text, span=span)

    def peek(self, text: str, ahead: int = 0) -> bool:
        """Whether a token is this one: the next, or one further ahead."""
        place = self.place + ahead
        return place < len(self.tokens) and self.tokens[place].text == text

    def next_is(self, kind: str) -> bool:
        """Whether the next token is of this kind."""
        return self.place < len(self.tokens) and self.tokens[self.place].kind == kind

    def take(self, kind: str, wanted: str) -> Token:
        """The next token, which must be of this kind."""
        end = Span(len(self.text), len(self.text))
        if self.place >= len(self.tokens):
            raise self.error(f"the text ends where {wanted} is expected", end)
        token = self.tokens[self.place]
        if token.kind != kind:
            raise self.error(f"{token.text!r} stands where {wanted} is expected", token.span)
        self.place += 1
        return token

    def skip(self, text: str) -> bool:
        """Pass over this token, and say whether it was there."""
        if self.peek(text):
            self.place += 1
            return True
        return False

    def take_sign(self, sign: str, wanted: str) -> None:
        """Pass over a sign, which must be there."""
        if not self.peek(sign) and self.next_is("sign"):
            token = self.tokens[self.place]
            raise self.error(f"{token.text!r} stands where {wanted} is expected", token.span)
        self.take("sign", wanted)

    def whole(self, wanted: str, limit: int, least: int = 1) -> tuple[int, Span]:
        """A whole number from `least` to `limit`."""
        token = self.take("number", wanted)
        if not token.text.isdigit():
            raise self.error(f"{token.text} is given and {wanted} is a whole number", token.span)
        if not least <= int(token.text) <= limit:
            raise LimitError(
                f"{wanted} of {token.text}",
                f"{token.text} is given and {wanted} is a whole number from {least} to {limit}",
                "give a number in that range",
                text=self.text,
                span=token.span,
            )
        return int(token.text), token.span

    def size(self, wanted: str, limit: int) -> tuple[Size, Span]:
        """A whole number, or a name that stands for one."""
        if not self.next_is("name"):
            return self.whole(wanted, limit)
        token = self.take("name", wanted)
        if is_named(token.text) or token.text == "no_bias":
            raise self.error(f"{token.text!r} stands where {wanted} is expected", token.span)
        if token.text == SAMPLES:
            raise self.error(
                f"{SAMPLES} is the number of samples, and here it stands for {wanted}",
                token.span,
                "use another letter",
            )
        return token.text, token.span
