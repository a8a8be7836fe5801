"""Named arrays in an .npz file: written whole or not at all, read without pickle."""

from __future__ import annotations

import os
import secrets
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gradwright.errors import DataError, OutputError
from gradwright.run.files import file_path

Array = Any


def write(path: str | os.PathLike[str], arrays: Mapping[str, Array], asked: str) -> None:
    """Write the arrays beside their final place, then move the file there.

    `asked` is what an error says was asked for.

    Raises:
        OutputError: the place cannot be written, and an older file there stays as it was; or the
            path is none.
    """
    target = file_path(path, asked, OutputError)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        try:
            # "x" makes a new file with the usual mode, which mkstemp would not.
            with partial.open("xb") as file:
                np.savez(file, **arrays)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)
        _sync_folder(target.parent)
    except OSError as error:
        raise OutputError(
            f"{asked} {target}",
            f"the file is to be written and the system says: {error.strerror or error}",
            "choose a folder that exists and can be written",
        ) from error


def _sync_folder(folder: Path) -> None:
    """Make the move last through a loss of power, where folders can be opened."""
    if os.name != "posix":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def read(path: str | os.PathLike[str], asked: str, instead: str) -> dict[str, Array]:
    """Read what `write` wrote, in the order it was written.

    `asked` and `instead` are what an error says was asked for, and what to do.

    Raises:
        DataError: the file is missing or damaged, or the path is none.
    """
    source = file_path(path, asked, DataError)
    arrays = {}
    try:
        # Member by member: np.load searches a list of all names for each, and leaves a file open
        # that it cannot read.
        with zipfile.ZipFile(source) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    name = member.filename.removesuffix(".npy")
                    arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
    except _DAMAGED as error:
        raise DataError(
            f"{asked} {source}",
            f"an .npz file of arrays is expected and reading it fails: {error}",
            instead,
        ) from error
    return arrays


#: What zipfile and NumPy raise when they meet a file that is none of theirs; a huge shape in a
#: forged header is a MemoryError, a member marked as encrypted a RuntimeError.
_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    TypeError,
    IndexError,
    RuntimeError,
    MemoryError,
    OverflowError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
)
