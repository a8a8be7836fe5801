"""Thousands of layers: derived as one recursion, run as loops, exact where the answer is known."""

from __future__ import annotations

import numpy as np

import gradwright as gw

DEPTH = 5000


def test_five_thousand_layers() -> None:
    net = gw.Network(f"2 -> {DEPTH} * 2 -> 1", loss="squared_error")
    p = net.init()
    last = DEPTH + 1
    for number in range(1, last):
        # Rows are exchanged, so that a forgotten transpose in the backward pass shows.
        p[f"W{number}"] = np.array([[0.0, 1.0], [1.0, 0.0]])
        p[f"b{number}"] = np.zeros(2)
    p[f"W{last}"], p[f"b{last}"] = np.array([[2.0], [-1.0]]), np.array([0.5])
    X, y = np.array([[1.0, 2.0], [4.0, 8.0], [3.0, -1.0]]), np.array([[1.0], [0.0], [2.0]])

    # An even number of exchanges: the prediction is X w + b, δ at the output 2 (ŷ - y)/n.
    delta = 2 * (X @ p[f"W{last}"] + 0.5 - y) / 3
    gradient = net.gradient(p, X, y)
    np.testing.assert_allclose(gradient[f"W{last}"], X.T @ delta, rtol=1e-15)
    swapped = X[:, ::-1]
    for number in (1, 2, 2500, 4999, 5000):
        # The layer sees X or its exchanged columns, its output meets w or w exchanged.
        seen = X if number % 2 == 1 else swapped
        back = delta @ p[f"W{last}"].T
        back = back[:, ::-1] if number % 2 == 1 else back
        np.testing.assert_allclose(gradient[f"W{number}"], seen.T @ back, rtol=1e-14)
        np.testing.assert_allclose(gradient[f"b{number}"], back.sum(axis=0), rtol=1e-14)
    text = net.backprop().explain()
    assert f"l = 2, …, {DEPTH}" in text
    assert len(text) < 3000
