"""Where the layers of a network have their numbers: in the vector of parameters and in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from math import prod

from msgspec import Struct

from gradwright.core.nodes import Size
from gradwright.emit.c.memory import SAMPLES
from gradwright.emit.unpacking import LayerSizes, Shapes
from gradwright.errors import UnsupportedError
from gradwright.program.stage import StageProgram


class Room(Struct, frozen=True):
    """A number of entries: so many for each sample, and so many besides."""

    per_sample: int = 0
    fixed: int = 0

    def __add__(self, other: Room) -> Room:
        return Room(self.per_sample + other.per_sample, self.fixed + other.fixed)

    def times(self, count: int) -> Room:
        """So many of it."""
        return Room(count * self.per_sample, count * self.fixed)

    def text(self) -> str:
        """As an expression of C in the number n of samples."""
        parts = [f"{self.per_sample} * n"] if self.per_sample else []
        parts += [str(self.fixed)] if self.fixed or not parts else []
        return " + ".join(parts)


class Block(Struct, frozen=True):
    """Consecutive layers of one kind and of equal sizes, and where their numbers begin.

    `parameters` counts the parameters of the layers before, `activations` the numbers for each
    sample before the first layer's input, `saved` the room before what it saves beside its
    activation, `state` the numbers of state before theirs, `first` is the place of the first layer,
    counted from 0. `predicting` is the program
    for prediction, which may be the same.
    """

    program: StageProgram
    predicting: StageProgram
    first: int
    count: int
    layer: LayerSizes
    parameters: int
    activations: int
    saved: Room
    state: int

    @property
    def fan_in(self) -> int:
        """The units before a layer."""
        return self.layer.fan_in

    @property
    def fan_out(self) -> int:
        """The units behind a layer."""
        return self.layer.fan_out

    @property
    def size(self) -> int:
        """The parameters of one layer."""
        return sum(map(prod, self.layer.shapes.values()))

    def parameter(self, letter: str) -> int | None:
        """Where a parameter begins among those of its layer; None for anything else."""
        return _start(self.layer.shapes, letter)

    @property
    def state_size(self) -> int:
        """The numbers that one layer carries from step to step."""
        return sum(map(prod, self.layer.state.values()))

    def state_part(self, letter: str) -> int | None:
        """Where a part of the state begins in that of its layer; None for anything else."""
        return _start(self.layer.state, letter)

    def extra(self, name: str) -> Room:
        """The room in a layer before what it saves of a name."""
        before = self.program.saved[: self.program.saved.index(name)]
        return self._room_of(before)

    @property
    def extra_room(self) -> Room:
        """The room for what a layer saves beside its activation."""
        return self._room_of(self.program.saved[:-1])

    def _room_of(self, names: Sequence[str]) -> Room:
        return sum((self.room(self.program.forward.axes[name]) for name in names), Room())

    def room(self, axes: Sequence[Size]) -> Room:
        """The room for an array.

        Raises:
            UnsupportedError: it has an entry for each pair of samples.
        """
        total = prod(self.layer.sizes.length(size) for size in axes if size != SAMPLES)
        match axes.count(SAMPLES):
            case 0:
                return Room(fixed=total)
            case 1:
                return Room(per_sample=total)
        raise UnsupportedError(
            "the target c",
            "a layer needs an array with an entry for each pair of samples, and the memory of the "
            "emitted code grows with the number of samples only",
            'use target="numpy"',
        )


def _start(shapes: Shapes, letter: str) -> int | None:
    start = 0
    for name, shape in shapes.items():
        if name == letter:
            return start
        start += prod(shape)
    return None


def blocks_of(
    stages: Sequence[str],
    predicting: Sequence[str],
    programs: Mapping[str, StageProgram],
    layers: Sequence[LayerSizes],
) -> Iterator[Block]:
    """The layers in blocks, first to last; `stages` has the name of each layer's stage."""
    first = parameters = activations = state = 0
    saved = Room()
    for key, members in groupby(zip(stages, predicting, layers, strict=True)):
        name, other, layer = key
        count = sum(1 for _ in members)
        both = programs[name], programs[other]
        block = Block(*both, first, count, layer, parameters, activations, saved, state)
        yield block
        first += count
        parameters += count * block.size
        activations += block.fan_in + (count - 1) * block.fan_out
        saved += block.extra_room.times(count)
        state += count * block.state_size
