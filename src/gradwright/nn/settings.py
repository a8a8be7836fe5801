"""The settings of optimisers and of schedules: the values that each may have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from msgspec import Struct

from gradwright.errors import TrainingError


class Range(Struct, frozen=True):
    """Numbers from `least`, or where it says so `above` it, that are less than `below`."""

    least: float
    above: bool = False
    below: float = math.inf

    def __contains__(self, value: float) -> bool:
        return (self.least < value or (value == self.least and not self.above)) and (
            value < self.below
        )

    @property
    def ends(self) -> tuple[float, bool, float]:
        """Its fields, in order."""
        return self.least, self.above, self.below

    def __str__(self) -> str:
        bounds = f"{'greater than' if self.above else 'at least'} {self.least:g}"
        return bounds + (f" and less than {self.below:g}" if self.below < math.inf else "")


RANGES: Mapping[str, Range] = MappingProxyType(
    {
        "momentum": Range(0.0, below=1.0),
        "alpha": Range(0.0, below=1.0),
        "beta1": Range(0.0, below=1.0),
        "beta2": Range(0.0, below=1.0),
        "epsilon": Range(0.0, above=True),
        "memory": Range(1.0),
        "tolerance": Range(0.0),
        "damping": Range(0.0, above=True),
        "l1": Range(0.0),
        "l2": Range(0.0),
        "max_norm": Range(0.0, above=True),
        "weight_decay": Range(0.0),
        "gamma": Range(0.0, above=True),
        "minimum": Range(0.0),
        "share": Range(0.0, above=True, below=1.0),
        "start_divisor": Range(1.0),
        "end_divisor": Range(1.0),
        "every": Range(0.0, above=True),
        "epochs": Range(0.0, above=True),
        "warmup": Range(0.0),
    }
)


def checked_setting(asked: str, setting: str, value: object) -> float:
    """The value of a setting as a number in its range.

    Raises:
        TrainingError: it is none.
    """
    within = RANGES[setting]
    if isinstance(value, int | float | np.integer | np.floating) and type(value) is not bool:
        found = float(value)
        if found in within:
            return found
    raise TrainingError(
        f"{asked} with {setting}={value!r}",
        f"{setting} is {value!r} and must be a number {within}",
        f"give {setting} a number {within}",
    )
