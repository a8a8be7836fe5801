"""Bad input, as a person gives it: one table, through Python and through the command line.

Each row is refused by a `GradwrightError` whose message has the facts of the row, and by the
command with exit code 2, the same message alone on standard error, and no file written.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import gradwright as gw
from gradwright.cli import learning, samples
from gradwright.errors import GradwrightError
from gradwright.run.files import output_folder

GRADWRIGHT = Path(sys.executable).with_name("gradwright")
#: As long as a text may be.
DEEP = "(" * 99_999

#: The files that rows name: each has 30 samples of two features, and one fault or none.
LINES = [f"{k},{7 * k % 11},{k % 3}" for k in range(30)]
FILES = {
    "three.csv": ["a,b,y", *LINES],
    "word.csv": ["a,b,y", *LINES[:4], "1,two,0", *LINES[4:]],
    "nan.csv": ["a,b,y", *LINES[:2], "nan,2,0", *LINES[2:]],
    "short.csv": ["a,b,y", *LINES[:6], "1,2", *LINES[6:]],
}


@dataclass(frozen=True)
class Bad:
    """One bad input: in Python, as arguments of the command, and what the message must say.

    `marked` is the line of the user's text and the characters that the carets stand under.
    `own_words` marks a row that the command line's own option parser refuses first.
    """

    python: Callable[[], object]
    command: list[str]
    facts: list[str]
    marked: tuple[str, str] | None = None
    own_words: list[str] | None = None


def derive(text: str, wrt: str = "x", **declared: str) -> Bad:
    arguments = ["derive", text, "--wrt", wrt]
    for name, said in declared.items():
        arguments += ["--declare", f"{name}={said}"]
    return Bad(lambda: gw.formula(text, **declared).gradient(wrt), arguments, [])


def backprop(text: str, loss: str = "cross_entropy") -> Bad:
    return Bad(lambda: gw.Network(text, loss=loss), ["backprop", text, "--loss", loss], [])


def train(text: str, data: str, label: str | None = None) -> Bad:
    def python() -> object:
        settings = learning.settings_of(0, 1, 32, 0.1, 0.2, "sgd", (), "constant", 0.0)
        network = gw.Network(text)
        read = samples.prepared(samples.read_data(data, label), data, network, 0.2, 0)
        return learning.train(network, read, settings)

    chosen = [] if label is None else ["--label", label]
    return Bad(python, ["train", text, "--data", data, *chosen], [])


def says(bad: Bad, *facts: str, under: tuple[str, str] | None = None) -> Bad:
    return Bad(bad.python, bad.command, list(facts), under, bad.own_words)


def train_with(own_words: list[str], option: str, value: str, **settings: float) -> Bad:
    """A setting that the command line refuses in its own words."""

    def python() -> object:
        return gw.train(gw.Network("2 -> 3 softmax"), [[1.0, 2.0]], [0], **settings)

    command = ["train", "2 -> 3 softmax", "--data", "three.csv", option, value]
    return Bad(python, command, [], own_words=own_words)


def write_below_a_file() -> object:
    with output_folder("three.csv/deep/out"):
        raise AssertionError("the place cannot be written and was accepted")


BAD: dict[str, Bad] = {
    "unknown layer": says(
        backprop("4 -> 3 relux -> 2 softmax"), "relux", "mean relu", under=("4 -> 3 relux", "relux")
    ),
    "unknown loss": says(backprop("4 -> 2 softmax", "mse"), "mse", "squared_error"),
    "unknown function": says(
        derive("2*sofmax(x)"), "sofmax", "softmax", under=("2*sofmax(x)", "sofmax")
    ),
    "sizes that clash": says(
        derive("A*x + B*x", A="matrix 3 4", B="matrix 3 5", x="vector 4"),
        "B has 5 columns",
        "x has 4 rows",
        under=("A*x + B*x", "B*x"),
    ),
    "named sizes that clash": says(
        derive("y'*A*x", A="matrix 3 4", x="vector 4", y="vector 5"),
        "5",
        "A has 3 rows",
        under=("y'*A*x", "y'*A"),
    ),
    "a row added to a column of the same size": says(
        derive("sum(x' + y)", x="vector n", y="vector n"),
        "x' is a row of n",
        "y is a column of n",
        under=("sum(x' + y)", "x' + y"),
    ),
    "a row added to a column of three entries": says(
        derive("sum(x' .* y)", x="vector 3", y="vector 3"),
        "x' is a row of 3",
        "y is a column of 3",
        under=("sum(x' .* y)", "x' .* y"),
    ),
    "a parenthesis that stays open": says(derive("sum(x"), "( is opened", under=("sum(x", "(")),
    "a parenthesis that closes nothing": says(
        derive("x'*x)"), ") closes nothing", under=("x'*x)", ")")
    ),
    "absurdly nested text": says(derive(DEEP + "x"), "nests deeper than 200"),
    "unknown type in a declaration": says(
        derive("x'*x", x="vektor n"), "x", "vektor", under=("vektor n", "vektor")
    ),
    "unknown variable": says(derive("x'*x", "q"), "q", "symbols are x", "in: x'*x"),
    "cross-entropy without softmax": says(
        backprop("4 -> 3 relu"), "cross_entropy", "softmax", "relu"
    ),
    "a class out of range": says(
        train("2 -> 2 softmax", "three.csv"), "3 classes", "column y", "2 outputs"
    ),
    "a cell that is no number": says(
        train("2 -> 3 softmax", "word.csv"), "'two'", "word.csv, line 6, column b"
    ),
    "a cell that is nan": says(
        train("2 -> 3 softmax", "nan.csv"), "'nan'", "nan.csv, line 4, column a"
    ),
    "a line with too few cells": says(
        train("2 -> 3 softmax", "short.csv"), "2 cells", "has 3", "short.csv, line 8"
    ),
    "columns that do not fit the network": says(
        train("5 -> 3 softmax", "three.csv"), "2 columns", "5 inputs"
    ),
    "unknown label": says(
        train("2 -> 3 softmax", "three.csv", "kind"), "'kind'", "a, b, y", "three.csv, line 1"
    ),
    "missing file": says(train("2 -> 3 softmax", "none.csv"), "none.csv", "No such file"),
    "unknown data set": says(train("2 -> 3 softmax", "digit"), "'digit'", "digits?"),
    "an output folder below a file": Bad(
        write_below_a_file,
        ["derive", "x'*x", "--wrt", "x", "--out", "three.csv/deep/out"],
        ["three.csv/deep/out", "Not a directory"],
    ),
    "a softmax of one output": says(
        backprop("3 -> 4 tanh -> 1 softmax"),
        "1 output",
        "sum to 1",
        '"1 sigmoid" with loss="binary_cross_entropy"',
        under=("3 -> 4 tanh -> 1 softmax", "1 softmax"),
    ),
    "negative epochs": says(
        train_with(["--epochs", "-1"], "--epochs", "-1", epochs=-1), "epochs", "-1", "from 0"
    ),
    "a batch of nothing": says(
        train_with(["--batch-size", "0"], "--batch-size", "0", batch_size=0),
        "batch_size",
        "is 0",
        "from 1",
    ),
    "a learning rate of 0": says(
        train_with(["--learning-rate", "0"], "--learning-rate", "0", learning_rate=0.0),
        "learning_rate",
        "0.0",
        "positive",
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, lines in FILES.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(bad: Bad) -> GradwrightError:
    with pytest.raises(GradwrightError) as caught:
        bad.python()
    return caught.value


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_python_refuses(bad: Bad, folder: Path) -> None:
    error = refused(bad)
    assert [fact for fact in bad.facts if fact not in str(error)] == []
    assert error.asked and error.clash and error.instead
    if bad.marked is not None:
        text, at_fault = bad.marked
        assert error.text is not None and error.span is not None
        assert error.text.startswith(text)
        assert error.text[error.span.start : error.span.end] == at_fault
        line, carets = str(error).splitlines()[1:3]
        assert set(carets.strip()) == {"^"}
        assert line[carets.index("^") : carets.rindex("^") + 1] == at_fault


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_the_command_refuses(bad: Bad, folder: Path) -> None:
    before = sorted(os.listdir(folder))
    out = [] if "--out" in bad.command else ["--out", "out"]
    done = subprocess.run(
        [GRADWRIGHT, *bad.command, *out], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert sorted(os.listdir(folder)) == before
    if bad.own_words is None:
        assert done.stderr == f"{refused(bad)}\n"
    else:
        assert done.stderr.count("Error:") == 1
        assert "Traceback" not in done.stderr
        assert [word for word in bad.own_words if word not in done.stderr] == []


ABSURD = {
    "opened": (DEEP + "x", "nests deeper than 200"),
    "opened and closed": ("(" * 49_999 + "x" + ")" * 49_999, "nests deeper than 200"),
    "minuses": ("-" * 99_999 + "x", "nests deeper than 200"),
    "100,000 pairs": ("(" * 100_000 + "x" + ")" * 100_000, "200001 characters and at most 100000"),
}


@pytest.mark.parametrize(("text", "fact"), ABSURD.values(), ids=ABSURD)
def test_absurd_nesting_is_refused_at_once(text: str, fact: str) -> None:
    # Reading 100,000 characters takes a moment; a quadratic reader would take minutes.
    with pytest.raises(GradwrightError, match=fact):
        gw.formula(text)
