"""The bench of Levenberg and Marquardt's method: both sides minimise the same loss."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from bench import least_squares
from bench.least_squares import Adam, Problem, damped, loaded, measure, measure_one, table


def test_both_sides_train_the_same_network() -> None:
    X, Y = loaded("linnerud")
    net = gw.Network("3 -> 4 tanh -> 3", loss="squared_error")
    before = net.loss(net.init(0), X, Y)
    adam = Adam(net, X, Y)
    assert adam.lowest(0, 0.01, None, 0.0) == before
    # A short batch at the end of an epoch, and steps counted for the bias correction.
    p, state, gradient = net.init(0).flat.copy(), np.zeros((2, 31)), np.empty(31)
    order = np.arange(20)
    adam._steps(p, order, 8, 0.01, gradient, state, 0)
    run = gw.train(
        net, X, Y, net.init(0), epochs=1, batch_size=8, optimizer="adam", learning_rate=0.01,
        shuffle=False,
    )  # fmt: skip
    np.testing.assert_allclose(p, run.params.flat, rtol=1e-10, atol=1e-12)
    assert damped(net, X, Y, 0)["loss"] < before


def test_the_method_is_lower_where_a_network_fits_all_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(least_squares, "RATES", (0.01,))
    monkeypatch.setattr(least_squares, "BATCHES", (None,))
    found = measure_one(Problem("linnerud", "3 -> 20 tanh -> 3"), seeds=1, factor=1)
    assert found["lower"] == 1
    assert found["seeds"][0]["loss"] < 1e-12
    figures = {"machine": "", "date": "", "revision": "", "factor": 10, "problems": [found]}
    assert "3 -> 20 tanh -> 3" in table({**figures, "left out": []})


def test_one_data_set_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(least_squares, "RATES", (0.01,))
    monkeypatch.setattr(least_squares, "BATCHES", (None,))
    problems = (Problem("diabetes", "10 -> 2 tanh -> 1"), Problem("linnerud", "3 -> 4 tanh -> 3"))
    monkeypatch.setattr(least_squares, "PROBLEMS", problems)
    found = measure(seeds=1, factor=0.1, data="linnerud")
    assert [problem["data"] for problem in found["problems"]] == ["linnerud"]
