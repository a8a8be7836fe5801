"""Sums as statements: terms added one after the other."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from fractions import Fraction
from typing import Protocol

from msgspec.structs import replace

from gradwright.core.behind import concatenated
from gradwright.core.nodes import Add, Labels, Node, Product, Size
from gradwright.program.contraction import aligned
from gradwright.program.ir import AddTied, Concatenate, Kernel, Map, Operand, Ref, Spread, broadcast
from gradwright.program.structure import (
    held_axes,
    is_constant,
    is_opened,
    is_scaled_by_parts,
    only_turned,
)


class Emitter(Protocol):
    """What a sum needs of a builder."""

    def emit(
        self, kernel: Kernel, operands: Iterable[Operand], axes: Sequence[Size], name: str = ""
    ) -> Ref:
        """Append a statement."""

    def value(self, node: Node) -> Operand:
        """The operand that holds a node's value."""

    @property
    def once(self) -> Container[Node]:
        """The nodes that are used in one place."""

    @property
    def values(self) -> Container[Node]:
        """The nodes whose values are there."""

    def product(self, node: Product) -> Operand:
        """The value of a product that need not be a node."""

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
    tied = [(c, term) for c, term in node.terms if _is_tied(term)]
    if len(tied) == len(node.terms):
        tied = []
    terms = []
    for c, term in sorted(node.terms, key=lambda t: len(held_axes(t[1])) < node.order):
        if (c, term) not in tied:
            terms.append(_term(builder, c, term))
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
    for c, term in tied:
        total = _with_tied(builder, total, c, term)
    return total


def _is_tied(term: Node) -> bool:
    """Whether a term is 0 off a diagonal; a matrix with one diagonal is left to `Spread`."""
    return isinstance(term, Product) and len(set(term.out)) < term.order > 2


def _with_tied(builder: Emitter, total: Operand, coefficient: Fraction, term: Node) -> Operand:
    """A total with a term added on its diagonals alone."""
    assert isinstance(term, Product)
    axes = broadcast(builder.shape(total), term.axes)
    if builder.shape(total) != axes or term in builder.values:
        scaled = builder.scaled(builder.value(term), coefficient)
        return builder.emit(Map("add"), (total, scaled), axes)
    held, small = _without_repeats(builder, term, coefficient * term.coefficient)
    return builder.emit(AddTied(term.out, held), (total, small), axes)


def _without_repeats(
    builder: Emitter, term: Product, coefficient: Fraction
) -> tuple[Labels, Operand]:
    """A term along the labels that its factors have, each once; and these labels."""
    held = {x for _, labels in term.factors for x in labels}
    sizes = dict(zip(term.out, term.axes, strict=True))
    out = tuple(x for x in dict.fromkeys(term.out) if x in held)
    axes = tuple(sizes[x] for x in out)
    return out, builder.product(replace(term, axes=axes, out=out, coefficient=coefficient))


def _spread_sum(builder: Emitter, node: Add, covered: tuple[int, ...]) -> Operand:
    """A sum whose terms all repeat along some axis: summed first, repeated once."""
    total: Operand | None = None
    for coefficient, term in node.terms:
        assert isinstance(term, Product)
        scaled = _narrowed(builder, coefficient, term, covered)
        if total is None:
            total = scaled
            continue
        axes = broadcast(builder.shape(total), builder.shape(scaled))
        total = builder.emit(Map("add"), (total, scaled), axes)
    assert total is not None
    return builder.emit(Spread(tuple(range(node.order)), covered), (total,), node.axes)


def _narrowed(
    builder: Emitter, coefficient: Fraction, term: Product, covered: Sequence[int]
) -> Operand:
    """A scaled term on some of its axes; along the others it is repeated."""
    scale = coefficient * term.coefficient
    kept = tuple(term.out[k] for k in covered)
    if is_constant(term):
        return scale
    if only_turned(term):
        factor, labels = term.factors[0]
        return builder.scaled(aligned(builder.value(factor), labels, kept), scale)
    if len(set(kept)) < len(kept):
        axes = tuple(term.axes[k] for k in covered)
        return builder.product(replace(term, axes=axes, out=kept, coefficient=scale))
    labels, operand = _without_repeats(builder, term, scale)
    return aligned(operand, labels, kept)


def _term(builder: Emitter, c: Fraction, term: Node) -> tuple[Fraction, Operand]:
    """(coefficient, operand) of a term; what only repeats or turns is not computed."""
    if isinstance(term, Product):
        if is_constant(term):
            return c, term.coefficient
        if only_turned(term):
            factor, labels = term.factors[0]
            return c * term.coefficient, aligned(builder.value(factor), labels, term.out)
        tied = len(set(term.out)) < term.order
        if is_opened(c, term) and not tied and term not in builder.values:
            scaled = term in builder.once and is_scaled_by_parts(term)
            by = abs(c) if scaled else Fraction(1)
            labels, operand = _without_repeats(builder, term, by * term.coefficient)
            return c / by, aligned(operand, labels, term.out)
    return c, builder.value(term)


def _spreads(operand: Operand) -> bool:
    return isinstance(operand, Ref) and operand.alignment is not None
