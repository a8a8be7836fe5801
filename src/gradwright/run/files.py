"""Results as files of a folder: all at once or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gradwright.errors import GradwrightError, OutputError, require_type


def file_path(path: str | os.PathLike[str], asked: str, error: type[GradwrightError]) -> Path:
    """The path that somebody gave, of a file or a folder.

    Raises:
        GradwrightError: of the class `error`; it is no path.
    """
    instead = "give a path such as 'out/parameters.npz'"
    require_type(error, asked, path, (str, os.PathLike), "a path is text or a Path", instead)
    name = os.fspath(path)
    require_type(error, asked, name, str, "a path is text or a Path", instead)
    if "\0" in name:
        raise error(asked, f"{name!r} is given and paths have no zero character", instead)
    return Path(name)


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
def output_folder(path: str | os.PathLike[str] | None) -> Iterator[OutputFolder | None]:
    """The folder for results; None without one. When the work fails, its files are removed.

    Raises:
        OutputError: the folder cannot be made or written, or is no path.
    """
    if path is None:
        yield None
        return
    target = file_path(path, "writing files to a folder", OutputError).absolute()
    staging = _staging_place(target)
    # The name is known before the folder is, so that an interrupt at any moment removes it.
    try:
        try:
            staging.mkdir(mode=0o700)
        except OSError as error:
            raise _unwritable(str(path), error) from error
        yield OutputFolder(target, staging)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


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
        f"files belong there and {reason}",
        "name a folder that you may write to",
    )
