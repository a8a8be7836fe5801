"""What the options make of their texts."""

from __future__ import annotations

from pathlib import Path

import pytest

import gradwright as gw
from gradwright.cli.main import run
from gradwright.cli.options import declared, names
from gradwright.cli.subject import is_network
from gradwright.errors import SymbolError, UnsupportedError


def test_declarations_become_keywords() -> None:
    assert declared(["A=matrix n n", " x = vector n "]) == {"A": "matrix n n", "x": "vector n"}


@pytest.mark.parametrize("text", ["A", "A=", "=matrix n n", "A matrix n n"])
def test_half_a_declaration_is_an_error(text: str) -> None:
    with pytest.raises(SymbolError) as caught:
        declared([text])
    assert repr(text) in str(caught.value)
    assert "A=matrix n n" in caught.value.instead


def test_a_name_is_declared_once() -> None:
    with pytest.raises(SymbolError) as caught:
        declared(["A=matrix n n", "A=scalar"])
    assert "matrix n n" in caught.value.clash
    assert "scalar" in caught.value.clash


@pytest.mark.parametrize(
    ("text", "expected"),
    [("x", ("x",)), ("x,A", ("x", "A")), (" x , A ,", ("x", "A")), (" , ", ())],
)
def test_names(text: str, expected: tuple[str, ...]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4 -> 3 softmax", True), ("4→3", True), ("x'*A*x", False), ("x - (-y)", False)],
)
def test_an_arrow_makes_a_network(text: str, expected: bool) -> None:
    assert is_network(text) is expected


NETWORK, FORMULA = "4 -> 3 softmax", "x'*A*x"
#: A command, what it is about, and an option that has no meaning there.
MISPLACED = {
    "check a network by a variable": (["check", NETWORK, "--wrt", "x"], NETWORK),
    "check a network's hessian": (["check", NETWORK, "--kind", "hessian"], NETWORK),
    "check a network forward": (["check", NETWORK, "--mode", "forward"], NETWORK),
    "check a network with a default mode": (["check", NETWORK, "--mode", "auto"], NETWORK),
    "emit a network with a constraint": (["emit", NETWORK, "--constraint", "free"], NETWORK),
    "emit a network's symbols": (["emit", NETWORK, "--declare", "x=scalar"], NETWORK),
    "report a network's kind": (["report", NETWORK, "--out", "r.tex", "--kind", "vjp"], NETWORK),
    "emit a formula in columns": (["emit", FORMULA, "--layout", "columns"], FORMULA),
    "report a formula as a note": (["report", FORMULA, "--out", "r.tex", "--notation", "003"],
                                   FORMULA),
    "check a formula's loss": (["check", FORMULA, "--loss", "cross_entropy"], FORMULA),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "text"), MISPLACED.values(), ids=MISPLACED)
def test_an_option_that_would_do_nothing_is_refused(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    told = capsys.readouterr()
    option = next(word for word in reversed(arguments) if word.startswith("--"))
    owner, other = ("formula", "network") if text == NETWORK else ("network", "formula")
    assert told.out == ""
    assert told.err == (
        f"the option {option}: it belongs to a {owner}, and given is a {other}\n"
        f"  in: {text}\n"
        f"  instead: leave {option} out, or give a {owner}\n"
    )


@pytest.mark.parametrize("more", [[], ["--target", "c"], ["--target", "c", "--standalone"]])
@pytest.mark.parametrize("text", [NETWORK, FORMULA])
def test_only_code_for_pytorch_has_a_forward_mode_to_leave_out(
    text: str, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["emit", text, *more, "--no-forward-mode"]) == 2
    told = capsys.readouterr()
    target = more[1] if more else "numpy"
    assert told.out == ""
    assert told.err == (
        f"code for the target {target} with --no-forward-mode: --no-forward-mode leaves the "
        f"forward mode out of code for torch, and the target is {target}\n"
        "  instead: ask for the target torch, or leave --no-forward-mode out\n"
    )


@pytest.mark.parametrize("target", ["numpy", "c"])
def test_python_refuses_it_in_the_same_words(target: str) -> None:
    with pytest.raises(UnsupportedError, match="ask for the target torch, or leave forward_mode"):
        gw.Network(NETWORK).backprop().source(target, forward_mode=False)


def test_equations_are_not_differentiated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "equations.txt"
    file.write_text("a + b = b + a\n")
    asked = ["check", "--equations", str(file)]
    assert run(asked) == 0
    assert run([*asked, "--wrt", "a"]) == 2
    assert "--wrt" in capsys.readouterr().err
    assert run([*asked, "--loss", "cross_entropy"]) == 2
    assert "without --network" in capsys.readouterr().err
