"""The C target for embedded systems: plain C99 over static memory.

The functions of the layers are those of the other C target, printed without vectors. What runs
through the layers calls them with arrays that have a name each: parameters that do not change are
constants, those that train lie in memory, and everything else in one struct. Equal layers behind
each other are calls in a loop over l, their place among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby

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
from gradwright.emit.unpacking import LayerSizes
from gradwright.program.ir import Function
from gradwright.program.needed import needed_for
from gradwright.program.stage import StageProgram


class Part(Struct, frozen=True):
    """A layer in a standalone module, or equal ones behind each other.

    Their parameters move in training where they are `trained`. They `keep` what the way back
    through them needs; the way back ends at the first layer that does, where it `ends`.
    """

    block: Block
    trained: bool
    keeps: bool
    ends: bool

    @property
    def number(self) -> int:
        """The place of the first layer, counted from 1."""
        return self.block.first + 1

    @property
    def last(self) -> int:
        """The place of the last layer."""
        return self.block.first + self.block.count

    @property
    def said(self) -> str:
        """Which layers they are."""
        several = self.last > self.number
        return f"layers {self.number} to {self.last}" if several else f"layer {self.number}"


def parts_of(
    programs: Sequence[tuple[StageProgram, StageProgram]],
    layers: Sequence[LayerSizes],
    trained: Sequence[bool],
) -> Iterator[Part]:
    """The layers, first to last, with a program for training and one for prediction each.

    The last one stands alone, since its program has the loss.
    """
    start = trained.index(True) if True in trained else len(trained)
    described = (
        ((both[0].name, both[1].name), layer, moves, place >= start, place == start)
        for place, (both, layer, moves) in enumerate(zip(programs, layers, trained, strict=True))
    )
    first = 0
    for (_, layer, *flags), members in groupby(described):
        count = sum(1 for _ in members)
        yield Part(Block(*programs[first], first, count, layer, 0, 0, Room(), 0), *flags)
        first += count


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
            where, counted = partial(self._where, part), ("SEED", "ram.steps")
            calls = [
                line
                for name in program.drawn
                for line in draw_lines(block, program, name, self.memory, counted, where)
            ]
            calls += self._call(part, program, function, results)
            lines += _looped(part, calls)
        return lines

    def loss(self) -> list[str]:
        """The call of the last layer's loss."""
        part = self.parts[-1]
        function = part.block.program.loss
        assert function is not None
        call = self._call(part, part.block.program, function, (), "const real value = ")
        return _looped(part, call)

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
            call = self._call(part, program, function, [*results, "δX"])
            lines += _looped(part, call, backward=True)
        return lines

    def state(self) -> list[str]:
        """The calls that make the new state of layers, behind the gradient."""
        lines = []
        for part in self.parts:
            update = part.block.program.update
            if part.trained and update is not None:
                results = [f"{NEXT}{name}" for name in part.block.layer.state]
                lines += _looped(part, self._call(part, part.block.program, update, results))
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
        return call_lines(f"{before}{function.name}", listed)

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
        """Where an array of a layer lies, of layer l where there are several."""
        block, number = part.block, part.number
        letter = name.removeprefix("δ").removeprefix(NEXT)
        for inside, size in (
            (block.parameter(letter), block.size),
            (block.state_part(letter), block.state_size),
        ):
            if inside is not None:
                held = self.parameters if part.trained else "constants"
                base = held if letter == name else "ram.gradient"
                step = f" + l * {size}" if block.count > 1 else ""
                return f"{base} + AT_{plain_name(letter)}{number}{step}"
        if name == block.program.weights:
            return WEIGHTS
        match name:
            case "Y":
                return "Y"
            case "X":
                return self._input(part)
            case "δA":
                return self._adjoint(part, number, block.fan_out)
            case "δX":
                return "NULL" if part.ends else self._adjoint(part, number - 1, block.fan_in)
        if name == block.program.saved[-1]:
            return self._activation(part, "l")
        room = block.room(block.program.forward.axes[name])
        return self._kept(part, plain_name(name), room, f"kept from {part.said}", "l")

    def _input(self, part: Part) -> str:
        """Where the input of a layer lies: what the layer before gives."""
        if part.block.first == 0:
            before = "X"
        else:
            earlier = next(other for other in self.parts if other.last == part.block.first)
            before = self._activation(earlier, f"{earlier.block.count - 1}L")
        if part.block.count == 1:
            return before
        return f"l > 0 ? {self._activation(part, '(l - 1)')} : {before}"

    def _activation(self, part: Part, layer: str) -> str:
        """Where what a layer gives lies; `layer` is its place among those of its part."""
        if part is self.parts[-1]:
            return "A"
        room = Room(per_sample=part.block.fan_out)
        several = part.block.count > 1
        if part.keeps:
            said = f"what {part.said} {'give' if several else 'gives'}"
            return self._kept(part, "A", room, said, layer)
        said = "what layers with an {} number give"
        return self._by_parity("A", room, said, part.number, layer if several else "")

    def _adjoint(self, part: Part, number: int, units: int) -> str:
        """Where the gradient by what a layer gives lies."""
        said = "the gradient by what layers with an {} number give"
        layer = "l" if part.block.count > 1 else ""
        return self._by_parity("dA", Room(per_sample=units), said, number, layer)

    def _kept(self, part: Part, name: str, room: Room, said: str, layer: str) -> str:
        """An array of each layer, behind each other."""
        held = self.ram.member(f"{name}{part.number}", room.times(part.block.count), said)
        if part.block.count == 1:
            return held
        length = f"BATCH * {room.per_sample}" if room.per_sample else str(room.fixed)
        return f"{held} + {layer} * {length}"

    def _by_parity(self, name: str, room: Room, said: str, number: int, layer: str) -> str:
        """One of two arrays that take turns; `number` is that of the layer, or of the first."""
        places = [
            self.ram.member(f"{name}_{parity}", room, said.format(parity))
            for parity in (("even", "odd") if layer else ("odd",) if number % 2 else ("even",))
        ]
        if not layer:
            return places[0]
        return f"({layer} % 2 == {number % 2} ? {places[0]} : {places[1]})"


def _looped(part: Part, calls: Sequence[str], backward: bool = False) -> list[str]:
    """The calls of a layer, in a loop where there are several."""
    said, count = f"/* {part.said} */", part.block.count
    if count == 1:
        return [said, *calls]
    over = f"l = {count} - 1; l >= 0; --l" if backward else f"l = 0; l < {count}; ++l"
    return [said, f"for (long {over}) {{", *(f"    {line}" for line in calls), "}"]
