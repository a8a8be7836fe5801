"""Mini-batch gradient descent with an emitted network module."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from gradwright.errors import OutputError, TrainingError
from gradwright.run.threads import blas_threads
from gradwright.training.code import Code, Module
from gradwright.training.record import Epoch, Settings, TrainingRun
from gradwright.training.stepping import Stepper
from gradwright.training.validation import Validation

if TYPE_CHECKING:
    from gradwright.run.compiled_network import CompiledNetwork

Array = Any


#: A call of compiled code takes about so many seconds, so that Ctrl-C is heard.
CALL_SECONDS = 0.1


Watcher = Callable[[Epoch], None]


class Loop:
    """The state of one training: parameters, buffers, history.

    `samples` are inputs, targets, and where the loss has weights of samples these.
    """

    def __init__(
        self,
        code: Code,
        parameters: Array,
        samples: tuple[Array, ...],
        settings: Settings,
        validation: Validation | None,
        compiled: CompiledNetwork | None,
    ) -> None:
        self._code = code
        self.compiled = compiled
        self._steps_per_call = 1
        self.parameters = parameters
        self.samples = samples
        self.X = samples[0]
        self.settings = settings
        self.validation = validation
        self.history: list[Epoch] = []
        size = self._size = min(settings.batch_size, len(self.X))
        # Behind the parameters lies the state of layers, which no gradient moves.
        self._trained = self.module.PARAMETERS if compiled is None else compiled.parameters
        self.stepper = self._stepper(-(-len(self.X) // size))
        self.converged = False
        self._gradient = np.empty_like(parameters)
        self._batch = [np.empty((size, *whole.shape[1:]), whole.dtype) for whole in samples]
        self._before_epoch = parameters.copy()
        self._before_step = parameters.copy()
        self._within_step = False

    @property
    def module(self) -> Module:
        """The module whose step is trained with, or which says where compiled code went wrong."""
        module: Module = self._code.module
        return module

    @cached_property
    def _buffers(self) -> Any:
        return self.module.Buffers(self._size, self.parameters.dtype)

    def _stepper(self, steps_per_epoch: int) -> Any:
        """What is kept from step to step: `state`, `steps`, `settings` and `schedule_settings`."""
        return Stepper(self.settings, steps_per_epoch, self.parameters[: self._trained])

    def run(self, after: Callable[[Epoch], None]) -> str:
        """Epoch after epoch, `after` called with each; returns how it stopped."""
        while len(self.history) < self.settings.epochs and not self.converged:
            self.history.append(self.epoch(len(self.history)))
            after(self.history[-1])
        return "converged" if self.converged else "finished"

    def epoch(self, number: int) -> Epoch:
        """One pass over the samples, in an order that depends on seed and epoch alone."""
        started = time.perf_counter()
        count, size = len(self.X), self._size
        order = np.arange(count)
        if self.settings.shuffle:
            np.random.default_rng((self.settings.seed, number)).shuffle(order)
        self._before_epoch[...] = self.parameters
        total = self._steps(order, number) if self.compiled is None else self._calls(order, number)
        if not np.all(np.isfinite(self.parameters)):
            last = (count - 1) // size
            rows = self.X[order[last * size :]]
            where = _first_bad_layer(self.module, self.parameters, rows)
            self._stop(number, last, "the parameters are not finite after", where)
        loss = total / _counted(self.samples)
        return Epoch(number, loss, time.perf_counter() - started, *self._validated())

    def _steps(self, order: Array, number: int) -> float:
        """The steps of an epoch one by one; returns the sum of the losses times what they count."""
        total, size = 0.0, self._size
        rates = self.stepper.rates().tolist()
        for step, start in enumerate(range(0, len(order), size)):
            places = order[start : start + size]
            batch = [part[: len(places)] for part in self._batch]
            for whole, part in zip(self.samples, batch, strict=True):
                # mode="clip" writes to `out` itself; the default goes through a copy.
                np.take(whole, places, axis=0, out=part, mode="clip")
            total += self._step(batch, rates[step], (number, step)) * _counted(batch)
        return total

    def _calls(self, order: Array, number: int) -> float:
        """The steps of an epoch by compiled code, many in one call."""
        assert self.compiled is not None
        total, start, size = 0.0, 0, self._size
        X, Y, *weights = self.samples
        rates = self.stepper.rates()
        while start < len(order):
            places = order[start : start + size * self._steps_per_call]
            began = time.perf_counter()
            # One sum over all calls: how many steps a call has must not change its rounding.
            steps, total, last = self.compiled.descend(
                self.parameters,
                X,
                Y,
                places,
                size,
                rates[start // size : -(-(start + len(places)) // size)],
                self._gradient,
                self.stepper.state,
                self.stepper.steps,
                self.stepper.settings,
                total,
                self.settings.seed,
                weights,
            )
            seconds = time.perf_counter() - began
            if not math.isfinite(last):
                rows = self.X[places[steps * size : (steps + 1) * size]]
                where = _first_bad_layer(self.module, self.parameters, rows)
                self._stop(number, start // size + steps, f"the loss is {last} at", where)
            self.stepper.steps += steps
            self._steps_per_call = max(1, int(CALL_SECONDS * steps / max(seconds, 1e-9)))
            start += len(places)
        return total

    def _step(self, batch: Sequence[Array], rate: float, place: tuple[int, int]) -> float:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            value, gradient = self.module.value_and_gradient(
                self.parameters, *batch, self._gradient, self._buffers, **self._training()
            )
            if not math.isfinite(value):
                where = _first_bad_layer(self.module, self.parameters, batch[0])
                self._stop(*place, f"the loss is {value} at", where)
            # Ctrl-C may find the parameters half new. The copy is small against the passes.
            self._before_step[...] = self.parameters
            self._within_step = True
            count = self._trained
            self.stepper.step(self.parameters[:count], gradient[:count], rate)
            self.parameters[count:] = gradient[count:]
            self._within_step = False
        return value

    def _training(self) -> dict[str, tuple[int, int]]:
        """What a module is told of the step whose layers train by formulas of their own."""
        seed_and_step = (self.settings.seed, self.stepper.steps)
        return {"training": seed_and_step} if hasattr(self.module, "training_pass") else {}

    @property
    def target(self) -> str:
        """What the steps are code of."""
        return "numpy" if self.compiled is None else self.compiled.target

    def last_finished(self) -> Array:
        """The parameters after the last whole step, at any moment."""
        state = self._before_step if self._within_step else self.parameters
        return state if np.all(np.isfinite(state)) else self._before_epoch

    def _validated(self) -> tuple[float | None, float | None]:
        return (None, None) if self.validation is None else self.validation(self.parameters)

    def _bad_layer(self, parameters: Array) -> str:
        """Where the first values that are not finite stand, for all samples."""
        return _first_bad_layer(self.module, parameters, self.X)

    def _stop(self, epoch: int, step: int, what: str, where: str) -> NoReturn:
        """Say where the numbers went wrong; the run so far goes with the error."""
        place = f"step {step + 1} of epoch {epoch + 1}"
        error = TrainingError(
            "training",
            f"{what} {place}, and {where}",
            f"use a smaller learning rate than {self.settings.learning_rate}, or standardise the "
            "features",
            place=place,
        )
        error.run = TrainingRun(
            self._before_epoch.copy(), tuple(self.history), "not finite", self.settings.seed
        )
        raise error


def _by_letter(unpacked: Any) -> list[dict[str, Array]]:
    """The parameters of each layer by letter."""
    if isinstance(unpacked, list):
        return unpacked
    pairs = zip(*unpacked, strict=True)
    return [{"W": w} if b is None else {"W": w, "b": b} for w, b in pairs]


def _first_bad_layer(module: Module, parameters: Array, rows: Array) -> str:
    with np.errstate(all="ignore"):
        activations = module.forward(parameters, rows)
    layers = _by_letter(module.unpack(parameters))
    for number, (held, a) in enumerate(zip(layers, activations, strict=True), start=1):
        for name, value in {**held, "A": a}.items():
            if not np.all(np.isfinite(value)):
                found = f"{name}{number}"
                return f"layer {number} is the first with a value that is not finite, in {found}"
    return "all parameters and activations are finite, so the loss itself overflows"


def _counted(batch: Sequence[Array]) -> float:
    """How much a batch counts: its weights, or the number of its samples."""
    return float(np.sum(batch[2], dtype=np.float64)) if len(batch) > 2 else len(batch[0])


def train_module(
    code: Code,
    parameters: Array,
    X: Array,
    Y: Array,
    settings: Settings,
    weights: Array | None = None,
    *,
    validation: Validation | None = None,
    watchers: Sequence[Watcher] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    compiled: CompiledNetwork | None = None,
    made: Callable[..., Loop] = Loop,
) -> TrainingRun:
    """Train a copy of the parameters, with the step of a module or with compiled code.

    `made` makes the loop from what it takes.

    `X` is samples × features and `Y` samples × outputs, of the dtype of `parameters`. With
    `weights` each sample has one in the loss, and the functions of the module take them behind Y.
    Ctrl-C ends the training after the last finished step and keeps it. With `checkpoint` the state
    is written after each epoch; with the same data and settings `resume` goes on from such a file
    as if it had never stopped, bit for bit. `settings.epochs` counts the epochs before it as well.

    Raises:
        TrainingError: samples that do not fit each other; a checkpoint of another training; a
            loss or parameter that is not finite: `.run` holds the state before that epoch.
        DataError: a damaged checkpoint.
        OutputError: a checkpoint that cannot be written, or is no path.
    """
    _require_samples(parameters, X, Y, "X", "Y")
    if validation is not None:
        names = ("validation X", "validation Y")
        _require_samples(parameters, validation.samples[0], validation.samples[1], *names)
    samples = (X, Y) if weights is None else (X, Y, weights)
    loop = made(code, parameters.copy(), samples, settings, validation, compiled)
    save = _kept(loop, checkpoint, resume)

    def after(epoch: Epoch) -> None:
        save()
        for watcher in watchers:
            watcher(epoch)

    try:
        # Compiled code shares products itself, and asks BLAS from each of its threads.
        with blas_threads(int(settings.threads) if compiled is None else 1):
            stopped = loop.run(after)
    except KeyboardInterrupt:
        state = loop.last_finished()
        return TrainingRun(state, tuple(loop.history), "interrupted", settings.seed)
    return TrainingRun(loop.parameters, tuple(loop.history), stopped, settings.seed)


def _kept(
    loop: Loop, checkpoint: str | os.PathLike[str] | None, resume: str | os.PathLike[str] | None
) -> Callable[[], None]:
    """Go on from a file, if one is given; returns what writes the state."""
    if checkpoint is None and resume is None:
        return lambda: None
    # Most trainings keep nothing, and what writes files takes a while to load.
    from gradwright.run.files import file_path
    from gradwright.training import resuming

    if checkpoint is not None:
        # Before the first epoch, not behind it.
        file_path(checkpoint, "writing the checkpoint", OutputError)
    common = resuming.made_with(loop)
    if resume is not None:
        resuming.resume(loop, resume, common)
    return lambda: None if checkpoint is None else resuming.save(loop, checkpoint, common)


def _require_samples(parameters: Array, X: Array, Y: Array, x_name: str, y_name: str) -> None:
    def fail(clash: str, instead: str) -> NoReturn:
        raise TrainingError("training", clash, instead, place=f"{x_name}, {y_name}")

    if X.ndim != 2 or Y.ndim != 2 or len(X) != len(Y):
        fail(
            f"{x_name} has shape {X.shape} and {y_name} has shape {Y.shape}",
            "give samples × features and samples × outputs, with equally many samples",
        )
    if not len(X):
        fail(f"{x_name} has 0 samples and at least one is needed", "give samples")
    for name, values in ((x_name, X), (y_name, Y), ("the vector of parameters", parameters)):
        if values.dtype != parameters.dtype:
            fail(
                f"{name} has dtype {values.dtype} and the parameters have {parameters.dtype}",
                f"convert with {name}.astype({str(parameters.dtype)!r})",
            )
        if not np.all(np.isfinite(values)):
            fail(
                f"{name} holds {values[~np.isfinite(values)][0]} and only finite numbers can be "
                "trained with",
                "replace or remove what is not a finite number",
            )
