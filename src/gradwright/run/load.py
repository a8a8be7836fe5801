"""Emitted source as a module."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from types import ModuleType

#: Loaded modules that are kept for the same source.
CACHED = 64


class _Text:
    """Gives the source to tracebacks and debuggers when they ask for it."""

    def __init__(self, source: str) -> None:
        self._source = source

    def get_source(self, fullname: str) -> str:
        return self._source


@lru_cache(maxsize=CACHED)
def load(source: str) -> ModuleType:
    """Run source that this package has emitted, never text of a user's.

    The same source gives the same module. Tracebacks show its lines.
    """
    name = f"gradwright_emitted_{sha256(source.encode()).hexdigest()[:12]}"
    module = ModuleType(name)
    # Not a name in <>: for those nobody asks the loader.
    module.__file__ = f"{name}.py"
    module.__dict__["__loader__"] = _Text(source)
    exec(compile(source, module.__file__, "exec"), module.__dict__)
    return module
