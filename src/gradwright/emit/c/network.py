"""The C target for networks: functions for each layer kind, and counted loops over the layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gradwright.calculus.stage import Stage
from gradwright.emit.c.blocks import blocks_of
from gradwright.emit.c.calls import LARGE
from gradwright.emit.c.driver import Driver, written
from gradwright.emit.c.function import CFunction, FunctionPrinter
from gradwright.emit.c.memory import Memory
from gradwright.emit.numpy import documentation
from gradwright.emit.unpacking import LayerSizes
from gradwright.program.ir import Ref
from gradwright.program.stage import StageProgram, build_stage

#: The parts of every module that are the same, in their order.
SUPPORT = (
    *("prologue.h", "library.h", "elementary.h", "functions.h", "lanes.h", "routines.h"),
    *("threads.h", "products.h", "rows.h", "columns.h"),
)

#: What is compiled apart from it, and what that needs.
ROUTINES = ("prologue.h", "lanes.h", "routines.h", "threads.h", "products.h")

#: What tells a module that its routines are compiled apart.
APART = "ROUTINES_APART"

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
    support = _support(parts)
    texts = [f.text for listed in functions.values() for f in listed.values()]
    return "\n".join([header + support[0], *support[1:], "\n\n".join(texts), driver.text()])


def routines_source() -> str:
    """The source of the object that modules compiled with `APART` are linked with."""
    return "\n".join(['#define ROUTINE __attribute__((visibility("hidden")))', *_support(ROUTINES)])


def _support(parts: Sequence[str]) -> list[str]:
    support = [Path(__file__).with_name(name).read_text("utf-8") for name in parts]
    support[0] += f"\n#define LARGE {LARGE}.0\n"
    return support


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
