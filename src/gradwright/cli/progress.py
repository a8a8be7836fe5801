"""Progress on standard error: a bar on a terminal, otherwise a plain line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

#: Seconds between two plain lines.
INTERVAL = 5.0

#: (what is being done, how much is done, how much there is)
Progress = Callable[[str, int, int], None]


def note(text: str) -> None:
    """A remark that is not a result, on standard error."""
    click.echo(text, err=True)


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """A function to call with each bit of progress."""
    if sys.stderr.isatty():
        with _bar(title) as update:
            yield update
    else:
        yield _lines(title)


def _lines(title: str) -> Progress:
    last = time.monotonic()

    def update(what: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= INTERVAL:
            last = now
            note(f"{title}: {what}, {done} of {total}")

    return update


@contextmanager
def _bar(title: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    # rich itself respects NO_COLOR and terminals that cannot move the cursor.
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(title, total=None)

        def update(what: str, done: int, total: int) -> None:
            shown.update(task, description=f"{title}: {what}", completed=done, total=total)

        yield update
