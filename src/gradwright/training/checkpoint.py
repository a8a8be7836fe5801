"""Checkpoints: plain arrays and JSON, written whole or not at all, verified when read."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from gradwright.errors import DataError, OutputError

SCHEMA = "gradwright.checkpoint/1"

Array = Any


@dataclass(frozen=True, slots=True, eq=False)
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
    partial = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        try:
            # "x" makes a new file with the usual mode, which mkstemp would not.
            with partial.open("xb") as file:
                np.savez(file, parameters=state.parameters, header=np.array(json.dumps(header)))
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)
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
        # NumPy leaves a file open that it opened itself and cannot read.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            header = json.loads(str(stored["header"]))
            parameters = stored["parameters"]
    except _DAMAGED as error:
        _refuse(path, f"reading it fails: {error}", error)
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
    return Checkpoint(parameters, done, seed, tuple(history))


#: What NumPy, zipfile and json raise when they meet a file that is none of theirs.
_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    TypeError,
    IndexError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    OverflowError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
)


def _refuse(
    path: str | os.PathLike[str], clash: str, cause: BaseException | None = None
) -> NoReturn:
    raise DataError(
        f"the checkpoint {path}",
        f"a checkpoint is expected and {clash}",
        "give an undamaged file that training wrote",
    ) from cause


def _digest(parameters: Array) -> str:
    digest = hashlib.sha256(f"{parameters.dtype}:{parameters.shape}".encode())
    digest.update(np.ascontiguousarray(parameters).tobytes())
    return digest.hexdigest()
