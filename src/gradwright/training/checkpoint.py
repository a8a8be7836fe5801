"""Checkpoints: plain arrays and JSON, written whole or not at all, verified when read."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, NoReturn

import numpy as np
from msgspec import Struct

from gradwright.errors import DataError
from gradwright.nn import archive

SCHEMA = "gradwright.checkpoint/2"

INSTEAD = "give an undamaged file that training wrote"

Array = Any


class Checkpoint(Struct, frozen=True, eq=False):
    """The state after a whole number of epochs; with the seed it determines all that follows.

    `state` has a row for each vector of the optimiser, and `steps` were made so far. `made_with`
    has, by name, what the training has to have in common with the one that goes on from here.
    """

    parameters: Array
    state: Array
    epochs_done: int
    steps: int
    seed: int
    history: tuple[dict[str, Any], ...]
    made_with: dict[str, Any]


def write(path: str | os.PathLike[str], state: Checkpoint) -> None:
    """Write a checkpoint next to its final place, then move it there.

    Raises:
        OutputError: the place cannot be written; an older checkpoint there stays as it was.
    """
    header = {
        "schema": SCHEMA,
        "epochs_done": state.epochs_done,
        "steps": state.steps,
        "seed": state.seed,
        "history": list(state.history),
        "made_with": state.made_with,
        "sha256": _digest(state.parameters, state.state),
    }
    arrays = {"parameters": state.parameters, "state": state.state}
    arrays |= {"header": np.array(json.dumps(header))}
    archive.write(path, arrays, "writing the checkpoint")


def read(path: str | os.PathLike[str]) -> Checkpoint:
    """Read what `write` wrote.

    Raises:
        DataError: the file is missing or damaged.
    """
    stored = archive.read(path, "the checkpoint", INSTEAD)
    try:
        parameters, state = stored["parameters"], stored["state"]
        header = json.loads(str(stored["header"]))
    except (KeyError, ValueError, RecursionError) as error:
        _refuse(path, f"reading its header fails: {error}", error)
    if not isinstance(header, dict) or header.get("schema") != SCHEMA:
        _refuse(path, f"its header does not name the schema {SCHEMA}")
    digest = _digest(parameters, state)
    if header.get("sha256") != digest:
        _refuse(
            path,
            f"its header gives the digest {str(header.get('sha256'))[:12]}… and its parameters "
            f"have {digest[:12]}…",
        )
    counts = [header.get(name) for name in ("epochs_done", "steps", "seed")]
    done, steps, seed = (x if type(x) is int else -1 for x in counts)
    history, made_with = header.get("history"), header.get("made_with")
    if min(done, steps, seed) < 0 or not isinstance(history, list):
        _refuse(path, "its header says epochs_done {!r}, steps {!r} and seed {!r}".format(*counts))
    if not isinstance(made_with, dict):
        _refuse(path, f"its header says made_with {made_with!r}")
    if len(history) != done or not all(isinstance(row, dict) for row in history):
        _refuse(path, f"it counts {done} epochs and tells of {len(history)}")
    return Checkpoint(parameters, state, done, steps, seed, tuple(history), made_with)


def _refuse(
    path: str | os.PathLike[str], clash: str, cause: BaseException | None = None
) -> NoReturn:
    raise DataError(
        f"the checkpoint {path}",
        f"a checkpoint is expected and {clash}",
        INSTEAD,
    ) from cause


def _digest(*arrays: Array) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype}:{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
