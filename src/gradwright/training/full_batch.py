"""Optimisers whose iterations take all samples: L-BFGS, and Levenberg and Marquardt's method."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.errors import TrainingError, UnsupportedError
from gradwright.nn.optimizers import Optimizer
from gradwright.training.loop import Loop
from gradwright.training.record import Epoch

Array = Any

#: (loss, gradient, Gauss-Newton matrix) at parameters, for samples, targets and maybe weights.
Normal = Callable[..., tuple[float, Array, Array]]

#: An iteration whose steps are refused so often has converged: the damping grew by 2^(n²/2).
MOST_REFUSED = 12


class Kept(Struct):
    """What is kept from iteration to iteration, in the form in which a checkpoint holds it."""

    settings: Mapping[str, float]
    state: Array
    steps: int = 0
    schedule_settings: Mapping[str, float] = {}


class LevenbergMarquardt(Loop):
    """Steps −(G + λ I)⁻¹ g with G the Gauss-Newton matrix of the loss and g its gradient.

    A step that lowers the loss is taken, and λ falls with how well the quadratic model told the
    loss; one that does not is tried again with a larger λ (Madsen, Nielsen and Tingleff 2004,
    algorithm 3.16). `normal` evaluates loss, gradient and matrix. `state` holds λ, what λ is
    multiplied by when the next step is refused, and whether the search has converged.
    """

    normal: Normal

    def _stepper(self, steps_per_epoch: int) -> Kept:
        return Kept(dict(self.settings.optimizer.settings), np.array([0.0, 2.0, 0.0]))

    def run(self, after: Callable[[Epoch], None]) -> str:
        """Iterations until none lowers the loss, at most `epochs`."""
        self.converged = bool(self.stepper.state[2])
        return super().run(after)

    def epoch(self, number: int) -> Epoch:
        """One iteration; the loss is that before its step."""
        started = time.perf_counter()
        self._before_epoch[...] = self.parameters
        with np.errstate(all="ignore"):
            value, gradient, matrix = self.normal(self.parameters, *self.samples)
            if not (math.isfinite(value) and np.all(np.isfinite(matrix))):
                self._stop_at(number, value)
            state = self.stepper.state
            if state[0] == 0:
                most = float(np.max(np.diag(matrix), initial=0.0))
                state[0] = self.stepper.settings["damping"] * (most or 1.0)
            small = (
                float(np.max(np.abs(gradient), initial=0.0)) <= self.stepper.settings["tolerance"]
            )
            self.converged = small or not self._moved(value, gradient.astype(np.float64), matrix)
        state[2] = self.converged
        self.stepper.steps += 1
        return Epoch(number, value, time.perf_counter() - started, *self._validated())

    def _moved(self, value: float, gradient: Array, matrix: Array) -> bool:
        """Take the first step that lowers the loss; whether there is one."""
        state = self.stepper.state
        for _ in range(MOST_REFUSED):
            damped = matrix + state[0] * np.eye(len(matrix))
            move = np.linalg.solve(damped, -gradient)
            trial = (self.parameters + move).astype(self.parameters.dtype)
            reached = self._loss(trial)
            # What the quadratic model promises; it is positive.
            promised = 0.5 * float(move @ (state[0] * move - gradient))
            if reached < value and promised > 0:
                gain = (value - reached) / promised
                state[0] *= max(1 / 3, 1 - (2 * gain - 1) ** 3)
                state[1] = 2.0
                self.parameters[...] = trial
                return True
            state[0] *= state[1]
            state[1] *= 2
        return False

    def _loss(self, parameters: Array) -> float:
        value = float(self.module.loss(parameters, *self.samples, self._buffers))
        return value if math.isfinite(value) else math.inf

    def _stop_at(self, number: int, value: float) -> None:
        where = self._bad_layer(self.parameters)
        self._stop(number, 0, f"the loss is {value} or has no finite derivatives at", where)


class LBFGS(Loop):
    """SciPy's L-BFGS-B; what it remembers cannot be kept in a checkpoint."""

    def _stepper(self, steps_per_epoch: int) -> Kept:
        return Kept(dict(self.settings.optimizer.settings), np.empty(0))

    def run(self, after: Callable[[Epoch], None]) -> str:
        """At most `epochs` iterations, until the gradient is small."""
        minimize = _minimize()
        if not self.settings.epochs:
            return "finished"
        started, value = time.perf_counter(), self._value(self.parameters.astype(np.float64))[0]
        if not math.isfinite(value):
            self._stop(0, 0, f"the loss is {value} at", self._bad_layer(self.parameters))

        def one(intermediate_result: Any) -> None:
            nonlocal started, value
            self._before_epoch[...] = self.parameters
            self.parameters[...] = intermediate_result.x
            seconds, now = time.perf_counter() - started, len(self.history)
            self.history.append(Epoch(now, value, seconds, *self._validated()))
            self.stepper.steps += 1
            value = float(intermediate_result.fun)
            after(self.history[-1])
            started = time.perf_counter()

        settings = self.stepper.settings
        most = self.settings.epochs
        found = minimize(
            self._value,
            self.parameters.astype(np.float64),
            jac=True,
            method="L-BFGS-B",
            callback=one,
            options={
                "maxcor": int(settings["memory"]),
                "gtol": settings["tolerance"],
                "ftol": 0.0,
                "maxiter": most,
                "maxfun": 100 * most,
            },
        )
        self.converged = found.status != 1
        return "converged" if self.converged else "finished"

    def _value(self, parameters: Array) -> tuple[float, Array]:
        """The loss and its gradient in float64; where there is none, SciPy steps back."""
        flat = np.ascontiguousarray(parameters, self.parameters.dtype)
        with np.errstate(all="ignore"):
            if self.compiled is None:
                buffers = self._gradient, self._buffers
                value, gradient = self.module.value_and_gradient(flat, *self.samples, *buffers)
            else:
                value, gradient = self.compiled.value_and_gradient(flat, *self.samples)
        return float(value), gradient.astype(np.float64)


def _minimize() -> Any:
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise UnsupportedError(
            "training with the optimizer lbfgs",
            "L-BFGS is SciPy's and SciPy is not installed",
            "install SciPy, or use another optimizer such as adam",
        ) from error
    return minimize


def require_full_batch(
    rule: Optimizer,
    batch_size: int | None,
    samples: int,
    learning_rate: object,
    schedule: str,
    kept: bool,
) -> None:
    """Check what was asked for beside an optimiser, if it is one of all samples.

    Raises:
        TrainingError: mini-batches, a learning rate or a schedule.
        UnsupportedError: a checkpoint of L-BFGS.
    """
    if not rule.full_batch:
        return
    name = rule.name
    asked = f"training with the optimizer {name}"
    if batch_size is not None and batch_size < samples:
        raise TrainingError(
            asked,
            f"batch_size is {batch_size}, there are {samples} samples, and {name} takes all of "
            "them in each iteration",
            "leave batch_size out",
        )
    if learning_rate is not None or schedule != "constant":
        given = "a learning rate" if learning_rate is not None else f"the schedule {schedule}"
        raise TrainingError(
            asked, f"{given} is given, and {name} finds the length of its steps", "leave it out"
        )
    if kept and name == "lbfgs":
        raise UnsupportedError(
            "a checkpoint of a training with the optimizer lbfgs",
            "what L-BFGS remembers of its iterations is SciPy's and cannot be kept, so that it "
            "would not go on as it began",
            "leave checkpoint and resume out",
        )
