"""`gradwright report`: the page or the document of a derivation, by the ending of the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gradwright as gw
from gradwright.api.reporting import formula_latex, formula_page, network_page
from gradwright.cli.main import run

NETWORK = "2 -> 3 sigmoid -> 1 sigmoid"


def reported(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(["report", *arguments]) == code
    return capsys.readouterr().out


def test_a_formula_as_page_and_as_document(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    derivation = gw.gradient("x'*A*x", "x")
    check = derivation.check(seed=4)
    for name, content in (
        ("it.html", formula_page(derivation, check)),
        ("it.tex", formula_latex(derivation, check)),
    ):
        path = tmp_path / name
        said = reported(capsys, "x'*A*x", "--wrt", "x", "--seed", "4", "--out", str(path))
        assert path.read_text(encoding="utf-8") == content
        assert said == f"{check}\n"


def test_a_network_as_page_and_as_document(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    backprop = gw.Network(NETWORK, loss="binary_cross_entropy").backprop()
    page = tmp_path / "new" / "it.HTML"
    document = json.loads(reported(capsys, NETWORK, "--out", str(page), "--json"))
    assert document["format"] == "html" and document["check"]["ok"] is True
    assert document["file"] == str(page)
    assert page.read_text(encoding="utf-8") == network_page(backprop, backprop.check(seed=0))
    tex = tmp_path / "it.tex"
    reported(capsys, NETWORK, "--notation", "003", "--out", str(tex))
    text = tex.read_text(encoding="utf-8")
    assert "Notation 003" in text and "Checked with the complex step, seed 0: right" in text


def test_the_document_has_the_cases_and_the_rules(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """S1.1 as LaTeX."""
    path = tmp_path / "it.tex"
    reported(capsys, "max(L*c, c)", "--wrt", "c", "--declare", "L=scalar", "--out", str(path))
    text = path.read_text(encoding="utf-8")
    assert r"\begin{cases} L & \text{if } c < 0" in text
    assert r"\text{chain rule through max, part 1 of 2}" in text


@pytest.mark.parametrize("name", ["it.pdf", "it", "it.html.gz", ".tex"])
def test_another_ending_is_refused_before_any_work(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["report", "][", "--out", str(tmp_path / name)]) == 2
    said = capsys.readouterr().err
    assert ".html or .tex" in said and "instead:" in said
    assert not list(tmp_path.iterdir())


def test_a_folder_in_the_way_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "it.tex").mkdir()
    asked = ["report", "x'*x", "--wrt", "x", "--out", str(tmp_path / "it.tex")]
    assert run(asked) == 2
    assert "instead:" in capsys.readouterr().err
