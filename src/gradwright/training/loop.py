"""Mini-batch gradient descent with an emitted network module."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gradwright.errors import TrainingError
from gradwright.training import checkpoint as checkpoints

SCHEMA = "gradwright.training/1"

Array = Any


class Module(Protocol):
    """What training uses of an emitted network module."""

    Buffers: Callable[[int, Any], Any]

    def step(
        self,
        parameters: Array,
        X: Array,
        Y: Array,
        learning_rate: float,
        gradient: Array = ...,
        buffers: Any = ...,
    ) -> float:
        """One step in place; returns the loss before it."""

    def loss(self, parameters: Array, X: Array, Y: Array, buffers: Any = ...) -> float:
        """The loss of a batch."""

    def forward(self, parameters: Array, X: Array, buffers: Any = ...) -> list[Array]:
        """The activations of all layers."""

    def unpack(self, parameters: Array) -> tuple[list[Array], list[Array | None]]:
        """Weights and biases as views."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What happened in one epoch; the loss is the mean over its samples, before each update."""

    epoch: int
    loss: float
    seconds: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "epoch": self.epoch,
            "loss": self.loss,
            "seconds": self.seconds,
            "validation_loss": self.validation_loss,
            "validation_accuracy": self.validation_accuracy,
        }


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """The result of training: `stopped` is "finished" or "interrupted"."""

    parameters: Array
    history: tuple[Epoch, ...]
    stopped: str
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """The run in the schema gradwright.training/1, without the parameters."""
        return {
            "schema": SCHEMA,
            "stopped": self.stopped,
            "seed": self.seed,
            "epochs": len(self.history),
            "history": [epoch.to_dict() for epoch in self.history],
        }


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train; checked when made."""

    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 0.1
    seed: int = 0
    shuffle: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        rules = (
            ("epochs", self.epochs >= 0, "a whole number from 0"),
            ("batch_size", self.batch_size >= 1, "a whole number from 1"),
            ("learning_rate", 0 < self.learning_rate < math.inf, "a positive number"),
            ("seed", self.seed >= 0, "a whole number from 0"),
        )
        for name, fits, wanted in rules:
            if not fits:
                raise TrainingError(
                    f"training with {name}={getattr(self, name)}",
                    f"{name} is {getattr(self, name)} and must be {wanted}",
                    f"give {name} {wanted}",
                )


Watcher = Callable[[Epoch], None]


class Loop:
    """The state of one training: parameters, buffers, history."""

    def __init__(
        self,
        module: Module,
        parameters: Array,
        X: Array,
        Y: Array,
        settings: Settings,
        validation: tuple[Array, Array] | None,
    ) -> None:
        self.module = module
        self.parameters = parameters
        self.X, self.Y = X, Y
        self.settings = settings
        self.validation = validation
        self.history: list[Epoch] = []
        size = min(settings.batch_size, len(X))
        self._gradient = np.empty_like(parameters)
        self._buffers = module.Buffers(size, parameters.dtype)
        self._rows = np.empty((size, X.shape[1]), dtype=X.dtype)
        self._targets = np.empty((size, Y.shape[1]), dtype=Y.dtype)
        self._before = parameters.copy()

    def epoch(self, number: int) -> Epoch:
        """One pass over the samples, in an order that depends on seed and epoch alone."""
        started = time.perf_counter()
        count = len(self.X)
        order = np.arange(count)
        if self.settings.shuffle:
            np.random.default_rng((self.settings.seed, number)).shuffle(order)
        total = 0.0
        self._before[...] = self.parameters
        for step, start in enumerate(range(0, count, self.settings.batch_size)):
            places = order[start : start + self.settings.batch_size]
            rows, targets = self._rows[: len(places)], self._targets[: len(places)]
            np.take(self.X, places, axis=0, out=rows)
            np.take(self.Y, places, axis=0, out=targets)
            rate = self.settings.learning_rate
            value = self.module.step(
                self.parameters, rows, targets, rate, self._gradient, self._buffers
            )
            if not math.isfinite(value):
                self._stop(number, step, value, rows)
            total += value * len(places)
        if not np.all(np.isfinite(self.parameters)):
            self._stop(number, step, float("nan"), rows)
        return Epoch(number, total / count, time.perf_counter() - started, *self._validated())

    def _validated(self) -> tuple[float | None, float | None]:
        if self.validation is None:
            return None, None
        X, Y = self.validation
        buffers = self.module.Buffers(len(X), self.parameters.dtype)
        value = self.module.loss(self.parameters, X, Y, buffers)
        predicted = self.module.forward(self.parameters, X, buffers)[-1]
        return value, accuracy(predicted, Y)

    def _stop(self, epoch: int, step: int, value: float, rows: Array) -> None:
        """Say where the numbers went wrong; the run so far goes with the error."""
        where = _first_bad_layer(self.module, self.parameters, rows)
        error = TrainingError(
            "training",
            f"the loss is {value} at step {step} of epoch {epoch}, and {where}",
            f"use a smaller learning rate than {self.settings.learning_rate}, or standardise the "
            "features",
            place=f"epoch {epoch}, step {step}",
        )
        error.run = TrainingRun(  # type: ignore[attr-defined]
            self._before.copy(), tuple(self.history), "not finite", self.settings.seed
        )
        raise error


def _first_bad_layer(module: Module, parameters: Array, rows: Array) -> str:
    weights, biases = module.unpack(parameters)
    with np.errstate(all="ignore"):
        activations = module.forward(parameters, rows)
    for number, (w, b, a) in enumerate(zip(weights, biases, activations, strict=True), start=1):
        for name, value in ((f"W{number}", w), (f"b{number}", b), (f"A{number}", a)):
            if value is not None and not np.all(np.isfinite(value)):
                return f"layer {number} is the first with a value that is not finite, in {name}"
    return "all activations are finite, so the loss itself overflows"


def accuracy(predicted: Array, targets: Array) -> float | None:
    """The share of samples whose class is right; None when the targets are no classes.

    The class is the largest output, or for one output whether it is at least 1/2.
    """
    if not np.all((targets == 0) | (targets == 1)):
        return None
    if targets.shape[1] == 1:
        return float(np.mean((predicted >= 0.5) == (targets == 1)))
    if not np.all(np.sum(targets, axis=1) == 1):
        return None
    return float(np.mean(np.argmax(predicted, axis=1) == np.argmax(targets, axis=1)))


def train_module(
    module: Module,
    parameters: Array,
    X: Array,
    Y: Array,
    settings: Settings,
    *,
    validation: tuple[Array, Array] | None = None,
    watchers: Sequence[Watcher] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
) -> TrainingRun:
    """Train a copy of the parameters.

    Ctrl-C ends the training after the last finished step and keeps it. With `checkpoint` the
    state is written after each epoch; `resume` goes on from such a file as if it had never
    stopped, bit for bit.

    Raises:
        TrainingError: a loss or parameter that is not finite; `.run` holds the state before
            that epoch.
        DataError: no sample, or a checkpoint of another network.
    """
    if not len(X):
        raise TrainingError(
            "training", "there are 0 samples and at least one is needed", "give samples"
        )
    loop = Loop(module, parameters.copy(), X, Y, settings, validation)
    if resume is not None:
        _resume(loop, resume)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            for number in range(len(loop.history), settings.epochs):
                loop.history.append(loop.epoch(number))
                if checkpoint is not None:
                    _save(loop, checkpoint)
                for watcher in watchers:
                    watcher(loop.history[-1])
    except KeyboardInterrupt:
        return TrainingRun(loop.parameters, tuple(loop.history), "interrupted", settings.seed)
    return TrainingRun(loop.parameters, tuple(loop.history), "finished", settings.seed)


def _save(loop: Loop, path: str | os.PathLike[str]) -> None:
    history = tuple(epoch.to_dict() for epoch in loop.history)
    state = checkpoints.Checkpoint(loop.parameters, len(loop.history), loop.settings.seed, history)
    checkpoints.write(path, state)


def _resume(loop: Loop, path: str | os.PathLike[str]) -> None:
    state = checkpoints.read(path)
    same = state.parameters.shape == loop.parameters.shape and state.seed == loop.settings.seed
    if not same or state.parameters.dtype != loop.parameters.dtype:
        raise TrainingError(
            f"resuming from {path}",
            f"the checkpoint has {state.parameters.size} numbers of {state.parameters.dtype} and "
            f"seed {state.seed}, and this training has {loop.parameters.size} of "
            f"{loop.parameters.dtype} and seed {loop.settings.seed}",
            "resume with the network, dtype and seed that the checkpoint was made with",
        )
    loop.parameters[...] = state.parameters
    loop.history = [Epoch(**row) for row in state.history]
