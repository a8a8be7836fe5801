"""Row X7: the pages of the notes, statement by statement: derived, evaluated, checked."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from tests.house.tree import ROOT
from tools.notes import FOLDER, below, note_page
from tools.statements.every import NOTES
from tools.statements.oracle import complex_step
from tools.statements.statement import (
    TOLERANCE,
    Compared,
    Note,
    Slip,
    Statement,
    relative_error,
    session,
)

STATEMENTS = [statement for note in NOTES for statement in note.statements]

#: Row X2: lines of each note with a slip that the checker of equations finds.
FOUND = {
    "000": {48, 50, 52, 54},
    "001": {5, 7, 25, 29, 55, 94, 100, 147, 149, 151, 155},
    "002": {13, 60, 82, 86, 90},
    "003": {66, 135, 143, 153, 155, 162, 166, 170, 172, 228},
    "004": {52, 58, 66, 75},
}
#: And lines where something is only marked.
MARKED = {
    "000": set(),
    "001": {13, 33, 138, 143},
    "002": {35, 74},
    "003": {116},
    "004": {112, 127},
}


def label(value: Note | Statement) -> str:
    return value.number if isinstance(value, Note) else f"{value.place}-{value.rows.split()[0]}"


@pytest.mark.parametrize("statement", STATEMENTS, ids=label)
def test_x7_a_statement_is_derived_and_agrees_with_other_means(statement: Statement) -> None:
    _, found = statement.worked
    assert found.formula and found.text and found.compared
    wrong = [(pair.name, pair.error) for pair in found.compared if pair.error > TOLERANCE]
    assert wrong == []


@pytest.mark.parametrize("note", NOTES, ids=label)
def test_x7_every_row_of_a_note_is_on_its_page(note: Note) -> None:
    ledger = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    rows = set(re.findall(rf"^\| (S{int(note.number)}\.\d+) \|", ledger, re.MULTILINE))
    assert rows <= {row for statement in note.statements for row in statement.rows.split()}
    assert len({statement.anchor for statement in note.statements}) == len(note.statements)


def test_x7_there_are_five_notes_and_every_row_across_them_is_worked() -> None:
    assert [note.number for note in NOTES] == ["000", "001", "002", "003", "004"]
    rows = {row for statement in STATEMENTS for row in statement.rows.split()}
    assert {"X1", "X3", "X4", "X5", "X6", "X8"} <= rows


@pytest.mark.parametrize("note", NOTES, ids=label)
def test_x2_every_slip_is_on_the_page_of_its_note(note: Note) -> None:
    slips = [slip for statement in note.statements for slip in statement.slips]
    lines = [int(slip.place.partition(":")[2]) for slip in slips]
    assert set(lines) == FOUND[note.number] | MARKED[note.number]
    assert {slip.place.partition(":")[0] for slip in slips} == {note.number}
    typed = {int(slip.place.partition(":")[2]) for slip in slips if slip.typed}
    assert typed == FOUND[note.number]


@pytest.mark.parametrize(
    "slip",
    [slip for s in STATEMENTS for slip in s.slips if slip.typed],
    ids=lambda slip: f"{slip.place} {slip.typed}",
)
def test_x2_a_slip_that_is_typed_is_found(slip: Slip) -> None:
    assert slip.found, str(slip.verdict)


@pytest.mark.parametrize("note", NOTES, ids=label)
def test_x7_the_written_page_is_up_to_date_and_self_contained(note: Note) -> None:
    text = (FOLDER / f"{note.number}.html").read_text(encoding="utf-8")
    assert text == note_page(note), "run: python -m tools.notes"
    assert len(text.encode()) < 400_000
    assert not re.search(r"<script|<img|<link|src=|@import|url\((?!data:)|href=.https?:", text)
    for statement in note.statements:
        assert f'id="{statement.anchor}"' in text


def test_a_planted_fault_is_seen() -> None:
    """A derivative with one entry off in the last place but three, and a right equation as slip."""
    statement = STATEMENTS[0]
    _, found = statement.worked
    pair = found.compared[0]
    off = replace(pair, derived=np.asarray(pair.derived) * (1 + 3 * TOLERANCE))
    assert off.error > TOLERANCE
    fault = replace(statement, work=lambda names: replace(found, compared=(off,)))
    note = replace(NOTES[0], statements=(fault,))
    assert "differs from" in note_page(note)
    assert not Slip("001:1", "", "", "d/dx (x^2) = 2*x", declared={"x": "scalar"}).found


def test_the_error_measure() -> None:
    assert relative_error([1.0, 2.0], [1.0, 4.0]) == 0.5
    assert relative_error([1.0], [[1.0]]) == float("inf")
    assert relative_error(0.0, 0.0) == 0 and relative_error(1e-300, 0.0) == float("inf")
    assert relative_error(float("nan"), 1.0) == float("inf")
    assert Compared("", 2.0, 1.0).error == 1
    assert (below(0.0), below(3e-13), below(0.02)) == ("10⁻¹³", "10⁻¹²", "10⁻¹")


def test_a_session_prints_what_the_interpreter_would() -> None:
    names, printed = session("a = 2\na + 1\nprint(a)")
    assert names["a"] == 2
    assert printed == "3\n2"
    assert session("$ gradwright --version")[1].startswith("gradwright")


def test_the_complex_step_is_the_derivative() -> None:
    x = np.array([0.3, -1.2])
    found = complex_step(lambda v: np.stack([v[0] * v[1], np.exp(v[0]), v[1] ** 3]), x)
    expected = [[x[1], x[0]], [np.exp(x[0]), 0], [0, 3 * x[1] ** 2]]
    np.testing.assert_allclose(found, expected, rtol=1e-15)
