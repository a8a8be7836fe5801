"""The page on the architecture names every source file, and no file that is not there."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from tests.house.tree import ROOT

PAGE = "docs/architecture.md"
PACKAGE = ROOT / "src" / "gradwright"

NAMED = re.compile(r"`([\w/.-]+\.(?:py|h))`")


def named(text: str) -> tuple[set[str], list[str]]:
    """The source files that a page names, and the names that lead to none.

    A name stands in the folder of the name before it in its line, or in that of its heading, or is
    a path from the package or from the project.
    """
    found, nowhere = set(), []
    section = ""
    for line in text.splitlines():
        if line.startswith("## "):
            section = line.split()[1].strip(",")
        folder = section
        for name in NAMED.findall(line):
            places = (PACKAGE / folder / name, PACKAGE / section / name, PACKAGE / name)
            path = next((p for p in (*places, ROOT / name) if p.is_file()), None)
            if path is None:
                nowhere.append(name)
                continue
            if path.is_relative_to(PACKAGE):
                found.add(path.relative_to(PACKAGE).as_posix())
                folder = str(PurePosixPath(path.relative_to(PACKAGE).as_posix()).parent)
    return found, nowhere


def sources() -> set[str]:
    paths = [path for ending in ("py", "h") for path in PACKAGE.rglob(f"*.{ending}")]
    return {p.relative_to(PACKAGE).as_posix() for p in paths if p.name != "__init__.py"}


def test_every_source_file_is_named_and_every_named_file_exists() -> None:
    found, nowhere = named(Path(ROOT, PAGE).read_text(encoding="utf-8"))
    assert nowhere == [], f"{PAGE} names files that there are not"
    assert sources() - found == set(), f"{PAGE} does not name these files"


def test_a_file_that_is_missing_on_either_side_is_seen() -> None:
    page = "## core\n| `graph.py`, `gone.py` | x |\n| `emit/c/driver.py`, `blocks.py` | y |\n"
    found, nowhere = named(page)
    assert found == {"core/graph.py", "emit/c/driver.py", "emit/c/blocks.py"}
    assert nowhere == ["gone.py"]
    assert "core/nodes.py" in sources() - found
