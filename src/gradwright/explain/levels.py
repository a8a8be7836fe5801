"""How much of a derivation is written."""

from __future__ import annotations

from gradwright.errors import UnsupportedError

LEVELS = ("outline", "full", "index")


def require_level(level: str) -> None:
    """Check that there is such a level.

    Raises:
        UnsupportedError: there is none.
    """
    if level not in LEVELS:
        raise UnsupportedError(
            f"an explanation at level {level!r}",
            f"{level!r} is asked for and the levels are {', '.join(LEVELS)}",
            'use level="outline", level="full" or level="index"',
        )
