"""Every note, in order."""

from __future__ import annotations

from tools.statements import note_001, note_003, note_004
from tools.statements.statement import Note

NOTES: tuple[Note, ...] = (note_001.NOTE, note_003.NOTE, note_004.NOTE)
