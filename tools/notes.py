"""The pages of the lecture notes: `python -m tools.notes` writes docs/notes/000.html to 004.html.

Each goes through one note statement by statement: derived, evaluated, compared, its slips marked.
"""

from __future__ import annotations

import math
import sys
from html import escape
from pathlib import Path

from gradwright.report.page import code, details, notes, page
from tools.statements.every import NOTES
from tools.statements.pieces import values
from tools.statements.statement import TOLERANCE, Note, Slip, Statement, Worked

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "notes"

#: Printed output with more lines is folded away.
FOLDED_FROM = 14

#: Errors are told as a power of ten from here up, so that a page is the same on every machine.
SMALLEST = -13

STYLE = """<style>
section{border-top:1px solid var(--faint);margin-top:2.2rem}section h2{margin-top:1rem}
.slip{border-left:3px solid var(--second);padding:.1rem .8rem;margin:1rem 0;background:var(--panel)}
.slip h3{font-size:1rem;margin:.5rem 0;color:var(--second)}.slip p{margin:.4rem 0}
nav li{margin:.1rem 0}a{color:var(--first)}table.data td math{vertical-align:middle}
@media print{.slip{break-inside:avoid}nav{display:none}}
</style>"""


def below(error: float) -> str:
    """An error as the power of ten that it is below.

    >>> below(0.0), below(3e-13), below(0.02)
    ('10⁻¹³', '10⁻¹²', '10⁻¹')
    """
    power = SMALLEST if error == 0 else max(SMALLEST, math.floor(math.log10(error)) + 1)
    return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def note_page(note: Note) -> str:
    """The page of a note."""
    listed = "".join(
        f'<li><a href="#{s.anchor}">{escape(s.title)}</a></li>' for s in note.statements
    )
    slips = sum(len(s.slips) for s in note.statements)
    others = " · ".join(
        note.number if other is note else f'<a href="{other.number}.html">{other.number}</a>'
        for other in NOTES
    )
    intro = notes(
        note.about,
        f"{len(note.statements)} statements, each derived by the lines that are shown, evaluated "
        "at numbers drawn with a fixed seed, and compared with values that share no code with the "
        "derivation; the difference is relative to the largest entry. "
        f"{slips} places where the note slips are marked. Places are lines of the note's text.",
    )
    body = [STYLE, f"<p>Notes: {others}</p>", intro, f"<nav><ol>{listed}</ol></nav>"]
    body += [_statement(k, s) for k, s in enumerate(note.statements, start=1)]
    return page(f"Note {note.number}: {note.title}", "".join(body))


def _statement(number: int, statement: Statement) -> str:
    printed, worked = statement.worked
    where = f"line {statement.place.partition(':')[2]}"
    parts = [
        f'<section id="{statement.anchor}"><h2>{number}. {escape(statement.title)}</h2>',
        notes(f"{where} of the note; row {', '.join(statement.rows.split())} of the ledger"),
        worked.formula,
        code(statement.command.strip()),
    ]
    if printed:
        long = printed.count("\n") >= FOLDED_FROM
        parts.append(details("what it prints", code(printed)) if long else code(printed))
    parts += [_numbers(worked), worked.figures, *map(_slip, statement.slips), "</section>"]
    return "".join(parts)


def _numbers(worked: Worked) -> str:
    head = "<tr><th>quantity</th><th>value</th><th>difference</th></tr>"
    rows = "".join(
        f"<tr><td>{pair.name}</td><td>{values(pair.derived)}</td>"
        f"<td>&lt; {below(pair.error)}</td></tr>"
        for pair in worked.compared
    )
    good = worked.error <= TOLERANCE
    said = "agrees with" if good else "differs from"
    badge = (
        f'<p><span class="badge {"good" if good else "bad"}">{said} {escape(worked.by)}</span></p>'
    )
    return f'<div class="wide" tabindex="0"><table class="data">{head}{rows}</table></div>{badge}'


def _slip(slip: Slip) -> str:
    line = slip.place.partition(":")[2]
    parts = [
        f'<div class="slip"><h3>A slip at line {line}, as printed</h3>',
        f"<p>The note has: {escape(slip.printed)}</p><p>Right is: {escape(slip.right)}</p>",
    ]
    verdict = slip.verdict
    if verdict is not None:
        parts.append(notes("Typed as it stands, the checker of equations says:"))
        parts.append(code(str(verdict)))
    return "".join([*parts, "</div>"])


def main() -> int:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for note in NOTES:
        (FOLDER / f"{note.number}.html").write_text(note_page(note), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
