"""The derivative of softmax keeps its digits where one entry is nearly 1, in every target."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import gradwright as gw
from tests.emit.c.judging import compiles

#: Inputs, units of softmax, outputs.
WIDTHS = (3, 5, 2)


def saturated(rng, dtype):
    """(X, W, b, V, c, Y) of one sample, as nested lists of a dtype; 1 - max(a) from 1e-6 to 1e-3.

    The loss is |V'a + c - y|^2.
    """
    p, q, r = WIDTHS
    X, W, V = rng.normal(size=(1, p)), rng.normal(size=(p, q)), rng.normal(size=(q, r))
    b, c, Y = rng.normal(size=q), rng.normal(size=r), rng.normal(size=(1, r))
    Z = (X @ W + b)[0]
    first, second = np.argsort(Z)[:-3:-1]
    b[first] += Z[second] - Z[first] + rng.uniform(np.log(1e3), np.log(1e6))
    return [np.ascontiguousarray(a, dtype) for a in (X, W, b, V, c, Y)]


def exact(arrays):
    """The gradients by W and by b, with 60 digits."""
    with mpmath.workdps(60):
        X, W, b, V, c, Y = (np.vectorize(mpmath.mpf, otypes=[object])(a) for a in arrays)
        Z = (X @ W + b)[0]
        weights = [mpmath.exp(z) for z in Z]
        a = np.array([w / sum(weights) for w in weights])
        d = V @ (2 * (a @ V + c - Y[0]))
        dZ = a * (d - a @ d)
        made = np.concatenate([np.outer(X[0], dZ).ravel(), dZ])
        return made.astype(np.float64), np.abs(Z).max()


def once(arrays):
    """The same in the precision of the arrays, the mean subtracted once."""
    X, W, b, V, c, Y = arrays
    Z = (X @ W + b)[0]
    weights = np.exp(Z - Z.max())
    a = weights / weights.sum()
    d = V @ (2 * (a @ V + c - Y[0]))
    dZ = a * (d - a @ d)
    return np.concatenate([np.outer(X[0], dZ).ravel(), dZ])


def error(found, arrays):
    """The error in roundings of the largest entry, for each unit of |Z|.

    An error of |Z| u in Z is one of that part in each small entry of softmax.
    """
    expected, largest = exact(arrays)
    part = np.max(np.abs(found - expected)) / np.max(np.abs(expected))
    return part / (np.finfo(arrays[0].dtype).eps * float(max(1, largest)))


def network(layout="rows"):
    p, q, r = WIDTHS
    return gw.Network(f"{p} -> {q} softmax -> {r}", loss="squared_error", layout=layout)


def gradient(net, arrays, target):
    X, W, b, V, c, Y = arrays
    parameters = gw.Network.init(network(), dtype=str(X.dtype))
    for name, value in {"W1": W, "b1": b, "W2": V, "b2": c}.items():
        parameters[name][...] = value
    flat = parameters.relayout(net.model.layout.name).flat
    code = net.model.module if target == "numpy" else net.model.compiled(str(X.dtype))
    _, made = code.value_and_gradient(flat, X, Y)
    found = gw.Network.init(net, dtype=str(X.dtype))
    found.flat[:] = made
    back = found.relayout("rows")
    return np.concatenate([back["W1"].ravel(), back["b1"]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", ["rows", "columns", "transposed"])
def test_numpy_keeps_the_digits(layout, dtype, rng):
    arrays = saturated(rng, dtype)
    assert error(gradient(network(layout), arrays, "numpy"), arrays) < 16
    # The harness sees the digits that are lost where the mean is subtracted once.
    assert max(error(once(a), a) for a in (saturated(rng, dtype) for _ in range(20))) > 100


@compiles
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_c_keeps_the_digits(layout, dtype, rng):
    arrays = saturated(rng, dtype)
    assert error(gradient(network(layout), arrays, "c"), arrays) < 16
