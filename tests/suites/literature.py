"""The derivations of the literature beside their published forms.

`python -m tests.suites.literature` prints the page docs/literature.md; `--review` writes what is
printed today into the golden file, to be read as a difference before it is kept.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import gradwright as gw
from tests.identities.published import EVERY_ROW, GOLDEN, published, reasons
from tests.identities.rows import Row, declarations, derive

HEADING = ("id", "formula", "by", "published", "printed", "why they differ", "source")

INTRODUCTION = """\
# Derivations of the literature

{count} derivatives as they were published, beside what gradwright prints; where the two differ
letter by letter, the reason. Both were compared at random points with unequal sizes, and with a
complex step (`tests/identities`), so each difference is one of form alone. A published form is
written with the signs used here. Equation numbers are given as commonly cited and were not looked
up again.

`python -m tests.suites.literature` prints this page. `tests/identities/printed.txt` is the golden
file, and `tests/identities/differences.txt` holds the reasons.
"""


def printed(row: Row) -> str:
    """What is printed for a row today."""
    return str(derive(row, gw.formula(row["expression"], **declarations(row))))


def page() -> list[str]:
    """The page, line by line."""
    why = reasons()
    lines = [*INTRODUCTION.format(count=len(EVERY_ROW)).splitlines(), ""]
    lines += [_line(HEADING), _line(["---"] * len(HEADING))]
    for row in EVERY_ROW:
        ours, theirs = printed(row), published(row)
        formulas = [_code(row["expression"]), _code(row["wrt"]), _code(theirs)]
        shown = "the same" if ours == theirs else _code(ours)
        lines.append(_line([row["id"], *formulas, shown, why.get(row["id"], ""), row["source"]]))
    return lines


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page, or write the golden file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--review", action="store_true", help="write the golden file")
    given = parser.parse_args(arguments)
    if given.review:
        lines = [f"{row['id']}: {printed(row)}\n" for row in EVERY_ROW]
        GOLDEN.write_text("".join(lines), encoding="utf-8")
    else:
        print("\n".join(page()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
