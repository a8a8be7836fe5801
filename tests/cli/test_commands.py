"""The commands as a person runs them: what they print, where, and how they end."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import gradwright as gw
from gradwright.cli import learning
from gradwright.cli.main import COMMANDS, run
from gradwright.verification.report import BlockCheck, CheckReport

NETWORK = "4 -> 5 relu -> 3 softmax"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """Standard output of a run that ends with `code`."""
    ended = run(arguments)
    captured = capsys.readouterr()
    assert ended == code, captured.err
    return captured.out


def examples(command: str, capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    text = printed(capsys, command, "--help").partition("Examples:")[2].partition("\n\n")[0]
    return [shlex.split(line)[1:] for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = examples(command, capsys)
    assert len(shown) >= 3
    assert all(arguments[0] == command for arguments in shown)


def test_derive_prints_the_cost_of_each_mode(capsys: pytest.CaptureFixture[str]) -> None:
    made = gw.jacobian("A*B*diag(x)*x", "x", B="matrix n n")
    asked = ("derive", "A*B*diag(x)*x", "--wrt", "x", "--declare", "B=matrix n n", "--cost")
    assert printed(capsys, *asked) == f"{made.cost}\n"
    document = json.loads(printed(capsys, *asked, "--mode", "forward", "--json"))
    assert (document["asked"], document["mode"]) == ("forward", "forward")
    assert document["modes"]["reverse"]["multiplications"] == made.cost["reverse"]


def test_derive_one_variable_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    made = gw.formula("y'*A*x").derivative("y", "x")
    asked = ("derive", "y'*A*x", "--wrt", "y,x", "--kind", "derivative")
    assert printed(capsys, *asked) == f"{made.explain()}\n"
    assert json.loads(printed(capsys, *asked, "--json"))["results"]["y,x"]["text"] == "A"


@pytest.mark.parametrize("command", ["derive", "check", "emit"])
def test_the_examples_work(
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("dL/dW2 = A1' * dL/dZ2\n", encoding="utf-8")
    for arguments in examples(command, capsys):
        given = arguments[: arguments.index(">")] if ">" in arguments else arguments
        assert printed(capsys, *given)


def test_derive_prints_what_the_library_says(capsys: pytest.CaptureFixture[str]) -> None:
    derivation = gw.formula("x'*A*x").gradient("x")
    assert printed(capsys, "derive", "x'*A*x", "--wrt", "x") == derivation.explain() + "\n"
    document = json.loads(printed(capsys, "derive", "x'*A*x", "--wrt", "x", "--json"))
    assert document == json.loads(json.dumps(derivation.to_dict()))


@pytest.mark.parametrize(
    ("formula", "kind"), [("x'*A*x", "gradient"), ("A*x", "jacobian"), ("a*b", "gradient")]
)
def test_the_kind_follows_the_formula(
    formula: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "a" if kind == "gradient" and "x" not in formula else "x"
    assert json.loads(printed(capsys, "derive", formula, "--wrt", name, "--json"))["kind"] == kind


def test_equations_are_checked_and_the_exit_code_says_how(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "equations.txt"
    given = ("check", "--equations", str(file), "--network", NETWORK, "--json")
    for text, code in (("dL/dW2 = A1'*dL/dZ2", 0), ("dL/dW2 = A1*dL/dZ2  # no", 1)):
        file.write_text(text, encoding="utf-8")
        document = json.loads(printed(capsys, *given, code=code))
        assert document["schema"] == "gradwright.equations/1"
        assert [equation["ok"] for equation in document["equations"]] == [code == 0]
    file.write_text("dL/dW2 =", encoding="utf-8")
    assert run(given) == 2
    assert run([*given[:2], str(tmp_path / "none.txt"), *given[3:]]) == 2


def test_a_declaration_changes_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("derive", "x'*A*x", "--wrt", "x", "--json")
    plain = json.loads(printed(capsys, *asked))
    symmetric = json.loads(printed(capsys, *asked, "--declare", "A=matrix n n symmetric"))
    assert symmetric["symbols"]["A"]["facts"] == ["symmetric"]
    assert plain["results"]["x"]["text"] != symmetric["results"]["x"]["text"]


@pytest.mark.parametrize("constraint", ["none", "projected", "free"])
def test_a_constraint_changes_the_result(
    constraint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("x'*S*y", "--wrt", "S", "--declare", "S=symmetric n n", "--constraint", constraint)
    made = gw.formula("x'*S*y", S="symmetric n n").gradient("S", constraint=constraint)
    derived = json.loads(printed(capsys, "derive", *asked, "--json"))
    assert derived["results"]["S"]["text"] == made.text()
    assert printed(capsys, "emit", *asked).rstrip() == made.source().rstrip()
    assert run(["check", *asked]) == 0


BAD = {
    "a formula that cannot be read": (["derive", "x'*(A*x", "--wrt", "x"], ["instead:", "^"]),
    "a name that is not there": (["derive", "x'*x", "--wrt", "q"], ["q", "instead:"]),
    "no variable": (["derive", "x'*x"], ["--wrt"]),
    "a gradient of a vector": (["derive", "A*x", "--wrt", "x", "--kind", "gradient"], ["jacobian"]),
    "one variable twice": (
        ["derive", "x'*y", "--wrt", "x,x", "--kind", "hessian"],
        ["x is named twice", "derivative"],
    ),
    "a mode of a product": (
        ["derive", "x'*y", "--wrt", "x", "--kind", "hvp", "--mode", "forward"],
        ["hvp", "--mode"],
    ),
    "a constraint of a product": (
        ["derive", "x'*y", "--wrt", "x", "--kind", "vjp", "--constraint", "free"],
        ["vjp", "--constraint free"],
    ),
    "half a declaration": (["derive", "x'*x", "--wrt", "x", "--declare", "x"], ["'x'", "A=matrix"]),
    "an unknown activation": (["check", "4 -> 3 sofmax"], ["sofmax", "instead:"]),
    "an unknown loss": (["backprop", NETWORK, "--loss", "nonsense"], ["nonsense", "instead:"]),
    "an unknown target": (["emit", NETWORK, "--target", "fortran"], ["fortran", "numpy"]),
    "an unknown data set": (["train", NETWORK, "--data", "nonsense"], ["nonsense", "instead:"]),
    "a missing file": (["train", NETWORK, "--data", "none.csv"], ["none.csv", "instead:"]),
    "no data": (["train", NETWORK], ["--data"]),
    "an unknown command": (["derife"], ["derife"]),
    "an impossible number": (["train", NETWORK, "--data", "iris", "--epochs", "0"], ["--epochs"]),
}


@pytest.mark.parametrize(("arguments", "facts"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_explained_on_standard_error(
    arguments: list[str], facts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(arguments)
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert [fact for fact in facts if fact not in captured.err] == []
    assert "Traceback" not in captured.err


def test_a_check_that_passes(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(printed(capsys, "check", NETWORK, "--seed", "5", "--json"))
    assert document["ok"] is True
    assert document["seed"] == 5
    assert {block["name"] for block in document["blocks"]} == {"W1", "b1", "W2", "b2"}


def wrong(*_: object, **__: object) -> CheckReport:
    block = BlockCheck("W1", (4, 5), 0.5, 1e-9, (0, 0), 1.0, 2.0, 20, 20, ok=False)
    return CheckReport("complex step", 0, (block,))


@pytest.mark.parametrize("command", [["check"], ["backprop", "--data", "iris"]])
def test_a_check_that_fails_ends_with_1_and_trains_nothing(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradwright.api.backprop.NetworkDerivation.check", wrong)
    output = printed(capsys, *command, NETWORK, code=1)
    assert "WRONG" in output
    assert "trained" not in output


@pytest.mark.parametrize(
    "arguments", [["derive", "x'*x", "--wrt", "x"], ["backprop", NETWORK], ["emit", NETWORK]]
)
def test_an_unwritable_folder_is_found_before_any_work(
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def work(*_: object) -> None:
        raise AssertionError("the work began")

    for module in ("derive", "emit"):
        monkeypatch.setattr(f"gradwright.cli.{module}.make_derivation", work)
    monkeypatch.setattr("gradwright.cli.backprop.make_backprop", work)
    monkeypatch.setattr("gradwright.cli.emit.make_network", work)
    (tmp_path / "file").write_text("")
    assert run([*arguments, "--out", str(tmp_path / "file" / "out")]) == 2
    assert str(tmp_path / "file" / "out") in capsys.readouterr().err


def test_backprop_writes_everything(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["backprop", NETWORK, "--data", "iris", "--epochs", "20", "--seed", "3"]
    output = printed(capsys, *arguments, "--out", str(out))
    names = {path.name for path in out.iterdir()}
    figures = {name for name in names if name.startswith("figure-")}
    assert {"figure-network.svg", "figure-forward.svg", "figure-chain-norms.svg"} <= figures
    assert names - figures == {
        "derivation.txt",
        "derivation.tex",
        "report.html",
        "backprop.py",
        "check.json",
        "parameters.npz",
        "training.json",
        "flow.txt",
        "flow.json",
    }
    flow = json.loads((out / "flow.json").read_text())
    assert flow["verdict"] == "healthy"
    assert f"gradient flow: healthy ({flow['confidence']} confidence)" in output
    assert output.startswith((out / "derivation.txt").read_text(encoding="utf-8"))
    assert "\x1b" not in output
    assert json.loads((out / "check.json").read_text())["ok"] is True
    training = json.loads((out / "training.json").read_text())
    assert training["seed"] == 3
    assert len(training["history"]) == training["epochs_done"] == 20
    assert training["samples"] == {"training": 120, "held_out": 30}
    assert training["classes"] == ["setosa", "versicolor", "virginica"]
    assert training["columns"][0] == "sepal length (cm)"
    assert len(training["columns"]) == len(training["standardiser"]["mean"]) == 4
    assert training["held_out"]["accuracy"] > 0.6
    assert f"{100 * training['held_out']['accuracy']:.2f} %" in output
    assert set(training["versions"]) == {"gradwright", "numpy", "python"}
    tex = (out / "derivation.tex").read_text(encoding="utf-8")
    assert r"\begin{document}" in tex
    assert r"\end{document}" in tex


def test_without_data_backprop_derives_checks_and_emits(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    document = json.loads(printed(capsys, "backprop", NETWORK, "--json", "--out", str(out)))
    assert document["training"] is None
    assert document["check"]["ok"] is True
    names = {path.name for path in out.iterdir() if not path.name.startswith("figure-")}
    assert names == {
        "derivation.txt",
        "derivation.tex",
        "report.html",
        "backprop.py",
        "check.json",
    }


def test_the_same_seed_trains_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", NETWORK, "--data", "iris", "--epochs", "3", "--json"]
    first, again = (json.loads(printed(capsys, *arguments, "--seed", "8")) for _ in range(2))
    other = json.loads(printed(capsys, *arguments, "--seed", "9"))
    for document in (first, again, other):
        for epoch in document["history"]:
            del epoch["seconds"]
    assert first == again
    assert first["history"] != other["history"]


def test_an_interruption_keeps_what_was_reached(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @contextmanager
    def interrupting(title: str) -> Iterator[Callable[[str, int, int], None]]:
        def update(what: str, done: int, total: int) -> None:
            if done == 2:
                raise KeyboardInterrupt

        yield update

    monkeypatch.setattr(learning, "progress", interrupting)
    out = tmp_path / "out"
    arguments = ["train", NETWORK, "--data", "iris", "--epochs", "50", "--out", str(out)]
    assert "interrupted" in printed(capsys, *arguments, code=130)
    training = json.loads((out / "training.json").read_text())
    assert training["stopped"] == "interrupted"
    assert training["epochs_done"] == 2
    assert (out / "parameters.npz").stat().st_size > 0


def test_a_csv_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    rows = [f"{k},{(7 * k) % 11},{'even' if k % 2 else 'odd'}" for k in range(40)]
    path.write_text("\n".join(["u,v,parity", *rows]) + "\n")
    arguments = ["train", "2 -> 2 softmax", "--data", str(path), "--label", "parity", "--json"]
    document = json.loads(printed(capsys, *arguments, "--epochs", "2", "--held-out", "0.25"))
    assert document["samples"] == {"training": 30, "held_out": 10}


def started(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gradwright", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_reader_who_leaves_is_no_error() -> None:
    process = started("derive", "x'*A*x", "--wrt", "x")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as stream:
        assert stream.read() == b""
    assert process.wait(60) == 0


def test_the_version_is_the_package_s() -> None:
    with started("--version") as process:
        output, _ = process.communicate(timeout=60)
    assert re.fullmatch(rb"gradwright \d+\.\d+\.\d+\S*\s+", output)


def test_help_does_not_wait_for_numpy() -> None:
    script = (
        "import sys\nfrom gradwright.cli.main import run\nrun(['--help'])\n"
        "print(sorted({'numpy', 'rich', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_flow_exits_with_its_verdict(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    deep = "8 -> 30 * 8 sigmoid -> 3 softmax"
    assert run(["flow", deep, "--out", str(tmp_path / "out")]) == 1
    output = capsys.readouterr().out
    assert output.startswith("vanishing at layer")
    assert output == (tmp_path / "out" / "flow.txt").read_text(encoding="utf-8")
    assert run(["flow", "4 -> 8 tanh -> 3 softmax", "--data", "iris", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "healthy"
    assert document["layers"][0]["gradient_norm"] > 0
    assert run(["flow", "8 -> 20 * 8 -> 8", "--singular-values", "1"]) == 0
    assert run(["flow", "8 -> 20 * 8 -> 8", "--scheme", "nothing"]) == 2


def test_flow_takes_singular_values_as_a_list_and_parameters_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = "2 -> 2 tanh -> 2"
    document = json.loads(printed(capsys, "flow", text, "--singular-values", "2,0.5", "--json"))
    for layer in document["layers"]:
        assert layer["weight_singular_values"] == pytest.approx([2, 0.5], abs=1e-13)
    assert run(["flow", text, "--singular-values", "2,a"]) == 2
    assert "'2,a' is no list of numbers; write it like 0.5 or 2,0.5" in capsys.readouterr().err
    saved = tmp_path / "parameters.npz"
    gw.Network(text, loss="squared_error").init(seed=1, scale=3).save(saved)
    assert run(["flow", text, "--params", str(saved), "--scale", "1"]) == 2
    assert "--params gives the weights and --scale would draw others" in capsys.readouterr().err
    document = json.loads(printed(capsys, "flow", text, "--params", str(saved), "--json"))
    drawn = gw.Network(text, loss="squared_error").init(seed=1)["W1"]
    assert document["layers"][0]["weight_norm"] == pytest.approx(3 * np.linalg.norm(drawn, 2))


def test_backprop_traces_a_step(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["backprop", "2 -> 3 sigmoid -> 1 sigmoid", "--trace", "--seed", "3"]
    output = printed(capsys, *arguments, "--out", str(tmp_path / "out"))
    assert (tmp_path / "out" / "trace.txt").read_text(encoding="utf-8").strip() in output
    document = json.loads((tmp_path / "out" / "trace.json").read_text())
    assert document["lines"][0]["formula"] == "Z₁ = X W₁ + ones(n) b₁ᵀ"
    assert len(document["lines"][0]["value"]) == 2
    again = json.loads(printed(capsys, "backprop", NETWORK, "--data", "iris", "--trace", "--json"))
    assert again["trace"]["lines"][0]["name"] == "Z1"
