"""Emitted source as a module."""

from __future__ import annotations

import linecache
from functools import lru_cache
from hashlib import sha256
from types import ModuleType

#: Loaded modules that are kept for the same source.
CACHED = 64


@lru_cache(maxsize=CACHED)
def load(source: str) -> ModuleType:
    """Run source that this package has emitted, never text of a user's.

    The same source gives the same module. Tracebacks show its lines.
    """
    name = f"gradwright_emitted_{sha256(source.encode()).hexdigest()[:12]}"
    file = f"<{name}>"
    module = ModuleType(name)
    module.__file__ = file
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), module.__dict__)
    return module
