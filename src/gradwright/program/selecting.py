"""Factors that choose places: taken from another factor, or put back into zeros.

Such a factor is 0 or 1 everywhere. It is not multiplied by: where its last label is summed with one
other factor, the chosen places are taken from that one; where its last label is an axis of the
result, what has its other labels is added up at these places. Only what is neither is an array.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gradwright.core.nodes import Labels, Node, OneHot, Size
from gradwright.program.contraction import Tensor
from gradwright.program.ir import Kernel, Operand, Permute, Put, Ref, Take

#: A factor that chooses, and its labels, the last of which is that of the place.
Chooser = tuple[OneHot, Labels]


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


@dataclass(frozen=True, slots=True)
class Chosen:
    """A product whose choosing factors are dealt with.

    `out` are the labels of the contraction that is left; `put` are what is put back after it, in
    order; `rest` are choosing factors that are arrays like any other.
    """

    tensors: list[Tensor]
    out: Labels
    put: list[Chooser]
    rest: list[Chooser]


def choose(
    builder: Emitter, tensors: Sequence[Tensor], choosers: Sequence[Chooser], out: Labels
) -> Chosen:
    """Take from tensors what is chosen, and find what is put back at the end."""
    found = Chosen(list(tensors), out, [], list(choosers))
    while _take_one(builder, found):
        pass
    while (chooser := _to_put(found)) is not None:
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
        if labels.count(whole) > 1 or set(parts) & set(labels) or not isinstance(operand, Ref):
            continue
        axis = labels.index(whole)
        made = builder.shape(operand)
        axes = (*made[:axis], *node.axes[:-1], *made[axis + 1 :])
        taken = builder.emit(Take(axis), (operand, builder.value(node.indices)), axes)
        found.tensors[holders[0]] = (taken, (*labels[:axis], *parts, *labels[axis + 1 :]))
        found.rest.remove(chooser)
        return True
    return False


def _to_put(found: Chosen) -> Chooser | None:
    """A factor whose last label is an axis of the result, and whose others are summed."""
    held = {x for _, labels in found.tensors for x in labels}
    for chooser in found.rest:
        _, (*parts, whole) = chooser
        others = {x for other in found.rest if other is not chooser for x in other[1]}
        summed = not set(parts) & ({*found.out} | others) and len(set(parts)) == len(parts)
        if whole in found.out and whole not in held | others and summed and set(parts) <= held:
            return chooser
    return None


def put_back(
    builder: Emitter,
    held: Labels,
    operand: Operand,
    put: Sequence[Chooser],
    sizes: Mapping[int, Size],
) -> tuple[Labels, Operand]:
    """What is left of a contraction with its entries added up at the chosen places."""
    for node, (*parts, whole) in put:
        place = held.index(parts[0]) if parts else 0
        rest = tuple(x for x in held if x not in parts)
        order = tuple(held.index(x) for x in (*parts, *rest))
        if order != tuple(range(len(held))):
            axes = tuple(sizes[x] for x in (*parts, *rest))
            operand = builder.emit(Permute(order), (operand,), axes)
        axes = (node.axes[-1], *(sizes[x] for x in rest))
        operand = builder.emit(Put(node.axes[-1]), (operand, builder.value(node.indices)), axes)
        held = (whole, *rest)
        wanted = (*rest[:place], whole, *rest[place:])
        if wanted != held:
            order = tuple(held.index(x) for x in wanted)
            operand = builder.emit(Permute(order), (operand,), tuple(sizes[x] for x in wanted))
            held = wanted
    return held, operand
