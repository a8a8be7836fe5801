"""Checkpoints: plain arrays and JSON, written whole or not at all, verified when read."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from gradwright.errors import DataError
from gradwright.nn import archive

SCHEMA = "gradwright.checkpoint/1"

INSTEAD = "give an undamaged file that training wrote"

Array = Any


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The state after a whole number of epochs; with the seed it determines all that follows."""

    parameters: Array
    epochs_done: int
    seed: int
    history: tuple[dict[str, Any], ...]
    target: str = "numpy"


def write(path: str | os.PathLike[str], state: Checkpoint) -> None:
    """Write a checkpoint next to its final place, then move it there.

    Raises:
        OutputError: the place cannot be written; an older checkpoint there stays as it was.
    """
    header = {
        "schema": SCHEMA,
        "epochs_done": state.epochs_done,
        "seed": state.seed,
        "history": list(state.history),
        "target": state.target,
        "sha256": _digest(state.parameters),
    }
    arrays = {"parameters": state.parameters, "header": np.array(json.dumps(header))}
    archive.write(path, arrays, "writing the checkpoint")


def read(path: str | os.PathLike[str]) -> Checkpoint:
    """Read what `write` wrote.

    Raises:
        DataError: the file is missing or damaged.
    """
    stored = archive.read(path, "the checkpoint", INSTEAD)
    try:
        parameters, header = stored["parameters"], json.loads(str(stored["header"]))
    except (KeyError, ValueError, RecursionError) as error:
        _refuse(path, f"reading its header fails: {error}", error)
    if not isinstance(header, dict) or header.get("schema") != SCHEMA:
        _refuse(path, f"its header does not name the schema {SCHEMA}")
    digest = _digest(parameters)
    if header.get("sha256") != digest:
        _refuse(
            path,
            f"its header gives the digest {str(header.get('sha256'))[:12]}… and its parameters "
            f"have {digest[:12]}…",
        )
    done, seed, history = (header.get(name) for name in ("epochs_done", "seed", "history"))
    if not (type(done) is int and type(seed) is int and seed >= 0 and isinstance(history, list)):
        _refuse(path, f"its header says epochs_done {done!r} and seed {seed!r}")
    if len(history) != done or not all(isinstance(row, dict) for row in history):
        _refuse(path, f"it counts {done} epochs and tells of {len(history)}")
    target = header.get("target", "numpy")
    if not isinstance(target, str):
        _refuse(path, f"its header says target {target!r}")
    return Checkpoint(parameters, done, seed, tuple(history), target)


def _refuse(
    path: str | os.PathLike[str], clash: str, cause: BaseException | None = None
) -> NoReturn:
    raise DataError(
        f"the checkpoint {path}",
        f"a checkpoint is expected and {clash}",
        INSTEAD,
    ) from cause


def _digest(parameters: Array) -> str:
    digest = hashlib.sha256(f"{parameters.dtype}:{parameters.shape}".encode())
    digest.update(np.ascontiguousarray(parameters).tobytes())
    return digest.hexdigest()
