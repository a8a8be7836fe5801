"""The table of identities by one tool, or by several: right, wrong, raised or not expressible.

`python -m conformance --tool gradwright` needs this project alone; the other tools need the extra
`compare`. `--markdown` prints a row for each identity with a column for each tool.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from importlib import import_module

from conformance.rows import Judged, judge, rows

TOOLS = ("gradwright", "sympy", "jax", "casadi", "tensorgrad")
OUTCOMES = ("right", "silently wrong", "raised", "cannot express")
SIGNS = {"right": "✓", "silently wrong": "✗", "raised": "!", "cannot express": "–"}
WIDEST = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; 1 when gradwright is not right in every row."""
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("--tool", action="append", choices=TOOLS, help="again for more than one")
    parser.add_argument("--seed", type=int, default=None, help="of the random points")
    parser.add_argument("--markdown", action="store_true", help="tables in Markdown")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    found: dict[str, list[Judged]] = {}
    versions = {}
    for name in given.tool or ["gradwright"]:
        try:
            tool = import_module(f"conformance.with_{name}")
        except ImportError as error:
            print(f"{name} is not installed ({error}): pip install -e '.[compare]'")
            return 2
        versions[name] = tool.VERSION
        judge(rows()[0], tool.derive, seed)
        found[name] = [judge(row, tool.derive, seed) for row in rows()]
    lines = markdown(found) if given.markdown else terminal(found)
    print("\n".join([*lines, "", *summary(found, versions), "", f"seed {seed}"]))
    wrong = [one for one in found.get("gradwright", []) if one.outcome != "right"]
    return 1 if wrong else 0


def terminal(found: dict[str, list[Judged]]) -> list[str]:
    """A line for each row and tool."""
    lines = []
    for name, judged in found.items():
        for one in judged:
            text = one.printed or one.why
            text = text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"
            symbols = str(one.symbols or "")
            lines.append(
                f"{name:10} {one.row.name:9} {one.outcome:15} {one.milliseconds:8.1f} ms "
                f"{symbols:>4}  {text}".replace("\n", " ")
            )
    return lines


def markdown(found: dict[str, list[Judged]]) -> list[str]:
    """A row for each identity, with a column for each tool."""
    lines = ["| id | formula | by | " + " | ".join(found) + " |"]
    lines.append("|---" * (3 + len(found)) + "|")
    for group in zip(*found.values(), strict=True):
        row = group[0].row
        cells = [cell(one) for one in group]
        formula = row.expression.replace("|", "\\|")
        lines.append(f"| {row.name} | `{formula}` | `{row.wrt}` | {' | '.join(cells)} |")
    return lines


def cell(one: Judged) -> str:
    """The sign of the outcome, with the number of symbols that were printed."""
    return f"{SIGNS[one.outcome]} {one.symbols or ''}".strip()


def summary(found: dict[str, list[Judged]], versions: dict[str, str]) -> list[str]:
    """Counts of outcomes, times and symbols, a row for each tool."""
    lines = [
        "| tool | version | " + " | ".join(OUTCOMES) + " | median ms | all, s | symbols printed |",
        "|---" * (5 + len(OUTCOMES)) + "|",
    ]
    for name, judged in found.items():
        counts = Counter(one.outcome for one in judged)
        times = [one.milliseconds for one in judged if one.outcome != "cannot express"]
        symbols = sum(one.symbols for one in judged)
        numbers = " | ".join(str(counts[outcome]) for outcome in OUTCOMES)
        middle = statistics.median(times) if times else 0.0
        lines.append(
            f"| {name} | {versions[name]} | {numbers} | {middle:.1f} | {sum(times) / 1000:.1f} | "
            f"{symbols or 'none'} |"
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
