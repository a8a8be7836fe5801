"""The schedules: the learning rate as formulas of the step.

t is the number of steps before this one, `steps` the number of steps that a schedule runs over,
k how often `every` steps fit into t, and pi the number. A line gives a name its new value, and
lines below it mean that one: at the end `learning_rate` is the rate of the step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.emit.numpy import formula_module
from gradwright.errors import TrainingError, require_type
from gradwright.nn.settings import checked_setting
from gradwright.notation.lexer import is_name
from gradwright.program.update import RATE, STEPS, build_rate
from gradwright.run.load import load

Array = Any


class ScheduleRecord(Struct, frozen=True):
    """A schedule: `settings` have the values that hold where none are given.

    `lengths` are settings in epochs, which the formulas have in steps; 0 stands for all epochs of
    the training behind the warm-up.
    """

    name: str
    lines: tuple[str, ...]
    settings: tuple[tuple[str, float], ...] = ()
    lengths: tuple[tuple[str, float], ...] = ()
    source: str = ""


SCHEDULES: Mapping[str, ScheduleRecord] = MappingProxyType(
    {
        record.name: record
        for record in (
            ScheduleRecord("constant", ()),
            ScheduleRecord(
                "step",
                ("learning_rate = gamma^k*learning_rate",),
                (("gamma", 0.1),),
                (("every", 10.0),),
                "PyTorch's StepLR",
            ),
            ScheduleRecord(
                "cosine",
                (
                    "part = min(1, t/steps)",
                    "learning_rate = minimum + (learning_rate - minimum)*(1 + cos(pi*part))/2",
                ),
                (("minimum", 0.0),),
                (("epochs", 0.0),),
                "I. Loshchilov and F. Hutter, SGDR: stochastic gradient descent with warm restarts,"
                " 2017, equation 5 without restarts; PyTorch's CosineAnnealingLR",
            ),
            ScheduleRecord(
                "one_cycle",
                (
                    "top = max(1, share*steps - 1)",
                    "up = min(1, t/top)",
                    "down = min(1, max(0, t - top)/max(1, steps - 1 - top))",
                    "start = learning_rate/start_divisor",
                    "rise = (learning_rate - start)*(1 - cos(pi*up))/2",
                    "fall = (learning_rate - start/end_divisor)*(1 - cos(pi*down))/2",
                    "learning_rate = start + rise - fall",
                ),
                (("share", 0.3), ("start_divisor", 25.0), ("end_divisor", 1e4)),
                (("epochs", 0.0),),
                "L. N. Smith and N. Topin, Super-convergence, 2019, in the form of PyTorch's "
                "OneCycleLR: learning_rate is the largest",
            ),
        )
    }
)

#: Lines before those of a schedule with a warm-up: the rate rises linearly to its full value.
WARM_UP = (
    "warm = min(1, (t + 1)/warmup)",
    "t = max(0, t - warmup)",
)
WARM_UP_END = ("learning_rate = warm*learning_rate",)


class Schedule(Struct, frozen=True):
    """A schedule with its settings, as `gw.schedule` makes it; printed, its formulas.

    `settings` are those of its record, `lengths` those in epochs, and so is `warmup`.
    """

    record: ScheduleRecord
    settings: tuple[tuple[str, float], ...]
    lengths: tuple[tuple[str, float], ...]
    warmup: float = 0.0

    @property
    def name(self) -> str:
        """The name, or the formula."""
        return self.record.name

    @property
    def lines(self) -> tuple[str, ...]:
        """The formulas, in order."""
        return (*WARM_UP, *self.record.lines, *WARM_UP_END) if self.warmup else self.record.lines

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def resolved(self, epochs: int, steps_per_epoch: int) -> dict[str, float]:
        """The settings of the formulas by name, lengths in steps.

        >>> schedule("cosine", warmup=2).resolved(epochs=10, steps_per_epoch=5)
        {'minimum': 0.0, 'warmup': 10.0, 'steps': 40.0}
        """
        found = dict(self.settings)
        if self.warmup:
            found["warmup"] = _steps(self.warmup, steps_per_epoch)
        for name, value in self.lengths:
            whole = max(1.0, epochs * steps_per_epoch - found.get("warmup", 0.0))
            length = _steps(value, steps_per_epoch) if value else whole
            found["steps" if name == "epochs" else name] = length
        return found

    def rates(
        self, learning_rate: float, t: int, count: int, settings: Mapping[str, float]
    ) -> Array:
        """The rates of steps t, t + 1, …, t + count - 1, with the settings that `resolved` gives.

        `t` counts the steps before, and `learning_rate` is the rate that the formulas start from.

        >>> halving = schedule("step", gamma=0.5, every=2)
        >>> halving.rates(0.1, 0, 6, halving.resolved(epochs=6, steps_per_epoch=1)).tolist()
        [0.1, 0.1, 0.05, 0.05, 0.025, 0.025]

        Raises:
            TrainingError: a rate is negative or no finite number.
        """
        if not self.lines:
            return np.full(count, learning_rate)
        names = (RATE, STEPS, "k", "pi", *settings)
        function = build_rate(self.lines, names)
        times = np.arange(t, t + count, dtype=np.float64)
        behind = np.maximum(times - settings.get("warmup", 0.0), 0.0)
        given = {**settings, RATE: learning_rate, STEPS: times, "pi": math.pi}
        given["k"] = np.floor(behind / settings.get("every", 1.0))
        module = load(formula_module(function, "The rate of a step.", self.lines))
        try:
            with np.errstate(all="ignore"):
                found = module.rate(*(given[name] for name in function.inputs))
        except ZeroDivisionError:
            found = np.inf
        rates = np.ascontiguousarray(np.broadcast_to(found, count), np.float64)
        if not np.all((rates >= 0) & np.isfinite(rates)):
            bad = int(np.argmin((rates >= 0) & np.isfinite(rates)))
            raise TrainingError(
                f"training with the schedule {self.name}",
                f"the rate of step {t + bad + 1} is {rates[bad]} and must be a finite number that "
                "is not negative",
                "choose a schedule whose rates are at least 0",
            )
        return rates


def _steps(epochs: float, steps_per_epoch: int) -> float:
    return float(max(1, round(epochs * steps_per_epoch)))


def schedule(name: str, warmup: float = 0.0, **settings: float) -> Schedule:
    """A schedule of the learning rate; lengths are in epochs, which need not be whole.

    Args:
        name: a name, or the rate as a formula of t, the number of steps before this one, and
            learning_rate.
        warmup: how many epochs the rate rises linearly before the schedule begins.
        settings: those of the schedule.

    >>> print(schedule("cosine", minimum=0.001))
    part = min(1, t/steps)
    learning_rate = minimum + (learning_rate - minimum)*(1 + cos(pi*part))/2

    Raises:
        TrainingError: there is no such schedule or setting, or a value is out of its range.
        NotationError, SymbolError, ShapeError: a formula that cannot be read.
    """
    instead = f"use one of {', '.join(SCHEDULES)}, or a formula of t and learning_rate"
    require_type(TrainingError, "the schedule of a rate", name, str, "it is text", instead)
    if is_name(name) and name not in tuple(SCHEDULES):
        raise TrainingError(
            f"the schedule {name!r}",
            f"{name!r} is asked for and the schedules are {', '.join(SCHEDULES)}",
            instead,
        )
    record = SCHEDULES.get(name) or ScheduleRecord(name, (f"{RATE} = {name}",))
    values, lengths = dict(record.settings), dict(record.lengths)
    asked = f"the schedule {name}"
    for setting, value in settings.items():
        if setting not in values and setting not in lengths:
            known = ", ".join((*values, *lengths, "warmup"))
            raise TrainingError(
                f"{asked} with {setting}={value!r}",
                f"{setting} is given and its settings are {known}",
                "leave it out, or use one of those",
            )
        held = values if setting in values else lengths
        held[setting] = checked_setting(asked, setting, value)
    rise = checked_setting(asked, "warmup", warmup)
    made = Schedule(record, tuple(values.items()), tuple(lengths.items()), rise)
    if not is_name(name):
        build_rate(record.lines, (RATE, STEPS, "pi"))
    return made


def known_schedule(asked: str | Schedule) -> Schedule:
    """A schedule by name, or as it is.

    Raises:
        TrainingError: there is no such schedule.
    """
    return asked if isinstance(asked, Schedule) else schedule(asked)


#: The same rate for all steps.
CONSTANT = schedule("constant")
