"""The optimisers: each is a few formulas that change vectors, its state, and its settings.

In the formulas w stands for the trainable parameters as one vector, g for the gradient of the loss
by them, t for the number of steps before this one. Other vectors are state, and begin with zeros.
A line gives a vector its new value; lines below it mean that one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

import numpy as np

from gradwright.emit.c.descent import descent_source
from gradwright.emit.update import scratch_vectors, step_function, update_module
from gradwright.errors import TrainingError
from gradwright.program.update import Update, build_update
from gradwright.run.load import load


@dataclass(frozen=True, slots=True)
class OptimizerRecord:
    """An optimiser: `settings` have the values that hold where none are given."""

    name: str
    title: str
    lines: tuple[str, ...]
    learning_rate: float
    state: tuple[str, ...] = ()
    settings: tuple[tuple[str, float], ...] = ()
    source: str = ""


OPTIMIZERS: Mapping[str, OptimizerRecord] = MappingProxyType(
    {
        record.name: record
        for record in (
            OptimizerRecord(
                "sgd",
                "gradient descent",
                ("w = w - learning_rate*g",),
                0.1,
                source="H. Robbins and S. Monro, A stochastic approximation method, 1951",
            ),
            OptimizerRecord(
                "momentum",
                "gradient descent with momentum",
                ("v = momentum*v + g", "w = w - learning_rate*v"),
                0.1,
                ("v",),
                (("momentum", 0.9),),
                "B. T. Polyak, Some methods of speeding up the convergence of iteration methods, "
                "1964; the rate outside of v, as in PyTorch",
            ),
        )
    }
)

#: For each setting the least value, whether it may be that, and the value that it stays below.
RANGES: Mapping[str, tuple[float, bool, float]] = MappingProxyType(
    {
        "momentum": (0.0, True, 1.0),
    }
)


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimiser with its settings, as `gw.optimizer` makes it."""

    record: OptimizerRecord
    settings: tuple[tuple[str, float], ...]

    @property
    def name(self) -> str:
        """The name of the optimiser."""
        return self.record.name

    @property
    def learning_rate(self) -> float:
        """The rate where none is given."""
        return self.record.learning_rate

    @property
    def title(self) -> str:
        """What it is called in a sentence."""
        return self.record.title

    @property
    def lines(self) -> tuple[str, ...]:
        """The formulas of a step, in order."""
        return self.record.lines

    @property
    def update(self) -> Update:
        """The formulas as a program; the same for all values of the settings."""
        names = tuple(name for name, _ in self.settings)
        return build_update(self.lines, self.record.state, names)

    @property
    def numpy_step(self) -> str:
        """The functions `update` and `step` behind a network's NumPy module."""
        return f"\n\n{step_function(self.update, self.title, dict(self.settings))}"

    @property
    def c_descent(self) -> str:
        """The functions `update` and `descend` behind a network's C module."""
        return descent_source(self.update, self.title)

    @property
    def function(self) -> Callable[..., None]:
        """The emitted function `update`, loaded."""
        source = update_module(self.update, self.title, dict(self.settings))
        return cast("Callable[..., None]", load(source).update)

    @property
    def scratch(self) -> int:
        """How many vectors `function` needs beside the state."""
        return scratch_vectors(self.update)

    def __repr__(self) -> str:
        given = "".join(f", {name}={value!r}" for name, value in self.settings)
        return f"gw.optimizer({self.name!r}{given})"

    def __str__(self) -> str:
        return "\n".join(self.lines)


def optimizer(name: str, **settings: float) -> Optimizer:
    """An optimiser with settings of one's own.

    >>> print(optimizer("momentum", momentum=0.8))
    v = momentum*v + g
    w = w - learning_rate*v

    Raises:
        TrainingError: there is no such optimiser or setting, or a value is out of its range.
    """
    if name not in tuple(OPTIMIZERS):
        raise TrainingError(
            f"the optimizer {name!r}",
            f"{name!r} is asked for and the optimizers are {', '.join(OPTIMIZERS)}",
            "use one of those",
        )
    record = OPTIMIZERS[name]
    known = dict(record.settings)
    for setting, value in settings.items():
        if setting not in known:
            raise TrainingError(
                f"the optimizer {name} with {setting}={value!r}",
                f"{setting} is given and {name} has {', '.join(known) or 'no settings'}",
                "leave it out",
            )
        known[setting] = _checked(name, setting, value)
    return Optimizer(record, tuple(known.items()))


def known_optimizer(asked: str | Optimizer) -> Optimizer:
    """An optimiser by name, or as it is.

    Raises:
        TrainingError: there is no such optimiser.
    """
    return asked if isinstance(asked, Optimizer) else optimizer(asked)


#: Plain gradient descent.
SGD = optimizer("sgd")


def _checked(name: str, setting: str, value: object) -> float:
    least, inclusive, end = RANGES[setting]
    number = isinstance(value, int | float | np.integer | np.floating) and type(value) is not bool
    if number:
        found = float(value)  # type: ignore[arg-type]
        if (least < found or (inclusive and found == least)) and found < end:
            return found
    bounds = f"{'at least' if inclusive else 'greater than'} {least:g}"
    wanted = f"a number {bounds}" + (f" and less than {end:g}" if end < math.inf else "")
    raise TrainingError(
        f"the optimizer {name} with {setting}={value!r}",
        f"{setting} is {value!r} and must be {wanted}",
        f"give {setting} {wanted}",
    )
