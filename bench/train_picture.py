"""The figures of `bench.train` as a picture: how many times our time each side takes."""

from __future__ import annotations

from math import log10
from typing import Any

from gradwright.report.svg import FIRST, INK, SECOND, figure, line, rectangle, standalone, text

COLOURS = "--ink:#222;--faint:#999;--first:#1f6feb;--second:#b58900;--paper:#fff"

LEFT, WIDTH, BAR, GAP = 190.0, 420.0, 12.0, 26.0


def picture(figures: dict[str, Any]) -> str:
    """A bar for each side of each network, on a logarithmic scale; 1 is our compiled code."""
    clock = int(figures["threads"] == 1)
    ratios = {
        name: {
            side: us[clock] / row["us"]["gradwright, c"][clock] for side, us in row["us"].items()
        }
        for name, row in figures["rows"].items()
    }
    every = [ratio for sides in ratios.values() for ratio in sides.values()]
    low, high = min(*every, 0.8), max(*every, 2.0)

    def place(ratio: float) -> float:
        return LEFT + WIDTH * log10(ratio / low) / log10(high / low)

    parts, y = [], 34.0
    for name, sides in ratios.items():
        parts.append(text(8, y + 9, f"{name}  {figures['rows'][name]['network']}", "start"))
        y += 16
        for side, ratio in sides.items():
            ours = side.startswith("gradwright")
            start, end = sorted((place(1.0), place(ratio)))
            parts.append(text(20, y + 10, side, "start", 12))
            colour = FIRST if ours else SECOND
            parts.append(rectangle(start, y, max(end - start, 1.5), BAR, colour))
            parts.append(text(end + 5, y + 10, f"{ratio:.2f}", "start", 12))
            y += BAR + 4
        y += GAP - BAR
    parts.append(line(place(1.0), 28, place(1.0), y - 8, INK))
    title = f"times our time a step, {figures['optimizer']}, {figures['threads']} thread(s)"
    parts.insert(0, text(8, 18, title, "start", 14))
    return standalone(figure(LEFT + WIDTH + 70, y, title, parts), COLOURS)
