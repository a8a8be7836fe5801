"""Which routine makes each matrix product of a network in C, and why."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from gradwright.calculus.pullback import adjoint_name
from gradwright.calculus.stage import Stage
from gradwright.core.nodes import Size
from gradwright.emit.c.blocks import blocks_of
from gradwright.emit.c.calls import Product, product_of
from gradwright.emit.c.entries import as_sum
from gradwright.emit.c.fusion import without
from gradwright.emit.c.memory import NARROW, SAMPLES, Memory
from gradwright.emit.c.routines import LARGE
from gradwright.emit.c.standalone import Part
from gradwright.emit.unpacking import LayerSizes
from gradwright.program.ir import MatMul
from gradwright.program.needed import needed_for
from gradwright.program.stage import build_stage


class KernelChoice(Struct, frozen=True):
    """One product of the layers `first` to `last`, counted from 1.

    `sizes` are rows and columns of the result in memory and what is summed over; `blas_from` is the
    number of samples from which on BLAS makes it where there is one, 0 for always and None for
    never.
    """

    first: int
    last: int
    function: str
    product: str
    sizes: tuple[str, str, str]
    kernel: str
    why: str
    blas_from: int | None

    def line(self) -> str:
        """In one line."""
        blas = {None: "never BLAS", 0: "BLAS where there is one"}.get(
            self.blas_from, f"BLAS from {self.blas_from} samples on"
        )
        rows, columns, inner = self.sizes
        return f"{self.product}, {rows} × {columns} over {inner}: {self.kernel}, {self.why}; {blas}"


class Kernels(Struct, frozen=True):
    """The order of arrays in memory, why it is that, and the choice for each product."""

    memory: str
    why: str
    products: tuple[KernelChoice, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "products": [asdict(choice) for choice in self.products]}

    def text(self) -> str:
        """As lines, layer by layer."""
        lines = [f"{self.memory}: {self.why}"]
        before = None
        for choice in self.products:
            place = (choice.first, choice.last, choice.function)
            if place != before:
                several = f"s {choice.first} to {choice.last}" if choice.last > choice.first else ""
                lines.append(f"layer{several or f' {choice.first}'}, {choice.function}")
                before = place
            lines.append(f"  {choice.line()}")
        return "\n".join(lines)


def chosen_kernels(stages: Sequence[tuple[Stage, int]], layers: Sequence[LayerSizes]) -> Kernels:
    """What `network_source` makes of the same arguments."""
    programs = {stage.name: build_stage(stage) for stage, _ in stages}
    names = [stage.name for stage, count in stages for _ in range(count)]
    widths = [layers[0].fan_in, *(layer.fan_out for layer in layers)]
    memory = Memory.chosen((f for p in programs.values() for f in p.functions), widths)
    found: list[KernelChoice] = []
    first = 1
    for block in blocks_of(names, names, programs, layers):
        last = first + block.count - 1
        for part, function in zip(("forward", "backward"), block.program.passes, strict=True):
            # The gradient of the network's inputs is not made.
            unused = adjoint_name("X") if part == "backward" and last == 1 else None
            for statement in without(function, unused)[0]:
                if isinstance(as_sum(statement, function.axes).kernel, MatMul):
                    made = product_of(statement, function.axes, memory)
                    found.append(_choice(first, last, part, made, block.layer))
        first = last + 1
    return Kernels(*_memory(memory, widths), tuple(found))


def standalone_kernels(parts: Sequence[Part], memory: Memory, trains: bool) -> Kernels:
    """What a standalone module makes of its layers; the way back only where something trains."""
    found: list[KernelChoice] = []
    for part in parts:
        program = part.block.program
        functions = [("forward", program.forward if trains else part.block.predicting.forward)]
        if trains and part.keeps:
            wanted = [x for x in program.gradients if part.trained and x != adjoint_name("X")]
            wanted += [adjoint_name("X")] * (not part.ends)
            functions.append(("backward", needed_for(program.backward, "", wanted)))
        for name, function in functions:
            for statement in function.statements:
                if isinstance(as_sum(statement, function.axes).kernel, MatMul):
                    made = product_of(statement, function.axes, memory)
                    choice = _choice(part.number, part.last, name, made, part.block.layer)
                    found.append(replace(choice, kernel="loops", why=PLAIN, blas_from=None))
    first = "samples outermost" if memory.samples_outermost else "axes in the order of the layout"
    return Kernels(first, "every kernel is plain C99, for any machine", tuple(found))


#: Why a standalone module has no others.
PLAIN = "three counted loops without vectors"


def _memory(memory: Memory, widths: Sequence[int]) -> tuple[str, str]:
    widest = max(widths)
    if memory.samples_innermost:
        why = f"no layer is wider than {NARROW}, the widest has {widest} units"
        return "samples innermost", f"{why}, so vectors are filled by samples"
    if widest > NARROW:
        why = f"a layer has {widest} units, more than {NARROW}"
        return "axes in the order of the layout", f"{why}, so rows fill vectors"
    why = "an operation on rows has an array of more than two axes"
    return "axes in the order of the layout", why


def _choice(first: int, last: int, part: str, made: Product, layer: LayerSizes) -> KernelChoice:
    def length(size: Size) -> str:
        return SAMPLES if size == SAMPLES else str(layer.sizes.length(size))

    axes = (made.rows, made.columns, made.inner)
    sizes = length(made.rows), length(made.columns), length(made.inner)
    fixed = prod(layer.sizes.length(size) for size in axes if size != SAMPLES)
    blas: int | None = -(-LARGE // fixed)
    if SAMPLES not in axes:
        blas = 0 if fixed >= LARGE else None
    kernel, why = "blocks", "rows by two vectors of columns stay in registers"
    if made.turned:
        kernel, why = "blocks", "what is right is turned a strip at a time"
    if made.sums_along_rows:
        why = "what is right is turned; below two vectors of columns inner products of rows"
    return KernelChoice(first, last, part, made.text, sizes, kernel, why, blas)
