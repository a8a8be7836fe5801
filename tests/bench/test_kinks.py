"""The slope of relu is read from its value: still 0 at 0, as the derivation says."""

from __future__ import annotations

import numpy as np

from gradwright import Network
from gradwright.run.load import load


def test_slope_at_zero() -> None:
    module = load(Network("3 -> 4 relu -> 2 softmax").backprop().source("numpy"))
    parameters = np.linspace(-1, 1, module.PARAMETERS)
    weights, biases = module.unpack(parameters)
    weights[0][:, 1] = 0
    biases[0][1] = 0
    biases[0][2] = 50
    X = np.array([[1.0, -2.0, 0.5], [0.25, 1.0, -1.0]])
    _, gradient = module.value_and_gradient(parameters, X, np.eye(2))
    d_weights, d_biases = module.unpack(gradient)
    assert not d_weights[0][:, 1].any() and d_biases[0][1] == 0
    assert d_weights[0][:, 2].all() and d_biases[0][2] != 0
