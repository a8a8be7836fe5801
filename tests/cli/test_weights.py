"""`--sample-weight` and `--class-weight`: the same training as by hand, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.data.dataset import Dataset, Standardiser, split
from tests.cli.command import gradwright

NETWORK = "3 -> 4 tanh -> 2 softmax"


@pytest.fixture
def mails(tmp_path: Path, rng: np.random.Generator) -> tuple[Path, Any, Any, Any]:
    """A file whose last column has the weights, and what is in it."""
    X = np.round(rng.standard_normal((24, 3)), 3)
    y = np.arange(24) % 5 == 0
    w = rng.integers(1, 5, size=24)
    rows = [
        f"{a},{b},{c},{'spam' if label else 'ham'},{weight}"
        for (a, b, c), label, weight in zip(X.tolist(), y, w, strict=True)
    ]
    path = tmp_path / "mails.csv"
    path.write_text("\n".join(["a,b,c,kind,count", *rows]), encoding="utf-8")
    return path, X, y.astype(int), w


@pytest.mark.parametrize(
    ("options", "of_classes"),
    [([], None), (["balanced"], "balanced"), (["spam=5", "ham=2"], {0: 2, 1: 5})],
)
def test_weights_are_those_of_training(
    options: list[str], of_classes: Any, mails: tuple[Path, Any, Any, Any]
) -> None:
    path, X, y, w = mails
    given = [part for option in options for part in ("--class-weight", option)]
    shape = ["--epochs", "3", "--batch-size", "4", "--json"]
    data = ["--data", str(path), "--sample-weight", "count"]
    done = gradwright("train", NETWORK, *data, *given, *shape)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    training, kept = split(Dataset("mails", X, y, ("a", "b", "c"), ("ham", "spam"), w), 0.2, 0)
    standardiser = Standardiser.fit(training)
    training, kept = standardiser.standardised(training), standardiser.standardised(kept)
    net = gw.Network(NETWORK)
    run = gw.train(
        net,
        training.X,
        training.y,
        sample_weight=training.weights,
        class_weight=of_classes,
        epochs=3,
        batch_size=4,
    )
    losses = [epoch["loss"] for epoch in document["history"]]
    np.testing.assert_allclose(losses, [epoch.loss for epoch in run.history], rtol=1e-12)
    held_out = net.loss(run.params, kept.X, kept.y, sample_weight=kept.weights)
    assert document["held_out"]["loss"] == pytest.approx(held_out, rel=1e-12)
    assert document["sample_weight"] == "count"
    assert document["class_weight"] == options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--class-weight", "egg=2"], "the classes ham, spam"),
        (["--class-weight", "spam=much"], "no number"),
        (["--class-weight", "spam=-1"], "numbers from 0"),
        (["--sample-weight", "kount"], "did you mean count"),
        (["--sample-weight", "kind", "--label", "kind"], "name two columns"),
    ],
)
def test_what_is_no_weight(
    options: list[str], said: str, mails: tuple[Path, Any, Any, Any]
) -> None:
    path, *_ = mails
    more = [] if "--label" in options else ["--label", "kind"]
    done = gradwright("train", NETWORK.replace("3", "4", 1), "--data", str(path), *more, *options)
    assert done.returncode != 0
    assert said in done.stderr


def test_a_bundled_data_set_has_no_weights() -> None:
    done = gradwright("train", "64 -> 10 softmax", "--data", "digits", "--sample-weight", "w")
    assert done.returncode != 0
    assert "leave --sample-weight out" in done.stderr
