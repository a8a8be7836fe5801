"""Factors that choose places: taken from another factor, or put back into zeros.

Such a factor is 0 or 1 everywhere. It is not multiplied by: where its last label is summed with one
other factor, the chosen places are taken from that one; where its last label is an axis of the
result, what has its other labels is put at these places. Only what is neither is an array.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from gradwright.core.nodes import Labels, Node, OneHot, Select, Size, Unit
from gradwright.core.sizes import plus
from gradwright.program.contraction import Tensor
from gradwright.program.ir import (
    Cut,
    Kernel,
    Operand,
    Pad,
    Permute,
    Pick,
    Place,
    Put,
    Ref,
    Reshape,
    Take,
)

#: A factor that chooses, and its labels, the last of which is that of the place.
Chooser = tuple[OneHot | Select | Unit, Labels]


class Emitter(Protocol):
    """What choosing needs of a builder."""

    def emit(
        self, kernel: Kernel, operands: Iterable[Operand], axes: Sequence[Size], name: str = ""
    ) -> Ref:
        """Append a statement."""

    def value(self, node: Node) -> Operand:
        """The operand that holds a node's value."""

    def shape(self, operand: Operand) -> tuple[Size, ...]:
        """The axes of an operand."""


class Chosen(Struct, frozen=True):
    """A product whose choosing factors are dealt with.

    `out` are the labels of the contraction that is left; `put` are what is put back after it, in
    order; `rest` are choosing factors that are arrays like any other.
    """

    tensors: list[Tensor]
    out: Labels
    put: list[Chooser]
    rest: list[Chooser]


def choose(
    builder: Emitter,
    tensors: Sequence[Tensor],
    choosers: Sequence[Chooser],
    out: Labels,
    scalars: bool = False,
) -> Chosen:
    """Take from tensors what is chosen, and find what is put back at the end.

    `scalars` says that numbers that are computed multiply the tensors.
    """
    found = Chosen(list(tensors), out, [], list(choosers))
    while _take_one(builder, found):
        pass
    while (chooser := _to_put(found, scalars)) is not None:
        _, labels = chooser
        found.rest.remove(chooser)
        found.put.insert(0, chooser)
        place = found.out.index(labels[-1])
        changed = (*found.out[:place], *labels[:-1], *found.out[place + 1 :])
        found = Chosen(found.tensors, changed, found.put, found.rest)
    return found


def _take_one(builder: Emitter, found: Chosen) -> bool:
    """Let one factor choose from the one tensor that has its last label."""
    for chooser in found.rest:
        node, (*parts, whole) = chooser
        holders = [k for k, (_, labels) in enumerate(found.tensors) if whole in labels]
        others = {x for other in found.rest if other is not chooser for x in other[1]}
        if len(holders) != 1 or whole in found.out or whole in others:
            continue
        operand, labels = found.tensors[holders[0]]
        distinct = len(set(parts)) == len(parts) and labels.count(whole) == 1
        if not distinct or set(parts) & set(labels) or not isinstance(operand, Ref):
            continue
        axis = labels.index(whole)
        taken = _taken(builder, node, operand, axis)
        found.tensors[holders[0]] = (taken, (*labels[:axis], *parts, *labels[axis + 1 :]))
        found.rest.remove(chooser)
        return True
    return False


def _taken(builder: Emitter, node: OneHot | Select | Unit, operand: Operand, axis: int) -> Ref:
    """An operand with the axes of a factor in the place of one that it chooses from."""
    made = builder.shape(operand)
    axes = (*made[:axis], *node.axes[:-1], *made[axis + 1 :])
    if isinstance(node, Unit):
        return builder.emit(Pick(axis, node.place), (operand,), axes)
    if isinstance(node, OneHot):
        return builder.emit(Take(axis), (operand, builder.value(node.indices)), axes)
    if len(node.steps) == 1:
        stop = plus(node.start, node.axes[0])
        return builder.emit(Cut(axis, node.start, stop), (operand,), axes)
    return builder.emit(Reshape(), (operand,), axes)


def _to_put(found: Chosen, scalars: bool) -> Chooser | None:
    """A factor whose last label is an axis of the result, and whose others are summed."""
    held = {x for _, labels in found.tensors for x in labels}
    for chooser in found.rest:
        _, (*parts, whole) = chooser
        others = {x for other in found.rest if other is not chooser for x in other[1]}
        summed = not set(parts) & ({*found.out} | others) and len(set(parts)) == len(parts)
        # A unit vector alone is the array that it is.
        fits = set(parts) <= held and (scalars or bool(found.tensors))
        if whole in found.out and whole not in held | others and summed and fits:
            return chooser
    return None


def put_back(
    builder: Emitter,
    held: Labels,
    operand: Operand,
    put: Sequence[Chooser],
    sizes: Mapping[int, Size],
    out: Labels,
) -> tuple[Labels, Operand]:
    """What is left of a contraction with its entries put at the chosen places.

    `out` are the labels of the result in order.
    """

    def permuted(operand: Operand, held: Labels, wanted: Labels) -> Operand:
        if held == wanted:
            return operand
        order = tuple(held.index(x) for x in wanted)
        return builder.emit(Permute(order), (operand,), tuple(sizes[x] for x in wanted))

    for node, (*parts, whole) in put:
        if isinstance(node, Unit):
            place = sum(1 for x in held if x in out and out.index(x) < out.index(whole))
            held = (*held[:place], whole, *held[place:])
            kernel: Kernel = Place(place, node.place, node.axes[0])
            operand = builder.emit(kernel, (operand,), tuple(sizes[x] for x in held))
            continue
        place = held.index(parts[0])
        rest = tuple(x for x in held if x not in parts)
        wanted = (*rest[:place], whole, *rest[place:])
        axes = tuple(sizes[x] for x in wanted)
        if isinstance(node, OneHot):
            operand = permuted(operand, held, (*parts, *rest))
            first = (node.axes[-1], *(sizes[x] for x in rest))
            kernel = Put(node.axes[-1])
            operand = builder.emit(kernel, (operand, builder.value(node.indices)), first)
            operand = permuted(operand, (whole, *rest), wanted)
        else:
            operand = permuted(operand, held, (*rest[:place], *parts, *rest[place:]))
            split = len(node.steps) > 1
            pad = Pad(place, node.start, node.axes[-1])
            operand = builder.emit(Reshape() if split else pad, (operand,), axes)
        held = wanted
    return held, operand
