"""What the targets of a table are to a network, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradwright.cli.main import run

Array = Any

LINE = "held-out root mean squared error"


def table(path: Path, X: Array, targets: Any) -> str:
    rows = [",".join([*map(repr, x), str(y)]) for x, y in zip(X.tolist(), targets, strict=True)]
    path.write_text("\n".join(["a,b,target", *rows]) + "\n", encoding="utf-8")
    return str(path)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    ended = run(arguments)
    captured = capsys.readouterr()
    assert ended == code, captured.err
    return captured.out, captured.err


@pytest.fixture
def X(rng: np.random.Generator) -> Array:
    return rng.normal(size=(40, 2)).round(3)


def trained(
    capsys: pytest.CaptureFixture[str], network: str, file: str, *more: str
) -> tuple[str, dict[str, Any]]:
    """What a training prints, and its record."""
    asked = ("train", network, "--data", file, "--epochs", "3", *more)
    text, _ = printed(capsys, *asked)
    return text, json.loads(printed(capsys, *asked, "--json")[0])


def test_the_error_of_a_regression_is_in_its_unit(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, X: Array
) -> None:
    """Beside the loss, which is of standardised targets; predictions are in that unit too."""
    y = 1000 + 100 * X[:, 0]
    file, out = table(tmp_path / "rents.csv", X, y.tolist()), str(tmp_path / "out")
    text, document = trained(capsys, "2 -> 3 tanh -> 1", file, "--out", out)
    (error,) = document["held_out"]["root_mean_squared_error"]
    deviation = document["standardiser"]["target_scale"]
    assert error == pytest.approx(deviation * np.sqrt(document["held_out"]["loss"]), rel=1e-12)
    assert "of standardised targets" in text
    assert f"{LINE} {error:.6g}, in the unit of the target" in text
    said, _ = printed(capsys, "predict", out, "--data", file, "--out", str(tmp_path / "p"))
    assert said == f"predicted 40 samples of {file}\n"
    rows = (tmp_path / "p" / "predictions.csv").read_text().splitlines()[1:]
    predicted = np.array([float(row) for row in rows])
    kept = [line for line in np.abs(predicted - y) if line < 20 * deviation]
    assert len(kept) == 40
    print_all, _ = printed(capsys, "predict", out, "--data", file)
    assert print_all.splitlines()[1:] == rows


def test_the_error_counts_weights(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, X: Array
) -> None:
    file = table(tmp_path / "t.csv", X, [f"{x:.3f},{k % 3}" for k, x in enumerate(X[:, 0])])
    rows = Path(file).read_text().splitlines()
    Path(file).write_text("\n".join(["a,b,target,w", *rows[1:]]))
    text, document = trained(capsys, "2 -> 1", file, "--sample-weight", "w")
    loss, (error,) = (document["held_out"][x] for x in ("loss", "root_mean_squared_error"))
    deviation = document["standardiser"]["target_scale"]
    assert error == pytest.approx(deviation * np.sqrt(loss), rel=1e-12)
    assert "held-out weighted root mean squared error" in text


def test_linnerud_has_an_error_for_each_target(capsys: pytest.CaptureFixture[str]) -> None:
    text, document = trained(capsys, "3 -> 3", "linnerud")
    assert len(document["held_out"]["root_mean_squared_error"]) == 3
    assert "in the units of the targets" in text


@pytest.mark.parametrize("loss", ["squared_error", "huber", "norm2(a - y)"])
def test_whole_numbers_are_numbers_to_one_output(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, X: Array, loss: str
) -> None:
    """Values 3, 5 and 9 are no places 0, 1 and 2."""
    y = np.array([3, 5, 9])[np.arange(40) % 3]
    file = table(tmp_path / "t.csv", X, y)
    _, document = trained(capsys, "2 -> 1", file, "--loss", loss)
    assert document["classes"] is None
    assert 3 < document["standardiser"]["target_mean"] < 9


def test_counts_are_counts(capsys: pytest.CaptureFixture[str], tmp_path: Path, X: Array) -> None:
    """They were standardised, or the places of sorted values where there are few."""
    poisson = ("--loss", "poisson", "--learning-rate", "1e-5")
    for counts in (np.arange(40) % 3 * 7, 400 + 13 * np.arange(40)):
        file = table(tmp_path / "t.csv", X, counts)
        text, document = trained(capsys, "2 -> 1", file, *poisson)
        assert document["classes"] is None
        of_targets = [document["standardiser"][f"target_{x}"] for x in ("mean", "scale")]
        assert of_targets == [0, 1]
        assert "standardised" not in text and LINE not in text


def test_two_values_are_two_classes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, X: Array
) -> None:
    file, out = table(tmp_path / "t.csv", X, [10, 20] * 20), str(tmp_path / "out")
    _, document = trained(capsys, "2 -> 1 sigmoid", file, "--out", out, "--loss", "squared_error")
    assert document["classes"] == ["10", "20"]
    assert document["held_out"]["accuracy"] is not None
    said, _ = printed(capsys, "predict", out, "--data", file)
    assert {line.split(",")[0] for line in said.splitlines()[1:]} <= {"10", "20"}


def test_words_are_no_numbers(capsys: pytest.CaptureFixture[str], tmp_path: Path, X: Array) -> None:
    file = table(tmp_path / "t.csv", X, ["low", "middle", "high", "low"] * 10)
    _, said = printed(capsys, "train", "2 -> 1", "--data", file, "--loss", "huber", code=2)
    assert "3 classes, high, low, middle, and the loss takes numbers" in said
    assert "end the network with 3 softmax" in said


def test_outputs_without_a_class_are_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, X: Array
) -> None:
    file = table(tmp_path / "t.csv", X, ["yes", "no"] * 20)
    text, document = trained(capsys, "2 -> 3 tanh -> 5 softmax", file)
    assert document["outputs_without_class"] == 3
    assert "the network has 5 outputs and the data 2 classes: the last 3 stand for no class" in text
    text, _ = trained(capsys, "2 -> 3 softmax", file)
    assert "the last one stands for no class" in text
    text, document = trained(capsys, "2 -> 3 tanh -> 2 softmax", file)
    assert document["outputs_without_class"] == 0 and "stand for no class" not in text


@pytest.mark.parametrize("network", ["2 -> 2 softmax", "2 -> 1 sigmoid"])
def test_one_class_alone_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, X: Array, network: str
) -> None:
    file = table(tmp_path / "t.csv", X, ["yes"] * 40)
    text, document = trained(capsys, network, file)
    assert document["classes"] == ["yes"]
    assert "the data has one class alone, yes" in text and "no class" not in text


def test_enormous_targets_have_a_finite_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, X: Array
) -> None:
    """Warnings are errors here: no square overflows on the way."""
    file = table(tmp_path / "t.csv", X, (X[:, 0] * 1e305).tolist())
    _, document = trained(capsys, "2 -> 1", file)
    (error,) = document["held_out"]["root_mean_squared_error"]
    deviation = document["standardiser"]["target_scale"]
    assert error == pytest.approx(deviation * np.sqrt(document["held_out"]["loss"]), rel=1e-12)


def test_a_file_of_parameters_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, X: Array
) -> None:
    file, out = table(tmp_path / "t.csv", X, ["yes", "no"] * 20), tmp_path / "out"
    trained(capsys, "2 -> 3 tanh -> 2 softmax", file, "--out", str(out))
    whole = out / "parameters.npz"
    arrays = dict(np.load(whole))
    bent = {**arrays, "W1": np.full_like(arrays["W1"], np.nan)}
    for name, damaged, clash in (
        ("missing", {k: v for k, v in arrays.items() if k != "b2"}, "b2 missing"),
        ("shape", {**arrays, "W1": arrays["W1"].T}, "W1 has shape (2, 3)"),
        ("nan", bent, "W1 holds nan"),
        ("words", {k: v.astype(str) for k, v in arrays.items()}, "dtype"),
    ):
        np.savez(whole, **damaged)
        _, said = printed(capsys, "predict", str(out), "--data", file, code=2)
        assert f"parameters from {whole}: " in said and clash in said, name


@pytest.mark.parametrize("entry", ["mean", "scale"])
@pytest.mark.parametrize("value", ["a", None, [1], 0])
def test_a_damaged_record_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, X: Array, entry: str, value: Any
) -> None:
    file, out = table(tmp_path / "t.csv", X, ["yes", "no"] * 20), tmp_path / "out"
    trained(capsys, "2 -> 2 softmax", file, "--out", str(out))
    record = out / "training.json"
    document = json.loads(record.read_text())
    document["standardiser"][entry][0] = value
    record.write_text(json.dumps(document))
    if value == 0 and entry == "mean":
        printed(capsys, "predict", str(out), "--data", file)
        return
    _, said = printed(capsys, "predict", str(out), "--data", file, code=2)
    assert str(record) in said and "entry that is wrong here" in said


def test_columns_that_a_prediction_passes_over_need_no_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, X: Array
) -> None:
    file, out = table(tmp_path / "t.csv", X, ["yes", "no"] * 20), str(tmp_path / "out")
    trained(capsys, "2 -> 2 softmax", file, "--out", out)
    new = tmp_path / "new.csv"
    new.write_text(",b,a\n0,1.5,2.5\n")
    said, _ = printed(capsys, "predict", out, "--data", str(new))
    assert len(said.splitlines()) == 2


def test_explaining_kernels_writes_the_code_all_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = ("emit", "3 -> 4 tanh -> 2 softmax", "--target", "c")
    source, _ = printed(capsys, *asked)
    kernels, _ = printed(capsys, *asked, "--explain")
    assert "samples innermost" in kernels and "#include" not in kernels
    said, _ = printed(capsys, *asked, "--explain", "--out", str(tmp_path / "out"))
    assert said == kernels
    assert (tmp_path / "out" / "backprop.c").read_text(encoding="utf-8") == source
    alone = (*asked, "--standalone", "--explain", "--out", str(tmp_path / "alone"))
    said, _ = printed(capsys, *alone)
    assert "every kernel is plain C99" in said and "#include" not in said
    assert sorted(path.name for path in (tmp_path / "alone").iterdir()) == [
        "network.c",
        "network.h",
        "test_network.c",
    ]


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("2 -> 3 tanh -> 2 softmax", "the network has 2 outputs, one for each class"),
        ("2 -> 3 tanh -> 1 sigmoid", "the network has 1 output, which tells two apart"),
    ],
)
def test_more_classes_than_outputs_are_named_by_their_column(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, X: Array, network: str, said: str
) -> None:
    kinds = ["oak", "ash", "elm", "yew"]
    file = table(tmp_path / "trees.csv", X, [kinds[k % 4 if k > 4 else k % 2] for k in range(40)])
    _, error = printed(capsys, "train", network, "--data", file, code=2)
    assert "the labels of trees in the column target: they are 4 classes" in error
    assert "ash, elm, oak, yew" in error and said in error
    assert "oak is row 0" in error and "end the network with 4 softmax" in error
