"""Consecutive layers of one kind: what a derivation says once and code does in a loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from msgspec import Struct
from msgspec.structs import replace

from gradwright.core.nodes import Size
from gradwright.nn.kinds import Kind
from gradwright.nn.layer import Layer
from gradwright.nn.text import LayerGroup


class KindRun(Struct, frozen=True):
    """Consecutive layers of one kind: numbers `first` to `last`, counted from 1.

    `widths` has the units before the first layer and behind each layer; for a symbolic number of
    layers those before the first and behind all of them. `sizes` are numbers for sizes of the kind
    other than those of batch, input and output.
    """

    kind: Kind
    first: Size
    last: Size
    widths: tuple[Size, ...]
    sizes: tuple[tuple[str, int], ...] = ()

    @property
    def count(self) -> int:
        """The number of layers, where it is known."""
        return int(self.last) - int(self.first) + 1


def runs_of(layers: Sequence[Layer], kinds: Sequence[Kind]) -> tuple[KindRun, ...]:
    """Maximal runs of consecutive layers of one kind and of equal further sizes."""
    widths = (layers[0].fan_in, *(layer.fan_out for layer in layers))
    found = []
    first = 1
    more = [layer.more_sizes for layer in layers]
    for (kind, sizes), members in groupby(zip(kinds, more, strict=True)):
        last = first + sum(1 for _ in members) - 1
        found.append(KindRun(kind, first, last, widths[first - 1 : last + 1], sizes))
        first = last + 1
    return tuple(found)


def symbolic_runs(
    groups: Sequence[LayerGroup], layout: str, with_loss: Callable[[Kind], Kind]
) -> tuple[KindRun, ...]:
    """Each group of layers as a run of its own; the last one includes the loss."""
    found: list[KindRun] = []
    done: list[Size] = []
    for group in groups:
        kind = Kind(group.activation, group.options, group.bias, layout=layout)
        if group.layer is not None:
            label = f"layer_{len(found) + 1}"
            kind = replace(kind, formula=group.layer.formula, label=label)
        if group is groups[-1]:
            kind = with_loss(kind)
        repeated = group.count if isinstance(group.count, int) else 1
        widths = (group.fan_in, *[group.fan_out] * repeated)
        first = total([*done, 1])
        done.append(group.count)
        found.append(KindRun(kind, first, total(done), widths))
    return tuple(found)


def total(sizes: Sequence[Size]) -> Size:
    """A sum of sizes: the numbers added up, behind the names."""
    number = sum(size for size in sizes if isinstance(size, int))
    names = [size for size in sizes if isinstance(size, str)]
    if not names:
        return number
    return "+".join([*names, str(number)] if number else names)
