"""The figures of `bench.train` as a picture: how many times our time the others take."""

from __future__ import annotations

from math import log10
from typing import Any

from bench.train_table import OURS, SETTINGS, aim, best_of_others, clock, setting
from gradwright.report.svg import (
    FAINT,
    FIRST,
    INK,
    SECOND,
    circle,
    figure,
    line,
    rectangle,
    standalone,
    text,
)

COLOURS = "--ink:#222;--faint:#999;--first:#1f6feb;--second:#b58900;--paper:#fff"

LEFT, WIDTH, ROW = 60.0, 420.0, 20.0


def picture(figures: dict[str, Any]) -> str:
    """A bar to the fastest of the others for each network, logarithmic from 1, our compiled code.

    Rings are the others, a line across the bar is the aim.
    """
    found = [
        (optimizer, threads, figures[setting(optimizer, threads)])
        for optimizer, threads in SETTINGS
        if figures.get(setting(optimizer, threads))
    ]
    ratios = [
        us[clock(threads)] / row["us"][OURS][clock(threads)]
        for _, threads, rows in found
        for row in rows.values()
        for us in row["us"].values()
    ]
    low, high = min(*ratios, 0.8), max(*ratios, 2.0)

    def place(ratio: float) -> float:
        return LEFT + WIDTH * log10(ratio / low) / log10(high / low)

    title = "times our time for a step of training: the fastest of the others, and each of them"
    parts, y = [text(8, 18, title, "start", 13)], 28.0
    for optimizer, threads, rows in found:
        parts.append(text(8, y + 14, setting(optimizer, threads), "start", 12))
        y += ROW + 2
        for name, row in rows.items():
            parts += _row(name, row, (optimizer, threads), y, place)
            y += ROW
        y += 6
    for ratio in (1.0, 10.0, 100.0):
        if low <= ratio <= high:
            colour = INK if ratio == 1 else FAINT
            parts.append(line(place(ratio), 30, place(ratio), y, colour))
            parts.append(text(place(ratio), y + 12, f"{ratio:.0f}", "middle", 11))
    return standalone(figure(LEFT + WIDTH + 130, y + 20, title, parts), COLOURS)


def _row(name: str, row: dict[str, Any], of: tuple[str, int], y: float, place: Any) -> list[str]:
    optimizer, threads = of
    which = clock(threads)
    best, ratio = best_of_others(row, threads)
    start, end = sorted((place(1.0), place(ratio)))
    parts = [
        text(20, y + 12, name, "start", 12),
        rectangle(start, y + 3, max(end - start, 1.5), ROW - 8, FIRST if ratio >= 1 else SECOND),
    ]
    for side, us in row["us"].items():
        if side not in (OURS, best):
            times = us[which] / row["us"][OURS][which]
            parts.append(circle(place(times), y + ROW / 2 - 1, 4, "none", INK))
    wanted = aim(name, optimizer, threads)
    if wanted is not None:
        parts.append(line(place(wanted), y, place(wanted), y + ROW - 2, INK, 2))
    said = f"{ratio:.2f}  {best.split(',')[0]}"
    parts.append(text(LEFT + WIDTH + 14, y + 12, said, "start", 11))
    return parts
