"""Standalone modules, compiled and run."""

from __future__ import annotations

import subprocess
from pathlib import Path

#: As strict as C99 gets; what a warning says is an error.
STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror")

#: No program of these tests takes longer than a second; a hang is found by this.
TIMEOUT = 120


def write(made, folder: Path) -> None:
    for name, text in made.files.items():
        (folder / name).write_text(text, encoding="utf-8")


def compiled(made, folder: Path, compiler, *flags: str) -> subprocess.CompletedProcess[str]:
    """The test program of a module, as `folder/test`."""
    write(made, folder)
    sources = [str(folder / f"{stem}{made.name}.c") for stem in ("", "test_")]
    command = [*compiler, *STRICT, "-O2", *flags, *sources, "-lm", "-o", str(folder / "test")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    return done


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(folder / "test")],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env=environment or None,
    )


def passes(made, folder: Path, compiler, *flags: str) -> str:
    """What the test program says, where it ends well."""
    compiled(made, folder, compiler, *flags)
    done = run(folder)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert done.stdout.splitlines()[-1] == "all numbers agree"
    return done.stdout


def sections(folder: Path, name: str, compiler, *flags: str) -> dict[str, int]:
    """The sizes of the sections of a module's object, by their names."""
    target = folder / f"{name}.o"
    command = [*compiler, *STRICT, *flags, "-c", str(folder / f"{name}.c"), "-o", str(target)]
    subprocess.run(command, check=True, timeout=TIMEOUT)
    told = subprocess.run(
        ["size", "-A", str(target)], capture_output=True, text=True, check=True, timeout=TIMEOUT
    )
    rows = [line.split() for line in told.stdout.splitlines() if line.startswith(".")]
    return {row[0]: int(row[1]) for row in rows}


def symbols(folder: Path, name: str) -> dict[str, str]:
    """The symbols of a module's object and the letter of their kind; U is what it lacks."""
    told = subprocess.run(
        ["nm", str(folder / f"{name}.o")], capture_output=True, text=True, check=True
    )
    rows = [line.split() for line in told.stdout.splitlines()]
    return {row[-1]: row[-2] for row in rows}
