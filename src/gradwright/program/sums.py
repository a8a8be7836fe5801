"""Sums as statements: terms added one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Protocol

from gradwright.core.nodes import Add, Node, Product, Size
from gradwright.program.contraction import aligned
from gradwright.program.ir import Concatenate, Kernel, Map, Operand, Ref, Spread, broadcast
from gradwright.program.structure import concatenated, held_axes, is_constant, only_turned


class Emitter(Protocol):
    """What a sum needs of a builder."""

    def emit(
        self, kernel: Kernel, operands: Iterable[Operand], axes: Sequence[Size], name: str = ""
    ) -> Ref:
        """Append a statement."""

    def value(self, node: Node) -> Operand:
        """The operand that holds a node's value."""

    def shape(self, operand: Operand) -> tuple[Size, ...]:
        """The axes of an operand."""

    def scaled(self, value: Operand, scale: Fraction) -> Operand:
        """A value times a number."""


def sum_of_terms(builder: Emitter, node: Add) -> Operand:
    """Terms added one after the other, positive ones first, products before what spreads."""
    behind = concatenated(node)
    if behind is not None:
        axis, arrays = behind
        return builder.emit(Concatenate(axis), map(builder.value, arrays), node.axes)
    covered = tuple(sorted(set().union(*(held_axes(term) for _, term in node.terms))))
    if len(covered) < node.order:
        return _spread_sum(builder, node, covered)
    terms = []
    for c, term in sorted(node.terms, key=lambda t: len(held_axes(t[1])) < node.order):
        scale, operand = _term(builder, term)
        terms.append((c * scale, operand))
    terms.sort(key=lambda term: (term[0] < 0, isinstance(term[1], Fraction), _spreads(term[1])))
    total: Operand | None = None
    for coefficient, operand in terms:
        if isinstance(operand, Fraction):
            operand, coefficient = coefficient * operand, Fraction(1)
            if total is not None and operand < 0:
                operand, coefficient = -operand, Fraction(-1)
        elif abs(coefficient) != 1:
            scale = abs(coefficient)
            operand = builder.emit(Map("multiply"), (scale, operand), builder.shape(operand))
            coefficient /= scale
        if total is None:
            total = operand
            if coefficient < 0:
                total = builder.emit(Map("negative"), (operand,), builder.shape(operand))
            continue
        operator = "subtract" if coefficient < 0 else "add"
        axes = broadcast(builder.shape(total), builder.shape(operand))
        total = builder.emit(Map(operator), (total, operand), axes)
    assert total is not None
    return total


def _spread_sum(builder: Emitter, node: Add, covered: tuple[int, ...]) -> Operand:
    """A sum whose terms all repeat along some axis: summed first, repeated once."""
    total: Operand | None = None
    for coefficient, term in node.terms:
        assert isinstance(term, Product)
        operand: Operand = Fraction(1)
        if term.factors:
            factor, labels = term.factors[0]
            kept = tuple(term.out[k] for k in covered)
            operand = aligned(builder.value(factor), labels, kept)
        scaled = builder.scaled(operand, coefficient * term.coefficient)
        if total is None:
            total = scaled
            continue
        axes = broadcast(builder.shape(total), builder.shape(scaled))
        total = builder.emit(Map("add"), (total, scaled), axes)
    assert total is not None
    return builder.emit(Spread(tuple(range(node.order)), covered), (total,), node.axes)


def _term(builder: Emitter, term: Node) -> tuple[Fraction, Operand]:
    """(coefficient, operand) of a term; what only repeats or turns is not computed."""
    if isinstance(term, Product):
        if is_constant(term):
            return Fraction(1), term.coefficient
        if only_turned(term):
            factor, labels = term.factors[0]
            return term.coefficient, aligned(builder.value(factor), labels, term.out)
    return Fraction(1), builder.value(term)


def _spreads(operand: Operand) -> bool:
    return isinstance(operand, Ref) and operand.alignment is not None
