"""The calls before a layer that make what its formula is given: dropout masks, and codes."""

from __future__ import annotations

from collections.abc import Callable

from gradwright.emit.c.blocks import Block
from gradwright.emit.c.lines import call_lines
from gradwright.emit.c.memory import Memory
from gradwright.program.stage import StageProgram


def draw_lines(
    block: Block,
    program: StageProgram,
    name: str,
    memory: Memory,
    seed_and_step: tuple[str, str],
    where: Callable[[str], str],
) -> list[str]:
    """The call that draws a mask, or reads the codes of a column of X.

    `where` says where an array lies in layer l of the block, counted from 0 in it.
    """
    layer, place = block.layer, program.drawn.index(name)
    axes = program.forward.axes
    if layer.codes:
        column, count = layer.codes[place]
        steps = ["1", "n"] if memory.is_turned(axes["X"]) else [str(layer.fan_in), "1"]
        listed = ["n", str(column), str(count), *steps, where("X"), where(name)]
        return call_lines("codes", listed)
    rate, units = layer.masks[place]
    number = f"{block.first} + (uint32_t)l" if block.count > 1 else str(block.first)
    steps = ["1", "n"] if memory.is_turned(axes[name]) else [str(units), "1"]
    listed = [*seed_and_step, number, str(place), repr(rate), "n", str(units), *steps]
    return call_lines("dropout_mask", [*listed, where(name)])
