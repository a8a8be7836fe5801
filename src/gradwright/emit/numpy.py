"""The NumPy target for formulas: a complete, readable module."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.core.nodes import Size
from gradwright.emit.body import MAX_LINE, FormulaBody
from gradwright.emit.support import HELPERS
from gradwright.program.ir import Function


def formula_module(
    function: Function, title: str, notes: Sequence[str], written: str | None = None
) -> str:
    """A module with one function.

    Arguments are arrays with the shapes that the docstring gives; the text of `title` and
    `notes` is documentation. The value `written` goes into an array `out` that may be given.
    """
    body = FormulaBody(function, written=written)
    lines = body.lines()
    helpers = "".join(f"\n{HELPERS[name]}" for name in sorted(body.helpers))
    names = [body.names[name] for name in function.inputs]
    shapes = [f"{name}: {shape_note(function.axes[x])}" for x, name in body.names.items()]
    for applied, _ in function.callables:
        names.append(body.callable(applied))
        shapes.append(f"{names[-1]}: the function {applied}")
    if written is not None:
        names.append("out=None")
    return "\n".join(
        [
            f'"""{documentation(title)}',
            *("", *map(documentation, notes)) * bool(notes),
            '"""',
            "",
            "import numpy as np",
            helpers,
            "",
            *signature(function.name, names),
            *(f"    {line}" for line in _docstring(shapes)),
            *(f"    {line}" for line in lines),
            "",
        ]
    )


def signature(name: str, parameters: Sequence[str]) -> list[str]:
    """The `def` line, broken where it is too long."""
    line = f"def {name}({', '.join(parameters)}):"
    if len(line) <= MAX_LINE + 4:
        return [line]
    return [f"def {name}(", *(f"    {parameter}," for parameter in parameters), "):"]


def documentation(text: str) -> str:
    """Text as it may stand in a docstring: nothing in it ends the string or escapes."""
    shown = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    return shown.replace("\\", "").replace('"', "'")


def _docstring(parts: Sequence[str]) -> list[str]:
    line = documentation("; ".join(parts)) + "."
    if len(line) <= MAX_LINE - 6:
        return [f'"""{line}"""']
    return ['"""', *(documentation(part) for part in parts), '"""']


def shape_note(axes: Sequence[Size]) -> str:
    """Sizes as documentation."""
    return " × ".join(map(str, axes)) if axes else "scalar"
