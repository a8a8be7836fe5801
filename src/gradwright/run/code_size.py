"""How many bytes of code a compiler makes of C source."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from gradwright.errors import UnsupportedError
from gradwright.run.compilers import found

FLAGS = ("-std=c99", "-Os", "-c")

#: A compiler that takes longer is stopped; the first run of one may build its library.
MOST_SECONDS = 60


class CodeSize(Struct, frozen=True):
    """The bytes of code and of constants in the code, for one compiler and machine.

    `compiler` is its name with the options that matter, `machine` that of the processor.
    """

    bytes: int
    compiler: str
    machine: str


def code_size(files: Mapping[str, str], source: str, constants: int) -> CodeSize | None:
    """The size of a source, one of these files, without tables of so many bytes.

    None where there is no compiler or no program `size`, or where they fail.
    """
    try:
        compiler, reader = found(), shutil.which("size")
    except UnsupportedError:
        return None
    if compiler is None or reader is None or sys.platform != "linux":
        return None
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        try:
            command = [*compiler.command, *FLAGS, source, "-o", "code.o"]
            _run(command, folder)
            told = _run([reader, "code.o"], folder)
            text_bytes = int(told.splitlines()[1].split()[0])
        except (OSError, subprocess.SubprocessError, IndexError, ValueError):
            return None
    called = " ".join([Path(compiler.command[0]).name, *compiler.command[1:], FLAGS[1]])
    return CodeSize(text_bytes - constants, called, platform.machine())


def _run(command: list[str], folder: str) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, timeout=MOST_SECONDS
    )
    return done.stdout
