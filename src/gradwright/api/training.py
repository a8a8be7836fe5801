"""Training a network on data."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gradwright.api.choosing_target import Chosen, choose
from gradwright.api.network import Network
from gradwright.errors import DataError, TrainingError, UnsupportedError
from gradwright.nn.batch_norm import require_batch
from gradwright.nn.network import NetworkModel
from gradwright.nn.optimizers import SGD, Optimizer, known_optimizer
from gradwright.nn.parameters import Parameters
from gradwright.nn.refusals import require_no_codes
from gradwright.nn.schedules import Schedule, known_schedule
from gradwright.nn.targets import class_values
from gradwright.nn.weights import prepare_samples
from gradwright.run.threads import suited
from gradwright.training.full_batch import LBFGS, LevenbergMarquardt, require_full_batch
from gradwright.training.loop import Loop, Watcher, train_module
from gradwright.training.record import Epoch, Settings, TrainingRun
from gradwright.training.validation import Validation

Array = Any

#: What training runs.
TARGETS = ("auto", "numpy", "c")

#: Samples in a step where nothing is said.
BATCH = 32


class Run(Struct, frozen=True):
    """A finished or interrupted training, with the settings that it had.

    `params` are the parameters at the end and `history` has an `Epoch` for each pass over the
    samples, those before a resumption included. `stopped` is "finished", "converged" (an optimiser
    that takes all samples found no better point) or "interrupted". `record` is what is stored.
    `target` is what ran, "numpy", "c" or "c with BLAS"; `note` says in a line why it was not C
    where that would have saved time.
    """

    params: Parameters
    history: tuple[Epoch, ...]
    stopped: str
    record: TrainingRun
    settings: Settings
    target: str = "numpy"
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The run in the schema gradwright.training/1, without the parameters."""
        return self.record.to_dict()


def train(
    net: Network,
    X: Array,
    y: Array,
    params: Parameters | None = None,
    epochs: int = 10,
    batch_size: int | None = None,
    optimizer: str | Optimizer = "sgd",
    learning_rate: float | None = None,
    schedule: str | Schedule = "constant",
    max_norm: float | None = None,
    weight_decay: float | None = None,
    l1: float | None = None,
    l2: float | None = None,
    seed: int = 0,
    shuffle: bool = True,
    target: str = "auto",
    threads: int | None = None,
    validation: tuple[Array, ...] | None = None,
    sample_weight: Array | None = None,
    class_weight: Mapping[int, float] | str | None = None,
    callbacks: Sequence[Watcher] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
) -> Run:
    """Train by mini-batch descent with the emitted step.

    Args:
        net: the network; its loss and reduction are what is minimised.
        X: samples × features.
        y: class indices, one-hot rows or targets.
        params: the start, by default `net.init(seed)`; it is not changed.
        epochs: passes over the samples.
        batch_size: samples in a step, by default 32; the last step of an epoch may have fewer.
        optimizer: a name, or what `gw.optimizer` gives; "lbfgs" and "levenberg_marquardt" take
            all samples in each iteration, and an epoch is one.
        learning_rate: by default that of the optimizer.
        schedule: of the rate over the steps: a name, or what `gw.schedule` gives.
        max_norm: the largest norm of the gradient, which is scaled down to it.
        weight_decay: w := (1 - rate · weight_decay) w before each step.
        l1: of the penalty l1 ‖w‖₁, whose gradient is added to that of the loss.
        l2: of the penalty l2 ‖w‖₂²/2.
        seed: of the order of samples and of the default start.
        shuffle: whether each epoch draws a new order.
        target: "numpy"; "c", compiled code, which needs a C compiler and runs many steps in one
            call; or "auto": C where there is a compiler and the training is so long that compiling
            gains time. A training is resumed with the target that it began with.
        threads: that share large products while training; by default one for small products, else
            as many as there are cores, and for a training that is resumed as many as it began with.
        validation: (X, y), or (X, y, sample_weight), to report loss and accuracy on after each
            epoch.
        sample_weight: n numbers from 0, how much each sample counts: the loss of a batch is
            Σ w_s ℓ_s, with reduction="mean" divided by Σ w_s. A sample with weight 0 is left out.
        class_weight: a weight for each class index, which multiplies those of its samples; or
            "balanced": n/(k n_c) for a class with n_c of the n samples of k classes, counted with
            their own weights.
        callbacks: called with each `Epoch`.
        checkpoint: a file to write the state to after each epoch.
        resume: such a file to go on from.

    Raises:
        TrainingError: an unknown optimizer; a checkpoint of another training; a loss that is not
            finite, with step and layer, and `.run` has the last state.
        DataError: data or weights that do not fit the network.
        NetworkError: parameters of another network.
        UnsupportedError: another target; for "c" no compiler, or one that fails; for lbfgs no
            SciPy, or a checkpoint.
        LimitError: levenberg_marquardt for more parameters than a matrix of theirs fits for.
    """
    limits = {"max_norm": max_norm, "weight_decay": weight_decay, "l1": l1, "l2": l2}
    rule = known_optimizer(optimizer).having(**limits)
    course = known_schedule(schedule)
    start = net.init(seed) if params is None else net.own_parameters(params)
    given = (X, y, sample_weight, class_weight)
    inputs, targets, *weights = prepare_samples(net.model, start.flat.dtype, *given)
    model = net.model.weighted if weights else net.model
    kept = checkpoint is not None or resume is not None
    require_full_batch(rule, batch_size, len(inputs), learning_rate, course.name, kept)
    size = _batch_size(net, rule, len(inputs), batch_size)
    rate = rule.learning_rate if learning_rate is None else learning_rate
    settings = Settings(epochs, size, rate, seed, shuffle, rule, course, _described(net))
    before, count = _run_by(resume)
    settings = _with_threads(settings, count if threads is None else threads, net, len(inputs))
    chosen = _chosen(model, start, settings, len(inputs), target, before)
    record = train_module(
        *(model, start.flat, inputs, targets, settings, *weights),
        validation=_validation(net, start, targets, validation),
        watchers=_watchers(callbacks),
        checkpoint=checkpoint,
        resume=resume,
        compiled=chosen.compiled,
        made=_loop(model, rule),
    )
    return _run(net, record, settings, chosen)


def _run_by(resume: str | os.PathLike[str] | None) -> tuple[str | None, int | None]:
    """The target and the number of threads that a training began with, if one goes on."""
    if resume is None:
        return None, None
    from gradwright.training.resuming import run_by

    return run_by(resume)


def _watchers(callbacks: Any) -> Sequence[Watcher]:
    """The functions that are called with each epoch."""
    if not isinstance(callbacks, Sequence) or not all(map(callable, callbacks)):
        raise TrainingError(
            "the callbacks of a training",
            f"callbacks is a {type(callbacks).__name__} and a list of functions is needed",
            "give callbacks=[follow], follow being called with each epoch",
        )
    return callbacks


def _validation(
    net: Network, start: Parameters, targets: Array, validation: tuple[Array, ...] | None
) -> Validation | None:
    """What judges by the samples of the validation; `targets` are those that are trained with."""
    if validation is None:
        return None
    if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
        given = (
            f"{len(validation)} values"
            if isinstance(validation, tuple | list)
            else f"a {type(validation).__name__}"
        )
        raise DataError(
            "the samples of the validation",
            f"validation has {given}, and it is (X, y) or (X, y, sample_weight)",
            "give validation=(X, y), or validation=(X, y, sample_weight)",
        )
    samples = prepare_samples(net.model, start.flat.dtype, *validation)
    model = net.model.weighted if len(samples) > 2 else net.model
    return Validation(samples, model, class_values(net.model.loss, targets))


def _run(net: Network, record: TrainingRun, settings: Settings, chosen: Chosen) -> Run:
    trained = Parameters(net.model.layers, record.parameters)
    ran = "numpy" if chosen.compiled is None else chosen.compiled.target
    return Run(trained, record.history, record.stopped, record, settings, ran, chosen.note)


def _with_threads(settings: Settings, threads: int | None, net: Network, samples: int) -> Settings:
    """The settings with a number of threads, by default what suits the largest product."""
    if threads is None:
        threads = suited(net.widths, min(settings.batch_size, samples))
    return replace(settings, threads=threads)


def _chosen(
    model: NetworkModel,
    start: Parameters,
    settings: Settings,
    samples: int,
    target: str,
    before: str | None,
) -> Chosen:
    """What runs the steps; `before` is the target of the training that is resumed.

    Raises:
        UnsupportedError: an unknown target, or "c" without a compiler that works.
    """
    if target not in TARGETS:
        raise UnsupportedError(
            f"training with the target {target!r}",
            f"the target {target!r} is asked for and there are the targets numpy and c",
            'leave it out, or use target="numpy"',
        )
    dtype, rule = str(start.flat.dtype), settings.optimizer
    if rule.name == "levenberg_marquardt":
        if target == "c":
            raise UnsupportedError(
                f"training with the optimizer {rule.name} and the target c",
                "the target c is asked for, and its matrices are made by NumPy",
                'leave target out, or use target="numpy"',
            )
        return Chosen(None)
    # L-BFGS takes the passes of compiled code, and no steps.
    rule = SGD if rule.full_batch else rule
    batch, threads = min(int(settings.batch_size), max(samples, 1)), int(settings.threads)
    if target != "auto":
        return Chosen(model.compiled(dtype, rule, batch, threads) if target == "c" else None)
    steps = int(settings.epochs) * -(-samples // batch)
    return choose(model, dtype, rule, batch, steps, before, threads)


def _loop(model: NetworkModel, rule: Optimizer) -> Callable[..., Loop]:
    """What makes the loop of an optimiser."""
    loops: dict[str, Callable[..., Loop]] = {
        "lbfgs": LBFGS,
        "levenberg_marquardt": partial(_damped, model),
    }
    return loops.get(rule.name, Loop)


def _damped(model: NetworkModel, *given: Any) -> LevenbergMarquardt:
    """The loop of Levenberg and Marquardt's method, with the matrix of the network's loss.

    Raises:
        UnsupportedError: the network has an embedding.
    """
    require_no_codes(model.text, model.layers, "training by levenberg_marquardt")
    loop = LevenbergMarquardt(*given)

    from gradwright.api.curvature import Curvature

    def normal(flat: Array, *samples: Array) -> tuple[float, Array, Array]:
        curvature = Curvature(model, flat, *samples)
        value, gradient = model.module.value_and_gradient(flat, *samples)
        return float(value), gradient, curvature.gauss_newton_matrix()

    loop.normal = normal
    return loop


def _batch_size(net: Network, rule: Optimizer, samples: int, asked: int | None) -> int:
    """The samples of a step.

    Raises:
        UnsupportedError, DataError: layers train by formulas of their own, and these are not for
            this optimiser or these batches.
    """
    size = (samples if rule.full_batch else BATCH) if asked is None else asked
    if rule.full_batch and net.model.trains_apart:
        raise UnsupportedError(
            f"training {net.model.text} by {rule.name}",
            f"{rule.name} compares losses of the same function, and dropout draws another one in "
            "every step, batch_norm carries a state along",
            'use optimizer="adam", or layers with one formula',
        )
    if net.model.has_state:
        require_batch(net.model.text, samples, size)
    return size


def _described(net: Network) -> str:
    """What tells a network from another in a checkpoint."""
    model = net.model
    rates = [str(rate) for layer in model.layers for _, rate in layer.rates]
    said = ["".join(model.text.split()), model.loss, model.reduction, model.layout.name]
    return " ".join(said + rates)
