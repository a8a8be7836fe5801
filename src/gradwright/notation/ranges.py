"""Ranges of places along an axis, and single places named by sizes."""

from __future__ import annotations

from msgspec import Struct

from gradwright.core.sizes import Size


class Range(Struct, frozen=True):
    """Places of an axis from `start` to `end`, both counted from 1 and both among them.

    Without a start it begins with the first place, without an end it goes on to the last.
    """

    start: Size | None = None
    end: Size | None = None

    def __str__(self) -> str:
        return f"{'' if self.start is None else self.start}:{'' if self.end is None else self.end}"


class Place(Struct, frozen=True):
    """A single place, counted from 1, that is a sum or product of sizes, as n+1 in `x[n+1]`."""

    size: Size

    def __str__(self) -> str:
        return str(self.size)
