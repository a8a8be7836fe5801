"""The table of the 107 identities: what is printed for each, and whether its numbers are right.

`python -m tests.suites.identities` prints the table and a summary, and ends with exit code 1 when
a result is silently wrong; `--markdown` prints the same for docs/identities.md.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from tests.identities.rows import TOLERANCE, Judged, judge_all

HEADINGS = (
    "id",
    "expression",
    "by",
    "printed derivative",
    "form",
    "verified",
    "answer",
    "oracle",
    "symbols",
    "answer's",
)

#: Longer texts are cut in the table for the terminal; Markdown shows them whole.
WIDEST = 60


def cells(judged: Judged) -> list[str]:
    """One row of the table."""
    row = judged.row
    start = [row["id"], row["expression"], row["wrt"]]
    if judged.refused:
        return [*start, f"refused: {judged.refused}", *[""] * (len(HEADINGS) - 4)]
    text = judged.printed if judged.text <= TOLERANCE else f"{judged.printed} WRONG TEXT"
    return [
        *start,
        text,
        judged.form,
        judged.verified,
        verdict(judged.answer),
        verdict(judged.oracle),
        str(judged.symbols),
        str(judged.symbols_expected),
    ]


def verdict(distance: float) -> str:
    """Whether a relative difference is rounding."""
    return "right" if distance <= TOLERANCE else f"WRONG by {distance:.1e}"


def table(rows: Sequence[Judged]) -> list[str]:
    """The table in columns for a terminal."""
    listed = [list(HEADINGS), *map(cells, rows)]
    listed = [[_cut(cell) for cell in line] for line in listed]
    widths = [max(len(line[k]) for line in listed) for k in range(len(HEADINGS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in listed
    ]


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def markdown(rows: Sequence[Judged]) -> list[str]:
    """The whole table in Markdown."""
    lines = [_row(HEADINGS), _row(["---"] * len(HEADINGS))]
    for judged in rows:
        name, expression, by, printed, *rest = cells(judged)
        lines.append(_row([name, _code(expression), _code(by), _code(printed), *rest]))
    return lines


def _row(listed: Sequence[str]) -> str:
    return f"| {' | '.join(listed)} |"


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def summary(rows: Sequence[Judged]) -> list[str]:
    """Counts of outcomes, forms and ways of verifying, and the comparison of lengths."""
    right = sum(judged.right for judged in rows)
    wrong = sum(judged.silently_wrong for judged in rows)
    refused = sum(bool(judged.refused) for judged in rows)
    given = [judged for judged in rows if not judged.refused]
    shorter = sum(judged.symbols < judged.symbols_expected for judged in given)
    longer = sum(judged.symbols > judged.symbols_expected for judged in given)
    equal = len(given) - shorter - longer
    ours = sum(judged.symbols for judged in given)
    theirs = sum(judged.symbols_expected for judged in given)
    return [
        f"{len(rows)} rows: {right} right, {wrong} silently wrong, {refused} refused",
        f"form: {_counts(judged.form for judged in given)}",
        f"verified: {_counts(judged.verified or 'index form' for judged in given)}",
        f"symbols: {ours} printed, {theirs} in the answers; "
        f"{shorter} rows shorter, {equal} equal, {longer} longer",
    ]


def _counts(found: Iterable[str]) -> str:
    counted = Counter(found)
    return ", ".join(f"{number} {name}" for name, number in counted.most_common())


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a result is silently wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", action="store_true", help="the whole table in Markdown")
    parser.add_argument("--seed", type=int, default=None, help="of the random points")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    rows = judge_all(seed)
    if given.markdown:
        print("\n".join([*markdown(rows), "", *(f"- {line}" for line in summary(rows))]))
    else:
        print("\n".join([*table(rows), "", *summary(rows), f"seed {seed}"]))
    return 1 if any(judged.silently_wrong for judged in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
