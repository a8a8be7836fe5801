"""A network's derivation as text and as a LaTeX document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradwright.explain.lines import Line
from gradwright.explain.network import Entry, Section
from gradwright.render.equation import latex_block, shape_text, text_block
from gradwright.render.latex import escape, latex_name
from gradwright.render.plain import plain_text
from gradwright.render.shapes import latex_over_shapes, text_over_shapes
from gradwright.render.unicode import unicode_name, unicode_text

Row = tuple[str, str, str]


def as_text(title: str, notes: Sequence[str], sections: Sequence[Section]) -> str:
    """The derivation for a terminal."""
    lines = [title, *(f"  {note}" for note in notes)]
    for number, section in enumerate(sections, start=1):
        lines += ["", f"{number}. {section.title}"]
        rows = [row for entry in section.entries for row in _text_rows(entry)]
        lines += [f"   {line}".rstrip() for line in text_block(rows)]
        shaped = [e for e in section.entries if e.shapes and e.line.axes]
        if shaped:
            under = text_over_shapes([(e.line.name, e.line.tree, e.shapes) for e in shaped])
            lines += ["", "   with the shape of every symbol under it"]
            lines += [f"   {line}".rstrip() for line in under]
    return "\n".join(lines)


def as_latex(title: str, notes: Sequence[str], sections: Sequence[Section]) -> str:
    """A complete document that needs amsmath, amssymb and stmaryrd."""
    parts = [rf"\noindent {escape(note)}\\" for note in notes]
    for section in sections:
        rows = [row for entry in section.entries for row in _latex_rows(entry)]
        parts += ["", rf"\subsection*{{{escape(section.title)}}}", latex_block(rows)]
    return document(title, parts)


def document(title: str, parts: Sequence[str], paper: str = "a4paper,margin=2cm") -> str:
    """A complete LaTeX document with a heading, from parts that are LaTeX already."""
    head = [
        r"\documentclass{article}",
        r"\usepackage{amsmath,amssymb,stmaryrd}",
        rf"\usepackage[{paper}]{{geometry}}",
        r"\begin{document}",
        rf"\section*{{{escape(title)}}}",
    ]
    return "\n".join([*head, *parts, r"\end{document}", ""])


def section_dict(section: Section) -> dict[str, Any]:
    """A section as plain values."""
    return {
        "title": section.title,
        "lines": [
            {
                "name": entry.line.name,
                "meaning": entry.line.meaning,
                "shape": list(entry.line.axes),
                "forms": [
                    {"text": plain_text(form.tree), "rule": form.rule} for form in entry.line.forms
                ],
                "layers": entry.remark,
            }
            for entry in section.entries
        ],
    }


def _text_rows(entry: Entry) -> list[Row]:
    line = entry.line
    rows = []
    for place, form in enumerate(line.forms):
        left = unicode_name(line.left) if place == 0 else ""
        last = place == len(line.forms) - 1
        remark = _joined(form.rule, _shape(line) if last else "", entry.remark if last else "")
        rows.append((left, unicode_text(form.tree), remark))
    return rows


def _latex_rows(entry: Entry) -> list[Row]:
    line = entry.line
    rows = []
    for place, form in enumerate(line.forms):
        left = latex_name(line.left) if place == 0 else ""
        last = place == len(line.forms) - 1
        remark = _joined(form.rule, _shape(line) if last else "", entry.remark if last else "")
        rows.append((left, latex_over_shapes(form.tree, entry.shapes), remark))
    return rows


def _shape(line: Line) -> str:
    return shape_text(line.axes) if line.axes else ""


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
