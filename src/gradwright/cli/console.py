"""What a command says: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def colour() -> bool | None:
    """False when NO_COLOR asks for none; None leaves it to whether the stream is a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def result(text: str) -> None:
    """Print a result."""
    click.echo(text, color=colour())


def result_json(document: dict[str, Any]) -> None:
    """Print a result as JSON. Numbers that JSON does not have become null."""
    click.echo(json_text(document))


def json_text(document: dict[str, Any]) -> str:
    """A document as JSON with a final newline left to the writer."""
    return json.dumps(_finite(document), ensure_ascii=False, indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    """The same document without the infinities and NaNs, which JSON has no words for."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return None
    return value


def note(text: str) -> None:
    """Say something that is no result."""
    click.echo(text, err=True, color=colour())


def complaint(text: str) -> None:
    """Say what went wrong."""
    click.echo(click.style("error: ", fg="red", bold=True) + text, err=True, color=colour())


class Watcher(Protocol):
    """Told how far a piece of work has come."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """`done` of `total` parts of the work called `what` are finished."""


@contextmanager
def progress() -> Iterator[Watcher]:
    """A watcher that draws bars on a terminal, and elsewhere says when each piece of work ends."""
    if not sys.stderr.isatty():
        yield _say_at_end
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        yield _Bars(bars)


def _say_at_end(what: str, done: int, total: int) -> None:
    if done == total:
        note(f"{what}: done")


class _Bars:
    """One bar for each piece of work."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._tasks[what], completed=done, total=total)
