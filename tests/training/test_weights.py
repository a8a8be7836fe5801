"""Weights of samples and of classes: against sums over samples, repeated and removed rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DataError, TrainingError, UnsupportedError
from gradwright.nn.losses import LOSSES
from gradwright.nn.targets import sample_targets
from gradwright.run.load import load
from tests.programs.installed import COMPILER

compiles = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")

Array = Any
SAMPLES = 7
BY_FORMULA = ("norm2(a - y)^3", "cross_entropy(label_smoothing=0.1)", "huber(delta=0.5)")


def one_by_one(net: gw.Network, p: Any, X: Array, y: Array, w: Array) -> tuple[float, Array]:
    """The loss and its gradient from those of each sample alone, which have no weights."""
    singles = [net.value_and_gradient(p, X[k : k + 1], y[k : k + 1]) for k in range(len(X))]
    divisor = np.sum(w) if net.model.reduction == "mean" else 1.0
    value = sum(weight * value for weight, (value, _) in zip(w, singles, strict=True))
    gradient = sum(weight * g.flat for weight, (_, g) in zip(w, singles, strict=True))
    return value / divisor, gradient / divisor


def network(loss: str, rng: np.random.Generator, **options: str) -> tuple[gw.Network, Array, Array]:
    """A network with such a loss, samples and targets; unequal sizes."""
    record = LOSSES.get(loss.split("(")[0]) if "'" not in loss and " " not in loss else None
    head = "identity" if record is None else record.activation or "identity"
    net = gw.Network(f"4 -> 5 tanh -> 3 {head}", loss=loss, **options)
    return net, rng.standard_normal((SAMPLES, 4)), sample_targets(loss, SAMPLES, 3, rng)


def close(found: Array, expected: Array) -> bool:
    """Two sums of the same few products in float64."""
    scale = np.max(np.abs(expected)) + 1.0
    return bool(np.max(np.abs(np.asarray(found) - expected)) <= 1e-12 * scale)


@pytest.mark.parametrize("loss", [*LOSSES, *BY_FORMULA])
def test_every_loss_is_the_weighted_sum_of_the_samples(loss: str, rng: np.random.Generator) -> None:
    layout, reduction = rng.choice(["rows", "columns", "transposed"]), rng.choice(["mean", "sum"])
    net, X, y = network(loss, rng, layout=str(layout), reduction=str(reduction))
    p, w = net.init(seed=3), rng.uniform(0.1, 2.0, SAMPLES)
    value, gradient = one_by_one(net, p, X, y, w)
    found, by = net.value_and_gradient(p, X, y, sample_weight=w)
    assert close(found, value)
    assert close(net.loss(p, X, y, sample_weight=w), value)
    assert close(by.flat, gradient)
    # The comparison sees weights that are forgotten.
    assert not close(net.gradient(p, X, y).flat, gradient)


@compiles
@pytest.mark.parametrize("loss", ["cross_entropy", "norm2(a - y)^3"])
@pytest.mark.parametrize("text", ["4 -> 5 tanh -> 3 {}", "40 -> 37 relu -> 3 {}"])
def test_compiled_code_has_the_same_weights(loss: str, text: str, rng: np.random.Generator) -> None:
    net = gw.Network(text.format("softmax" if loss == "cross_entropy" else "tanh"), loss=loss)
    X, y = rng.standard_normal((SAMPLES, net.widths[0])), sample_targets(loss, SAMPLES, 3, rng)
    p, w = net.init(seed=3), rng.uniform(0.1, 2.0, SAMPLES)
    value, gradient = net.model.weighted.compiled("float64").value_and_gradient(p.flat, X, y, w)
    expected = net.value_and_gradient(p, X, y, sample_weight=w)
    assert close(value, expected[0])
    assert close(gradient, expected[1].flat)


def test_a_parameter_may_have_the_letter_of_the_weights(rng: np.random.Generator) -> None:
    inner = gw.layer("tanh(w*(w'*x) + b)", input="vector n", w="vector n", b="vector n")
    head = gw.layer("W*x + w", input="vector n", W="matrix m n", w="vector m")
    net = gw.Network([4, inner, head(m=3)], loss="squared_error")
    X, y = rng.standard_normal((SAMPLES, 4)), rng.standard_normal((SAMPLES, 3))
    p, w = net.init(seed=3), rng.uniform(0.1, 2.0, SAMPLES)
    value, gradient = one_by_one(net, p, X, y, w)
    found, by = net.value_and_gradient(p, X, y, sample_weight=w)
    assert close(found, value)
    assert close(by.flat, gradient)


@pytest.mark.parametrize("kind", ["elementwise", "map"])
def test_layers_with_abstract_functions(kind: str, rng: np.random.Generator) -> None:
    """Given functions, they run by their lines; a map of vectors one sample at a time."""
    declared = "elementwise" if kind == "elementwise" else "map n n"
    layer = gw.layer("f(x .* v)", input="vector n", v="vector n", f=declared)
    formula = (
        gw.formula("tanh(z)", z="scalar")
        if kind == "elementwise"
        else (
            np.tanh,
            lambda z: np.diag(1 - np.tanh(z) ** 2),
        )
    )
    plain = gw.layer("tanh(x .* v)", input="vector n", v="vector n")
    nets = [gw.Network([4, x, "3 softmax"]) for x in (layer(f=formula), plain)]
    X, y = rng.standard_normal((SAMPLES, 4)), rng.integers(3, size=SAMPLES)
    w = rng.uniform(0.1, 2.0, SAMPLES)
    one, other = (net.value_and_gradient(net.init(seed=1), X, y, sample_weight=w) for net in nets)
    assert close(one[0], other[0])
    assert close(one[1].flat, other[1].flat)


def test_the_way_back_is_that_of_a_textbook() -> None:
    derived = gw.Network("4 -> 3 softmax").model.weighted.derived
    (made,) = derived.values()
    assert "δZ = diag(w)*(A - Y)/sum(w)" in made.formulas()


def test_code_without_weights_stays_as_it_is() -> None:
    net = gw.Network("4 -> 5 relu -> 3 softmax")
    plain = net.backprop().source("numpy"), net.backprop().source("c")
    net.loss(net.init(), np.ones((2, 4)), [0, 1], sample_weight=[1, 2])
    assert plain == (net.backprop().source("numpy"), net.backprop().source("c"))
    assert all("sample_weight" not in source for source in plain)


# Training ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs", "levenberg_marquardt"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_whole_weights_repeat_rows(
    optimizer: str, reduction: str, rng: np.random.Generator
) -> None:
    net, X, y = network("cross_entropy", rng, reduction=reduction)
    w = np.array([1, 2, 0, 3, 1, 0, 2])
    rows = np.repeat(np.arange(SAMPLES), w)
    given = {"params": net.init(seed=1), "batch_size": 20, "epochs": 2, "optimizer": optimizer}
    given["target"] = "numpy"
    weighted = gw.train(net, X, y, sample_weight=w, validation=(X, y, w), **given)
    repeated = gw.train(net, X[rows], y[rows], validation=(X[rows], y[rows]), **given)
    # Second-order steps solve systems, whose condition multiplies the rounding.
    near = 1e-9 if optimizer in ("lbfgs", "levenberg_marquardt") else 1e-12
    np.testing.assert_allclose(weighted.params.flat, repeated.params.flat, atol=near)
    for one, other in zip(weighted.history, repeated.history, strict=True):
        assert one.loss == pytest.approx(other.loss, abs=near)
        assert one.validation_loss == pytest.approx(other.validation_loss, abs=near)
        assert one.validation_accuracy == pytest.approx(other.validation_accuracy, abs=near)


@pytest.mark.parametrize("target", ["numpy", pytest.param("c", marks=compiles)])
def test_a_weight_of_zero_removes_a_row(target: str, rng: np.random.Generator) -> None:
    net, X, y = network("cross_entropy", rng)
    w = np.array([0.5, 0, 1, 2, 0, 1, 1])
    kept = w > 0
    given = {"epochs": 3, "batch_size": 2, "target": target}
    all_rows = gw.train(net, X, y, sample_weight=w, **given)
    fewer = gw.train(net, X[kept], y[kept], sample_weight=w[kept], **given)
    np.testing.assert_array_equal(all_rows.params.flat, fewer.params.flat)


@pytest.mark.parametrize("target", ["numpy", pytest.param("c", marks=compiles)])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_steps_over_batches(target: str, reduction: str, rng: np.random.Generator) -> None:
    """Gradient descent written here, in the order that seed and epoch give."""
    net, X, y = network("squared_error", rng, reduction=reduction)
    w, size, rate = rng.uniform(0.5, 2.0, SAMPLES), 3, 0.05
    p = net.init(seed=5)
    losses = []
    for epoch in range(2):
        order = np.arange(SAMPLES)
        np.random.default_rng((11, epoch)).shuffle(order)
        total = 0.0
        for start in range(0, SAMPLES, size):
            rows = order[start : start + size]
            value, gradient = one_by_one(net, p, X[rows], y[rows], w[rows])
            p.flat[:] -= rate * gradient
            total += value * np.sum(w[rows])
        losses.append(total / np.sum(w))
    run = gw.train(
        net,
        X,
        y,
        params=net.init(seed=5),
        sample_weight=w,
        epochs=2,
        batch_size=size,
        learning_rate=rate,
        seed=11,
        target=target,
    )
    np.testing.assert_allclose(run.params.flat, p.flat, atol=1e-12)
    np.testing.assert_allclose([epoch.loss for epoch in run.history], losses, rtol=1e-12)


def test_balanced_classes_and_weights_of_classes(rng: np.random.Generator) -> None:
    net = gw.Network("4 -> 3 softmax")
    X, y = rng.standard_normal((9, 4)), np.array([0, 0, 0, 0, 0, 1, 1, 2, 2])
    by_hand = (9 / (3 * np.bincount(y)))[y]
    own = np.array([2, 1, 1, 1, 1, 3, 1, 1, 1])
    balanced = gw.train(net, X, y, class_weight="balanced").params.flat
    same = gw.train(net, X, y, sample_weight=by_hand).params.flat
    np.testing.assert_allclose(balanced, same, rtol=1e-12, atol=1e-14)
    both = gw.train(net, X, y, class_weight={1: 4, 2: 0}, sample_weight=own).params.flat
    same = gw.train(net, X, y, sample_weight=own * np.array([1, 4, 0])[y]).params.flat
    np.testing.assert_array_equal(both, same)
    rows = np.repeat(np.arange(9), own)
    full = {"class_weight": "balanced", "batch_size": 20}
    whole = gw.train(net, X, y, sample_weight=own, **full).params.flat
    repeated = gw.train(net, X[rows], y[rows], **full).params.flat
    np.testing.assert_allclose(whole, repeated, rtol=1e-12, atol=1e-14)


def test_the_unit_of_weights_does_not_matter_to_a_mean(rng: np.random.Generator) -> None:
    net, X, y = network("cross_entropy", rng)
    p, w = net.init(dtype="float32"), rng.uniform(0.5, 2.0, SAMPLES)
    base = net.gradient(p, X, y, sample_weight=w).flat
    for scale in (2.0**-900, 2.0**900):
        found = net.gradient(p, X, y, sample_weight=scale * w).flat
        np.testing.assert_array_equal(found, base)


def test_training_goes_on_with_the_same_weights_only(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    net, X, y = network("cross_entropy", rng)
    w, kept = rng.uniform(0.5, 2.0, SAMPLES), tmp_path / "kept"
    given = {"batch_size": 3, "optimizer": "adam", "target": "numpy"}
    whole = gw.train(net, X, y, sample_weight=w, epochs=4, **given)
    gw.train(net, X, y, sample_weight=w, epochs=2, checkpoint=kept, **given)
    resumed = gw.train(net, X, y, sample_weight=w, epochs=4, resume=kept, **given)
    np.testing.assert_array_equal(whole.params.flat, resumed.params.flat)
    for other in (None, 2 * w + 1):
        with pytest.raises(TrainingError, match="samples"):
            gw.train(net, X, y, sample_weight=other, epochs=4, resume=kept, **given)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([1, 2], "shape"),
        ([1, 1, 1, 1, 1, 1, -1], "numbers from 0"),
        ([1, 1, 1, np.nan, 1, 1, 1], "finite"),
        ([1, 1, 1, np.inf, 1, 1, 1], "finite"),
        ([0] * 7, "above 0"),
        ([[1]] * 7, "shape"),
        (["1"] * 7, "real numbers"),
        ([1, 1, 1, 1, 1, 1, 1e-320], "too far apart for float64"),
    ],
)
def test_what_is_no_weight(weights: Any, said: str, rng: np.random.Generator) -> None:
    net, X, y = network("cross_entropy", rng)
    with pytest.raises(DataError, match=said):
        net.loss(net.init(), X, y, sample_weight=weights)
    with pytest.raises(DataError, match=said):
        gw.train(net, X, y, sample_weight=weights)


def test_a_weight_that_float32_would_lose(rng: np.random.Generator) -> None:
    net, X, y = network("cross_entropy", rng)
    weights = [1, 1, 1, 1, 1, 1, 1e-44]
    assert np.isfinite(net.loss(net.init(), X, y, sample_weight=weights))
    with pytest.raises(DataError, match="too far apart for float32"):
        net.loss(net.init(dtype="float32"), X, y, sample_weight=weights)


@pytest.mark.parametrize(
    "weights",
    [
        "even",
        {3: 1.0},
        {"0": 1.0},
        {0: -1},
        {0: np.nan},
        {0: 10**400},
        {True: 1.0},
        2.0,
        np.array([1.0, 5.0, 1.0]),
    ],
)
def test_what_is_no_weight_of_a_class(weights: Any, rng: np.random.Generator) -> None:
    net, X, y = network("cross_entropy", rng)
    with pytest.raises(DataError, match="class"):
        gw.train(net, X, y, class_weight=weights)
    regression = gw.Network("4 -> 3", loss="squared_error")
    with pytest.raises(DataError, match="no class"):
        gw.train(regression, X, rng.standard_normal((SAMPLES, 3)), class_weight="balanced")


@pytest.mark.parametrize(
    ("weights", "own", "reduction", "said"),
    [
        ({0: 0, 1: 0, 2: 0}, None, "mean", "those of the samples sum to 0"),
        ({0: 1e308, 1: 1e308}, [1e10] * SAMPLES, "sum", "class_weight for sample[0] is inf"),
        ({0: 1e-300}, [1e-300, *[1] * (SAMPLES - 1)], "mean", "class_weight for sample[0]"),
    ],
)
def test_weights_of_classes_are_named(
    weights: Any, own: Any, reduction: str, said: str, rng: np.random.Generator
) -> None:
    """An error speaks of the weights of classes, which the samples' own weights cannot mend."""
    net = gw.Network("4 -> 3 softmax", reduction=reduction)
    X, y = rng.normal(size=(SAMPLES, 4)), np.arange(SAMPLES) % 3
    with pytest.raises(DataError) as refused:
        gw.train(net, X, y, class_weight=weights, sample_weight=own)
    assert str(refused.value).startswith("the weights of classes: ")
    assert said in str(refused.value)


@pytest.mark.parametrize("text", ["4 -> 5 tanh -> 3 softmax", "d -> 2 * H tanh -> K softmax"])
@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_the_derivation_with_weights_is_checked(text: str, layout: str) -> None:
    net = gw.Network(text, layout=layout)
    report = net.backprop(weighted=True).check()
    assert report.ok
    assert "sum(w)" in net.backprop(weighted=True).explain()
    assert "sum(w)" not in net.backprop().explain()


def test_a_loss_by_formula_with_weights_is_checked() -> None:
    net = gw.Network("4 -> 5 tanh -> 3", loss="norm2(a - y)^3")
    assert net.backprop(weighted=True).check().ok


def test_the_emitted_step_takes_weights(rng: np.random.Generator) -> None:
    net, X, y = network("squared_error", rng)
    p, w = net.init(seed=2), rng.uniform(0.5, 2.0, SAMPLES)
    module: dict[str, Any] = {}
    exec(compile(net.backprop(weighted=True).source("numpy"), "emitted", "exec"), module)
    moved = p.flat.copy()
    value = module["step"](moved, X, y, w, 0.25)
    expected, gradient = one_by_one(net, p, X, y, w)
    assert close(value, expected)
    assert close(moved, p.flat - 0.25 * gradient)
    with pytest.raises(UnsupportedError, match="samples have weights"):
        net.backprop(weighted=True).trace(p, X, y)


@pytest.mark.parametrize("validation", [(0, 1, 2, 3), (0,), 5, "ab"])
def test_a_validation_is_two_or_three_arrays(validation: Any) -> None:
    net = gw.Network("2 -> 3 softmax")
    with pytest.raises(DataError, match=r"it is \(X, y\) or \(X, y, sample_weight\)"):
        gw.train(net, np.eye(2), [0, 2], validation=validation)


@pytest.mark.parametrize(
    ("weight", "said", "instead"),
    [
        ("balanced", "sample_weight is 'balanced'", 'class_weight="balanced" is for classes'),
        ("heavy", "sample_weight is 'heavy'", "give 2 weights"),
        (["fine", "bad"], "sample_weight[0] is 'fine' and", "convert sample_weight to an array of"),
    ],
)
def test_words_are_no_weights(weight: Any, said: str, instead: str) -> None:
    net = gw.Network("2 -> 3 softmax")
    with pytest.raises(DataError) as raised:
        gw.train(net, np.eye(2), [0, 2], sample_weight=weight)
    assert said in str(raised.value)
    assert instead in str(raised.value)
    assert "class names" not in str(raised.value)


@pytest.mark.parametrize("labels", [[0, 1], [-1, 1]], ids=["0 and 1", "signs"])
def test_targets_of_two_numbers_are_balanced_as_classes(
    labels: list[int], rng: np.random.Generator
) -> None:
    """What the targets of one output are the loss does not say: 0 and 1 are classes for all."""
    net = gw.Network("3 -> 4 tanh -> 1", loss="squared_error")
    X, which = rng.standard_normal((10, 3)), np.array([0, 1, 0, 0, 1, 0, 0, 0, 1, 0])
    y = np.array(labels, dtype=float)[which]
    by_hand = np.where(which == 1, 10 / (2 * 3), 10 / (2 * 7))
    balanced = gw.train(net, X, y, class_weight="balanced", batch_size=4, target="numpy")
    weighted = gw.train(net, X, y, sample_weight=by_hand, batch_size=4, target="numpy")
    np.testing.assert_allclose(balanced.params.flat, weighted.params.flat, rtol=1e-12, atol=1e-13)
    with pytest.raises(DataError, match="no class"):
        gw.train(net, X, y + 0.5, class_weight="balanced")


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([1.0, -1.0], "numbers from 0"),
        ([1.0, np.nan], "numbers from 0"),
        ([1.0, np.inf], "numbers from 0"),
        ([0.0, 0.0], "above 0"),
        ([1.0], r"shape \(1,\) for 2 samples"),
    ],
)
def test_emitted_code_refuses_what_a_training_refuses(weights: list[float], said: str) -> None:
    net = gw.Network("3 -> 2 softmax")
    module: Any = load(net.backprop(weighted=True).source("numpy"))
    flat, X, Y, w = net.init().flat, np.ones((2, 3)), np.eye(2), np.array(weights)
    for call in (
        lambda: module.loss(flat, X, Y, w),
        lambda: module.value_and_gradient(flat, X, Y, w),
        lambda: module.step(flat, X, Y, w, 0.1),
    ):
        with pytest.raises(ValueError, match=said):
            call()
    assert np.array_equal(flat, net.init().flat)
