"""Names of the user's symbols as Python identifiers; nothing else of theirs reaches the source."""

from __future__ import annotations

import builtins
import keyword
import unicodedata
from collections.abc import Iterable

from gradwright.emit.support import HELPERS

#: Names that emitted code uses itself, or that a reader takes for something else.
TAKEN = frozenset({"np", "torch", "dtype", *HELPERS, *dir(builtins), *keyword.softkwlist})


class PythonNames:
    """Gives out identifiers that differ from each other, from `used` and from what code uses."""

    def __init__(self, used: Iterable[str] = ()) -> None:
        self._used = set(used)
        self._numbers: dict[str, int] = {}

    def give(self, name: str, otherwise: str) -> str:
        """The name itself where it is a safe identifier, else `otherwise`; both may get a `_`."""
        chosen = name if _is_plain(name) else otherwise
        while keyword.iskeyword(chosen) or chosen in TAKEN or chosen in self._used:
            chosen += "_"
        self._used.add(chosen)
        return chosen

    def next(self, prefix: str) -> str:
        """The next free one of prefix1, prefix2, ..."""
        while True:
            self._numbers[prefix] = number = self._numbers.get(prefix, 0) + 1
            if f"{prefix}{number}" not in self._used:
                self._used.add(f"{prefix}{number}")
                return f"{prefix}{number}"


def _is_plain(name: str) -> bool:
    """Whether a name is an identifier that Python reads back unchanged, and none of its own."""
    unchanged = unicodedata.normalize("NFKC", name) == name
    return name.isidentifier() and unchanged and not name.startswith("__")


def python_names(names: Iterable[str], given: PythonNames) -> dict[str, str]:
    """A distinct identifier for each name: itself where that is safe."""
    return {name: given.give(name, f"v{place}") for place, name in enumerate(names)}
