"""What a training is asked for, and what is kept of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.errors import DataError, TrainingError
from gradwright.nn.optimizers import SGD, Optimizer
from gradwright.nn.schedules import CONSTANT, Schedule
from gradwright.run.threads import MOST

SCHEMA = "gradwright.training/1"

Array = Any


class Epoch(Struct, frozen=True):
    """What happened in one epoch.

    `epoch` counts from 0. `loss` is the mean over its samples, each taken before the update that
    its batch makes. `seconds` is wall-clock time. The last two are None without `validation`;
    the accuracy, from 0 to 1, is None also where targets are no classes.
    """

    epoch: int
    loss: float
    seconds: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, by the names of the fields."""
        return {
            "epoch": self.epoch,
            "loss": self.loss,
            "seconds": self.seconds,
            "validation_loss": self.validation_loss,
            "validation_accuracy": self.validation_accuracy,
        }

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Epoch:
        """From what `to_dict` gave.

        Raises:
            DataError: a row that it did not give.
        """
        names = set(cls.__struct_fields__)
        numbers = all(value is None or type(value) in (int, float) for value in row.values())
        if row.keys() != names or not numbers:
            raise DataError(
                "the history of a training",
                f"a row holds {row} and numbers for {', '.join(sorted(names))} are expected",
                "give an undamaged file that training wrote",
            )
        return cls(**row)


class TrainingRun(Struct, frozen=True, eq=False):
    """The result of training.

    `parameters` is the flat vector at the end and `history` has a row for each epoch. `stopped` is
    "finished", "converged" or "interrupted"; in the `run` of an error "not finite".
    """

    parameters: Array
    history: tuple[Epoch, ...]
    stopped: str
    seed: int

    @property
    def epochs_done(self) -> int:
        """Whole epochs, those before a resumption included."""
        return len(self.history)

    def to_dict(self) -> dict[str, Any]:
        """The run in the schema gradwright.training/1, without the parameters."""
        return {
            "schema": SCHEMA,
            "stopped": self.stopped,
            "seed": self.seed,
            "epochs": self.epochs_done,
            "history": [epoch.to_dict() for epoch in self.history],
        }


class Settings(Struct, frozen=True):
    """How to train; checked when made.

    The fields are the arguments of `train` by those names, resolved: an optimiser and a schedule
    in place of their names, and a number where the default was None. `network` says what is
    trained, for checkpoints; `threads` share large products.

    Raises:
        TrainingError: a value that cannot be trained with.
    """

    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 0.1
    seed: int = 0
    shuffle: bool = True
    optimizer: Optimizer = SGD
    schedule: Schedule = CONSTANT
    network: str = ""
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        rules = (
            ("epochs", _is_whole(self.epochs, 0), "a whole number from 0"),
            ("batch_size", _is_whole(self.batch_size, 1), "a whole number from 1"),
            ("learning_rate", _is_positive(self.learning_rate), "a positive finite number"),
            ("seed", _is_whole(self.seed, 0), "a whole number from 0"),
            ("shuffle", isinstance(self.shuffle, bool | np.bool_), "True or False"),
            ("threads", _is_whole(self.threads, 1, MOST), f"a whole number from 1 to {MOST}"),
        )
        for name, fits, wanted in rules:
            if not fits:
                value = getattr(self, name)
                raise TrainingError(
                    f"training with {name}={value!r}",
                    f"{name} is {value!r} and must be {wanted}",
                    f"give {name} {wanted}",
                )


def _is_whole(value: object, least: int, most: float = math.inf) -> bool:
    # True is an int to Python, and no count to anybody else.
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        return False
    return least <= int(value) <= most


def _is_positive(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    try:
        return 0 < float(value) < math.inf
    except OverflowError:
        return False
