"""A standalone module: header and source of a network in plain C99 over static memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.calculus.stage import Stage
from gradwright.emit.buffered import plain_name
from gradwright.emit.c import standalone_text as text
from gradwright.emit.c.blocks import Room
from gradwright.emit.c.budget import Budget
from gradwright.emit.c.descent import update_source
from gradwright.emit.c.dialect import SCALAR
from gradwright.emit.c.lines import call_lines, indented
from gradwright.emit.c.memory import ROWS, Memory
from gradwright.emit.c.network import comment
from gradwright.emit.c.standalone import Passes, parts_of
from gradwright.emit.c.static_memory import StaticMemory
from gradwright.emit.c.support import LIBRARY, needed_parts, support_texts
from gradwright.emit.driver import WEIGHTS
from gradwright.emit.unpacking import LayerSizes
from gradwright.program.stage import build_stage
from gradwright.program.update import RATE, STEPS, Update

#: The support files, in their order; what stands in an earlier one holds.
SUPPORT = ("library.h", "scalar.h", "elementary.h", "functions.h", "rows.h", "masks.h", "codes.h")

#: Numbers in a line of a table.
IN_LINE = 6


class Training(Struct, frozen=True):
    """A step of training: by an update with these settings, of at most so many samples.

    `least` is the fewest that a step can have; masks are drawn from `seed`.
    """

    update: Update
    title: str
    settings: Mapping[str, float]
    batch_size: int = 1
    least: int = 1
    seed: int = 0


class Described(Struct, frozen=True):
    """What stands in the comment of the header, and what names begin with."""

    name: str
    text: str
    note: str
    formulas: Mapping[str, Sequence[str]]


class StandaloneModule:
    """The text of header and source.

    Args:
        stages: the kind of each layer in training, first to last.
        predicting: in prediction, where that is another one.
        layers: the sizes of each.
        trained: which of them have parameters that move; none without `training`.
        values: each parameter and state by letter and number of the layer.
        described: what it is called and of.
        training: what a step does; None for a module that predicts only.
        row_samples: whether the formulas have samples as rows.
        double: whether numbers are doubles, in place of floats.

    Raises:
        UnsupportedError: a layer needs a kernel that the target does not have.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        predicting: Sequence[Stage],
        layers: Sequence[LayerSizes],
        trained: Sequence[bool],
        values: Mapping[str, Any],
        described: Described,
        training: Training | None = None,
        row_samples: bool = True,
        double: bool = False,
    ) -> None:
        built = {stage.name: build_stage(stage) for stage in (*stages, *predicting)}
        programs = [(built[a.name], built[b.name]) for a, b in zip(stages, predicting, strict=True)]
        self.parts = list(parts_of(programs, layers, trained))
        self.values = values
        self.described = described
        self.training = training
        self.double = double
        self.real = "double" if double else "float"
        self.widths = [layers[0].fan_in, *(layer.fan_out for layer in layers)]
        self.ram = StaticMemory(1 if training is None else training.batch_size)
        self.memory = ROWS if row_samples else Memory(samples_outermost=True)
        self.passes = Passes(
            self.parts, self.memory, self.ram, described.formulas, f"{described.name}_parameters"
        )
        self.body = self._body()

    # What lies where ----------------------------------------------------------------------------

    def letters(self, moves: bool, state: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Name and shape of the parameters, or of the state, that train or that do not."""
        for part in self.parts:
            layer = part.block.layer
            for number in range(part.number, part.last + 1) if part.trained == moves else ():
                for letter, shape in (layer.state if state else layer.shapes).items():
                    yield f"{letter}{number}", shape

    def _held(self, moves: bool) -> list[tuple[str, tuple[int, ...]]]:
        """What lies in one array: parameters first, then state."""
        return [*self.letters(moves, state=False), *self.letters(moves, state=True)]

    @property
    def parameters(self) -> int:
        """How many parameters train."""
        return sum(p.block.count * p.block.size for p in self.parts if p.trained)

    @property
    def state(self) -> int:
        """How many numbers of state change in training."""
        return sum(p.block.count * p.block.state_size for p in self.parts if p.trained)

    @property
    def budget(self) -> Budget:
        """The bytes of static memory and of constants."""
        width = 8 if self.double else 4
        numbers = sum(prod(shape) for _, shape in self._held(False))
        moving = self.parameters + self.state
        return Budget(width * moving, width * self.ram.numbers, width * numbers)

    def _places(self) -> list[str]:
        """Where each parameter begins; of equal layers, that of the first."""
        lines = []
        named = {
            f"{letter}{part.number}"
            for part in self.parts
            for letter in (*part.block.layer.shapes, *part.block.layer.state)
        }
        for moves in (True, False):
            start = 0
            for name, shape in self._held(moves):
                lines += [f"    AT_{plain_name(name)} = {start}"] * (name in named)
                start += prod(shape)
        return lines

    def _order(self) -> list[str]:
        lines = []
        for moves, said in ((True, ""), (False, ", constant")):
            for name, shape in self._held(moves):
                size = " x ".join(map(str, shape)) or "1"
                lines.append(f"     {plain_name(name)}: {size}{said}")
        return lines or ["     there are none"]

    def _codes(self) -> list[str]:
        """What columns of X hold that are no numbers to compute with."""
        held = self.parts[0].block.layer.codes
        lines = [
            f"X[{column}] is the code of a category: a whole number from 0 to {count - 1}."
            for column, count in held
        ]
        return [*lines, "With any other code the outputs and the loss are NaN."] if lines else []

    def _tables(self) -> str:
        """The arrays of parameters with their values."""
        name = self.described.name
        heads = {
            True: f"{self.real} {name}_parameters[PARAMETERS + STATE]",
            False: "static const real constants[]",
        }
        tables = ""
        for moves, head in heads.items():
            lines = []
            for parameter, _ in self._held(moves):
                lines.append(f"/* {plain_name(parameter)} */")
                lines += numbers(self.values[parameter].ravel(), self.double)
            if lines:
                tables += f"\n{head} = {{\n{indented(lines)}\n}};\n"
        return tables

    # Text ---------------------------------------------------------------------------------------

    def _body(self) -> str:
        """Passes and public functions; what they need is known after."""
        name, training = self.described.name, self.training
        apart = any(part.block.program is not part.block.predicting for part in self.parts)
        predicting = self.passes.forward(training=False)
        forward = text.PASS.format(
            said="All layers for n samples, first to last.",
            name="forward_pass",
            calls=indented(predicting),
        )
        step = "" if training is None else self._step(training, apart)
        return text.BODY.format(name=name, real=self.real, forward=forward, training=step)

    def _step(self, training: Training, apart: bool) -> str:
        passes, name = self.passes, self.described.name
        first = ""
        if apart:
            first = text.PASS.format(
                said="The same in a step of training.",
                name="training_pass",
                calls=indented(passes.forward(training=True)),
            )
        loss, backward = passes.loss(), passes.backward()
        held = ["n", "*X", "*Y", *[f"*{WEIGHTS}"] * self.weighted, "*A"]
        backward = [*SCALAR.ignored(held, "\n".join(backward)), *backward]
        last = self.widths[-1]
        self.ram.member("A", Room(per_sample=last), "what the last layer gives")
        self.ram.member("gradient", Room(fixed=self.parameters + self.state), "as parameters")
        return text.TRAIN_STEP.format(
            name=name,
            real=self.real,
            passes=first,
            training_pass="training_pass" if apart else "forward_pass",
            parameters_of_step=self._parameters_of_step(),
            weights=f" const real *{WEIGHTS}," * self.weighted,
            given=f" {WEIGHTS}," * self.weighted,
            checked=text.CHECKED_WEIGHTS * self.weighted,
            backward=indented(backward),
            update=update_source(training.update, training.title, SCALAR),
            least=training.least,
            loss=indented(loss),
            steps=indented([*passes.state(), *self._update(training)]),
        )

    @property
    def weighted(self) -> bool:
        """Whether samples have weights in the loss of a step."""
        return self.training is not None and bool(self.parts[-1].block.program.weights)

    def _parameters_of_step(self) -> str:
        arrays = ["X", "Y", *[WEIGHTS] * self.weighted]
        listed = [f"const {self.real} *{name}" for name in arrays]
        whole = ", ".join([*listed, "long n", f"{self.real} learning_rate"])
        if len(whole) < 70:
            return whole
        room = "\n" + " " * len(f"{self.real} {self.described.name}_train_step(")
        return f"{', '.join(listed)},{room}long n, {self.real} learning_rate"

    def _update(self, training: Training) -> list[str]:
        """The call of the update, and what moves behind it."""
        update, name = training.update, self.described.name
        listed = [f"{name}_parameters", "ram.gradient"]
        if update.state:
            said = f"{' and '.join(update.state)} of the update"
            room = Room(fixed=len(update.state) * self.parameters)
            listed.append(self.ram.member("state", room, said))
        known = {RATE: "(double)learning_rate", STEPS: "(long)ram.steps"}
        listed += [known.get(x) or repr(training.settings[x]) for x in update.scalars]
        lines = call_lines("update", listed)
        if self.state:
            places = (f"{name}_parameters + PARAMETERS", "ram.gradient + PARAMETERS")
            lines += call_lines("memcpy", [*places, "STATE * sizeof(real)"])
        masks = any(part.block.layer.masks for part in self.parts)
        if update.counts_steps or masks:
            self.ram.counts = True
            lines.append("++ram.steps;")
        return lines

    @property
    def header(self) -> str:
        """The header."""
        name, training = self.described.name, self.training
        known = {"name": name, "upper": name.upper(), "real": self.real}
        known |= {"inputs": str(self.widths[0]), "outputs": str(self.widths[-1])}
        declared = sizes = ""
        if training is not None:
            sizes = text.TRAINING_SIZES.format(
                **known,
                batch=training.batch_size,
                parameters=self.parameters,
                state=self.state,
            )
            behind = ", and behind them the state of layers" if self.state else ""
            declared = text.TRAINING_HEADER.format(
                **known,
                behind=behind,
                title=training.title,
                least=training.least,
                weighted=text.WEIGHTED * self.weighted,
                parameters_of_step=self._parameters_of_step(),
            )
        return text.HEADER.format(
            **known,
            text=comment(self.described.text),
            note=comment(self.described.note),
            budget="\n".join(f"     {line}" for line in self.budget.lines()),
            order="\n".join(self._order()),
            codes="".join(f"\n   {line}" for line in self._codes()),
            ram=self.budget.ram,
            constants=self.budget.constants,
            training_sizes=sizes,
            training=declared,
        )

    @property
    def source(self) -> str:
        """The source."""
        upper = self.described.name.upper()
        functions = "\n\n".join(f.text for f in self.passes.functions.values())
        ram = self._ram()
        code = "\n".join([functions, self.body, ram])
        support = needed_parts(support_texts(SUPPORT, self.double), code)
        whole = "\n".join([support, code])
        included = [f"#include <{x}>" for x, sign in LIBRARY.items() if re.search(sign, whole)]
        sizes = [f"UNITS_{place} = {units}" for place, units in enumerate(self.widths)]
        if self.training is not None:
            sizes += [f"{x} = {upper}_{x}" for x in ("BATCH", "PARAMETERS", "STATE")]
        else:
            sizes.append("BATCH = 1")
        places = self._places()
        return text.SOURCE.format(
            name=self.described.name,
            real=self.real,
            includes="".join(f"{line}\n" for line in ["", *included] if included),
            sizes=",\n".join(f"    {size}" for size in sizes),
            places=text.PLACES.format(places=",\n".join(places)) if places else "",
            support=support,
            tables=self._tables(),
            ram=ram,
            functions=functions,
            body=self.body,
        )

    def _ram(self) -> str:
        upper, name = self.described.name.upper(), self.described.name
        lines = self.ram.lines(self.double)
        parts = ["sizeof ram"] if lines else []
        parts += [f"sizeof {name}_parameters"] if self.parameters + self.state else []
        made = text.RAM.format(members=indented(lines)) if lines else ""
        if parts:
            made += text.CHECKED.format(sizes=" + ".join(parts), upper=upper)
        if self.training is not None:
            seed = f"#define SEED UINT64_C({self.training.seed})\n"
            made += f"\n{seed}" if "SEED" in self.body else ""
        return made


def numbers(values: Any, double: bool) -> list[str]:
    """The numbers of an array in lines of C, each with as many digits as it needs."""
    shown = values.astype(np.float64 if double else np.float32).astype(str)
    listed = shown.tolist() if double else np.char.add(shown, "f").tolist()
    return [f"{', '.join(listed[k : k + IN_LINE])}," for k in range(0, len(listed), IN_LINE)]


def literal(value: Any, double: bool) -> str:
    """A number of C that reads back as this one."""
    return repr(float(value)) if double else f"{np.float32(value)!s}f"
