"""Lines of a derivation as rows of MathML, aligned at the equals sign."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from gradwright.explain.formula import Step
from gradwright.explain.network import Entry, Section
from gradwright.notation.tree import Symbol
from gradwright.render.equation import shape_text
from gradwright.render.mathml import CLOSE, OPEN, derivative, math_element, mathml_name, mathml_row
from gradwright.render.shapes import mathml_over_shapes
from gradwright.report.page import section, wide

#: (left side, right side, remark), the sides as MathML; an empty left side goes on from before.
Row = tuple[str, str, str]


def equations(rows: Sequence[Row]) -> str:
    """Rows of equations in a box that scrolls."""
    lines = []
    for left, right, remark in rows:
        name = math_element(left) if left else ""
        value = math_element(f'<mstyle displaystyle="true"><mo>=</mo>{right}</mstyle>')
        note = f'<td class="remark">{escape(remark)}</td>' if remark else ""
        lines.append(f"<tr><td>{name}</td><td>{value}</td>{note}</tr>")
    return wide(f'<table class="lines">{"".join(lines)}</table>')


def network_sections(parts: Sequence[Section]) -> str:
    """The derivation of a network, section by section."""
    made = []
    for number, part in enumerate(parts, start=1):
        made.append(section(f"{number}. {part.title}", entry_lines(part.entries)))
    return "".join(made)


def entry_lines(entries: Sequence[Entry]) -> str:
    """Lines of a derivation of a network, aligned."""
    return equations([row for entry in entries for row in _rows(entry)])


def _rows(entry: Entry) -> list[Row]:
    line = entry.line
    rows = []
    for place, form in enumerate(line.forms):
        last = place == len(line.forms) - 1
        behind = (shape_text(line.axes) if line.axes else "", entry.remark) if last else ()
        remark = ", ".join(part for part in (form.rule, *behind) if part)
        rows.append(
            (
                mathml_name(line.left) if place == 0 else "",
                mathml_over_shapes(form.tree, entry.shapes),
                remark,
            )
        )
    return rows


def formula_steps(steps: Sequence[Step]) -> str:
    """Each use of the chain rule."""
    rows = []
    for step in steps:
        of = mathml_row(step.of)
        inside = of if isinstance(step.of, Symbol) else f"{OPEN}{of}{CLOSE}"
        rows.append((derivative("<mi>f</mi>", inside), mathml_row(step.after), step.rule))
    return equations(rows)
