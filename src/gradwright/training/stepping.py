"""The steps of an optimiser: its state, how many steps there were, and the rate of the next."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.nn.optimizers import Optimizer

Array = Any


class Stepper:
    """What an optimiser keeps from step to step: `state` has a row for each of its vectors."""

    def __init__(self, rule: Optimizer, learning_rate: float, parameters: Array) -> None:
        self.rule = rule
        self.learning_rate = learning_rate
        self.steps = 0
        vectors = len(rule.update.state)
        self.state = np.zeros((vectors, parameters.size), parameters.dtype)
        self._work = np.empty((rule.scratch, parameters.size), parameters.dtype)

    def rates(self, count: int) -> Array:
        """The rates of the next steps."""
        return np.full(count, float(self.learning_rate))

    def step(self, parameters: Array, gradient: Array) -> None:
        """One step in place; the gradient is written over."""
        given = {"learning_rate": float(self.rates(1)[0]), "t": self.steps}
        given |= dict(self.rule.settings)
        arrays = {"state": self.state} if len(self.state) else {}
        arrays |= {"work": self._work} if len(self._work) else {}
        scalars = {name: given[name] for name in self.rule.update.scalars}
        self.rule.function(parameters, gradient, **arrays, **scalars)
        self.steps += 1
