"""A training in a checkpoint, and on from there: only with what it began with."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from gradwright.errors import TrainingError
from gradwright.training import checkpoint as checkpoints
from gradwright.training.record import Epoch

if TYPE_CHECKING:
    from gradwright.training.loop import Loop


def made_with(loop: Loop) -> dict[str, Any]:
    """What a training has to have in common with the one that it resumes."""
    settings = loop.settings
    samples = sha256()
    for array in loop.samples:
        samples.update(f"{array.dtype}:{array.shape}".encode())
        samples.update(np.ascontiguousarray(array).data)
    return {
        "target": loop.target,
        "number of threads": int(settings.threads),
        "network": settings.network,
        "samples": samples.hexdigest()[:16],
        "batch_size": int(settings.batch_size),
        "shuffle": bool(settings.shuffle),
        "optimizer": settings.optimizer.name,
        **loop.stepper.settings,
        "learning_rate": float(settings.learning_rate),
        "schedule": settings.schedule.name,
        **{f"schedule's {x}": v for x, v in loop.stepper.schedule_settings.items()},
    }


def run_by(path: str | os.PathLike[str]) -> tuple[str, int]:
    """The target and the number of threads of the training that a checkpoint is of.

    Raises:
        DataError: a damaged file.
    """
    made = checkpoints.read(path).made_with
    return str(made.get("target")), int(made.get("number of threads", 1))


def save(loop: Loop, path: str | os.PathLike[str], common: dict[str, Any]) -> None:
    """Write the state behind the last epoch; `common` is what `made_with` gives.

    Raises:
        OutputError: the file cannot be written.
    """
    history = tuple(epoch.to_dict() for epoch in loop.history)
    stepper = loop.stepper
    checkpoints.write(
        path,
        checkpoints.Checkpoint(
            loop.parameters,
            stepper.state,
            len(loop.history),
            stepper.steps,
            loop.settings.seed,
            history,
            common,
        ),
    )


def resume(loop: Loop, path: str | os.PathLike[str], common: dict[str, Any]) -> None:
    """Take over the state of a checkpoint; `common` is what `made_with` gives.

    Raises:
        DataError: a damaged file.
        TrainingError: a checkpoint of another training.
    """
    state = checkpoints.read(path)
    history = [Epoch.from_dict(row) for row in state.history]
    same = state.parameters.shape == loop.parameters.shape and state.seed == loop.settings.seed
    if not same or state.parameters.dtype != loop.parameters.dtype:
        raise TrainingError(
            f"resuming from {path}",
            f"the checkpoint has {state.parameters.size} numbers of {state.parameters.dtype} and "
            f"seed {state.seed}, and this training has {loop.parameters.size} of "
            f"{loop.parameters.dtype} and seed {loop.settings.seed}",
            "resume with the network, dtype and seed that the checkpoint was made with",
        )
    for name, value in common.items():
        theirs = state.made_with.get(name)
        if theirs != value:
            raise TrainingError(
                f"resuming from {path}",
                f"the checkpoint was made with the {name} {theirs} and this training has the "
                f"{name} {value}, so it would not go on as it began",
                f"resume with the {name} {theirs}, or start anew with the parameters",
            )
    loop.parameters[...] = state.parameters
    loop.stepper.state[...] = state.state
    loop.stepper.steps = state.steps
    loop.history = history
