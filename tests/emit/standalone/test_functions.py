"""The functions of a standalone module, called one by one, beside NumPy by hand."""

from __future__ import annotations

import ctypes
import subprocess

import numpy as np
import pytest

import gradwright as gw
from tests.emit.c.judging import compiles
from tests.emit.standalone.building import STRICT, TIMEOUT, write
from tests.programs.installed import COMPILER

WIDTHS = (3, 10, 6, 4)


class Module:
    """A module in double precision as a shared library."""

    def __init__(self, made, folder, weighted=False) -> None:
        write(made, folder)
        target = folder / f"{made.name}.so"
        command = [COMPILER, *STRICT, "-O1", "-shared", "-fPIC", str(folder / f"{made.name}.c")]
        subprocess.run([*command, "-lm", "-o", str(target)], check=True, timeout=TIMEOUT)
        self.library, self.name = ctypes.CDLL(str(target)), made.name
        step = self._function("train_step", ctypes.c_double)
        arrays = np.ctypeslib.ndpointer(np.float64, flags="C_CONTIGUOUS")
        step.argtypes = [arrays] * (3 if weighted else 2) + [ctypes.c_long, ctypes.c_double]
        self.step = step
        self._predict = self._function("predict", None)
        self._predict.argtypes = [arrays, arrays]

    def _function(self, name, result):
        found = getattr(self.library, f"{self.name}_{name}")
        found.restype = result
        return found

    def predict(self, x, outputs):
        result = np.full(outputs, 7.0)
        self._predict(np.ascontiguousarray(x), result)
        return result

    def parameters(self, count):
        return np.array((ctypes.c_double * count).in_dll(self.library, f"{self.name}_parameters"))

    def gradient(self, count):
        found = self._function("gradient", ctypes.POINTER(ctypes.c_double))()
        return np.array(found[:count])


def by_hand(p, X):
    """The outputs of relu layers and softmax; complex numbers have the sign of their real part."""
    A = X
    for k in range(1, len(WIDTHS)):
        Z = A @ p[f"W{k}"] + p[f"b{k}"]
        A = np.where(Z.real > 0, Z, 0) if k < len(WIDTHS) - 1 else np.exp(Z)
    return A / A.sum(axis=1, keepdims=True)


def loss_by_hand(p, X, Y, w=None):
    w = np.ones(len(X)) if w is None else w
    return -np.sum(w @ (Y * np.log(by_hand(p, X)))) / np.sum(w)


def slopes(p, X, Y, names, w=None):
    """The gradient of the loss by complex steps, the parameters behind each other."""
    found = []
    for name in names:
        for place in np.ndindex(p[name].shape):
            moved = {key: value.astype(complex) for key, value in p.items()}
            moved[name][place] += 1e-30j
            found.append(loss_by_hand(moved, X, Y, w).imag / 1e-30)
    return np.array(found)


def case(tmp_path, rng, weighted=False, **options):
    net = gw.Network("3 -> 10 relu -> 6 relu -> 4 softmax", loss="cross_entropy")
    p = net.init(seed=int(rng.integers(2**31)))
    p.flat[:] += rng.normal(scale=0.1, size=p.flat.shape)
    backprop = net.backprop(weighted=weighted)
    made = backprop.standalone(p, dtype="float64", batch_size=5, **options)
    return Module(made, tmp_path, weighted), p, net


@compiles
@pytest.mark.parametrize("train, names", [("all", "W1 b1 W2 b2 W3 b3"), ([1, 3], "W1 b1 W3 b3")])
def test_steps_follow_the_slopes_of_a_loss_by_hand(train, names, tmp_path, rng):
    names = names.split()
    module, p, _ = case(tmp_path, rng, train=train, name="own")
    held = {name: np.array(p[name]) for name in p}
    for samples in (5, 2, 1):
        X, Y = rng.normal(size=(samples, 3)), np.eye(4)[rng.integers(4, size=samples)]
        before = np.concatenate([held[name].ravel() for name in names])
        assert np.array_equal(module.parameters(before.size), before)
        expected = slopes(held, X, Y, names)
        value = module.step(X, Y, samples, 0.25)
        # Sums of at most 10 terms in 6 lines, in another order than here.
        assert abs(value - loss_by_hand(held, X, Y)) <= 1e-13
        np.testing.assert_allclose(module.gradient(before.size), expected, rtol=0, atol=1e-13)
        after = module.parameters(before.size)
        np.testing.assert_allclose(after, before - 0.25 * expected, rtol=0, atol=1e-13)
        start = 0
        for name in names:
            size = held[name].size
            held[name] = after[start : start + size].reshape(held[name].shape)
            start += size
        for row in X:
            ours = module.predict(row, 4)
            np.testing.assert_allclose(ours, by_hand(held, row[None])[0], rtol=0, atol=1e-13)


@compiles
@pytest.mark.parametrize("train, names", [("all", "W1 b1 W2 b2 W3 b3"), ([2], "W2 b2")])
def test_a_step_counts_samples_by_their_weights(train, names, tmp_path, rng):
    module, p, _ = case(tmp_path, rng, weighted=True, train=train)
    names, held = names.split(), {name: np.array(p[name]) for name in p}
    X, Y = rng.normal(size=(4, 3)), np.eye(4)[rng.integers(4, size=4)]
    w = np.array([0.5, 0, 3, 1.25])
    before = np.concatenate([held[name].ravel() for name in names])
    expected = slopes(held, X, Y, names, w)
    assert abs(module.step(X, Y, w, 4, 0.25) - loss_by_hand(held, X, Y, w)) <= 1e-13
    np.testing.assert_allclose(module.gradient(before.size), expected, rtol=0, atol=1e-13)
    after = module.parameters(before.size)
    np.testing.assert_allclose(after, before - 0.25 * expected, rtol=0, atol=1e-13)
    for wrong in (-1, np.nan, np.inf):
        assert np.isnan(module.step(X, Y, np.array([1, 2, wrong, 1.0]), 4, 0.25))
    assert np.isnan(module.step(X, Y, np.zeros(4), 4, 0.25))
    assert np.array_equal(module.parameters(before.size), after)


@compiles
def test_what_is_out_of_range_changes_nothing(tmp_path, rng):
    module, p, net = case(tmp_path, rng, optimizer="adam")
    X, Y = rng.normal(size=(6, 3)), np.eye(4)[rng.integers(4, size=6)]
    for samples in (-1, 0, 6, 2**40):
        assert np.isnan(module.step(X, Y, samples, 0.1))
    for rate in (np.nan, np.inf, -np.inf):
        assert np.isnan(module.step(X, Y, 5, rate))
    X[2, 1] = np.nan
    assert np.isnan(net.model.module.loss(p.flat, X[:5], Y[:5]))
    assert np.isnan(module.step(X, Y, 5, 0.1))
    assert np.array_equal(module.parameters(p.flat.size), p.flat)


@compiles
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "softplus", "elu", "selu"])
def test_infinite_and_missing_inputs_are_what_they_are_in_numpy(activation, tmp_path, rng):
    net = gw.Network(f"3 -> 5 {activation} -> 2", loss="squared_error")
    p = net.init(seed=4)
    module = Module(net.backprop().standalone(p, dtype="float64"), tmp_path)
    for values in (
        [np.inf, 1, 2],
        [1, -np.inf, 0],
        [np.nan, 1, 1],
        [np.inf, -np.inf, 1],
        [0, 0, 0],
    ):
        x = np.array(values, dtype=float)
        with np.errstate(all="ignore"):
            expected = net.model.module.predict(p.flat, x[None])[0]
        np.testing.assert_allclose(module.predict(x, 2), expected, rtol=1e-13)


@compiles
def test_an_embedding_trains_by_itself(tmp_path):
    net = gw.Network([gw.embedding(3, {1: (4, 2)}), "5 tanh", "2"], loss="squared_error")
    p = net.init(seed=6)
    module = Module(net.backprop().standalone(p, dtype="float64"), tmp_path)
    x, y = np.array([0.5, 3, -1.0]), np.array([0.2, -1.0])
    moved = p.flat - 0.1 * net.gradient(p, x[None], y[None]).flat
    assert module.step(x, y, 1, 0.1) == pytest.approx(net.loss(p, x[None], y[None]), rel=1e-13)
    np.testing.assert_allclose(module.parameters(p.flat.size), moved, rtol=1e-13, atol=1e-15)


@compiles
def test_a_code_that_is_none_reads_no_table_and_moves_nothing(tmp_path):
    net = gw.Network([gw.embedding(3, {1: (4, 2)}), "5 tanh", "2"], loss="squared_error")
    p = net.init(seed=6)
    module = Module(net.backprop().standalone(p, dtype="float64", batch_size=2), tmp_path)
    right = np.array([0.5, 3, -1.0])
    expected = net.model.module.predict(p.flat, right[None])[0]
    np.testing.assert_allclose(module.predict(right, 2), expected, rtol=1e-13)
    for wrong in (-1, 4, 1.5, 1e300, np.nan, -np.inf):
        x = np.array([0.5, wrong, -1.0])
        assert np.isnan(module.predict(x, 2)).all()
        assert np.isnan(module.step(np.array([right, x]), np.ones((2, 2)), 2, 0.1))
    assert np.array_equal(module.parameters(p.flat.size), p.flat)
