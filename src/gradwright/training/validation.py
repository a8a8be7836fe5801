"""The loss and the accuracy on samples that are not trained with."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.nn.targets import accuracy
from gradwright.training.code import Code, Module

Array = Any


class Validation:
    """Samples to judge parameters by.

    `samples` are inputs, targets, and where the loss of `code` has weights of samples these.
    `classes` are the values of targets that are classes, as `nn.targets.class_values` gives them.
    """

    def __init__(
        self,
        samples: tuple[Array, ...],
        code: Code,
        classes: tuple[float, float] | None,
    ) -> None:
        self.samples = samples
        self._code = code
        self._classes = classes
        self._buffers: Any = None

    def __call__(self, parameters: Array) -> tuple[float, float | None]:
        """The loss, and the share of right classes or None."""
        X, Y, *weights = self.samples
        module: Module = self._code.module
        if self._buffers is None:
            self._buffers = module.Buffers(len(X), parameters.dtype)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            value = module.loss(parameters, X, Y, *weights, self._buffers)
            predicted = module.predict(parameters, X, self._buffers)
        return float(value), accuracy(predicted, Y, self._classes, *weights)
