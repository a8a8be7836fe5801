"""A table of formulas as they are to look, reviewed by eye: `golden.txt`.

A block of three lines each: what is typed, what a terminal shows, the LaTeX.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gradwright.notation.parser import parse
from gradwright.render.latex import latex
from gradwright.render.plain import plain_text
from gradwright.render.unicode import unicode_text

BLOCKS = Path(__file__).with_name("golden.txt").read_text(encoding="utf-8").split("\n\n")
ROWS = [tuple(block.strip().split("\n")) for block in BLOCKS]


def test_the_table_is_whole() -> None:
    assert len(ROWS) >= 80
    assert {len(row) for row in ROWS} == {3}
    assert len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("typed", "shown", "written"), ROWS, ids=[row[0] for row in ROWS])
def test_looks(typed: str, shown: str, written: str) -> None:
    tree = parse(typed)
    assert unicode_text(tree) == shown
    assert latex(tree) == written


@pytest.mark.parametrize(("typed", "shown", "written"), ROWS, ids=[row[0] for row in ROWS])
def test_what_is_printed_is_printed_again_alike(typed: str, shown: str, written: str) -> None:
    again = parse(shown)
    assert unicode_text(again) == shown
    assert latex(again) == written
    plain = plain_text(parse(typed))
    assert plain_text(parse(plain)) == plain
    assert unicode_text(parse(plain)) == shown
