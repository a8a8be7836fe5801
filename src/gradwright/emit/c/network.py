"""The C target for networks: functions for each layer kind, and counted loops over the layers."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.calculus.stage import Stage
from gradwright.emit.c.blocks import blocks_of
from gradwright.emit.c.driver import Driver, written
from gradwright.emit.c.function import CFunction, FunctionPrinter
from gradwright.emit.c.memory import Memory
from gradwright.emit.c.routines import SUPPORT, support
from gradwright.emit.numpy import documentation
from gradwright.emit.unpacking import LayerSizes
from gradwright.program.ir import Ref
from gradwright.program.stage import StageProgram, build_stage

HEADER = """/* Forward and backward pass of the network
   {text}
   {note}

   `parameters` is one flat vector: {order}.
   X has one sample in each row, Y one target. Arrays of `work_length(samples)` numbers are
   enough for `work`. With -DDOUBLE_PRECISION all numbers are doubles. */

"""


def network_source(
    stages: Sequence[tuple[Stage, int]],
    layers: Sequence[LayerSizes],
    text: str,
    note: str,
    described: str,
    row_samples: bool = True,
    predicting: Sequence[tuple[Stage, int]] = (),
) -> str:
    """The C source of a network; `described` says what lies where in the flat vector.

    Other arguments are as for the NumPy target.

    Raises:
        UnsupportedError: a layer needs a kernel that the target does not have.
    """
    every = {stage.name: build_stage(stage) for stage, _ in (*stages, *predicting)}
    names, others = (
        [stage.name for stage, count in listed for _ in range(count)]
        for listed in (stages, predicting or stages)
    )
    programs = {name: every[name] for name in dict.fromkeys(names)}
    blocks = list(blocks_of(names, others, every, layers))
    widths = [layers[0].fan_in, *(layer.fan_out for layer in layers)]
    memory = Memory.chosen((f for p in every.values() for f in p.functions), widths)
    functions = {name: _functions(program, memory) for name, program in programs.items()}
    for name, program in every.items():
        if name not in functions:
            functions[name] = {"forward": _forward(program, program.saved[-1:], memory)}
    driver = Driver(
        blocks,
        functions,
        widths,
        row_samples and not memory.samples_innermost,
        memory,
        bool(predicting),
    )
    header = HEADER.format(text=comment(text), note=comment(note), order=comment(described))
    parts = [*SUPPORT]
    parts += ["masks.h"] * any(layer.masks for layer in layers)
    parts += ["codes.h"] * any(layer.codes for layer in layers)
    shared = support(parts)
    texts = [f.text for listed in functions.values() for f in listed.values()]
    return "\n".join([header + shared[0], *shared[1:], "\n\n".join(texts), driver.text()])


def comment(text: str) -> str:
    """Text as it may stand in a comment."""
    return documentation(text).replace("*/", "* /").replace("/*", "/ *")


def _functions(program: StageProgram, memory: Memory) -> dict[str, CFunction]:
    gradients = [name for name in program.gradients if name != "δX"]
    made = {
        "forward": _forward(program, written(program), memory),
        "backward": FunctionPrinter(
            program.backward, [*gradients, "δX"], ["δA"], optional="δX", memory=memory
        ).printed(),
    }
    if program.update is not None:
        made["update"] = FunctionPrinter(
            program.update,
            [o.name for o in program.update.outputs if isinstance(o, Ref)],
            memory=memory,
        ).printed()
    if program.loss is not None:
        made["loss"] = FunctionPrinter(program.loss, (), memory=memory).printed()
    return made


def _forward(program: StageProgram, given: Sequence[str], memory: Memory) -> CFunction:
    return FunctionPrinter(program.forward, given, memory=memory).printed()
