"""Names of the user's symbols as Python identifiers; nothing else of theirs reaches the source."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Iterable, Mapping

#: Names that emitted code uses itself.
TAKEN = frozenset({"np", "dtype", "softmax", "logsumexp", "softmax_logsumexp", "spread"})


def python_names(names: Iterable[str], kept: Mapping[str, str] | None = None) -> dict[str, str]:
    """A distinct identifier for each name: itself where that is safe."""
    found: dict[str, str] = dict(kept or {})
    used = set(found.values())
    for place, name in enumerate(names):
        if name in found:
            continue
        plain = name.isidentifier() and unicodedata.normalize("NFKC", name) == name
        chosen = name if plain else f"v{place}"
        while keyword.iskeyword(chosen) or chosen in TAKEN or chosen in used:
            chosen += "_"
        found[name] = chosen
        used.add(chosen)
    return found
