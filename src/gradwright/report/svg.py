"""Figures as SVG text: shapes and labels in the colours of the page they stand in."""

from __future__ import annotations

import re
import struct
import zlib
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Any

from msgspec import Struct

#: Colours are variables of the page, so figures follow its light or dark theme.
INK, FAINT, FIRST, SECOND = "var(--ink)", "var(--faint)", "var(--first)", "var(--second)"


def figure(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    """An `svg` element that scales with the page; `title` is what a screen reader says."""
    inside = "".join(parts)
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" class="figure" '
        f'style="max-width:{width:g}px" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(title)}</title>{inside}</svg>"
    )


def standalone(drawn: str, colours: str) -> str:
    """A figure as a document of its own, with its colours inside."""
    style = f"<style>svg{{{colours};background:var(--paper);font-family:sans-serif}}</style>"
    head, title, rest = drawn.partition("</title>")
    width, height = head.partition('viewBox="0 0 ')[2].partition('"')[0].split()
    sized = head.replace("<svg ", f'<svg width="{width}" height="{height}" ', 1)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{sized}{title}{style}{rest}\n'


def line(x1: float, y1: float, x2: float, y2: float, colour: str = INK, width: float = 1) -> str:
    """A straight line."""
    return (
        f'<line x1="{x1:.4g}" y1="{y1:.4g}" x2="{x2:.4g}" y2="{y2:.4g}" '
        f'stroke="{colour}" stroke-width="{width:g}"/>'
    )


def path(points: Sequence[tuple[float, float]], colour: str, dashed: bool = False) -> str:
    """A line through points."""
    listed = " ".join(f"{x:.4g},{y:.4g}" for x, y in points)
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<polyline points="{listed}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>'


def circle(x: float, y: float, radius: float, fill: str = "none", colour: str = INK) -> str:
    """A circle."""
    return (
        f'<circle cx="{x:.4g}" cy="{y:.4g}" r="{radius:g}" fill="{fill}" '
        f'stroke="{colour}" stroke-width="1.2"/>'
    )


def rectangle(x: float, y: float, width: float, height: float, fill: str, extra: str = "") -> str:
    """A filled rectangle."""
    return (
        f'<rect x="{x:.4g}" y="{y:.4g}" width="{width:.4g}" height="{height:.4g}" '
        f'fill="{fill}"{extra}/>'
    )


def image(x: float, y: float, width: float, height: float, pixels: Any) -> str:
    """Pixels (rows, columns, 4) of red, green, blue and opacity, as an image inside the text."""
    rows, columns, _ = pixels.shape
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 6, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    address = f"data:image/png;base64,{b64encode(data).decode('ascii')}"
    return (
        f'<image x="{x:.4g}" y="{y:.4g}" width="{width:.4g}" height="{height:.4g}" '
        f'preserveAspectRatio="none" style="image-rendering:pixelated" href="{address}"/>'
    )


def text(
    x: float, y: float, content: str, anchor: str = "middle", size: float = 13, colour: str = INK
) -> str:
    """A label; digits after an underscore are a subscript."""
    first, *rest = re.split(r"_([0-9]+)", content)
    written = escape(first)
    for low, behind in zip(rest[::2], rest[1::2], strict=True):
        written += f'<tspan dy="3" font-size="{0.75 * size:g}">{low}</tspan>'
        written += f'<tspan dy="-3">{escape(behind)}</tspan>' if behind else ""
    return (
        f'<text x="{x:.4g}" y="{y:.4g}" text-anchor="{anchor}" font-size="{size:g}" '
        f'fill="{colour}">{written}</text>'
    )


class Axes(Struct, frozen=True):
    """A plot's frame and the scales from numbers to places."""

    left: float
    top: float
    width: float
    height: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The place of a point."""
        (x0, x1), (y0, y1) = self.x_range, self.y_range
        return (
            self.left + self.width * (x - x0) / ((x1 - x0) or 1),
            self.top + self.height * (1 - (y - y0) / ((y1 - y0) or 1)),
        )

    def frame(self, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> list[str]:
        """Grid lines with their numbers."""
        parts = []
        for y in y_ticks:
            _, place = self.at(self.x_range[0], y)
            parts.append(line(self.left, place, self.left + self.width, place, FAINT))
            parts.append(text(self.left - 6, place + 4, f"{y:g}", "end", 11))
        for x in x_ticks:
            place, _ = self.at(x, self.y_range[0])
            parts.append(line(place, self.top, place, self.top + self.height, FAINT))
            parts.append(text(place, self.top + self.height + 15, f"{x:g}", "middle", 11))
        return parts


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two numbers, about so many."""
    span = high - low
    if span <= 0:
        return [low]
    raw = span / count
    power = 10.0 ** len(f"{int(raw)}") / 10 if raw >= 1 else 10.0 ** -_zeros(raw)
    step = min((m * power for m in (1, 2, 5, 10)), key=lambda s: abs(s - raw))
    first = -(-low // step)
    return [round((first + k) * step, 10) for k in range(int((high - first * step) // step) + 1)]


def _zeros(value: float) -> int:
    zeros = 0
    while value < 1:
        value *= 10
        zeros += 1
    return zeros
