"""Checkpoints: plain arrays and JSON, written whole or not at all, verified when read."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradwright.errors import DataError, OutputError

SCHEMA = "gradwright.checkpoint/1"

Array = Any


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state after a whole number of epochs; with the seed it determines all that follows."""

    parameters: Array
    epochs_done: int
    seed: int
    history: tuple[dict[str, Any], ...]


def write(path: str | os.PathLike[str], state: Checkpoint) -> None:
    """Write a checkpoint next to its final place, then move it there.

    Raises:
        OutputError: the place cannot be written; an older checkpoint there stays as it was.
    """
    target = Path(path)
    header = {
        "schema": SCHEMA,
        "epochs_done": state.epochs_done,
        "seed": state.seed,
        "history": list(state.history),
        "sha256": _digest(state.parameters),
    }
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, parameters=state.parameters, header=np.array(json.dumps(header)))
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise OutputError(
            f"writing the checkpoint {target}",
            f"the file is to be written and the system says: {error.strerror}",
            "choose a folder that exists and can be written",
        ) from error


def read(path: str | os.PathLike[str]) -> Checkpoint:
    """Read what `write` wrote.

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            header = json.loads(str(stored["header"]))
            parameters = stored["parameters"]
        found = header["schema"], header["sha256"]
        wanted = SCHEMA, _digest(parameters)
        history = tuple(header["history"])
        state = Checkpoint(parameters, int(header["epochs_done"]), int(header["seed"]), history)
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(
            f"the checkpoint {path}",
            f"a checkpoint is expected and reading it fails: {error}",
            "give a file that training wrote",
        ) from error
    if found != wanted:
        raise DataError(
            f"the checkpoint {path}",
            f"its schema and digest are {found[0]}, {found[1][:12]}… and "
            f"{wanted[0]}, {wanted[1][:12]}… are expected",
            "use an undamaged copy",
        )
    return state


def _digest(parameters: Array) -> str:
    digest = hashlib.sha256(f"{parameters.dtype}:{parameters.shape}".encode())
    digest.update(np.ascontiguousarray(parameters).tobytes())
    return digest.hexdigest()
