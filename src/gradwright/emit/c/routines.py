"""The parts of C modules that are the same for all networks; some of them are one object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

#: Products of at least so many multiplications are made by BLAS where there is one: a call of it
#: costs more than it saves below.
LARGE = 4_000_000

#: The parts of every module that are the same, in their order.
SUPPORT = (
    *("prologue.h", "library.h", "elementary.h", "functions.h", "lanes.h", "routines.h"),
    *("threads.h", "products.h", "rows.h", "columns.h"),
)

#: What is compiled apart, and what that needs.
ROUTINES = ("prologue.h", "lanes.h", "routines.h", "threads.h", "products.h")


def support(parts: Sequence[str]) -> list[str]:
    """The texts of parts, of which the first defines LARGE."""
    texts = [Path(__file__).with_name(name).read_text("utf-8") for name in parts]
    texts[0] += f"\n#define LARGE {LARGE}.0\n"
    return texts


def routines_source() -> str:
    """The source of an object that modules compiled with -DROUTINES_APART are linked with."""
    return "\n".join(['#define ROUTINE __attribute__((visibility("hidden")))', *support(ROUTINES)])
