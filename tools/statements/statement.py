"""A statement of a lecture note: derived by what a user would type, evaluated, compared, corrected.

A statement is worked in two parts. Its `command` is a session, lines of Python or of a shell as a
user types them; it is run, and what it printed is shown below it. Its `work` takes the names that
the session made, evaluates them at numbers and puts an independent value beside each.
"""

from __future__ import annotations

import ast
import contextlib
import io
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

import gradwright as gw
from gradwright.api.equations.report import EquationsReport
from gradwright.cli.main import run as run_command

#: Both sides are a few hundred operations in float64 on numbers of order one.
TOLERANCE = 1e-12

Names = Mapping[str, Any]
Array = Any


def relative_error(found: object, expected: object) -> float:
    """max |a − b| over max |b|; infinite where the shapes differ, or where only b is all zero."""
    a, b = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    if a.shape != b.shape:
        return float("inf")
    apart, size = float(np.max(np.abs(a - b), initial=0)), float(np.max(np.abs(b), initial=0))
    if size == 0:
        return 0.0 if apart == 0 else float("inf")
    return apart / size if np.isfinite(apart) else float("inf")


@dataclass(frozen=True, eq=False)
class Compared:
    """A quantity, its value by gradwright, and its value by other means; `name` is MathML."""

    name: str
    derived: Array
    independent: Array

    @property
    def error(self) -> float:
        """The largest relative difference."""
        return relative_error(self.derived, self.independent)


@dataclass(frozen=True, eq=False)
class Worked:
    """What came of a statement.

    `formula` is the derived result as HTML with MathML, `text` the same in one line of plain text,
    `compared` the numbers, `figures` SVG or tables, and `by` says what the independent values are.
    """

    formula: str
    text: str
    compared: tuple[Compared, ...]
    by: str = "NumPy by hand"
    figures: str = ""

    @property
    def error(self) -> float:
        """The largest relative difference of all numbers."""
        return max(pair.error for pair in self.compared)


@dataclass(frozen=True, eq=False)
class Slip:
    """A slip of a note: as it is printed, and as it should be.

    Where an equation can be checked, `typed` is it as it stands, checked with `network`, in the
    letters of `notation`, or with the symbols in `declared`. A slip without it is only marked.
    """

    place: str
    printed: str
    right: str
    typed: str = ""
    network: gw.Network | None = None
    notation: str | None = None
    declared: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def verdict(self) -> EquationsReport | None:
        """What the checker of equations says of it, where it is an equation."""
        if not self.typed:
            return None
        if self.network is None:
            return gw.check_equations(self.typed, **self.declared)
        return gw.check_equations(self.typed, self.network, notation=self.notation)

    @property
    def found(self) -> bool:
        """Whether the checker objects: it is wrong, or right under a condition only."""
        verdict = self.verdict
        return verdict is not None and any(not e.ok or e.condition for e in verdict.equations)


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement: the rows of the ledger that it proves, its place `note:line`, and its working.

    `title` says it in words. `command` is the session that derives it.
    """

    rows: str
    place: str
    title: str
    command: str
    work: Callable[[Names], Worked]
    slips: tuple[Slip, ...] = ()

    @property
    def anchor(self) -> str:
        """Where it is on its page."""
        return (
            f"line-{self.place.partition(':')[2]}-{self.rows.split()[0].lower().replace('.', '-')}"
        )

    @cached_property
    def worked(self) -> tuple[str, Worked]:
        """(what the session printed, what came of it)."""
        names, printed = session(self.command)
        return printed, self.work(names)


@dataclass(frozen=True)
class Note:
    """A lecture note: its number, its title, what it is about, and its statements in order."""

    number: str
    title: str
    about: str
    statements: tuple[Statement, ...]


def session(text: str) -> tuple[dict[str, Any], str]:
    """(names, printed text) of lines as they are typed: Python, or a shell's after `$ `."""
    names: dict[str, Any] = {"gw": gw, "np": np}
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        for kind, part in _parts(text.strip()):
            if kind == "shell":
                command, *arguments = shlex.split(part)
                assert command == "gradwright", command
                run_command(arguments)
                continue
            for node in ast.parse(part).body:
                # "single" shows the value of an expression as the interpreter does.
                exec(compile(ast.Interactive([node]), "<session>", "single"), names)
    return names, out.getvalue().rstrip()


def _parts(text: str) -> list[tuple[str, str]]:
    """Lines of Python together, and each line of a shell."""
    parts: list[tuple[str, str]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            parts.append(("shell", line[2:]))
        elif parts and parts[-1][0] == "python":
            parts[-1] = ("python", f"{parts[-1][1]}\n{line}")
        else:
            parts.append(("python", line))
    return parts
