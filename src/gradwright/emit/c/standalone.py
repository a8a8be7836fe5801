"""The C target for embedded systems: plain C99 over static memory.

The functions of the layers are those of the other C target, printed without vectors. What runs
through the layers calls them with arrays that have a name each: parameters that do not change are
constants, those that train lie in memory, and everything else in one struct.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from msgspec import Struct

from gradwright.calculus.stage import NEXT
from gradwright.emit.buffered import plain_name
from gradwright.emit.c.blocks import Block, Room
from gradwright.emit.c.dialect import SCALAR
from gradwright.emit.c.drawing import draw_lines
from gradwright.emit.c.driver import written
from gradwright.emit.c.function import CFunction, FunctionPrinter, sizes_of
from gradwright.emit.c.lines import call_lines
from gradwright.emit.c.memory import SAMPLES, Memory
from gradwright.emit.c.static_memory import StaticMemory
from gradwright.emit.driver import WEIGHTS
from gradwright.program.ir import Function
from gradwright.program.needed import needed_for
from gradwright.program.stage import StageProgram


class Part(Struct, frozen=True):
    """A layer in a standalone module.

    Its parameters move in training where it is `trained`. It `keeps` what the way back through it
    needs; the way back ends at the first layer that does, where `ends`.
    """

    block: Block
    trained: bool
    keeps: bool
    ends: bool

    @property
    def number(self) -> int:
        """Its place, counted from 1."""
        return self.block.first + 1


def parts_of(blocks: Sequence[Block], trained: Sequence[bool]) -> list[Part]:
    """The layers, of which some are trained; the way back ends at the first of those."""
    first = trained.index(True) if True in trained else len(trained)
    return [
        Part(block, moves, place >= first, place == first)
        for place, (block, moves) in enumerate(zip(blocks, trained, strict=True))
    ]


class Passes:
    """The calls that run through the layers, the functions that they call, and their memory."""

    def __init__(
        self,
        parts: Sequence[Part],
        memory: Memory,
        ram: StaticMemory,
        formulas: Mapping[str, Sequence[str]],
        parameters: str,
    ) -> None:
        self.parts = parts
        self.memory = memory
        self.ram = ram
        self.formulas = formulas
        self.parameters = parameters
        self.functions: dict[str, CFunction] = {}

    # The calls ----------------------------------------------------------------------------------

    def forward(self, training: bool) -> list[str]:
        """The calls from the first layer to the last, in training or in prediction."""
        lines = []
        for part in self.parts:
            block = part.block
            program = block.program if training else block.predicting
            keeps = part.keeps and program is block.program
            function, results = program.forward, written(program)
            if not keeps and results != [program.saved[-1]]:
                results = [program.saved[-1]]
                function = needed_for(function, f"{program.name}_outputs", results)
            for name in program.drawn:
                counted = "SEED", "ram.steps"
                where = partial(self._where, part)
                lines += draw_lines(block, program, name, self.memory, counted, where)
            lines += self._call(part, program, function, results)
        return lines

    def loss(self) -> list[str]:
        """The call of the last layer's loss."""
        part = self.parts[-1]
        function = part.block.program.loss
        assert function is not None
        return self._call(part, part.block.program, function, (), "const real value = ")

    def backward(self) -> list[str]:
        """The calls from the last layer to the first that is trained."""
        lines = []
        for part in reversed([part for part in self.parts if part.keeps]):
            program = part.block.program
            function = program.backward
            results = [name for name in program.gradients if name != "δX"]
            if not part.trained and results:
                results = []
                function = needed_for(function, f"{program.name}_through", ["δX"])
            lines += self._call(part, program, function, [*results, "δX"])
        return lines

    def state(self) -> list[str]:
        """The calls that make the new state of layers, behind the gradient."""
        lines = []
        for part in self.parts:
            update = part.block.program.update
            if part.trained and update is not None:
                results = [f"{NEXT}{name}" for name in part.block.layer.state]
                lines += self._call(part, part.block.program, update, results)
        return lines

    def _call(
        self,
        part: Part,
        program: StageProgram,
        function: Function,
        results: Sequence[str],
        before: str = "",
    ) -> list[str]:
        made = self._printed(program, function, results)
        listed = [self._size(part, size) for size in sizes_of(function)]
        listed += [self._where(part, name) for name in (*function.inputs, *results)]
        if made.scratch:
            room = sum((part.block.room(axes) for axes in made.scratch), Room())
            listed.append(self.ram.member("scratch", room, "for one function at a time"))
        return [f"/* layer {part.number} */", *call_lines(f"{before}{function.name}", listed)]

    def _size(self, part: Part, size: str) -> str:
        if size == SAMPLES:
            return size
        units = {"p": (part.number - 1, part.block.fan_in), "q": (part.number, part.block.fan_out)}
        length = part.block.layer.sizes.length(size)
        number, known = units.get(size, (0, None))
        return f"UNITS_{number}" if length == known else str(length)

    def _printed(
        self, program: StageProgram, function: Function, results: Sequence[str]
    ) -> CFunction:
        if function.name not in self.functions:
            backward = "δX" in results
            found = self.formulas.get(program.name, ())
            shown = [
                f
                for f in found
                if f.split(" = ")[0] in function.axes and f.startswith("δ") == backward
            ]
            shown += program.remarks if backward else ()
            if function is program.loss:
                shown = ["The loss of a batch."]
            self.functions[function.name] = FunctionPrinter(
                function,
                results,
                ["δA"] if backward else [],
                "δX" if backward else None,
                self.memory,
                SCALAR,
                [formula.replace("δ", "d") for formula in shown],
            ).printed()
        return self.functions[function.name]

    # Where arrays lie ---------------------------------------------------------------------------

    def _where(self, part: Part, name: str) -> str:
        """Where an array of a layer lies."""
        block, number = part.block, part.number
        letter = name.removeprefix("δ").removeprefix(NEXT)
        if block.parameter(letter) is not None or block.state_part(letter) is not None:
            changed = letter != name
            held = self.parameters if part.trained else "constants"
            base = "ram.gradient" if changed else held
            return f"{base} + AT_{plain_name(letter)}{number}"
        if name == block.program.weights:
            return WEIGHTS
        match name:
            case "Y":
                return "Y"
            case "X" if block.first == 0:
                return "X"
            case "X":
                before = self.parts[block.first - 1]
                return self._where(before, before.block.program.saved[-1])
            case "δA":
                return self._adjoint(number, block.fan_out)
            case "δX":
                return "NULL" if part.ends else self._adjoint(number - 1, block.fan_in)
        if name == block.program.saved[-1]:
            return self._activation(part)
        room = block.room(block.program.forward.axes[name])
        return self.ram.member(f"{plain_name(name)}{number}", room, f"kept from layer {number}")

    def _activation(self, part: Part) -> str:
        room = Room(per_sample=part.block.fan_out)
        if part is self.parts[-1]:
            return "A"
        if part.keeps:
            return self.ram.member(f"A{part.number}", room, f"what layer {part.number} gives")
        parity = "odd" if part.number % 2 else "even"
        return self.ram.member(f"A_{parity}", room, f"what layers with an {parity} number give")

    def _adjoint(self, number: int, units: int) -> str:
        parity = "odd" if number % 2 else "even"
        said = f"the gradient by what layers with an {parity} number give"
        return self.ram.member(f"dA_{parity}", Room(per_sample=units), said)
