"""Arguments of a training that were taken for something else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DataError, NetworkError, ShapeError, TrainingError

X, Y = np.arange(18.0).reshape(6, 3) / 18, np.array([0, 1, 1, 0, 1, 0])


@pytest.mark.parametrize(
    "params",
    [
        gw.Network("3 -> 3 tanh -> 2 softmax", layout="columns").init(),
        gw.Network("3 -> 3 relu -> 2 softmax").init(),
        gw.Network("2 -> 4 tanh -> 1 sigmoid -> 3 softmax").init(),
        gw.Network("3 -> 3 tanh -> 2 softmax").init().flat,
        {"W1": np.ones((3, 3))},
    ],
    ids=["another layout", "another activation", "another network", "a vector", "a dictionary"],
)
def test_parameters_are_those_of_the_network(params: Any) -> None:
    """Square weights of another layout have as many numbers, and lie the other way round."""
    net = gw.Network("3 -> 3 tanh -> 2 softmax")
    with pytest.raises(NetworkError, match=r"make them with this network's init\(\) or load\(\)"):
        gw.train(net, X, Y, params, epochs=1)
    start = net.init(seed=4)
    before = start.flat.copy()
    assert gw.train(net, X, Y, start, epochs=1).params.layers == start.layers
    np.testing.assert_array_equal(start.flat, before)


def test_flags_and_functions() -> None:
    net = gw.Network("3 -> 2 softmax")
    for given in ("no", 0, None):
        with pytest.raises(TrainingError, match="must be True or False"):
            gw.train(net, X, Y, shuffle=given, epochs=1)
    assert gw.train(net, X, Y, shuffle=np.False_, epochs=1).history
    for callbacks in (print, "ab", [1]):
        with pytest.raises(TrainingError, match="a list of functions"):
            gw.train(net, X, Y, callbacks=callbacks, epochs=1)


def test_words_are_no_vector() -> None:
    net = gw.Network("3 -> 2 softmax")
    p = net.init()
    for words in (["a"] * 8, None):
        with pytest.raises(DataError, match="real numbers are expected"):
            net.hvp(p, X, Y, words)
        with pytest.raises(ShapeError, match="numbers fit"):
            net.hessian(p, X, Y).solve(words)
