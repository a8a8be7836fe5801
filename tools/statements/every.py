"""Every note, in order."""

from __future__ import annotations

from tools.statements import note_000, note_001, note_002, note_003, note_004
from tools.statements.statement import Note

NOTES: tuple[Note, ...] = (
    note_000.NOTE,
    note_001.NOTE,
    note_002.NOTE,
    note_003.NOTE,
    note_004.NOTE,
)
