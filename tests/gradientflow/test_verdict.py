"""Verdicts on networks whose sickness is known, and on healthy ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DataError, NetworkError, ShapeError
from gradwright.gradientflow import verdict
from tests.suites.verdicts import STARTS, Start


def spoilt(text: str, **how: float) -> tuple[gw.Network, object]:
    net = gw.Network(text)
    p = net.init(seed=1, scheme="he_normal")
    for name, factor in how.items():
        p[name][...] *= factor
    return net, p


@pytest.mark.parametrize("start", STARTS, ids=str)
def test_networks_that_do_not_learn_are_sick_and_no_others(start: Start, seed: int) -> None:
    """Whether they learn is measured by `python -m tests.suites.verdicts --train`."""
    net, p = start.begin(seed)
    assert gw.flow(net, p, seed=seed).verdict == start.verdict


@pytest.mark.parametrize("bound", [1.0, 3.0])
def test_another_bound_is_caught(bound: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "SICK", bound)
    judged = [gw.flow(*start.begin(1)).verdict == start.verdict for start in STARTS]
    assert not all(judged)


def test_dead_units_are_named() -> None:
    net, p = spoilt("6 -> 8 relu -> 8 relu -> 3 softmax")
    p["b2"][...] = -100
    report = gw.flow(net, p)
    assert (report.verdict, report.layer) == ("dead", 2)
    assert "100 % of the units of layer 2" in report.cause


def test_saturated_units_are_named() -> None:
    net = gw.Network("30 -> 5 * 30 tanh -> 3 softmax")
    p = net.init(seed=1)
    p["b3"][...] = np.where(np.arange(30) % 2, 6.0, -6.0)
    report = gw.flow(net, p)
    assert (report.verdict, report.layer) == ("saturated", 3)


def test_a_layer_with_zero_weights_is_named() -> None:
    net, p = spoilt("6 -> 8 tanh -> 8 tanh -> 3 softmax", W2=0.0)
    report = gw.flow(net, p)
    assert (report.verdict, report.layer) == ("zero", 2)


def test_the_layer_that_shrinks_most_is_named() -> None:
    net, p = spoilt("20 -> 8 * 20 relu -> 3 softmax", W5=1e-5)
    report = gw.flow(net, p)
    assert (report.verdict, report.layer) == ("vanishing", 5)


def test_the_fix_does_what_it_says() -> None:
    net = gw.Network("20 -> 30 * 20 relu -> 3 softmax")
    report = gw.flow(net, net.init(seed=2))
    assert report.verdict == "vanishing"
    scale = float(report.fix.split("init(scale=")[1].split(")")[0])
    assert gw.flow(net, net.init(seed=2, scale=scale)).ok


def test_numbers_that_overflow_come_first() -> None:
    net, p = spoilt("6 -> 8 relu -> 8 relu -> 3 softmax", W1=1e200, W2=1e200)
    report = gw.flow(net, p)
    assert (report.verdict, report.layer) == ("not finite", 2)


def test_the_document_is_plain_and_keeps_its_schema() -> None:
    net = gw.Network("6 -> 3 * 6 tanh -> 2 softmax")
    X, y = np.ones((4, 6)), np.array([0, 1, 0, 1])
    document = gw.flow(net, net.init(), X, y).to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["schema"] == "gradwright.flow/1"
    assert len(document["layers"]) == 4 and document["layers"][0]["gradient_norm"] > 0


def test_what_cannot_be_asked_for() -> None:
    net = gw.Network("6 -> 5 tanh -> 2 softmax")
    with pytest.raises(NetworkError, match=r"3 are given .* W1 of shape \(6, 5\) has 5"):
        net.init(singular_values=[1.0, 2.0, 3.0])
    with pytest.raises(NetworkError, match="inf is given and a finite number"):
        net.init(scale=np.inf)
    with pytest.raises(ShapeError, match=r"it has shape \(4,\) and the layer has 6 inputs"):
        gw.flow(net, net.init()).layers[0].stretch(np.ones(4))


def test_singular_values_are_exactly_those_asked_for() -> None:
    net = gw.Network("4 -> 7 tanh -> 4 softmax")
    p = net.init(seed=3, singular_values=[4.0, 2.0, 1.0, 0.5])
    for name in ("W1", "W2"):
        assert np.allclose(np.linalg.svd(p[name])[1], [4, 2, 1, 0.5], atol=1e-13)


def test_features_of_another_scale_saturate_and_standardising_is_the_fix() -> None:
    net = gw.Network("4 -> 9 tanh -> 7 tanh -> 2 softmax")
    X = 1e3 * np.random.default_rng(4).normal(size=(40, 4)) + 5e3
    report = gw.flow(net, net.init(seed=2), X)
    assert (report.verdict, report.layer) == ("saturated", 1)
    assert report.layers[0].dead == 0 and report.layers[0].saturated > 0.9
    assert report.fix.startswith("standardise the features: measured so")
    assert gw.flow(net, net.init(seed=2), (X - X.mean(axis=0)) / X.std(axis=0)).ok


def test_saturated_layers_are_sick_even_where_large_weights_keep_the_gradient() -> None:
    """Weights fifty times too large: the few units that are not flat carry a long gradient."""
    net = gw.Network("32 -> 10 * 32 sigmoid -> 3 softmax")
    report = gw.flow(net, net.init(scale=50))
    assert report.verdict == "saturated"
    assert max(layer.saturated for layer in report.layers) > 0.9
    assert "init(scale" not in report.fix


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("8 -> 12 * 8 tanh -> 4", {"scale": 1e-200}),
        ("8 -> 12 * 8 -> 4", {"scale": 1e-200}),
        ("6 -> 5 relu -> 5 relu -> 3", {"scheme": "zeros"}),
        ("8 -> 1200 * 8 -> 8", {"singular_values": 3.0}),
    ],
)
def test_a_fix_that_names_a_start_leads_to_a_healthy_flow(text: str, how: dict[str, float]) -> None:
    net = gw.Network(text, loss="squared_error")
    report = gw.flow(net, net.init(**how))
    assert not report.ok
    assert report.fix.startswith("start with init(")
    name, value = report.fix.split("init(")[1].split(")")[0].split("=")
    start = {name: value.strip("'") if name == "scheme" else float(value)}
    assert gw.flow(net, net.init(**start)).ok


def test_the_factor_that_makes_a_layer_the_worst_is_named() -> None:
    """A loss that cancels the last activation leaves the last layer only its weights."""
    net, p = spoilt("20 -> 8 * 20 relu -> 3 softmax", W9=1e5)
    report = gw.flow(net, p)
    assert (report.verdict, report.layer) == ("exploding", 9)
    assert "layer 9 stretches most, through its weights" in report.cause
    assert "slopes" not in report.cause
    half = gw.Network("20 -> 40 * 20 relu -> 3 softmax")
    report = gw.flow(half, half.init(seed=1))
    assert report.verdict == "vanishing" and "through the slopes of relu" in report.cause


def test_samples_that_are_missing() -> None:
    net = gw.Network("6 -> 5 tanh -> 2 softmax")
    with pytest.raises(DataError, match=r"labels y are given and the samples X .* are not"):
        gw.flow(net, net.init(), y=[0, 1])
    with pytest.raises(DataError, match="X has 0 samples and at least 1 is needed"):
        gw.flow(net, net.init(), np.zeros((0, 6)))
    with pytest.raises(NetworkError, match="-1 is given and seeds are whole numbers from 0"):
        gw.flow(net, net.init(), seed=-1)


def test_a_scale_multiplies_singular_values_too() -> None:
    p = gw.Network("4 -> 6 tanh -> 5 tanh -> 4 softmax").init(singular_values=0.5, scale=3)
    for name in ("W1", "W2", "W3"):
        assert np.allclose(np.linalg.svd(p[name])[1], 1.5, atol=1e-13)
    with pytest.raises(NetworkError, match=r"\('a'\) and W1 of shape \(6, 5\) has 5"):
        gw.Network("6 -> 5 tanh -> 2 softmax").init(singular_values="a")


def test_measured_gradients_are_compared_with_labels() -> None:
    net = gw.Network("6 -> 5 * 7 sigmoid -> 2 softmax")
    X, y = np.random.default_rng(5).normal(size=(9, 6)), np.arange(9) % 2
    p = net.init(seed=4)
    gradient = net.gradient(p, X, y)
    ratio = np.linalg.norm(gradient["W1"]) / np.linalg.norm(gradient["W6"])
    assert f"their ratio {ratio:.3g}" in gw.flow(net, p, X, y).summary()
    assert "‖∂L/∂w‖" in str(gw.flow(net, p, X, y)) and "‖∂L/∂w‖" not in str(gw.flow(net, p, X))


@pytest.mark.parametrize("options", ["(0)", "(0.01)", "(2)", " no_bias"])
def test_other_layers_and_single_precision(options: str) -> None:
    net = gw.Network(f"8 -> 3 * 6 leaky_relu{options} -> 1 sigmoid no_bias", loss="squared_error")
    p = net.init(seed=6, dtype="float32")
    layers = gw.flow(net, p).layers
    for layer in layers:
        assert layer.norm <= layer.product * (1 + 1e-12) <= layer.bound * (1 + 2e-12)
