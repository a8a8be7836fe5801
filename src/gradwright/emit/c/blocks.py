"""Where the layers of a network have their numbers: in the vector of parameters and in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from gradwright.calculus.stage import Stage
from gradwright.core.nodes import Size
from gradwright.program.stage import StageProgram


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive layers of one kind and of equal sizes, and where their numbers begin.

    `parameters` counts the parameters of the layers before, `activations` the numbers for each
    sample before the first layer's input, `saved` those before what it saves beside its activation.
    """

    program: StageProgram
    count: int
    fan_in: int
    fan_out: int
    parameters: int
    activations: int
    saved: int

    @property
    def has_bias(self) -> bool:
        """Whether the layers have a bias."""
        return "b" in self.program.forward.inputs

    @property
    def size(self) -> int:
        """The parameters of one layer."""
        return self.fan_in * self.fan_out + self.fan_out * self.has_bias

    @property
    def extra(self) -> dict[str, int]:
        """What a layer saves beside its activation, and where among it, for each sample."""
        found, start = {}, 0
        for name in self.program.saved[:-1]:
            found[name] = start
            start += self.units(self.program.forward.axes[name])
        return found

    @property
    def extra_length(self) -> int:
        """The numbers for each sample that a layer saves beside its activation."""
        axes = self.program.forward.axes
        return sum(self.units(axes[name]) for name in self.program.saved[:-1])

    def units(self, axes: Sequence[Size]) -> int:
        """The numbers for each sample of an array with an axis of samples."""
        known = {"p": self.fan_in, "q": self.fan_out, "n": 1}
        total = 1
        for size in axes:
            total *= known[size] if isinstance(size, str) else size
        return total


def blocks_of(
    stages: Sequence[tuple[Stage, int]], programs: Mapping[str, StageProgram], widths: Sequence[int]
) -> Iterator[Block]:
    """The layers in blocks, first to last."""
    kinds = [stage.name for stage, count in stages for _ in range(count)]
    layers = list(zip(kinds, widths[:-1], widths[1:], strict=True))
    parameters = activations = saved = 0
    for (name, fan_in, fan_out), members in groupby(layers):
        count = sum(1 for _ in members)
        block = Block(programs[name], count, fan_in, fan_out, parameters, activations, saved)
        yield block
        parameters += count * block.size
        activations += fan_in + (count - 1) * fan_out
        saved += count * block.extra_length
