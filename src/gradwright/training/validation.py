"""The loss and the accuracy on samples that are not trained with."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.nn.targets import accuracy
from gradwright.training.code import Module

Array = Any


class Validation:
    """Samples to judge parameters by.

    `samples` are inputs, targets, and where the loss of `module` has weights of samples these.
    `classes` are the values of targets that are classes, as `nn.targets.class_values` gives them.
    """

    def __init__(
        self,
        samples: tuple[Array, ...],
        module: Module,
        classes: tuple[float, float] | None = (0.0, 1.0),
    ) -> None:
        self.samples = samples
        self._module = module
        self._classes = classes
        self._buffers: Any = None

    def __call__(self, parameters: Array) -> tuple[float, float | None]:
        """The loss, and the share of right classes or None."""
        X, Y, *weights = self.samples
        if self._buffers is None:
            self._buffers = self._module.Buffers(len(X), parameters.dtype)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            value = self._module.loss(parameters, X, Y, *weights, self._buffers)
            predicted = self._module.predict(parameters, X, self._buffers)
        return float(value), accuracy(predicted, Y, self._classes, *weights)
