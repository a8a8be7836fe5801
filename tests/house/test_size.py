"""Files are about one subject, functions about one step."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import ROOT, project_files

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1 - docstring_lines(node)


def docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Documentation may be as long as it needs."""
    if ast.get_docstring(node) is None:
        return 0
    first = node.body[0]
    assert first.end_lineno is not None
    return first.end_lineno - first.lineno + 1


def test_no_python_file_is_too_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in project_files(".py")
    }
    assert {name: n for name, n in lengths.items() if n > MAX_FILE_LINES} == {}


def test_no_function_of_the_package_is_too_long() -> None:
    long = [
        (str(path.relative_to(ROOT)), name, lines)
        for path in project_files(".py")
        if path.relative_to(ROOT).parts[0] == "src"
        for name, lines in functions(path)
        if lines > MAX_FUNCTION_LINES
    ]
    assert long == []
