"""`--sample-weight` and `--class-weight`: the same training as by hand, and what they refuse."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.cli.learning import class_weights
from gradwright.data.dataset import Dataset, Standardiser, split
from gradwright.errors import DataError
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
        (["--class-weight", "spam=-1"], "the weight of spam is -1 and weights are finite numbers"),
        (["--class-weight", "spam=nan"], "the weight of spam is nan"),
        (["--class-weight", "spam"], "--class-weight spam: 'spam' has no equals sign"),
        (["--class-weight", ""], "--class-weight '': '' has no equals sign"),
        (
            ["--class-weight", "balanced", "--class-weight", "spam=2"],
            "balanced weights every class",
        ),
        (["--class-weight", "spam=2", "--class-weight", "spam=3"], "spam has the weight 2 already"),
        (["--class-weight", "=3"], "'' is given a weight and the data has the classes ham, spam"),
        (["--class-weight", "spam=much"], "like --class-weight spam=5"),
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


@pytest.mark.parametrize("option", ["--sample-weight", "--label"])
def test_a_bundled_data_set_has_no_columns(option: str) -> None:
    done = gradwright("train", "64 -> 10 softmax", "--data", "digits", option, "w")
    assert done.returncode != 0
    assert f"leave {option} out" in done.stderr


def test_the_name_of_a_class_may_have_equals_signs() -> None:
    assert class_weights(["a=b=5", "a=1"], ("a", "a=b")) == {1: 5.0, 0: 1.0}


def test_a_negative_weight_is_named_as_the_file_has_it(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("a,kind,count\n1,ham,2\n2,spam,-3\n3,ham,1\n", encoding="utf-8")
    given = ["--data", str(path), "--sample-weight", "count"]
    done = gradwright("train", "1 -> 2 softmax", *given)
    assert done.returncode == 2
    assert "holds '-3' and weights are finite numbers from 0" in done.stderr
    assert "line 3, column count" in done.stderr


@pytest.mark.parametrize("weighted", [True, False])
def test_the_printed_line_says_what_is_weighted(
    weighted: bool, mails: tuple[Path, Any, Any, Any]
) -> None:
    path, *_ = mails
    network, more = (NETWORK, ["--sample-weight", "count"]) if weighted else ("4 -> 2 softmax", [])
    given = ["--data", str(path), "--label", "kind", "--class-weight", "balanced", *more]
    done = gradwright("train", network, *given, "--epochs", "1")
    said = done.stdout.splitlines()[1]
    assert said.startswith("held-out weighted loss" if weighted else "held-out loss")
    assert (", weighted accuracy" in said) is weighted


@pytest.mark.parametrize("options", [["--sample-weight", "count"], ["--class-weight", "balanced"]])
def test_backprop_writes_and_checks_what_it_trains_with(
    options: list[str], mails: tuple[Path, Any, Any, Any], tmp_path: Path, rng: np.random.Generator
) -> None:
    path, *_ = mails
    network = NETWORK if "count" in options else NETWORK.replace("3", "4", 1)
    out = tmp_path / "made"
    given = ["--data", str(path), "--label", "kind", *options, "--epochs", "1", "--json"]
    done = gradwright("backprop", network, *given, "--out", str(out))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    net = gw.Network(network)
    expected = net.backprop(weighted=True)
    assert document["derivation"] == json.loads(json.dumps(expected.to_dict()))
    assert document["check"] == json.loads(json.dumps(expected.check(seed=0).to_dict()))
    for name in ("derivation.txt", "report.html"):
        assert "has a weight for each sample" in (out / name).read_text(encoding="utf-8")
    module = runpy.run_path(str(out / "backprop.py"))
    p, w = net.init(seed=1), rng.uniform(0.5, 2, size=5)
    X, y = rng.standard_normal((5, net.widths[0])), rng.integers(2, size=5)
    value, gradient = module["value_and_gradient"](p.flat, X, np.eye(2)[y], w)
    ours, theirs = net.value_and_gradient(p, X, y, sample_weight=w)
    assert value == pytest.approx(ours, rel=1e-12)
    np.testing.assert_allclose(gradient, theirs.flat, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("notation", ["000", "003", "004"])
def test_a_derivation_for_one_sample_says_that_it_counts_by_its_weight(notation: str) -> None:
    net = gw.Network(NETWORK)
    said = ", which counts in a batch by its weight"
    assert said in net.backprop(notation, weighted=True).explain()
    assert said not in net.backprop(notation).explain()


@pytest.mark.parametrize(
    "options",
    [
        ["--sample-weight", "count"],
        ["--class-weight", "spam=2"],
        ["--label", "kind"],
        ["--epochs", "3"],
        ["--batch-size", "8", "--trace"],
        ["--optimizer", "adam"],
    ],
)
def test_options_of_a_training_without_data_are_refused(options: list[str]) -> None:
    done = gradwright("backprop", NETWORK, *options)
    assert done.returncode == 2
    assert f"leave {options[0]} out" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    "options", [[], ["--sample-weight", "count"], ["--class-weight", "spam=7"]]
)
def test_the_flow_is_that_of_the_weighted_loss(
    options: list[str], mails: tuple[Path, Any, Any, Any], tmp_path: Path
) -> None:
    """Its gradients are those at the end of the training, here by hand from the files."""
    path, *_ = mails
    network = NETWORK if "count" in options else NETWORK.replace("3", "4", 1)
    out = tmp_path / "out"
    shape = ["--label", "kind", "--epochs", "2", "--out", str(out)]
    done = gradwright("backprop", network, "--data", str(path), *options, *shape)
    assert done.returncode == 0, done.stderr
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    y = np.array([row[3] == "spam" for row in rows]).astype(int)
    table = np.array([row[:3] + row[4:] for row in rows], float)
    w = table[:, 3] if "count" in options else np.where(y == 1, 7, 1) if options else np.ones(24)
    X = table[:, :3] if "count" in options else table
    training, _ = split(Dataset("mails", X, y, tuple("abcd"), ("ham", "spam"), w), 0.2, 0)
    training = Standardiser.fit(training).standardised(training)
    net = gw.Network(network)
    p = net.load(out / "parameters.npz")
    k = training.weights.astype(int)
    gradient = net.gradient(p, np.repeat(training.X, k, 0), np.repeat(training.y, k))
    layers = json.loads((out / "flow.json").read_text())["layers"]
    expected = [np.linalg.norm(gradient[name]) for name in ("W1", "W2")]
    assert [layer["gradient_norm"] for layer in layers] == pytest.approx(expected, rel=1e-10)
    if "count" in options:
        asked = ["--data", str(path), "--label", "kind", *options, "--json"]
        again = gradwright("flow", network, *asked, "--params", str(out / "parameters.npz"))
        layers = json.loads(again.stdout)["layers"]
        assert [x["gradient_norm"] for x in layers] == pytest.approx(expected, rel=1e-10)


def test_flow_refuses_weights_that_would_do_nothing() -> None:
    net = gw.Network(NETWORK)
    with pytest.raises(DataError, match="the labels y that a loss needs"):
        gw.flow(net, net.init(), np.ones((2, 3)), sample_weight=[1, 2])
    done = gradwright("flow", NETWORK, "--sample-weight", "count")
    assert done.returncode == 2 and "leave --sample-weight out" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--optimizer", "adam"], "the step of adam is asked for"),
        (["--optimizer", "sgd", "--l2", "0.1"], "the step of l2=0.1 is asked for"),
        (["--max-norm", "1", "--schedule", "cosine"], "max_norm=1, the schedule cosine"),
    ],
)
def test_a_trace_of_another_step_is_refused(
    options: list[str], said: str, mails: tuple[Path, Any, Any, Any]
) -> None:
    path, *_ = mails
    given = ["--data", str(path), "--label", "kind", "--trace", *options]
    done = gradwright("backprop", "4 -> 2 softmax", *given)
    assert done.returncode == 2 and said in done.stderr and "leave --trace out" in done.stderr
