"""The figures of `bench.train` as tables, each ratio beside the aim for it."""

from __future__ import annotations

from typing import Any

#: (optimiser, threads) of what is measured.
SETTINGS = (("sgd", 1), ("adam", 1), ("sgd", 2))

#: How many times our time the best of the others should take, with gradient descent.
AIMS = {
    1: {"T1": 15.0, "T2": 1.6, "D1": 1.5, "T3": 0.95, "T4": 0.93, "T5": 0.93},
    2: {"T3": 1.2, "T4": 0.9, "T5": 0.9},
}

#: With Adam, of those aims.
ADAM_SHARE = 0.8

OURS = "gradwright, c"


def setting(optimizer: str, threads: int) -> str:
    """The name of a setting among the figures."""
    return f"{optimizer}, {threads} thread{'s' if threads > 1 else ''}"


def clock(threads: int) -> int:
    """Which time counts: threads side by side spend more processor time, not less."""
    return 1 if threads == 1 else 0


def best_of_others(row: dict[str, Any], threads: int) -> tuple[str, float]:
    """(the fastest side that is not ours, how many times our time it takes)."""
    times = {side: us[clock(threads)] for side, us in row["us"].items()}
    others = [side for side in times if not side.startswith("gradwright")]
    best = min(others, key=times.__getitem__)
    return best, times[best] / times[OURS]


def aim(name: str, optimizer: str, threads: int) -> float | None:
    """The aim for a ratio, where there is one."""
    found = AIMS[threads].get(name)
    return found * ADAM_SHARE if found is not None and optimizer == "adam" else found


def tables(figures: dict[str, Any]) -> str:
    """A table for each setting that was measured."""
    lines = [f"machine: {figures['machine']}", ""]
    for optimizer, threads in SETTINGS:
        rows = figures.get(setting(optimizer, threads))
        if rows:
            lines += [*_table(figures, rows, optimizer, threads), ""]
    return "\n".join(lines).rstrip()


def _table(
    figures: dict[str, Any], rows: dict[str, Any], optimizer: str, threads: int
) -> list[str]:
    which = clock(threads)
    said = ("wall", "processor")[which]
    lines = [
        f"{setting(optimizer, threads)}: microseconds of {said} time a step, and how many times "
        "ours",
        "",
        f"{'':<24}" + "".join(f"{name:>19}" for name in rows),
    ]
    for side in dict.fromkeys(side for row in rows.values() for side in row["us"]):
        cells = [_cell(row, side, which) for row in rows.values()]
        lines.append(f"{side:<24}" + "".join(f"{cell:>19}" for cell in cells).rstrip())
    speeds, shares, best, aims, loads = [], [], [], [], []
    for name, row in rows.items():
        speed = row["operations"] / row["us"][OURS][which] / 1e3
        speeds.append(f"{speed:.1f}")
        # The peak is that of one thread.
        shares.append(f"{100e9 * speed / row['peak'] / threads:.0f} %")
        ratio = best_of_others(row, threads)[1]
        best.append(f"{ratio:.2f}")
        wanted = aim(name, optimizer, threads)
        aims.append("" if wanted is None else _judged(ratio, wanted))
        loads.append(f"{row['load']:.1f}")
    lines += _lines({"products, GFLOP/s": speeds, "share of BLAS's peak": shares})
    lines += _lines({"best of the others": best, "aim": aims})
    alone = figures.get(setting(optimizer, 1), {}) if threads > 1 else {}
    if alone:
        gains = [
            f"{alone[name]['us'][OURS][0] / row['us'][OURS][0]:.2f}" if name in alone else ""
            for name, row in rows.items()
        ]
        lines += _lines({"one thread, times ours": gains})
    lines += _lines({"load average": loads})
    dates = sorted({(row["date"], row["revision"]) for row in rows.values()})
    return [*lines, "measured: " + ", ".join(f"{day} at {place}" for day, place in dates)]


def _cell(row: dict[str, Any], side: str, which: int) -> str:
    if side not in row["us"]:
        return ""
    taken = row["us"][side][which]
    digits = 2 if taken < 1000 else 1 if taken < 100_000 else 0
    return f"{taken:.{digits}f} {taken / row['us'][OURS][which]:7.2f}"


def _judged(ratio: float, wanted: float) -> str:
    return f"{wanted:.2f} {'met' if ratio >= wanted else 'missed'}"


def _lines(named: dict[str, list[str]]) -> list[str]:
    return [
        f"{title:<24}" + "".join(f"{cell:>19}" for cell in cells).rstrip()
        for title, cells in named.items()
    ]
