"""What is printed for each derivation of the literature, what was published, and why they differ.

`printed.txt` is the golden file; `differences.txt` gives a reason for every row that is not printed
letter by letter as it was published.
"""

from __future__ import annotations

from gradwright.notation.parser import parse
from gradwright.render.unicode import unicode_text
from tests.identities.rows import HERE, LITERATURE, ROWS, Row

EVERY_ROW = [*ROWS, *LITERATURE]
GOLDEN = HERE / "printed.txt"
REASONS = HERE / "differences.txt"


def published(row: Row) -> str:
    """The published answer, written with the same signs as ours."""
    return unicode_text(parse(row["expected"]))


def golden() -> dict[str, str]:
    """What is printed for each row, as it was last reviewed."""
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines)


def reasons() -> dict[str, str]:
    """Why a row is not printed as it was published."""
    found = {}
    for line in REASONS.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            reason, _, rows = line.rpartition(": ")
            found |= dict.fromkeys(rows.split(), reason)
    return found
