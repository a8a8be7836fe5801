"""Rules of the house that no other tool checks: sizes, words, names, what an import loads."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "gradwright"
SOURCES = sorted(PACKAGE.rglob("*.py"))

FILE_LINES = 400
FUNCTION_LINES = 50

PUBLIC_FUNCTIONS = set(
    "formula gradient jacobian hessian equal linearize function layer vector matrix Network train "
    "flow check".split()
)
HEAVY = ("sklearn", "scipy", "torch", "rich", "click")

# Written in pieces so that this file does not hold them.
FORBIDDEN = [
    "/wo" + "rk/",
    "../sha" + "red",
    "py" + "pi.org",
    "files.python" + "hosted",
    "index" + "-url",
    "TO" + "DO",
    "FIX" + "ME",
    "Chat" + "GPT",
    "Clau" + "de",
    "Anthr" + "opic",
    "Open" + "AI",
    "language mo" + "del",
    "prom" + "pt engineering",
]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def kept_files() -> list[Path]:
    """The files of the project: what git tracks, or in an unpacked archive what is written here."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode == 0:
        names = [name for name in listed.stdout.split("\0") if name]
        return [ROOT / name for name in names if (ROOT / name).is_file()]
    folders = ("src", "tests", "docs", "bench", ".ci")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    return [path for path in found if "__pycache__" not in path.parts]


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_is_about_one_subject(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= FILE_LINES, f"{relative(path)} has {lines} lines, at most {FILE_LINES}"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_function_fits_on_one_screen(path: Path) -> None:
    long = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                long.append(f"{node.name} (line {node.lineno}) has {lines} lines")
    assert not long, f"{relative(path)}: {'; '.join(long)}; at most {FUNCTION_LINES}"


def test_the_files_hold_no_forbidden_words() -> None:
    pattern = re.compile("|".join(map(re.escape, FORBIDDEN)), re.IGNORECASE)
    found = []
    for path in kept_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # an image or an archive of arrays
        for number, line in enumerate(text.splitlines(), 1):
            if match := pattern.search(line):
                found.append(f"{relative(path)}:{number}: {match.group()!r}")
    assert not found, "\n".join(found)


def test_importing_the_package_loads_no_optional_or_slow_package() -> None:
    script = f"import sys, gradwright\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_no_module_hides_a_public_function() -> None:
    """`import gradwright.flow` would replace the function `gradwright.flow` by the module."""
    modules = {path.stem for path in PACKAGE.glob("*.py")}
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert not (modules | packages) & PUBLIC_FUNCTIONS
