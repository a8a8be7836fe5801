"""From tokens to the surface tree.

Operators from loose to tight: `+ -`; a sum sign `Σ_i`, which takes the rest of its product;
`* / .* ./ ⊗` and a space between two factors, all on one level from left to right; unary minus;
`^ .^` from right to left; transposes, superscripts and indices, which act on what stands before
them. An explicit stack takes the place of recursion, so the depth of
a formula never meets Python's own limit.
"""

from __future__ import annotations

from fractions import Fraction

from gradwright.errors import NotationError, Span
from gradwright.notation.building import Builder
from gradwright.notation.frames import LEVEL, NEGATION, POWER, SUMMATION, Frame, Operator, Value
from gradwright.notation.left_side import equals_sign, left_side
from gradwright.notation.lexer import Token
from gradwright.notation.tree import (
    BINDERS,
    Binary,
    Call,
    Entry,
    Equation,
    Identity,
    Negate,
    Number,
    Symbol,
    Transpose,
    Tree,
    literal,
)

_OPENERS = ("number", "name", "(", "‖", "sum")
_POSTFIX = ("'", "power", "dotted power", "inverse transpose")
#: Names that are an identity where two indices follow them.
_IDENTITY = ("δ", "delta")


def parse(text: str) -> Tree:
    """The tree of a formula; every node has the span of the characters that it came from.

    Raises:
        NotationError: the text is empty, or not a formula; the span points at the characters.
        LimitError: too long, too deep, or a number too long.
    """
    equals = equals_sign(text)
    if equals is None:
        return _Parser(text).parse()
    left = left_side(text, equals)
    return Equation(left, _Parser(text, equals + 1).parse(), Span(0, len(text)))


class _Parser(Builder):
    def parse(self) -> Tree:
        """Alternate between the places of operands and of operators until the end."""
        wants_operand = True
        while True:
            token = self.next()
            if wants_operand:
                wants_operand = self._operand(token)
            elif token.kind == "end":
                break
            else:
                wants_operand = self._after_operand(token)
        frame = self.frames[-1]
        if frame.opener is not None:
            raise self.never_closed(frame.opener)
        return self.finish(frame).tree

    # Places of operands -----------------------------------------------------------------------

    def _operand(self, token: Token) -> bool:
        """Read a token where an operand may start; whether one is still wanted after it."""
        frame = self.frames[-1]
        match token.kind:
            case "number":
                self.push(Number(token.value, token.span), token.span)
                return False
            case "name":
                return self._name(token)
            case "-":
                self.deeper(token.span)
                frame.operators.append(Operator("negate", NEGATION, token.span))
                return True
            case "sum":
                self.deeper(token.span)
                bound = tuple(token.text.split(","))
                self.distinct(bound, token.span)
                frame.operators.append(Operator("Σ", SUMMATION, token.span, bound))
                return True
            case "(" | "[" | "‖":
                self.deeper(token.span)
                self.frames.append(Frame(token))
                return True
        raise self._missing_operand(token)

    def _missing_operand(self, token: Token) -> NotationError:
        before = self.previous
        if before is None and token.kind == "end":
            return self.error("the text is empty", "write a formula, such as x'*A*x", token.span)
        if token.kind in ("end", ")", ",", ";", "]", "‖", "‖₁") and before is not None:
            if before.kind in ("(", "[", ",", ";"):
                fact = f"nothing stands between {before.text} and {token.text or 'the end'}"
                return self.error(fact, "write an expression there", before.span.to(token.span))
            fact = f"nothing follows {before.text}"
            return self.error(fact, "write an operand after it, or remove it", before.span)
        fact = f"{token.text} has nothing to its left"
        instead = "remove the +" if token.kind == "+" else f"write an operand before {token.text}"
        return self.error(fact, instead, token.span)

    def _name(self, token: Token) -> bool:
        follower = self.peek()
        if follower.kind == "(" and follower.span.start == token.span.end:
            self.deeper(token.span)
            self.frames.append(Frame(self.next(), token))
            return True
        if follower.kind == "[" and follower.span.start == token.span.end:
            if token.text in BINDERS:
                return self._open_binder(token)
            if token.text in _IDENTITY:
                return self._identity(token)
        frame = self.frames[-1]
        if follower.kind == "=" and frame.function is not None and not frame.operators:
            self.next()
            return self._option(frame, token)
        self.push(Symbol(token.text, token.span), token.span)
        return False

    def _option(self, frame: Frame, name: Token) -> bool:
        """`name=number` up to the comma or the closing parenthesis."""
        assert frame.opener is not None
        if name.text in frame.options:
            fact = f"the option {name.text} is given twice"
            raise self.error(fact, "give it once", name.span)
        sign = 1
        if self.peek().kind == "-":
            sign = -1
            self.next()
        value = self._plain_number(name)
        if self.peek().kind == "/":
            self.next()
            divisor = self._plain_number(name)
            if divisor == 0:
                fact = f"the option {name.text} divides by 0"
                raise self.error(fact, "give a number", name.span)
            value /= divisor
        frame.options[name.text] = sign * value
        end = self.next()
        if end.kind == ",":
            return True
        if end.kind == ")":
            self.close_call(end)
            return False
        if end.kind == "end":
            raise self.never_closed(frame.opener)
        fact = f"the option {name.text} goes on after its number"
        raise self.error(fact, "options are plain numbers", name.span.to(end.span))

    def _plain_number(self, name: Token) -> Fraction:
        token = self.next()
        if token.kind != "number":
            fact = f"the option {name.text} is no number"
            raise self.error(fact, f"write {name.text}=0.5", name.span.to(token.span))
        return token.value

    # Indices ----------------------------------------------------------------------------------

    def _open_binder(self, name: Token) -> bool:
        """`sum[i,j](` or `array[i,j](`; it is made where the parenthesis closes."""
        indices, span = self.indices()
        bound = tuple(index for index in indices if isinstance(index, str))
        opener = self.next()
        if len(bound) < len(indices) or opener.kind != "(" or opener.span.start != span.end:
            fact = f"{name.text} has names of indices in brackets, then an expression in ( )"
            raise self.error(fact, f"write {name.text}[i,j](A[i,j])", name.span.to(span))
        self.distinct(bound, span)
        self.deeper(name.span)
        self.frames.append(Frame(opener, name, bound))
        return True

    def _identity(self, name: Token) -> bool:
        """`δ[i,j]`; with one index it is an entry of a vector of that name."""
        indices, span = self.indices()
        span = name.span.to(span)
        if len(indices) > 2:
            fact = f"{name.text} has {len(indices)} indices and compares two"
            raise self.error(fact, f"write {name.text}[i,j]", span)
        if len(indices) == 2:
            self.push(Identity((indices[0], indices[1]), span), span)
        else:
            self.push(Entry(Symbol(name.text, name.span), indices, span), span)
        return False

    def _entry(self, frame: Frame, token: Token) -> None:
        """Indices after an operand."""
        assert self.previous is not None
        if frame.pending_power:
            fact = "[ follows an exponent, and may belong to it or to the power"
            instead = "put parentheses around the exponent or around the power"
            raise self.error(fact, instead, frame.values[-1].span.to(token.span))
        if self.previous.span.end < token.span.start:
            fact = "[ stands apart from what the indices belong to"
            instead = "write A[i,j] without a space, or * in front of a block matrix"
            raise self.error(fact, instead, token.span)
        self.held = token
        places, span = self.places()
        value = frame.values.pop()
        self.count(1)
        span = value.span.to(span)
        frame.values.append(Value(self.taken(value.tree, places, span), span))

    # Places of operators ----------------------------------------------------------------------

    def _after_operand(self, token: Token) -> bool:
        """Read a token after a complete operand; whether an operand is wanted after it."""
        frame = self.frames[-1]
        if token.kind in LEVEL:
            self._operator(frame, Operator(token.kind, LEVEL[token.kind], token.span))
            return True
        if token.kind in _POSTFIX:
            self._postfix(frame, token)
            return False
        if token.kind == "[":
            self._entry(frame, token)
            return False
        if token.kind in ("‖", "‖₁") and frame.is_norm:
            self.close_norm(token)
            return False
        if frame.is_block and token.kind in (",", ";", "]"):
            return self._in_block(frame, token)
        if token.kind in _OPENERS:
            self._space(frame, token)
            return self._operand(token)
        if token.kind == ")" and frame.function is not None:
            self.close_call(token)
            return False
        if token.kind == ")" and frame.opener is not None and frame.opener.kind == "(":
            inner = self.leave()
            span = frame.opener.span.to(token.span)
            self.frames[-1].values.append(Value(inner.tree, span))
            return False
        if token.kind == "," and frame.function is not None:
            self.argument(frame)
            return True
        raise self._out_of_place(token)

    def _in_block(self, frame: Frame, token: Token) -> bool:
        """A part of a block matrix ends: by a comma, by the end of its row, by the last bracket."""
        match token.kind:
            case ",":
                self.argument(frame)
            case ";":
                self.end_row(token)
            case _:
                self.close_block(token)
        return token.kind != "]"

    def _out_of_place(self, token: Token) -> NotationError:
        opener = self.frames[-1].opener
        if opener is not None and token.kind in (")", "‖", "‖₁"):
            return self.never_closed(opener)
        match token.kind:
            case ")":
                fact, instead = ") closes nothing", "remove it, or open a ( before"
            case "," | ";":
                said = "a comma" if token.kind == "," else "a semicolon"
                fact, instead = f"{said} stands outside a call", "write one expression"
            case "=":
                fact = "= stands outside the options of a call"
                instead = "write one expression, with at most one left side, as in y[i] = x[i]"
            case "[" | "]":
                fact, instead = f"{token.text} is out of place", "write indices as in A[i,j]"
            case _:
                fact, instead = f"{token.text} closes nothing", "write ‖x‖, norm1(x) or norm2(x)"
        return self.error(fact, instead, token.span)

    def _space(self, frame: Frame, token: Token) -> None:
        """A space between two factors multiplies; touching factors and two numbers do not."""
        assert self.previous is not None
        left, right = self.previous, token
        shown = f"{self.shown(left.span)}*{self.shown(right.span)}"
        if left.span.end == right.span.start:
            fact = f"no operator stands between {self.shown(left.span)} and {right.text}"
            raise self.error(fact, f"write {shown}", left.span.to(right.span))
        if left.kind == right.kind == "number":
            fact = f"two numbers, {left.text} and {right.text}, follow each other"
            raise self.error(fact, f"write {shown}, or one number", left.span.to(right.span))
        self._operator(frame, Operator("*", LEVEL["*"], Span(left.span.end, right.span.start)))

    def _operator(self, frame: Frame, operator: Operator) -> None:
        # Equal levels associate to the left, except powers.
        bound = operator.level + (operator.level == POWER)
        while frame.operators and frame.operators[-1].level >= bound:
            self.reduce(frame)
        if operator.level == POWER:
            self.deeper(operator.span)
        frame.operators.append(operator)

    def _postfix(self, frame: Frame, token: Token) -> None:
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
        self.count(3)
        frame.values.append(Value(tree, span))

    def _settle_power(self, frame: Frame, token: Token) -> None:
        """`X^2'` is (X^2)'; after any other exponent it is unclear what the postfix acts on."""
        exponent = frame.values[-1]
        if token.kind != "'" or literal(exponent.tree) is None:
            raise self.error(
                f"{token.text} follows an exponent, and may belong to it or to the power",
                "put parentheses around the exponent or around the power",
                exponent.span.to(token.span),
            )
        while frame.pending_power:
            self.reduce(frame)
