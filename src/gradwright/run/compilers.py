"""Which C compiler there is: one of the system, or the one of the package ziglang."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from msgspec import Struct

from gradwright.errors import UnsupportedError

#: Compilers in the order in which they are looked for; CC names another one.
COMPILERS = ("cc", "gcc", "clang")

#: What brings a compiler where the system has none.
PACKAGE = "ziglang"

#: About how many seconds a network takes to compile. What ziglang links first waits for routines of
#: its own that it makes then: 8 s of a processor (docs/performance.md).
SECONDS = 1.0
FIRST_SECONDS = 10.0

INSTEAD = 'install one, pip install "gradwright[native]" brings one, or use target="numpy"'


class Compiler(Struct, frozen=True):
    """How a compiler is called, and about how many seconds it takes.

    `version` tells it from another one at the same place.
    """

    command: tuple[str, ...]
    version: str
    seconds: float = SECONDS


def found() -> Compiler | None:
    """The compiler that CC names, else the first on the path, else that of ziglang, or None.

    CC may have arguments, as in `ccache gcc`.

    Raises:
        UnsupportedError: there is no such compiler as CC names.
    """
    asked = os.environ.get("CC")
    if asked:
        try:
            parts = shlex.split(asked)
        except ValueError:
            parts = []
        made = _of_system(parts) if parts else None
        if made is None:
            raise UnsupportedError(
                "the target c",
                f"CC is {asked!r} and no such program is found",
                "unset CC, or set it to a compiler, like CC=gcc",
            )
        return made
    for name in COMPILERS:
        made = _of_system([name])
        if made is not None:
            return made
    if find_spec(PACKAGE) is None:
        return None
    from importlib.metadata import version

    command = sys.executable, "-m", PACKAGE, "cc"
    return Compiler(command, f"{PACKAGE} {version(PACKAGE)}", FIRST_SECONDS)


def _of_system(parts: Sequence[str]) -> Compiler | None:
    """A program with arguments, or None where it is not on the path."""
    path = shutil.which(parts[0])
    if path is None:
        return None
    # Without running it: that would take longer than to look a compiled object up.
    real = os.path.realpath(path)
    about = os.stat(real)
    return Compiler((path, *parts[1:]), f"{real} {about.st_size} {about.st_mtime_ns}")


def required() -> Compiler:
    """The same.

    Raises:
        UnsupportedError: there is none, or not that of CC, or the system is Windows.
    """
    if sys.platform == "win32":
        raise UnsupportedError(
            "the target c",
            "compiled code is stored with its owner, and this system tells none",
            'use target="numpy"',
        )
    compiler = found()
    if compiler is None:
        raise UnsupportedError(
            "the target c",
            f"a C compiler is needed, none of {', '.join(COMPILERS)} is on the path and the "
            f"package {PACKAGE} is not installed",
            INSTEAD,
        )
    return compiler
