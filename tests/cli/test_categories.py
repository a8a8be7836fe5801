"""Columns of categories in a CSV file: the training is that of codes and tables made by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.cli.main import run
from gradwright.cli.samples import named_widths
from gradwright.errors import TrainingError
from gradwright.nn.text import with_embedding
from tests.cli.command import gradwright
from tests.programs.installed import COMPILER

#: Samples; enough that every category is in both parts.
COUNT = 60

COLOURS = ["blue", "green", "red"]


@pytest.fixture
def cars(tmp_path: Path, rng: np.random.Generator) -> tuple[Path, Any, Any]:
    """A file with words, numbers that stand for categories, and numbers; X in codes, y."""
    colour, doors = rng.integers(3, size=COUNT), rng.integers(2, size=COUNT)
    size = np.round(rng.standard_normal(COUNT), 3)
    y = np.round(colour + size, 3)
    path = tmp_path / "cars.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["colour", "size", "doors", "price"])
        for c, s, d, price in zip(colour, size, doors, y, strict=True):
            writer.writerow([COLOURS[c], s, [3, 5][d], price])
    return path, np.column_stack([colour, size, doors]), y


def document(path: Path, *options: str) -> dict[str, Any]:
    given = ["--epochs", "3", "--batch-size", "8", "--json", *options]
    done = gradwright("train", "3 -> 5 tanh -> 1", "--data", path, *given)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_training_is_that_of_codes(cars: tuple[Path, Any, Any]) -> None:
    path, X, y = cars
    found = document(path, "--categories", "doors=4")
    assert found["network"] == "3 -> embedding({0: (3, 3), 2: (2, 4)}) -> 5 tanh -> 1"
    assert found["categories"] == {"colour": COLOURS, "doors": ["3", "5"]}
    order = np.random.default_rng(0).permutation(COUNT)
    held, kept = np.sort(order[:12]), np.sort(order[12:])
    inputs, targets = X[kept].copy(), y[kept]
    mean, scale = inputs[:, 1].mean(), inputs[:, 1].std()
    inputs[:, 1] = (inputs[:, 1] - mean) / scale
    net = gw.Network([gw.embedding(3, {0: (3, 3), 2: (2, 4)}), "5 tanh", "1"], loss="squared_error")
    for target in ["numpy"] + ["c"] * (COMPILER is not None):
        trained = gw.train(
            net,
            inputs,
            (targets - targets.mean()) / targets.std(),
            epochs=3,
            batch_size=8,
            target=target,
        )
        losses = [epoch["loss"] for epoch in found["history"]]
        np.testing.assert_allclose(losses, [e.loss for e in trained.history], rtol=1e-10)
    outside = X[held].copy()
    outside[:, 1] = (outside[:, 1] - mean) / scale
    held_out = net.loss(trained.params, outside, (y[held] - targets.mean()) / targets.std())
    assert found["held_out"]["loss"] == pytest.approx(held_out, rel=1e-10)
    # Without the option the doors are numbers.
    assert "doors" not in document(path)["categories"]


def test_backprop_derives_the_tables(cars: tuple[Path, Any, Any], tmp_path: Path) -> None:
    path, _, _ = cars
    shape = ["--epochs", "2", "--out", str(tmp_path / "out")]
    done = gradwright("backprop", "3 -> 5 tanh -> 1", "--data", path, *shape)
    assert done.returncode == 0, done.stderr
    assert "∂L/∂E₁ = onehot(T₁)ᵀ" in done.stdout
    assert "gradient flow: not told" in done.stdout
    written = {file.name for file in (tmp_path / "out").iterdir()}
    assert {"backprop.py", "parameters.npz", "training.json", "report.html"} <= written
    net = gw.Network(
        json.loads((tmp_path / "out" / "training.json").read_text("utf-8"))["network"],
        loss="squared_error",
    )
    assert net.load(tmp_path / "out" / "parameters.npz")["E1"].shape == (3, 3)


def test_held_out_samples_with_a_new_category_are_counted(tmp_path: Path) -> None:
    rows = [f"{word},{k},{k % 2}" for k, word in enumerate("abcdefghij")]
    path = tmp_path / "few.csv"
    path.write_text("\n".join(["word,x,y", *rows]), encoding="utf-8")
    done = gradwright("train", "2 -> 2 softmax", "--data", path, "--epochs", "1")
    assert done.returncode == 0, done.stderr
    assert "2 of the held-out samples have a category that no training sample has" in done.stdout


@pytest.mark.parametrize(
    ("network", "options", "said"),
    [
        ("3 -> 1", ["--categories", "dors"], "did you mean doors"),
        ("3 -> 1", ["--categories", "price"], "it has the labels"),
        ("3 -> 1", ["--categories", "doors=0"], "a row of a table has no entries"),
        ("3 -> 1", ["--categories", "doors", "--categories", "doors=2"], "doors is given twice"),
        ("4 -> 1", [], "3 columns, and the network has 4 inputs"),
        ("3 -> 1", ["--layout", "columns"], "layers by formula exist in the layout rows only"),
        ("3 -> embedding({2: (2, 2)}) -> 1", [], "no table for column 0"),
        ("3 -> embedding({0: (2, 2)}) -> 1", [], "more categories than the 2 of its table"),
    ],
)
def test_what_does_not_fit(
    network: str,
    options: list[str],
    said: str,
    cars: tuple[Path, Any, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["train", network, "--data", str(cars[0]), *options]) == 2
    assert said in capsys.readouterr().err


def test_flow_has_no_derivative_by_a_code(cars: tuple[Path, Any, Any]) -> None:
    done = gradwright("flow", "3 -> 5 tanh -> 1", "--data", cars[0])
    assert done.returncode == 2
    assert "codes have no derivatives" in done.stderr


def test_a_bundled_data_set_has_no_categories() -> None:
    done = gradwright("train", "4 -> 3 softmax", "--data", "iris", "--categories", "colour")
    assert done.returncode == 2
    assert "leave --categories out" in done.stderr


def test_widths_stand_behind_the_last_equals_sign() -> None:
    assert named_widths(["a=b=5", "c=d", "e"]) == {"a=b": 5, "c=d": None, "e": None}
    with pytest.raises(TrainingError, match="given twice"):
        named_widths(["a", "a=3"])


def test_an_embedding_that_stands_there_is_taken() -> None:
    text = "3 -> embedding({0: (3, 2)}) -> 4 tanh -> 1"
    assert with_embedding(text, {0: (2, 5)}) == text
    assert with_embedding("3→1", {0: (2, 5)}) == "3→ embedding({0: (2, 5)}) →1"


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the iris data, one of its columns binned into words, and a training on it."""
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
    iris, folder = datasets.load_iris(), tmp_path_factory.mktemp("flowers")
    bins = [["narrow", "wide"][int(width > 3)] for width in iris.data[:, 1]]
    with (folder / "flowers.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["sepal length", "sepal", "petal length", "petal width", "species"])
        for row, sepal, label in zip(iris.data, bins, iris.target, strict=True):
            writer.writerow([row[0], sepal, *row[2:], iris.target_names[label]])
    data = ["--data", folder / "flowers.csv", "--out", folder / "out"]
    done = gradwright("train", "4 -> 8 tanh -> 3 softmax", *data)
    assert done.returncode == 0, done.stderr
    return folder


def test_predictions_have_the_codes_of_the_training(flowers: Path) -> None:
    new = flowers / "new.csv"
    new.write_text(
        "petal width,petal length,sepal,sepal length\n0.2,1.4,wide,5.1\n2.1,5.9,narrow,6.8\n",
        encoding="utf-8",
    )
    done = gradwright("predict", flowers / "out", "--data", new)
    assert done.returncode == 0, done.stderr
    header, *rows = csv.reader(done.stdout.splitlines())
    assert header == ["class", "setosa", "versicolor", "virginica"]
    assert [row[0] for row in rows] == ["setosa", "virginica"]
    stored = json.loads((flowers / "out" / "training.json").read_text("utf-8"))
    net = gw.Network(stored["network"], stored["loss"])
    X = np.array([[5.1, 1, 1.4, 0.2], [6.8, 0, 5.9, 2.1]])
    X = (X - stored["standardiser"]["mean"]) / stored["standardiser"]["scale"]
    expected = net.predict(net.load(flowers / "out" / "parameters.npz"), X)
    np.testing.assert_array_equal([list(map(float, row[1:])) for row in rows], expected)
    found = json.loads(gradwright("predict", flowers / "out", "--data", new, "--json").stdout)
    assert found["schema"] == "gradwright.predicted/1"
    assert found["predictions"] == ["setosa", "virginica"]


def test_a_category_that_is_new_is_named(flowers: Path) -> None:
    new = flowers / "unknown.csv"
    new.write_text(
        "sepal length,sepal,petal length,petal width\n5.1,wide,1.4,0.2\n5.1,broad,1.4,0.2\n",
        encoding="utf-8",
    )
    done = gradwright("predict", flowers / "out", "--data", new)
    assert done.returncode == 2
    assert "'broad' and the categories are narrow, wide" in done.stderr
    assert "line 3, column sepal" in done.stderr


def test_a_regression_is_predicted_in_its_unit(cars: tuple[Path, Any, Any], tmp_path: Path) -> None:
    path, _, y = cars
    out = ["--epochs", "200", "--out", tmp_path / "out"]
    done = gradwright("train", "3 -> 5 tanh -> 1", "--data", path, *out)
    assert done.returncode == 0, done.stderr
    done = gradwright("predict", tmp_path / "out", "--data", path, "--out", tmp_path / "predicted")
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "predicted" / "predictions.csv").read_text("utf-8")
    assert done.stdout == f"predicted {len(y)} samples of {path}\n"
    assert gradwright("predict", tmp_path / "out", "--data", path).stdout == written
    header, *rows = csv.reader(written.splitlines())
    assert header == ["output"]
    assert np.corrcoef([float(row[0]) for row in rows], y)[0, 1] > 0.8


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("{", "no JSON document"),
        ("[]", "has another one"),
        ('{"schema": "gradwright.trained/1", "classes": null}', "is wrong here: 'columns'"),
    ],
)
def test_a_folder_of_no_training(
    content: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "training.json").write_text(content, encoding="utf-8")
    assert run(["predict", str(tmp_path), "--data", str(tmp_path / "new.csv")]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "gradwright train --out" in told
