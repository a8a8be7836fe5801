"""Networks as text: `64 -> 32 relu -> 30 * 16 tanh -> 10 softmax`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction

from gradwright.errors import LimitError, NetworkError, NotationError, Span
from gradwright.nn.activations import ACTIVATIONS, resolved
from gradwright.nn.layer import Layer

MAX_LENGTH = 10_000
MAX_LAYERS = 100_000
MAX_WIDTH = 10_000_000

EXAMPLE = "write a network as 64 -> 32 relu -> 10 softmax"

TOKEN = re.compile(
    r"\s*(?:(?P<arrow>->|→)|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign>[*(),=]))",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    span: Span


class _Reader:
    """The tokens of a network's text, read from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._scan()
        self.place = 0

    def _scan(self) -> list[_Token]:
        if len(self.text) > MAX_LENGTH:
            raise LimitError(
                "a network's text",
                f"it has {len(self.text)} characters and {MAX_LENGTH} are allowed",
                "repeat layers as 30 * 64 sigmoid",
            )
        tokens, start = [], 0
        while self.text[start:].strip():
            found = TOKEN.match(self.text, start)
            if found is None:
                at = start + len(self.text[start:]) - len(self.text[start:].lstrip())
                raise self.error(
                    f"the character {self.text[at]!r} is not part of a network's text",
                    Span(at, at + 1),
                )
            kind = found.lastgroup or ""
            tokens.append(_Token(kind, found[kind], Span(found.start(kind), found.end(kind))))
            start = found.end()
        return tokens

    def error(self, clash: str, span: Span, instead: str = EXAMPLE) -> NotationError:
        return NotationError(
            "reading a network", clash, instead, text=self.text, span=span
        )

    def peek(self, text: str) -> bool:
        return self.place < len(self.tokens) and self.tokens[self.place].text in (
            ("->", "→") if text == "->" else (text,)
        )

    def next_is(self, kind: str) -> bool:
        return self.place < len(self.tokens) and self.tokens[self.place].kind == kind

    def take(self, kind: str, wanted: str) -> _Token:
        end = Span(len(self.text), len(self.text))
        if self.place >= len(self.tokens):
            raise self.error(f"the text ends where {wanted} is expected", end)
        token = self.tokens[self.place]
        if token.kind != kind:
            raise self.error(f"{token.text!r} stands where {wanted} is expected", token.span)
        self.place += 1
        return token

    def skip(self, text: str) -> bool:
        if self.peek(text):
            self.place += 1
            return True
        return False

    def whole(self, wanted: str, limit: int) -> tuple[int, Span]:
        token = self.take("number", wanted)
        if "." in token.text or not 1 <= int(token.text) <= limit:
            raise NetworkError(
                f"{wanted} of {token.text}",
                f"{token.text} is given and {wanted} is a whole number from 1 to {limit}",
                "give such a number",
                text=self.text,
                span=token.span,
            )
        return int(token.text), token.span


def parse_network(text: str) -> tuple[Layer, ...]:
    """The layers of a network.

    Raises:
        NotationError: the text cannot be read.
        NetworkError: an unknown activation or option, a width out of range.
        LimitError: the text or the number of layers is too large.
    """
    reader = _Reader(text)
    width, _ = reader.whole("a width", MAX_WIDTH)
    layers: list[Layer] = []
    while reader.place < len(reader.tokens) or not layers:
        if not reader.skip("->"):
            reader.take("arrow", "an arrow ->")
        count, made = _layer(reader, width)
        if len(layers) + count > MAX_LAYERS:
            raise LimitError(
                "a network's text",
                f"it has more than {MAX_LAYERS} layers and that many are allowed",
                "use fewer layers",
                text=text,
                span=made.span,
            )
        layers.append(made)
        again = Layer(
            made.fan_out, made.fan_out, made.activation, made.options, made.bias, made.span
        )
        layers += [again] * (count - 1)
        width = made.fan_out
    return tuple(layers)


def _layer(reader: _Reader, fan_in: int) -> tuple[int, Layer]:
    """A layer and how often it is repeated."""
    fan_out, start = reader.whole("a width", MAX_WIDTH)
    count = 1
    if reader.skip("*"):
        count = fan_out
        fan_out, start = reader.whole("a width", MAX_WIDTH)
    activation, options, bias = "identity", (), True
    if reader.next_is("name") and not reader.peek("no_bias"):
        token = reader.take("name", "an activation")
        activation = _known(reader, token)
        given = _options(reader, activation) if reader.skip("(") else {}
        options = resolved(activation, given)
    if reader.skip("no_bias"):
        bias = False
    end = reader.tokens[reader.place - 1].span
    return count, Layer(fan_in, fan_out, activation, tuple(options), bias, start.to(end))


def _known(reader: _Reader, token: _Token) -> str:
    if token.text in ACTIVATIONS:
        return token.text
    near = get_close_matches(token.text, ACTIVATIONS, n=2)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise NetworkError(
        f"a layer with the activation {token.text}",
        f"{token.text} is asked for and the activations are {', '.join(sorted(ACTIVATIONS))}",
        f"{hint}use one of those",
        text=reader.text,
        span=token.span,
    )


def _options(reader: _Reader, activation: str) -> dict[str, Fraction]:
    """`(0.2)` or `(slope=0.2, kink=1)`."""
    names = [name for name, _ in ACTIVATIONS[activation].options]
    given: dict[str, Fraction] = {}
    while not reader.skip(")"):
        if given:
            reader.take("sign", "a comma") if not reader.skip(",") else None
        name_token = reader.take("name", "an option") if reader.next_is("name") else None
        if name_token is not None and not reader.skip("="):
            raise reader.error(f"{name_token.text} has no value", name_token.span)
        value = reader.take("number", "a number")
        name = name_token.text if name_token else (names[len(given)] if len(given) < len(names) else "")
        if name not in names or name in given:
            allowed = ", ".join(names) or "none"
            raise NetworkError(
                f"an option of {activation}",
                f"{name or value.text} is given and the options of {activation} are {allowed}",
                f"use {activation}({'=…, '.join(names)}=…)" if names else f"write {activation} alone",
                text=reader.text,
                span=(name_token or value).span,
            )
        given[name] = Fraction(value.text)
    return given
