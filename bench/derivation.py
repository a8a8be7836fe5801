"""How long the 107 identities take to derive and to print, in a process that is warm.

Run as `python -m bench.derivation`; `--rounds` sets how often each identity is derived, `--json`
prints the figures as JSON, `--slowest` how many of the slowest are listed. One derivation reads the
formula, differentiates it and prints the result; nothing is kept from one to the next.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from datetime import date
from statistics import median
from time import perf_counter, process_time
from typing import Any

from bench.step import processor, revision
from gradwright.api.formula import formula
from gradwright.errors import GradwrightError
from tests.identities.rows import ROWS, Row, declarations, derive

#: Steps of `yardstick`: a few milliseconds.
STEPS = 20_000


def derived(row: Row) -> str:
    """The printed derivative of one identity, from its text."""
    try:
        return str(derive(row, formula(row["expression"], **declarations(row))))
    except GradwrightError as error:
        return type(error).__name__


def yardstick() -> int:
    """A fixed piece of Python: how fast the machine is while it has other work to do."""
    held: dict[int, tuple[int, int]] = {}
    for k in range(STEPS):
        held[k % 97] = (k, len(held))
    return len(held)


def measure(rounds: int) -> dict[str, Any]:
    """Medians over rounds through all identities, after one round that is not counted."""
    clocks = {"wall": perf_counter, "processor": process_time}
    spent: dict[str, dict[str, list[float]]] = {
        clock: {row["id"]: [] for row in ROWS} for clock in clocks
    }
    yard: list[float] = []
    for turn in range(rounds + 1):
        for row in ROWS:
            started = {clock: now() for clock, now in clocks.items()}
            derived(row)
            for clock, now in clocks.items():
                if turn:
                    spent[clock][row["id"]].append((now() - started[clock]) * 1e3)
        before = process_time()
        yardstick()
        yard.append((process_time() - before) * 1e3)
    figures: dict[str, Any] = {
        "machine": processor(),
        "python": platform.python_version(),
        "date": date.today().isoformat(),
        "revision": revision(),
        "load": round(os.getloadavg()[0], 1),
        "rounds": rounds,
        "yardstick_ms": median(yard),
    }
    for clock, found in spent.items():
        each = {name: median(times) for name, times in found.items()}
        least = [min(times) for times in found.values()]
        figures[clock] = {
            "median_ms": median(each.values()),
            "sum_s": sum(each.values()) / 1e3,
            "fastest_median_ms": median(least),
            "fastest_sum_s": sum(least) / 1e3,
            "each_ms": dict(sorted(each.items(), key=lambda item: -item[1])),
        }
    return figures


def table(figures: dict[str, Any], slowest: int) -> str:
    """The figures as text."""
    lines = [
        f"machine: {figures['machine']}; load average {figures['load']}",
        f"Python {figures['python']}; date: {figures['date']}; revision: {figures['revision']}",
        f"{len(ROWS)} identities, {figures['rounds']} rounds; "
        f"a yardstick of {STEPS} steps of Python: {figures['yardstick_ms']:.2f} ms",
        "",
        f"{'':<16} {'median ms':>10} {'all, s':>8}",
    ]
    for clock in ("processor", "wall"):
        found = figures[clock]
        lines.append(f"{clock + ' time':<16} {found['median_ms']:>10.2f} {found['sum_s']:>8.2f}")
        fastest = (found["fastest_median_ms"], found["fastest_sum_s"])
        lines.append(f"{'  fastest round':<16} {fastest[0]:>10.2f} {fastest[1]:>8.2f}")
    expressions = {row["id"]: row["expression"] for row in ROWS}
    listed = list(figures["processor"]["each_ms"].items())[:slowest]
    lines += [
        f"{'slowest' if not k else '':<8} {ms:>6.1f} ms  {expressions[name]}"
        for k, (name, ms) in enumerate(listed)
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.derivation", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--rounds", type=int, default=7, help="derivations of each (default: 7)")
    parser.add_argument("--slowest", type=int, default=5, help="slowest to list (default: 5)")
    options = parser.parse_args()
    figures = measure(options.rounds)
    print(json.dumps(figures, indent=2) if options.json else table(figures, options.slowest))


if __name__ == "__main__":
    main()
