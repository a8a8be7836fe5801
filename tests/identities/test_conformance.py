"""The conformance suite: right, silently wrong, raised and not expressible are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.__main__ import main
from conformance.rows import CannotExpress, Derived, Point, Row, judge, rows
from conformance.with_gradwright import derive

ROW = next(row for row in rows() if row.name == "mc81")


def doubled(row: Row) -> Derived:
    right = derive(row)

    def value(point: Point) -> np.ndarray:
        return 2 * right.value(point)

    return Derived(value, right.printed, right.symbols)


def without_word(row: Row) -> Derived:
    raise CannotExpress("the transpose")


def fails(row: Row) -> Derived:
    raise ValueError("no derivative")


@pytest.mark.parametrize(
    ("tool", "outcome"),
    [
        (derive, "right"),
        (doubled, "silently wrong"),
        (without_word, "cannot express"),
        (fails, "raised"),
    ],
)
def test_a_tool_is_judged_by_numbers(tool, outcome: str, seed: int) -> None:
    assert judge(ROW, tool, seed).outcome == outcome


def test_a_wrong_row_of_ours_makes_the_command_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("conformance.__main__.rows", lambda: [ROW])
    assert main(["--tool", "gradwright", "--seed", "1"]) == 0
    monkeypatch.setattr("conformance.with_gradwright.derive", doubled)
    assert main(["--tool", "gradwright", "--seed", "1"]) == 1
    assert "silently wrong" in capsys.readouterr().out
