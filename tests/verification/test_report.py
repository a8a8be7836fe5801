"""The report as text and as a dictionary, compared with what is on file here."""

from __future__ import annotations

import json

import numpy as np

from gradwright.verification import BlockCheck, CheckReport

RIGHT = BlockCheck("b1", (4,), 3.125e-16, 1e-12, (2,), 0.125, 0.125, 4, 4, True)
WRONG = BlockCheck("W10", (4, 300), 2.0, 4.4e-11, (3, 17), -1.5, 1.5, 96, 1200, False, 4, 1)
SCALAR = BlockCheck("s", (), np.inf, 1e-12, None, None, None, 0, 1, False)
REPORT = CheckReport(
    "complex step",
    7,
    (RIGHT, WRONG, SCALAR),
    ("W10: it is negated: every value has the opposite sign", "s: no derivative is given"),
    1,
    2,
)

GOLDEN = """\
WRONG: compared with the complex step, seed 7
block  shape   checked                      error  tolerance  worst at   ours  oracle
b1     4       4 of 4                     3.1e-16    1.0e-12  [2]       0.125   0.125  ok
W10    4x300   96 of 1200 + 4 directions  2.0e+00    4.4e-11  [3, 17]    -1.5     1.5  WRONG
s      scalar  0 of 1                         inf    1.0e-12  -             -       -  WRONG
- W10: it is negated: every value has the opposite sign
- s: no derivative is given
- 1 point within 1e-6 of a kink redrawn
- 2 points redrawn as ill-conditioned"""


def test_table():
    assert str(REPORT) == GOLDEN


def test_the_verdict_and_the_worst_block():
    assert not REPORT.ok
    assert not REPORT
    assert REPORT.worst is SCALAR
    right = CheckReport("complex step", 7, (RIGHT,))
    assert right.ok
    assert right
    assert str(right).startswith("right: ")
    assert (right.max_relative_error, right.tolerance) == (3.125e-16, 1e-12)
    empty = CheckReport("complex step", 7, ())
    assert (empty.max_relative_error, empty.tolerance, empty.worst) == (0.0, 0.0, None)


def test_a_block_that_is_not_judged_is_neither_right_nor_wrong():
    unclear = BlockCheck("b1", (4,), 1e-8, 1e-5, (2,), 1.0, 1.0, 4, 4, False, judged=False)
    text = str(CheckReport("complex step", 7, (RIGHT, unclear)))
    assert text.startswith("NOT JUDGED: ")
    assert text.splitlines()[-1].endswith("not judged")
    assert str(CheckReport("complex step", 7, (unclear, WRONG))).startswith("WRONG: ")


def test_dictionary():
    found = json.loads(json.dumps(REPORT.to_dict(), allow_nan=False))
    blocks = found.pop("blocks")
    assert found == {
        "schema": "gradwright.check/1",
        "ok": False,
        "oracle": "complex step",
        "seed": 7,
        "max_relative_error": None,
        "tolerance": 1e-12,
        "redrawn_at_kinks": 1,
        "redrawn_ill_conditioned": 2,
        "findings": list(REPORT.findings),
    }
    assert blocks[1] == {
        "name": "W10",
        "shape": [4, 300],
        "ok": False,
        "max_relative_error": 2.0,
        "tolerance": 4.4e-11,
        "worst_index": [3, 17],
        "ours": -1.5,
        "oracle_value": 1.5,
        "coordinates_checked": 96,
        "coordinates": 1200,
        "directions": 4,
        "judged": True,
        "accepted_at_kinks": 1,
    }
    assert blocks[2]["worst_index"] is None
