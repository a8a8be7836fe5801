"""The package runs no text of the user, and loads nothing that could run."""

from __future__ import annotations

import re

from tests.house.tree import ROOT, project_files

DANGEROUS = re.compile(
    r"(?<![\w.])eval\(|^\s*(import|from) (pickle|marshal|shelve)\b", re.MULTILINE
)
EXECUTES = re.compile(r"(?<![\w.])exec\(")

#: `exec` stands here alone: it is given the modules that gradwright itself wrote.
LOADER = "src/gradwright/run/load.py"


def test_only_the_loader_executes_and_nothing_evaluates() -> None:
    for path in project_files(".py"):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith("src/"):
            continue
        text = path.read_text(encoding="utf-8")
        assert not DANGEROUS.search(text), name
        assert name == LOADER or not EXECUTES.search(text), name
