"""The steps of an optimiser: its state, how many steps there were, and the rates of the next."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.training.record import Settings

Array = Any


class Stepper:
    """What an optimiser keeps from step to step: `state` has a row for each of its vectors."""

    def __init__(self, settings: Settings, steps_per_epoch: int, parameters: Array) -> None:
        self.settings = dict(settings.optimizer.settings)
        self.steps = 0
        update = settings.optimizer.update
        self.state = np.zeros((len(update.state), parameters.size), parameters.dtype)
        work = np.empty((settings.optimizer.scratch, parameters.size), parameters.dtype)
        given: dict[str, Any] = {
            name: x for name, x in self.settings.items() if name in update.scalars
        }
        given |= {"state": self.state} if len(self.state) else {}
        self._given = given | ({"work": work} if len(work) else {})
        self._function = settings.optimizer.function
        self._counts = update.counts_steps
        self._schedule = settings.schedule
        self._rate = float(settings.learning_rate)
        self.schedule_settings = settings.schedule.resolved(settings.epochs, steps_per_epoch)
        self._epoch = steps_per_epoch

    def rates(self) -> Array:
        """The rates of the next epoch, all at once: a resumed training computes the same ones."""
        settings = self.schedule_settings
        return self._schedule.rates(self._rate, self.steps, self._epoch, settings)

    def step(self, parameters: Array, gradient: Array, rate: float) -> None:
        """One step in place; the gradient is written over."""
        if self._counts:
            self._given["t"] = self.steps
        self._function(parameters, gradient, learning_rate=rate, **self._given)
        self.steps += 1
