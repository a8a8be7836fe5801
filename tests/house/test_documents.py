"""The examples in the documents are run, and their links lead somewhere."""

from __future__ import annotations

import doctest
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import gradwright
from tests.house.tree import ROOT, project_files

DOCUMENTS = project_files(".md")
FENCED = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRESS = re.compile(r"^(?:checking|training): .*\n", re.MULTILINE)
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
def test_examples_print_what_the_document_says(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of one document are one conversation: later ones see earlier names.

    Files that they write lie in a folder of the test.
    """
    monkeypatch.chdir(tmp_path)
    parser = doctest.DocTestParser()
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    said: list[str] = []
    names: dict[str, object] = {}
    for line, code in blocks(path.read_text(encoding="utf-8")):
        example = parser.get_doctest(code, names, name(path), str(path), line)
        runner.run(example, out=said.append, clear_globs=False)
        names = example.globs
    assert not said, "".join(said)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """(command, what it prints) for every `$ gradwright ...` of the console blocks, in order."""
    for found in CONSOLE.finditer(text):
        for part in re.split(r"^\$ ", found[1], flags=re.MULTILINE)[1:]:
            command, _, printed = part.replace("\\\n", "").partition("\n")
            yield command, printed


@pytest.mark.parametrize(
    "path", [p for p in DOCUMENTS if any(commands(p.read_text(encoding="utf-8")))], ids=name
)
def test_commands_print_what_the_document_says(path: Path, tmp_path: Path) -> None:
    """The commands of one document run in one folder, so later ones see earlier files.

    `cat > FILE` with the lines of the block writes a file; all else is gradwright's.
    """
    checker = doctest.OutputChecker()
    for command, printed in commands(path.read_text(encoding="utf-8")):
        program, *arguments = shlex.split(command)
        if program == "cat":
            assert arguments[0] == ">"
            (tmp_path / arguments[1]).write_text(printed, encoding="utf-8")
            continue
        assert program == "gradwright", command
        run = gradwright(*arguments, folder=tmp_path, COLUMNS="100")
        # How far a command has come is told only when it takes long.
        told = PROGRESS.sub("", run.stderr)
        shown = run.stdout + told
        assert checker.check_output(printed, shown, FLAGS), f"$ {command}\n{shown}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_between_files_lead_somewhere(path: Path) -> None:
    targets = LINK.findall(CODE.sub("", path.read_text(encoding="utf-8")))
    broken = [t for t in targets if "://" not in t and not (path.parent / t).exists()]
    assert broken == []
