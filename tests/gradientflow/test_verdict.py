"""Verdicts on networks whose sickness is known, and on healthy ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import NetworkError, ShapeError


def spoilt(text: str, **how: float) -> tuple[gw.Network, object]:
    net = gw.Network(text)
    p = net.init(seed=1, scheme="he_normal")
    for name, factor in how.items():
        p[name][...] *= factor
    return net, p


def test_healthy_networks_raise_no_alarm() -> None:
    for seed in range(20):
        for text, scheme in (
            ("20 -> 12 * 20 relu -> 4 softmax", "he_normal"),
            ("20 -> 6 * 20 tanh -> 4 softmax", "xavier_normal"),
            ("9 -> 16 sigmoid -> 3 softmax", "xavier_normal"),
        ):
            net = gw.Network(text)
            assert gw.flow(net, net.init(seed, scheme)).ok, (text, seed)


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
