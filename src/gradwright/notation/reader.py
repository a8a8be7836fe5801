"""What reading a formula rests on: its tokens one by one, limits, errors, lists of indices."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gradwright.core.sizes import Size, is_compound, minus, plus, times
from gradwright.core.work import allowed, spend
from gradwright.errors import LimitError, NotationError, Span
from gradwright.notation.lexer import Token, scan
from gradwright.notation.places import Written, parted
from gradwright.notation.ranges import Place, Range
from gradwright.notation.tree import Entry, Index, Part, Tree

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
        """The indices in brackets, the first of which comes next, and the extent of it all."""
        found, span = self.places()
        named = tuple(place for place in found if isinstance(place, str | int))
        if len(named) < len(found):
            other = next(place for place in found if not isinstance(place, str | int))
            fact = f"{other} stands where an index is read"
            raise self.error(fact, "write a name, as in x[i], or a number, as in x[1]", span)
        return named, span

    def places(self) -> tuple[Written, Span]:
        """What stands in brackets, the first of which comes next, and the extent of it all."""
        opener, found = self.next(), list[Index | Range | Place]()
        while True:
            self.count(1)
            found.append(self._place(opener))
            end = self.next()
            if end.kind == "]":
                return tuple(found), opener.span.to(end.span)
            if end.kind == "end":
                raise self.never_closed(opener)
            if end.kind != ",":
                fact = f"{end.text} follows an index"
                raise self.error(fact, "write indices with commas between them", end.span)

    def taken(self, base: Tree, places: Written, span: Span) -> Tree:
        """An entry, or where there is a range a part."""
        self.count(1)
        base, places = parted(base, places, span)
        named = tuple(place for place in places if isinstance(place, str | int))
        if len(named) == len(places):
            return Entry(base, named, span)
        letters = [place for place in named if isinstance(place, str)]
        if letters:
            fact = f"the index {letters[0]} stands beside a range, and a part has none"
            instead = f"write array[{letters[0]},k](…) of entries, or ranges alone"
            raise self.error(fact, instead, span)
        return Part(base, tuple(p for p in places if isinstance(p, int | Range)), span)

    def _place(self, opener: Token) -> Index | Range | Place:
        """An index, a place such as n+1, or a range `2:n`."""
        start = None if self.peek().kind == ":" else self._bound(opener)
        if self.peek().kind != ":":
            assert start is not None
            return Place(start) if is_compound(start) else start
        self.next()
        stops = self.peek().kind in (",", "]")
        return Range(start, None if stops else self._bound(opener))

    def _bound(self, opener: Token) -> Size:
        """A size: names and whole numbers with `+`, `-` and `*`."""
        total: Size = 0
        sign: Callable[[Size, Size], Size] = plus
        while True:
            term = self._factor(opener)
            while self.peek().kind == "*":
                self.next()
                term = times(term, self._factor(opener))
            total = sign(total, term)
            if self.peek().kind not in ("+", "-"):
                return total
            sign = plus if self.next().kind == "+" else minus

    def _factor(self, opener: Token) -> Size:
        self.count(1)
        token = self.next()
        if token.kind == "name":
            return token.text
        if token.kind == "number" and token.value.denominator == 1 and token.value > 0:
            return int(token.value)
        if token.kind == "end":
            raise self.never_closed(opener)
        fact = f"{token.text} stands where an index is read"
        instead = (
            "write a name, as in x[i], a number from 1, as in x[1], or a range, as in x[2:n]; from "
            "the end count with the size, x[n-1:n]"
        )
        raise self.error(fact, instead, token.span)

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
