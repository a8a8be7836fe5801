"""The store of what was made once: compiled objects.

An entry's name is the digest of what it was made from and the digest of what it holds. Entries
are written beside their place and moved there, so that processes may race, and an entry that is
half written or damaged is made again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path


def digest(*told: str) -> str:
    """The key of what is made from these texts."""
    return sha256("\0".join(told).encode()).hexdigest()[:32]


def folders() -> Iterator[Path]:
    """Where entries are kept; the second where the first cannot be written."""
    given = os.environ.get("GRADWRIGHT_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    usual = Path(given) if given else Path(base) / "gradwright"
    # A user whom the system does not know, as in containers, may have no home.
    with suppress(RuntimeError):
        yield usual.expanduser()
    from tempfile import gettempdir

    with suppress(FileNotFoundError):
        yield Path(gettempdir()) / f"gradwright-{os.getuid()}"


def stored(folder: Path, key: str, ending: str) -> Path | None:
    """An entry whose content is what its name says, and that nobody else can have written."""
    try:
        if folder.stat().st_uid != os.getuid():
            return None
        entries = sorted(folder.glob(f"{key}-*{ending}"))
        for entry in entries:
            if entry.name == _name(key, entry.read_bytes(), ending):
                return entry
    except OSError:
        return None
    return None


def store(made: Path, folder: Path, key: str) -> Path:
    """Move a file to its place in a folder of the same disk.

    Raises:
        OSError: the folder cannot be written.
    """
    entry = folder / _name(key, made.read_bytes(), made.suffix)
    os.replace(made, entry)
    return entry


def _name(key: str, content: bytes, ending: str) -> str:
    return f"{key}-{sha256(content).hexdigest()[:32]}{ending}"
