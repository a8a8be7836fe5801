"""Tests name rows of the ledger; the rows they name are there."""

from __future__ import annotations

import re

from tests.house.tree import ROOT, project_files

ROW = re.compile(r"^\| (S\d\.\d+|X\d) \|", re.MULTILINE)

#: S3.7 in a string or comment, S3_7 in the name of a function.
NAMED = re.compile(r"(?<![A-Za-z0-9])S([0-4])[._](\d{1,2})(?!\d)")


def test_every_row_that_a_test_names_is_in_the_ledger() -> None:
    rows = set(ROW.findall((ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")))
    assert len(rows) == 52
    unknown = {
        f"{path.relative_to(ROOT)}: S{note}.{row}"
        for path in project_files(".py")
        for note, row in NAMED.findall(path.read_text(encoding="utf-8"))
        if f"S{note}.{row}" not in rows
    }
    assert unknown == set()


def test_every_row_has_a_test_that_is_named_after_it() -> None:
    rows = ROW.findall((ROOT / "docs" / "ledger.md").read_text(encoding="utf-8"))
    tests = [path for path in project_files(".py") if path.is_relative_to(ROOT / "tests")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in tests)
    names = "\n".join(re.findall(r"def (test_\w+)\(", text))
    keys = {row: row.lower().replace(".", "_") for row in rows}
    assert [row for row, key in keys.items() if not re.search(rf"_{key}(?![0-9])", names)] == []
