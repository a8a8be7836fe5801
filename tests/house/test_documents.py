"""The examples in the documents are run, and their links lead somewhere."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, project_files

DOCUMENTS = project_files(".md")
FENCED = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(text: str) -> list[tuple[int, str]]:
    """(line number, code) of every fenced block that shows `>>>`."""
    return [
        (text.count("\n", 0, found.start(1)), found[1])
        for found in FENCED.finditer(text)
        if ">>> " in found[1]
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_examples_print_what_the_document_says(path: Path) -> None:
    """The blocks of one document are one conversation: later ones see earlier names."""
    parser = doctest.DocTestParser()
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    said: list[str] = []
    names: dict[str, object] = {}
    for line, code in blocks(path.read_text(encoding="utf-8")):
        example = parser.get_doctest(code, names, name(path), str(path), line)
        runner.run(example, out=said.append, clear_globs=False)
        names = example.globs
    assert not said, "".join(said)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_between_files_lead_somewhere(path: Path) -> None:
    targets = LINK.findall(CODE.sub("", path.read_text(encoding="utf-8")))
    broken = [t for t in targets if "://" not in t and not (path.parent / t).exists()]
    assert broken == []
