"""Where results go: text or JSON on standard output, files all at once or not at all."""

from __future__ import annotations

import json
import math
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gradwright.errors import OutputError


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: NumPy numbers as numbers, what is not finite as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(held) for key, held in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(held) for held in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def json_text(value: Any) -> str:
    """A JSON document, in Unicode, without NaN (which JSON does not have)."""
    return json.dumps(plain(value), ensure_ascii=False, indent=2, allow_nan=False)


def say(text: str, *, go_on: bool = False) -> None:
    """A result, on standard output.

    When nobody reads on (as in `| head`) the run ends quietly, or with `go_on` continues without
    printing, because files are still to be written.
    """
    try:
        click.echo(text)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        if not go_on:
            raise click.exceptions.Exit(0) from None


class OutputFolder:
    """A folder whose files are prepared in `staging` and appear together in `target`.

    Made by `output_folder`, which proves that the place can be written before any work is done.
    """

    def __init__(self, target: Path, staging: Path) -> None:
        self.target = target
        self.staging = staging

    def write(self, name: str, text: str) -> None:
        """Prepare a text file, in UTF-8 and with plain line ends on every system."""
        whole = text if text.endswith("\n") else text + "\n"
        self.save(name, lambda path: path.write_text(whole, encoding="utf-8", newline="\n"))

    def save(self, name: str, write: Callable[[Path], object]) -> None:
        """Prepare a file that `write` makes at the path it is given.

        Raises:
            OutputError: it cannot be written, for example because the disk is full.
        """
        try:
            write(self.staging / name)
        except OSError as error:
            raise _unwritable(str(self.target), error) from error

    def publish(self) -> list[Path]:
        """Move the prepared files in place, each in one step, and return their paths."""
        prepared = sorted(self.staging.iterdir())
        for path in (self.target / file.name for file in prepared):
            if path.is_dir():
                raise _refused(str(path), "it is a folder, and a file belongs there")
        self.target.mkdir(parents=True, exist_ok=True)
        return [file.replace(self.target / file.name) for file in prepared]


@contextmanager
def output_folder(path: str | None) -> Iterator[OutputFolder | None]:
    """The folder for `--out`; None without one. When the work fails, its files are removed.

    Raises:
        OutputError: the folder cannot be made or written.
    """
    if path is None:
        yield None
        return
    target = Path(path).absolute()
    staging = _staging_place(target)
    # The name is known before the folder is, so that an interrupt at any moment removes it.
    try:
        try:
            staging.mkdir(mode=0o700)
        except OSError as error:
            raise _unwritable(path, error) from error
        yield OutputFolder(target, staging)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_file(path: str, text: str) -> None:
    """Write one text file in one step.

    Raises:
        OutputError: it cannot be written.
    """
    whole = Path(path).absolute()
    with output_folder(str(whole.parent)) as folder:
        assert folder is not None
        folder.write(whole.name, text)
        publish(folder)


def _staging_place(target: Path) -> Path:
    """A new place on the file system of `target`, so that files can be moved in one step."""
    name = f"gradwright-{secrets.token_hex(8)}"
    if target.exists():
        return target / f".{name}"
    # Folders that are missing on the way are made at the end, with the files.
    first = target
    while not first.parent.exists():
        first = first.parent
    return first.parent / f".{first.name}-{name}"


def publish(folder: OutputFolder | None) -> list[Path]:
    """Move the prepared files in place, if a folder was asked for.

    Raises:
        OutputError: a file cannot be moved there.
    """
    if folder is None:
        return []
    try:
        return folder.publish()
    except OSError as error:
        raise _unwritable(error.filename2 or str(folder.target), error) from error


def _unwritable(path: str, error: OSError) -> OutputError:
    return _refused(path, f"the system says: {error.strerror or error}")


def _refused(path: str, reason: str) -> OutputError:
    return OutputError(
        f"writing to {path}",
        f"--out asks for files there and {reason}",
        "name a folder that you may write to, with --out",
    )
