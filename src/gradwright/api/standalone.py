"""Code of a network for embedded systems: header, source, and a test program with its numbers."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from gradwright.api.standalone_numbers import Asked, ReferenceNumbers
from gradwright.emit.c.budget import Budget
from gradwright.emit.c.kernels import Kernels, standalone_kernels
from gradwright.emit.c.standalone_check import check_program
from gradwright.emit.c.standalone_module import Described, StandaloneModule, Training
from gradwright.emit.c.taken_names import meaning
from gradwright.errors import DataError, LimitError, NetworkError, OutputError
from gradwright.nn.frozen import with_frozen
from gradwright.nn.initialise import require_seed
from gradwright.nn.network import NetworkModel
from gradwright.nn.parameters import Parameters, require_dtype
from gradwright.nn.refusals import require_code
from gradwright.run.code_size import CodeSize, code_size
from gradwright.run.files import file_path, output_folder, publish

Array = Any

SCHEMA = "gradwright.standalone/1"

#: Sizes are constants of enumerations, which are ints.
MOST_BYTES = 2**31

#: Each number is written out; so many make a source of some 15 megabytes, in about ten seconds.
MOST_NUMBERS = 1_000_000

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


class Standalone(Struct, frozen=True):
    """The files of a network in plain C99, and what they take of memory.

    `header`, `source` and `test` are the texts, whose names begin with `name`. `budget` has the
    bytes of static memory and of constants, which are printed with it, and `kernels` the routine
    that makes each product.
    """

    name: str
    header: str
    source: str
    test: str
    budget: Budget
    kernels: Kernels

    @property
    def files(self) -> dict[str, str]:
        """The text of each file by its name."""
        return {
            f"{self.name}.h": self.header,
            f"{self.name}.c": self.source,
            f"test_{self.name}.c": self.test,
        }

    def __str__(self) -> str:
        return "\n".join(self.budget.lines())

    def write(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write the files to a folder, which is made where it is missing; returns their paths.

        They appear together when all are written, in the place of older ones.

        Raises:
            OutputError: the folder cannot be made or written, or is no path.
        """
        place = file_path(folder, "writing a standalone module", OutputError)
        with output_folder(place) as prepared:
            assert prepared is not None
            for name, text in self.files.items():
                prepared.write(name, text)
            return publish(prepared)

    def code_size(self) -> CodeSize | None:
        """The bytes of code, as the C compiler of this machine makes it; None without one."""
        return code_size(self.files, f"{self.name}.c", self.budget.constants)

    def to_dict(self) -> dict[str, Any]:
        """The files and their budget in the schema gradwright.standalone/1."""
        return {"schema": SCHEMA, "budget": self.budget.to_dict(), "files": self.files}


def trained_layers(model: NetworkModel, train: Any) -> frozenset[int]:
    """The numbers, from 1, of the layers whose parameters move.

    Raises:
        NetworkError: no such layer, or one without parameters.
    """
    possible = [number for number, x in enumerate(model.layers, start=1) if x.parameters]
    known = {"all": possible, "none": []}
    listed = list(train) if isinstance(train, list | tuple | set | frozenset | range) else None
    numbers = known.get(train) if isinstance(train, str) else listed
    if numbers is None or not all(map(_is_whole, numbers)) or not set(numbers) <= set(possible):
        raise NetworkError(
            f"training the layers {train!r}",
            f"{train!r} is asked for and the layers with parameters are "
            f"{', '.join(map(str, possible)) or 'none'}",
            'use "all", "none", or some of those numbers',
        )
    return frozenset(numbers)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def standalone(model: NetworkModel, p: Parameters, asked: Asked) -> Standalone:
    """The module of a network with these parameters.

    Raises:
        NetworkError: a name that C does not take, a batch size that no step can have, parameters
            of another network, or an optimizer where nothing trains.
        DataError: a parameter that is not finite in this precision.
        LimitError: more memory than a number of C counts.
        UnsupportedError: a layer has no code, or no numbers to test it by.
    """
    asked = replace(asked, dtype=str(require_dtype(asked.dtype)))
    _require_possible(asked)
    if not isinstance(p, Parameters) or p.layers != model.layers:
        raise NetworkError(
            f"parameters for the network {model.text}",
            f"a {type(p).__name__} is given, and it is not of this network",
            "make them with this network's init(), or by training it",
        )
    if p.flat.size > MOST_NUMBERS:
        raise LimitError(
            f"a standalone module of {model.text}",
            f"it has {p.flat.size:,} numbers and {MOST_NUMBERS:,} can be written out in a source",
            "make the layers narrower",
        )
    with np.errstate(over="ignore"):
        flat = p.flat.astype(asked.dtype)
    if not np.all(np.isfinite(flat)):
        place = int(np.argmin(np.isfinite(flat)))
        raise DataError(
            f"parameters for the network {model.text}",
            f"number {place} of the flat vector is {p.flat[place]} and has to be finite as "
            f"{asked.dtype}",
            "give finite parameters",
        )
    require_code(model.text, model.layers)
    frozen = {k for k, x in enumerate(model.layers, start=1) if x.parameters} - asked.trained
    model = with_frozen(model, frozen)
    over_batch = any(x.formula is not None and x.formula.over_batch for x in model.layers)
    training = _training(asked, 2 if over_batch else 1) if asked.trained else None
    values = Parameters(model.layers, flat)
    module = _module(model, values, asked, training)
    if module.budget.ram + module.budget.constants >= MOST_BYTES:
        raise LimitError(
            f"a standalone module of {model.text} for {asked.batch_size} samples",
            f"it takes {module.budget.ram + module.budget.constants:,} bytes and sizes in it are "
            f"below {MOST_BYTES:,}",
            "use fewer samples in a step, or narrower layers",
        )
    reference = ReferenceNumbers(model, values, asked, module, training).reference()
    test = check_program(module, reference)
    kernels = standalone_kernels(module.parts, module.memory, training is not None)
    return Standalone(asked.name, module.header, module.source, test, module.budget, kernels)


def _require_possible(asked: Asked) -> None:
    """Check what does not depend on the network."""
    require_seed(asked.seed)
    if asked.seed >= 2**64:
        raise NetworkError(
            f"the seed {asked.seed} of a standalone module",
            "a seed there is a number of 64 bits, and this one needs more",
            "use a seed such as 0",
        )
    if not isinstance(asked.name, str) or not NAME.match(asked.name):
        raise NetworkError(
            f"a standalone module called {asked.name!r}",
            f"names of its functions begin with {asked.name!r}, and names in C have letters, "
            "digits and underscores, a letter first",
            'give a name such as "network"',
        )
    taken = meaning(asked.name)
    if taken:
        raise NetworkError(
            f"a standalone module called {asked.name!r}",
            f"its files and functions begin with {asked.name!r}, and {taken}",
            'give a name such as "network"',
        )
    if not _is_whole(asked.batch_size):
        raise NetworkError(
            f"steps of at most {asked.batch_size!r} samples",
            f"the batch size is a {type(asked.batch_size).__name__} and samples are counted",
            "give a whole number",
        )
    if not asked.trained and (asked.optimizer is not None or asked.batch_size != 1):
        given = "the optimizer" if asked.optimizer is not None else "the batch size"
        raise NetworkError(
            f"{given} of a standalone module that predicts only",
            f"{given} is given, it belongs to steps of training, and no layer trains",
            f"leave {given} out, or train some layers",
        )


def _training(asked: Asked, least: int) -> Training:
    if asked.batch_size < least:
        raise NetworkError(
            f"steps of at most {asked.batch_size} samples",
            f"the batch size is {asked.batch_size} and the network needs {least} samples in a step"
            + ("; batch_norm takes means over them" if least > 1 else ""),
            f"give a batch size of at least {least}",
        )
    rule = asked.rule
    return Training(
        rule.update, rule.title, dict(rule.settings), asked.batch_size, least, asked.seed
    )


def _module(
    model: NetworkModel, values: Parameters, asked: Asked, training: Training | None
) -> StandaloneModule:
    note = f"Loss: {model.loss}, {model.reduction} over the samples."
    formulas = model.prediction.formulas() | model.formulas()
    stages, predicting = (
        [stage for stage, count in m.stages() for _ in range(count)]
        for m in (model, model.prediction)
    )
    return StandaloneModule(
        stages,
        predicting,
        [layer.all_sizes for layer in model.layers],
        [number in asked.trained for number in range(1, len(model.layers) + 1)],
        values,
        Described(asked.name, model.text, note, formulas),
        training,
        model.layout.row_samples,
        asked.dtype == "float64",
    )
