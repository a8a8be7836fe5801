"""From what has been read to trees: operators reduced, brackets closed."""

from __future__ import annotations

from gradwright.errors import Span
from gradwright.notation.blocks import block
from gradwright.notation.frames import POWER, Frame, Value
from gradwright.notation.lexer import Token
from gradwright.notation.reader import Reader
from gradwright.notation.tree import (
    BINDERS,
    Binary,
    Call,
    IndexSum,
    Negate,
    Tree,
)

_NAMED = {"σ": "sigmoid"}


class Builder(Reader):
    """A reader with the brackets that are open, the last of them innermost."""

    def __init__(self, text: str, start: int = 0) -> None:
        super().__init__(text, start)
        self.frames = [Frame()]

    def push(self, tree: Tree, span: Span) -> None:
        """One more operand of the innermost bracket."""
        self.count(1)
        self.frames[-1].values.append(Value(tree, span))

    def reduce(self, frame: Frame) -> None:
        """The last operator of a bracket takes its operands."""
        operator = frame.operators.pop()
        self.count(1)
        right = frame.values.pop()
        if operator.is_prefix:
            self.depth -= 1
            span = operator.span.to(right.span)
            made: Tree = Negate(right.tree, span)
            if operator.bound:
                made = IndexSum(operator.bound, right.tree, span)
            frame.values.append(Value(made, span))
            return
        self.depth -= operator.level == POWER
        left = frame.values.pop()
        span = left.span.to(right.span)
        if operator.sign == "⊗":
            frame.values.append(Value(Call("kron", (left.tree, right.tree), (), span), span))
        else:
            tree = Binary(operator.sign, left.tree, right.tree, span)
            frame.values.append(Value(tree, span))

    def finish(self, frame: Frame) -> Value:
        """What a bracket holds, as one tree."""
        while frame.operators:
            self.reduce(frame)
        (value,) = frame.values
        return value

    def leave(self) -> Value:
        """What the innermost bracket holds, which is closed."""
        value = self.finish(self.frames.pop())
        self.depth -= 1
        return value

    def argument(self, frame: Frame) -> None:
        """One more argument of a call, or one more part of a block matrix."""
        value = self.finish(frame)
        frame.values.clear()
        if frame.options:
            raise self.error(
                f"an argument follows the option {next(iter(frame.options))}",
                "write the options last",
                value.span,
            )
        frame.arguments.append(value.tree)

    def close_call(self, token: Token) -> None:
        """The call whose parenthesis closes."""
        frame = self.frames[-1]
        assert frame.function is not None
        if frame.values:
            self.argument(frame)
        self.frames.pop()
        self.depth -= 1
        name = _NAMED.get(frame.function.text, frame.function.text)
        span = frame.function.span.to(token.span)
        if frame.bound:
            if len(frame.arguments) != 1 or frame.options:
                fact = f"{name} takes one expression and {len(frame.arguments)} are given"
                raise self.error(fact, f"write {name}[i,j](A[i,j])", span)
            self.push(BINDERS[name](frame.bound, frame.arguments[0], span), span)
            return
        options = tuple(frame.options.items())
        self.push(Call(name, tuple(frame.arguments), options, span), span)

    def close_norm(self, token: Token) -> None:
        """The norm whose sign closes."""
        frame = self.frames[-1]
        assert frame.opener is not None
        inner = self.leave()
        span = frame.opener.span.to(token.span)
        name = "norm1" if token.kind == "‖₁" else "norm2"
        self.push(Call(name, (inner.tree,), (), span), span)

    def end_row(self, token: Token) -> None:
        """A row of a block matrix ends; it has as many parts as the first."""
        frame = self.frames[-1]
        assert frame.opener is not None
        self.argument(frame)
        count = len(frame.arguments) - frame.rows * frame.columns
        frame.columns = frame.columns or count
        frame.rows += 1
        if count != frame.columns:
            fact = (
                f"row 1 of the block matrix has {_parts(frame.columns)} and row {frame.rows} has "
                f"{_parts(count)}"
            )
            instead = "give every row as many parts; 0 stands for a part of zeros"
            raise self.error(fact, instead, frame.opener.span.to(token.span))

    def close_block(self, token: Token) -> None:
        """The block matrix whose bracket closes."""
        self.end_row(token)
        frame = self.frames.pop()
        assert frame.opener is not None
        self.depth -= 1
        span = frame.opener.span.to(token.span)
        if len(frame.arguments) == 1:
            fact = "one part stands alone in [ ], and a block matrix has several"
            raise self.error(fact, "write it in ( )", span)
        self.push(block(frame.arguments, frame.columns, span), span)


def _parts(count: int) -> str:
    return f"{count} part{'s' if count > 1 else ''}"
