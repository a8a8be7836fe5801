"""Accuracy on samples that are held out, of targets that alone do not say what they are."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw


def held_out(
    loss: str, y: list[int], held: list[int], rng: np.random.Generator
) -> tuple[float | None, float]:
    """The accuracy reported for targets `held`, and the share of outputs from 0 on."""
    net = gw.Network([3, "4 tanh", 1], loss=loss)
    X, X_held = rng.standard_normal((len(y), 3)), rng.standard_normal((len(held), 3))
    validation = X_held, np.array(held)
    run = gw.train(
        net, X, np.array(y), epochs=1, learning_rate=1e-3, validation=validation, target="numpy"
    )
    outputs = net.predict(run.params, X_held)
    return run.history[-1].validation_accuracy, float(np.mean(outputs >= 0))


@pytest.mark.parametrize("loss", ["hinge", "squared_error"])
def test_signs_that_are_all_1(loss: str, rng: np.random.Generator) -> None:
    reached, share = held_out(loss, [-1, 1, 1, -1, 1], [1] * 40, rng)
    assert reached == share


def test_counts_are_no_classes(rng: np.random.Generator) -> None:
    assert held_out("poisson", [0, 1, 1, 0], [1, 0, 1], rng)[0] is None
