"""Lists of equations, aligned at the equals sign."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradwright.render.latex import escape, latex_name
from gradwright.render.unicode import unicode_name

#: (left side, right side, remark); an empty left side continues the line before.
Row = tuple[str, str, str]

#: Remarks are aligned at most this far to the right.
MAX_COLUMN = 60


def text_block(rows: Sequence[Row]) -> list[str]:
    """Lines of text with aligned equals signs and remarks.

    >>> text_block([("Z", "X W", "n × 3"), ("A", "relu(Z)", "")])
    ['Z = X W      n × 3', 'A = relu(Z)']
    """
    if not rows:
        return []
    left = max(len(row[0]) for row in rows)
    right = min(MAX_COLUMN, max(len(row[1]) for row in rows))
    lines = []
    for name, value, remark in rows:
        line = f"{name.rjust(left)} = {value}"
        if remark:
            line = f"{line.ljust(left + 3 + right)}  {remark}"
        lines.append(line)
    return lines


def latex_block(rows: Sequence[Row]) -> str:
    """An align* environment; remarks stand as text behind the equations."""
    lines = []
    for name, value, remark in rows:
        behind = rf" && \text{{{escape(remark)}}}" if remark else ""
        lines.append(f"{name} &= {value}{behind}")
    return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"


def shape_text(sizes: Sequence[int | str]) -> str:
    """The shape of a value as text; a vector has one size, a scalar none.

    >>> shape_text(("n", 3))
    'n × 3'
    """
    return " × ".join(_size(size, unicode_name) for size in sizes) or "scalar"


def shape_latex(sizes: Sequence[int | str]) -> str:
    r"""The shape of a value as LaTeX mathematics.

    >>> print(shape_latex(("n[l]", 3)))
    n_{l} \times 3
    """
    return r" \times ".join(_size(size, latex_name) for size in sizes) or r"\text{scalar}"


def _size(size: int | str, name: Callable[[str], str]) -> str:
    return name(size) if isinstance(size, str) else str(size)
