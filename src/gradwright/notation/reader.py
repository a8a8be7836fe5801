"""What reading a formula rests on: its tokens one by one, limits, errors, lists of indices."""

from __future__ import annotations

from collections.abc import Iterator

from gradwright.core.work import allowed, spend
from gradwright.errors import LimitError, NotationError, Span
from gradwright.notation.lexer import Token, scan
from gradwright.notation.tree import Index

#: Deepest nesting, counted over parentheses, calls, unary minuses and powers.
MAX_NESTING = 200
#: Most nodes of one tree.
MAX_NODES = 20_000


class Reader:
    """The tokens of a text from a place on, with one of them looked at ahead."""

    def __init__(self, text: str, start: int = 0) -> None:
        self.text = text
        self.depth = 0
        self.nodes = 0
        self.stream: Iterator[Token] = scan(text, start)
        self.held: Token | None = None
        self.previous: Token | None = None
        self.current: Token | None = None

    def peek(self) -> Token:
        """The token that comes next, which stays there."""
        if self.held is None:
            self.held = next(self.stream)
        return self.held

    def next(self) -> Token:
        """The token that comes next."""
        spend(10)
        token = self.peek()
        self.previous, self.current, self.held = self.current, token, None
        return token

    # Indices ----------------------------------------------------------------------------------

    def indices(self) -> tuple[tuple[Index, ...], Span]:
        """What stands in brackets, the first of which comes next, and the extent of it all."""
        opener, found = self.next(), list[Index]()
        while True:
            self.count(1)
            token = self.next()
            if token.kind == "name":
                found.append(token.text)
            elif token.kind == "number" and token.value.denominator == 1 and token.value > 0:
                found.append(int(token.value))
            elif token.kind == "end":
                raise self.never_closed(opener)
            else:
                fact = f"{token.text} stands where an index is read"
                instead = "write a name, as in x[i], or a number from 1, as in x[1]"
                raise self.error(fact, instead, token.span)
            end = self.next()
            if end.kind == "]":
                return tuple(found), opener.span.to(end.span)
            if end.kind == "end":
                raise self.never_closed(opener)
            if end.kind != ",":
                fact = f"{end.text} follows an index"
                raise self.error(fact, "write indices with commas between them", end.span)

    def distinct(self, bound: tuple[str, ...], span: Span) -> None:
        """One sum binds an index once."""
        twice = [index for place, index in enumerate(bound) if index in bound[:place]]
        if twice:
            fact = f"the index {twice[0]} is bound twice by one sum"
            raise self.error(fact, "give each index a name of its own", span)

    # Limits and errors ------------------------------------------------------------------------

    def deeper(self, span: Span) -> None:
        """One more bracket, minus or power is open."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise LimitError(
                "reading the formula",
                f"it nests deeper than {MAX_NESTING} parentheses, minuses and powers",
                "name an inner part of the formula and use the name",
                text=self.text,
                span=span,
            )

    def count(self, new: int) -> None:
        """So many more nodes are made."""
        self.nodes += new
        most = allowed(MAX_NODES)
        if self.nodes > most:
            raise LimitError(
                "reading the formula",
                f"it has more than {most} symbols and operators",
                "name parts of the formula and use the names",
            )

    def never_closed(self, opener: Token) -> NotationError:
        """The error about an open bracket."""
        fact = f"{opener.text} is opened here and never closed"
        closer = {"(": ")", "[": "]"}.get(opener.text, "‖")
        return self.error(fact, f"close it with {closer}", opener.span)

    def shown(self, span: Span) -> str:
        """The characters at a place."""
        return self.text[span.start : span.end]

    def error(self, clash: str, instead: str, span: Span) -> NotationError:
        """An error that points at a place."""
        return NotationError("reading the formula", clash, instead, text=self.text, span=span)
