"""Where results go: text or JSON on standard output, and files."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from gradwright.run.files import output_folder, publish


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
