"""Row X7: the tables of the ledger are those that `python -m tools.ledger` writes."""

from __future__ import annotations

import re

import pytest

from tools.ledger import LEDGER, cells, ledger, proofs
from tools.statements.statement import TOLERANCE

TEXT = LEDGER.read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (S\d\.\d+|X\d) \|", TEXT, re.MULTILINE)


def test_the_written_tables_are_up_to_date() -> None:
    assert ledger(TEXT) == TEXT, "run: python -m tools.ledger"


@pytest.mark.parametrize("row", sorted(set(ROWS)))
def test_every_row_has_a_derivation_a_result_and_a_difference(row: str) -> None:
    derived, result, difference = cells(row)
    assert derived and result
    if row not in ("X2", "X7"):
        assert difference.startswith("< 10⁻")
        assert max(worked.error for _, _, worked in proofs(row)) <= TOLERANCE


def test_rows_appear_once_and_links_lead_to_statements() -> None:
    assert len(ROWS) == len(set(ROWS)) == 52
    folder = LEDGER.parent
    for page, anchor in re.findall(r"\((notes/\d{3}\.html)#([\w-]+)\)", TEXT):
        assert f'id="{anchor}"' in (folder / page).read_text(encoding="utf-8")


def test_another_text_is_written_anew() -> None:
    head = "| row | statement |\n|---|---|\n"
    made = ledger(f"# Ledger\n\n{head}| S0.5 | f = W x: J = W |\n\nbehind\n")
    assert made.startswith("# Ledger\n\n| row | statement | derived by |")
    assert '`gw.jacobian("W*x", "x")`' in made and made.endswith("\n\nbehind\n")
    assert ledger(made) == made
