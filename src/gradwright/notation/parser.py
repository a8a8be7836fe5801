"""From tokens to the surface tree.

Operators from loose to tight: `+ -`; then `* / .* ./ ⊗` and a space between two factors, all on one
level from left to right; unary minus; `^ .^` from right to left; transposes and superscripts, which
act on all that stands before them. An explicit stack takes the place of recursion, so the depth of
a formula never meets Python's own limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from gradwright.errors import LimitError, NotationError, Span
from gradwright.notation.lexer import Token, scan
from gradwright.notation.tree import Binary, Call, Negate, Number, Symbol, Transpose, Tree, literal

#: Deepest nesting, counted over parentheses, calls, unary minuses and powers.
MAX_NESTING = 200
#: Most nodes of one tree.
MAX_NODES = 20_000

_LEVEL = {"+": 1, "-": 1, "*": 2, "/": 2, ".*": 2, "./": 2, "⊗": 2, "^": 4, ".^": 4}
_NEGATION = 3
_POWER = 4
_OPENERS = ("number", "name", "(", "‖")
_POSTFIX = ("'", "power", "dotted power", "inverse transpose")
_NAMED = {"σ": "sigmoid"}


def parse(text: str) -> Tree:
    """The tree of a formula; every node has the span of the characters that it came from.

    Raises:
        NotationError: the text is empty, or not a formula; the span points at the characters.
        LimitError: too long, too deep, or a number too long.
    """
    return _Parser(text).parse()


@dataclass(frozen=True, slots=True)
class _Value:
    """A tree and its extent, parentheses included."""

    tree: Tree
    span: Span


@dataclass(frozen=True, slots=True)
class _Operator:
    sign: str
    level: int
    span: Span


@dataclass(slots=True)
class _Frame:
    """An open bracket, or the whole text: what has been read since."""

    opener: Token | None = None
    function: Token | None = None
    values: list[_Value] = field(default_factory=list)
    operators: list[_Operator] = field(default_factory=list)
    arguments: list[Tree] = field(default_factory=list)
    options: dict[str, Fraction] = field(default_factory=dict)

    @property
    def is_norm(self) -> bool:
        return self.opener is not None and self.opener.kind == "‖"

    @property
    def pending_power(self) -> bool:
        """Whether the last value is the exponent of a `^` that is still open."""
        for operator in reversed(self.operators):
            if operator.level != _NEGATION:
                return operator.level == _POWER
        return False


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.frames = [_Frame()]
        self.depth = 0
        self.nodes = 0
        self.stream: Iterator[Token] = scan(text)
        self.held: Token | None = None
        self.previous: Token | None = None
        self.current: Token | None = None

    def parse(self) -> Tree:
        """Alternate between the places of operands and of operators until the end."""
        wants_operand = True
        while True:
            token = self._next()
            if wants_operand:
                wants_operand = self._operand(token)
            elif token.kind == "end":
                break
            else:
                wants_operand = self._after_operand(token)
        frame = self.frames[-1]
        if frame.opener is not None:
            raise self._never_closed(frame.opener)
        return self._finish(frame).tree

    def _peek(self) -> Token:
        if self.held is None:
            self.held = next(self.stream)
        return self.held

    def _next(self) -> Token:
        token = self._peek()
        self.previous, self.current, self.held = self.current, token, None
        return token

    # Places of operands -----------------------------------------------------------------------

    def _operand(self, token: Token) -> bool:
        """Read a token where an operand may start; whether one is still wanted after it."""
        frame = self.frames[-1]
        match token.kind:
            case "number":
                self._push(Number(token.value, token.span), token.span)
                return False
            case "name":
                return self._name(token)
            case "-":
                self._deeper(token.span)
                frame.operators.append(_Operator("negate", _NEGATION, token.span))
                return True
            case "(" | "‖":
                self._deeper(token.span)
                self.frames.append(_Frame(token))
                return True
        raise self._missing_operand(token)

    def _missing_operand(self, token: Token) -> NotationError:
        before = self.previous
        if before is None and token.kind == "end":
            return self._error("the text is empty", "write a formula, such as x'*A*x", token.span)
        if token.kind in ("end", ")", ",", "‖", "‖₁") and before is not None:
            if before.kind in ("(", ","):
                fact = f"nothing stands between {before.text} and {token.text or 'the end'}"
                return self._error(fact, "write an expression there", before.span.to(token.span))
            fact = f"nothing follows {before.text}"
            return self._error(fact, "write an operand after it, or remove it", before.span)
        fact = f"{token.text} has nothing to its left"
        instead = "remove the +" if token.kind == "+" else f"write an operand before {token.text}"
        return self._error(fact, instead, token.span)

    def _name(self, token: Token) -> bool:
        follower = self._peek()
        if follower.kind == "(" and follower.span.start == token.span.end:
            self._deeper(token.span)
            self.frames.append(_Frame(self._next(), token))
            return True
        frame = self.frames[-1]
        if follower.kind == "=" and frame.function is not None and not frame.operators:
            self._next()
            return self._option(frame, token)
        self._push(Symbol(token.text, token.span), token.span)
        return False

    def _option(self, frame: _Frame, name: Token) -> bool:
        """`name=number` up to the comma or the closing parenthesis."""
        assert frame.opener is not None
        if name.text in frame.options:
            fact = f"the option {name.text} is given twice"
            raise self._error(fact, "give it once", name.span)
        sign = 1
        if self._peek().kind == "-":
            sign = -1
            self._next()
        value = self._plain_number(name)
        if self._peek().kind == "/":
            self._next()
            divisor = self._plain_number(name)
            if divisor == 0:
                fact = f"the option {name.text} divides by 0"
                raise self._error(fact, "give a number", name.span)
            value /= divisor
        frame.options[name.text] = sign * value
        end = self._next()
        if end.kind == ",":
            return True
        if end.kind == ")":
            self._close_call(end)
            return False
        if end.kind == "end":
            raise self._never_closed(frame.opener)
        fact = f"the option {name.text} goes on after its number"
        raise self._error(fact, "options are plain numbers", name.span.to(end.span))

    def _plain_number(self, name: Token) -> Fraction:
        token = self._next()
        if token.kind != "number":
            fact = f"the option {name.text} is no number"
            raise self._error(fact, f"write {name.text}=0.5", name.span.to(token.span))
        return token.value

    # Places of operators ----------------------------------------------------------------------

    def _after_operand(self, token: Token) -> bool:
        """Read a token after a complete operand; whether an operand is wanted after it."""
        frame = self.frames[-1]
        if token.kind in _LEVEL:
            self._operator(frame, _Operator(token.kind, _LEVEL[token.kind], token.span))
            return True
        if token.kind in _POSTFIX:
            self._postfix(frame, token)
            return False
        if token.kind in ("‖", "‖₁") and frame.is_norm:
            self._close_norm(token)
            return False
        if token.kind in _OPENERS:
            self._space(frame, token)
            return self._operand(token)
        if token.kind == ")" and frame.function is not None:
            self._close_call(token)
            return False
        if token.kind == ")" and frame.opener is not None and frame.opener.kind == "(":
            inner = self._leave()
            span = frame.opener.span.to(token.span)
            self.frames[-1].values.append(_Value(inner.tree, span))
            return False
        if token.kind == "," and frame.function is not None:
            self._argument(frame)
            return True
        raise self._out_of_place(token)

    def _out_of_place(self, token: Token) -> NotationError:
        opener = self.frames[-1].opener
        if opener is not None and token.kind in (")", "‖", "‖₁"):
            return self._never_closed(opener)
        match token.kind:
            case ")":
                fact, instead = ") closes nothing", "remove it, or open a ( before"
            case ",":
                fact, instead = "a comma stands outside a call", "write one expression"
            case "=":
                fact, instead = "= stands outside the options of a call", "write one expression"
            case _:
                fact, instead = f"{token.text} closes nothing", "write ‖x‖, norm1(x) or norm2(x)"
        return self._error(fact, instead, token.span)

    def _space(self, frame: _Frame, token: Token) -> None:
        """A space between two factors multiplies; touching factors and two numbers do not."""
        assert self.previous is not None
        left, right = self.previous, token
        shown = f"{self._shown(left.span)}*{self._shown(right.span)}"
        if left.span.end == right.span.start:
            fact = f"no operator stands between {self._shown(left.span)} and {right.text}"
            raise self._error(fact, f"write {shown}", left.span.to(right.span))
        if left.kind == right.kind == "number":
            fact = f"two numbers, {left.text} and {right.text}, follow each other"
            raise self._error(fact, f"write {shown}, or one number", left.span.to(right.span))
        self._operator(frame, _Operator("*", _LEVEL["*"], Span(left.span.end, right.span.start)))

    def _operator(self, frame: _Frame, operator: _Operator) -> None:
        # Equal levels associate to the left, except powers.
        bound = operator.level + (operator.level == _POWER)
        while frame.operators and frame.operators[-1].level >= bound:
            self._reduce(frame)
        if operator.level == _POWER:
            self._deeper(operator.span)
        frame.operators.append(operator)

    def _postfix(self, frame: _Frame, token: Token) -> None:
        if frame.pending_power:
            self._settle_power(frame, token)
        value = frame.values.pop()
        span = value.span.to(token.span)
        tree = value.tree
        match token.kind:
            case "'":
                tree = Transpose(tree, span)
            case "inverse transpose":
                tree = Transpose(Call("inv", (tree,), (), span), span)
            case "power" if token.value == -1:
                tree = Call("inv", (tree,), (), span)
            case _:
                exponent: Tree = Number(abs(token.value), token.span)
                if token.value < 0:
                    exponent = Negate(exponent, token.span)
                sign = "^" if token.kind == "power" else ".^"
                tree = Binary(sign, tree, exponent, span)
        self._count(3)
        frame.values.append(_Value(tree, span))

    def _settle_power(self, frame: _Frame, token: Token) -> None:
        """`X^2'` is (X^2)'; after any other exponent it is unclear what the postfix acts on."""
        exponent = frame.values[-1]
        if token.kind != "'" or literal(exponent.tree) is None:
            raise self._error(
                f"{token.text} follows an exponent, and may belong to it or to the power",
                "put parentheses around the exponent or around the power",
                exponent.span.to(token.span),
            )
        while frame.pending_power:
            self._reduce(frame)

    # Building ---------------------------------------------------------------------------------

    def _push(self, tree: Tree, span: Span) -> None:
        self._count(1)
        self.frames[-1].values.append(_Value(tree, span))

    def _reduce(self, frame: _Frame) -> None:
        operator = frame.operators.pop()
        self._count(1)
        right = frame.values.pop()
        if operator.level == _NEGATION:
            self.depth -= 1
            span = operator.span.to(right.span)
            frame.values.append(_Value(Negate(right.tree, span), span))
            return
        self.depth -= operator.level == _POWER
        left = frame.values.pop()
        span = left.span.to(right.span)
        if operator.sign == "⊗":
            frame.values.append(_Value(Call("kron", (left.tree, right.tree), (), span), span))
        else:
            tree = Binary(operator.sign, left.tree, right.tree, span)
            frame.values.append(_Value(tree, span))

    def _finish(self, frame: _Frame) -> _Value:
        while frame.operators:
            self._reduce(frame)
        (value,) = frame.values
        return value

    def _leave(self) -> _Value:
        value = self._finish(self.frames.pop())
        self.depth -= 1
        return value

    def _argument(self, frame: _Frame) -> None:
        value = self._finish(frame)
        frame.values.clear()
        if frame.options:
            raise self._error(
                f"an argument follows the option {next(iter(frame.options))}",
                "write the options last",
                value.span,
            )
        frame.arguments.append(value.tree)

    def _close_call(self, token: Token) -> None:
        frame = self.frames[-1]
        assert frame.function is not None
        if frame.values:
            self._argument(frame)
        self.frames.pop()
        self.depth -= 1
        name = _NAMED.get(frame.function.text, frame.function.text)
        span = frame.function.span.to(token.span)
        options = tuple(frame.options.items())
        self._push(Call(name, tuple(frame.arguments), options, span), span)

    def _close_norm(self, token: Token) -> None:
        frame = self.frames[-1]
        assert frame.opener is not None
        inner = self._leave()
        span = frame.opener.span.to(token.span)
        name = "norm1" if token.kind == "‖₁" else "norm2"
        self._push(Call(name, (inner.tree,), (), span), span)

    # Limits and errors ------------------------------------------------------------------------

    def _deeper(self, span: Span) -> None:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise LimitError(
                "reading the formula",
                f"it nests deeper than {MAX_NESTING} parentheses, minuses and powers",
                "name an inner part of the formula and use the name",
                text=self.text,
                span=span,
            )

    def _count(self, new: int) -> None:
        self.nodes += new
        if self.nodes > MAX_NODES:
            raise LimitError(
                "reading the formula",
                f"it has more than {MAX_NODES} symbols and operators",
                "name parts of the formula and use the names",
            )

    def _never_closed(self, opener: Token) -> NotationError:
        fact = f"{opener.text} is opened here and never closed"
        return self._error(fact, f"close it with {')' if opener.text == '(' else '‖'}", opener.span)

    def _shown(self, span: Span) -> str:
        return self.text[span.start : span.end]

    def _error(self, clash: str, instead: str, span: Span) -> NotationError:
        return NotationError("reading the formula", clash, instead, text=self.text, span=span)
