"""The table of the ledger: `python -m tools.ledger` writes the tables of docs/ledger.md.

Rows and statements are read from the file itself. Behind each stand the line that derives it, what
comes out, and the largest relative difference from independent values, from the pages of the notes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.notes import below
from tools.statements.every import NOTES
from tools.statements.statement import Note, Statement, Worked

LEDGER = Path(__file__).resolve().parents[1] / "docs" / "ledger.md"

HEAD = "| row | statement | derived by | result | difference |\n|---|---|---|---|---|"
ROW = re.compile(r"S\d\.\d+|X\d")


def proofs(row: str) -> list[tuple[Note, Statement, Worked]]:
    """The statements that prove a row; of those that have it as their first row, if there are."""
    found = [(n, s) for n in NOTES for s in n.statements if row in s.rows.split()]
    first = [(note, statement) for note, statement in found if statement.rows.split()[0] == row]
    return [(note, statement, statement.worked[1]) for note, statement in first or found]


def cells(row: str) -> tuple[str, str, str]:
    """(derived by, result, difference) of a row."""
    if row == "X2":
        slips = [slip for note in NOTES for s in note.statements for slip in s.slips]
        found = sum(slip.found for slip in slips)
        text = f"{found} of {len(slips)} slips are found by the checker, the others are marked"
        return "`gw.check_equations(text, net, notation=…)`", text, ""
    if row == "X7":
        count = sum(len(note.statements) for note in NOTES)
        pages = ", ".join(f"[{note.number}](notes/{note.number}.html)" for note in NOTES)
        return "`python -m tools.notes`", f"{count} statements on five pages: {pages}", ""
    proved = proofs(row)
    assert proved, row
    by = [f"[{s.place}](notes/{n.number}.html#{s.anchor}) {_code(s)}" for n, s, _ in proved]
    results = [_escaped(worked.text) for _, _, worked in proved]
    error = max(worked.error for _, _, worked in proved)
    return "<br>".join(by), "<br>".join(results), f"< {below(error)}"


def _code(statement: Statement) -> str:
    """The line that derives, without the name that it gives and without what prints it."""
    lines = [line for line in statement.command.strip().splitlines() if line]
    kept = [line for line in lines if re.match(r"\w[\w, ]* = |\$ ", line)]
    line = re.sub(r"^[\w, ]+ = |^\$ ", "", kept[-1])
    if line.count("(") > line.count(")"):
        line += "…)"
    return f"`{_escaped(line)}`"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def ledger(text: str) -> str:
    """The ledger with its tables written anew."""
    lines: list[str] = []
    for line in text.splitlines():
        row, statement = _read(line)
        if line.startswith("| row |"):
            lines += HEAD.splitlines()
        elif row:
            lines.append(f"| {row} | {statement} | {' | '.join(cells(row))} |")
        elif not line.startswith("|---"):
            lines.append(line)
    return "\n".join(lines) + "\n"


def _read(line: str) -> tuple[str, str]:
    """(row, statement) of a line of a table, else two empty texts."""
    parts: Sequence[str] = [part.strip() for part in re.split(r"(?<!\\)\|", line)]
    if len(parts) > 3 and ROW.fullmatch(parts[1]):
        return parts[1], parts[2]
    return "", ""


def main() -> int:
    """Write the tables."""
    LEDGER.write_text(ledger(LEDGER.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
