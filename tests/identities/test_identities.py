"""The 107 public identities: value, oracle, verified text, form; and the table that is printed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.identities.rows import ROWS, TOLERANCE, Judged, judge
from tests.suites import identities


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_identity(row: dict[str, str], rng: np.random.Generator) -> None:
    judged = judge(row, rng)
    assert judged.form == ("kronecker" if row["kind"].startswith("vec") else "matrix")
    assert judged.answer <= TOLERANCE
    assert judged.oracle <= TOLERANCE
    # The printed text, read by the reference evaluator, says the same numbers.
    assert judged.text <= TOLERANCE


def sample() -> Judged:
    (row,) = [row for row in ROWS if row["id"] == "mc49"]
    return judge(row, np.random.default_rng(0))


def test_the_table_shows_the_row_and_says_that_it_is_right() -> None:
    lines = identities.table([sample()])
    assert lines[0].split()[:2] == ["id", "expression"]
    (line,) = [line for line in lines if line.startswith("mc49")]
    assert "det(X)" in line and "matrix" in line and line.split()[-1].isdigit()
    assert "right" in line and "WRONG" not in line
    assert identities.summary([sample()])[0] == "1 rows: 1 right, 0 silently wrong, 0 refused"


@pytest.mark.parametrize("part", ["answer", "oracle", "text"])
def test_one_wrong_number_makes_the_command_fail(
    part: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = sample()
    wrong = replace(good, **{part: 1e-3})
    monkeypatch.setattr(identities, "judge_all", lambda seed: [good, wrong])
    assert identities.main(["--seed", "1"]) == 1
    said = capsys.readouterr().out
    assert "WRONG" in said and "2 rows: 1 right, 1 silently wrong, 0 refused" in said
    monkeypatch.setattr(identities, "judge_all", lambda seed: [good])
    assert identities.main(["--markdown"]) == 0
