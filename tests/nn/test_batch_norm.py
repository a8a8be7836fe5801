"""Batch normalisation: training by the batch, prediction by what runs along."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DataError, LimitError, NetworkError, ShapeError
from gradwright.nn.parameters import Parameters, count
from tests.emit.c.judging import compiles

TEXT = "4 -> 8 -> batch_norm -> tanh -> 2 * batch_norm(momentum=0.3) -> dropout(0.2) -> 3 softmax"


def _data(rng, samples=50):
    return rng.normal(size=(samples, 4)), rng.integers(3, size=samples)


def _normalised(z, g, b):
    return g * (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5) + b


def test_a_step_by_hand(rng):
    net = gw.Network("4 -> 5 -> batch_norm(momentum=0.25) -> 2", loss="squared_error")
    p, X, Y = net.init(seed=1), rng.normal(size=(7, 4)), rng.normal(size=(7, 2))
    p["g2"] = rng.normal(size=5)
    p["b2"] = rng.normal(size=5)

    def loss(g):
        out = _normalised(X @ p["W1"] + p["b1"], g, p["b2"]) @ p["W3"] + p["b3"]
        return np.sum((out - Y) ** 2) / 7

    value, gradient = net.value_and_gradient(p, X, Y, training=(0, 0))
    assert value == pytest.approx(loss(p["g2"]), rel=1e-12)
    steps = np.eye(5) * 1e-6
    slopes = [(loss(p["g2"] + h) - loss(p["g2"] - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(gradient["g2"], slopes, rtol=1e-6, atol=1e-7)
    assert not gradient.flat[count(p.layers) :].any()
    # The module has the new state there: a share of the batch's, with the variance over n - 1.
    _, flat = net.model.module.value_and_gradient(p.flat, X, Y)
    moved, z = Parameters(p.layers, flat), X @ p["W1"] + p["b1"]
    np.testing.assert_allclose(moved["mu2"], 0.25 * z.mean(axis=0), atol=1e-13)
    np.testing.assert_allclose(moved["var2"], 0.75 + 0.25 * z.var(axis=0, ddof=1), rtol=1e-12)


def test_prediction_takes_the_state(rng):
    net = gw.Network("4 -> 5 -> batch_norm -> 2", loss="squared_error")
    p, X = net.init(seed=1), rng.normal(size=(7, 4))
    p["mu2"], p["var2"] = rng.normal(size=5), rng.uniform(0.5, 2, 5)
    z = (X @ p["W1"] + p["b1"] - p["mu2"]) / np.sqrt(p["var2"] + 1e-5)
    np.testing.assert_allclose(net.predict(p, X), z @ p["W3"] + p["b3"], atol=1e-12)
    np.testing.assert_allclose(net.predict(p, X[:1]), net.predict(p, X)[:1], atol=1e-12)
    J = net.jacobian(p, X[:2])
    expected = (p["W1"] / np.sqrt(p["var2"] + 1e-5)) @ p["W3"]
    np.testing.assert_allclose(J[0], expected.T, atol=1e-11)


def test_the_derivation(rng):
    net = gw.Network(TEXT)
    text = net.backprop().explain()
    assert "A₂ = batchnorm(A₁, eps=0.00001) diag(g₂) + ones(n) b₂ᵀ" in text
    assert "4·8 + 8 + 8 + 8 + 2·(8 + 8) + 8·3 + 3 = 115" in text
    report = net.backprop().check(seed=int(rng.integers(2**31)))
    assert report.ok, str(report)


@pytest.mark.parametrize("target", ["numpy", pytest.param("c", marks=compiles)])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_training_moves_the_state_and_resumes(target, optimizer, tmp_path, rng):
    net = gw.Network(TEXT)
    X, y = _data(rng)
    settings = {"optimizer": optimizer, "batch_size": 16, "seed": 4, "target": target, "l2": 0.1}
    whole = gw.train(net, X, y, epochs=4, **settings)
    gw.train(net, X, y, epochs=2, **settings, checkpoint=tmp_path / "half")
    rest = gw.train(net, X, y, epochs=4, **settings, resume=tmp_path / "half")
    assert np.array_equal(rest.params.flat, whole.params.flat)
    p = whole.params
    # Sixteen steps at momentum 0.1 leave 0.9^16 of the start: the state is near the data's.
    z = X @ p["W1"] + p["b1"]
    np.testing.assert_allclose(p["mu2"], (1 - 0.9**16) * z.mean(axis=0), atol=0.5)
    assert np.all(p["var2"] != 1)
    if optimizer == "sgd":
        # Adam makes steps of rounding where a gradient is 0, as by a bias before a normalisation.
        other = gw.train(net, X, y, epochs=4, **{**settings, "target": "numpy"})
        np.testing.assert_allclose(other.params.flat, p.flat, rtol=1e-7, atol=1e-8)


@compiles
@pytest.mark.parametrize("width", [8, 40])
def test_the_same_in_c(width, rng):
    net = gw.Network(f"4 -> {width} -> batch_norm -> tanh -> 6 -> 2 * batch_norm -> 3 softmax")
    p, (X, y) = net.init(seed=1), _data(rng, 11)
    p.flat[:] += 0.1 * rng.uniform(size=p.flat.shape)
    compiled = net.model.compiled("float64")
    value, gradient = compiled.value_and_gradient(p.flat, X, np.eye(3)[y])
    expected = net.model.module.value_and_gradient(p.flat, X, np.eye(3)[y])
    assert abs(value - expected[0]) <= 1e-12 * max(1, expected[0])
    largest = np.max(np.abs(expected[1]))
    np.testing.assert_allclose(gradient, expected[1], rtol=0, atol=1e-11 * largest)
    np.testing.assert_allclose(compiled.predict(p.flat, X), net.predict(p, X), atol=1e-12)


def test_parameters_are_saved_with_their_state(tmp_path, rng):
    net = gw.Network(TEXT)
    p = net.init(seed=1)
    p["var2"] = rng.uniform(1, 2, 8)
    p.save(tmp_path / "p.npz")
    again = Parameters.load(tmp_path / "p.npz", net.model.layers)
    assert np.array_equal(again.flat, p.flat)
    assert p.names()[-6:] == ["mu2", "var2", "mu4", "var4", "mu5", "var5"]


@pytest.mark.parametrize(("samples", "size"), [(9, 1), (9, 4), (1, 32)])
def test_a_batch_of_one_sample_is_refused(samples, size, rng):
    net = gw.Network(TEXT)
    X, y = _data(rng, samples)
    with pytest.raises(DataError, match="a batch has 1 sample"):
        gw.train(net, X, y, batch_size=size)
    with pytest.raises(DataError, match="a batch has 1 sample"):
        net.gradient(net.init(), X[:1], y[:1], training=(0, 0))
    with pytest.raises(ValueError, match="which has 1 sample"):
        net.model.module.step(net.init().flat, X[:1], np.eye(3)[y[:1]], 0.1)


def test_what_blocks_refuse():
    with pytest.raises(NetworkError, match="part of another"):
        gw.parallel("identity", gw.residual("3 -> batch_norm -> 2"))
    with pytest.raises(LimitError, match="than there are letters"):
        gw.residual(5 * "3 tanh -> batch_norm -> " + "2")


def _moved(net, p, direction, of):
    """The derivative of a function of parameters along a direction, by differences."""
    trained = np.zeros_like(p.flat)
    trained[: len(direction)] = direction
    found = []
    for step in (1e-3, 5e-4):
        ends = [Parameters(net.model.layers, p.flat + s * step * trained) for s in (1, -1)]
        found.append((of(ends[0]) - of(ends[1])) / (2 * step))
    return (4 * found[1] - found[0]) / 3


def test_second_derivatives_are_those_of_prediction(rng):
    net = gw.Network("4 -> 5 tanh -> batch_norm -> dropout(0.3) -> 2", loss="squared_error")
    p = net.init(seed=int(rng.integers(2**31)))
    p.flat[:] += rng.uniform(0.1, 0.5, p.flat.shape)
    X, Y = rng.normal(size=(7, 4)), rng.normal(size=(7, 2))
    size = net.model.module.PARAMETERS
    v = rng.normal(size=p.flat.shape)
    expected = _moved(net, p, v[:size], lambda q: net.gradient(q, X, Y).flat)
    product = net.hvp(p, X, Y, v).flat
    # Extrapolated differences are off by about step⁴ times a fifth derivative.
    np.testing.assert_allclose(product, expected, rtol=0, atol=1e-7 * np.max(np.abs(expected)))
    assert not product[size:].any()
    hessian = net.hessian(p, X, Y)
    assert hessian.shape == (size, size)
    np.testing.assert_allclose(hessian @ v[:size], product[:size], rtol=1e-12, atol=1e-12)
    assert np.shares_memory(p.trainable, p.flat) and np.array_equal(p.trainable, p.flat[:size])
    with pytest.raises(ShapeError, match=r"write p\.trainable") as refused:
        hessian.solve(net.gradient(p, X, Y).flat)
    assert f"{len(p.flat) - size} numbers of the state" in str(refused.value)
    np.testing.assert_array_equal(hessian @ p.trainable, hessian @ p.flat[:size].copy())
    columns = [_moved(net, p, unit, lambda q: net.predict(q, X).ravel()) for unit in np.eye(size)]
    jacobian = np.array(columns).T
    by_hand = 2 / 7 * jacobian.T @ jacobian
    matrix = net.gauss_newton(p, X, Y)
    scale = np.max(np.abs(by_hand))
    np.testing.assert_allclose(matrix.dense(), by_hand, rtol=0, atol=1e-7 * scale)
    np.testing.assert_allclose(matrix.diagonal(), np.diag(by_hand), rtol=0, atol=1e-7 * scale)
    own = 2 * (net.predict(p, X) - Y)
    rows = np.array([own[k] @ jacobian[2 * k : 2 * k + 2] for k in range(7)])
    fisher = net.fisher(p, X, Y, kind="empirical").dense()
    np.testing.assert_allclose(fisher, rows.T @ rows / 7, rtol=0, atol=1e-6 * np.max(fisher))


def test_a_layer_passes_back_what_is_its_own(rng):
    """A layer that only scales may not hand on the array that it was given.

    The layer before would write its own result there while it still reads it.
    """
    scale = gw.layer("g.*x", input="vector n", g="vector n")
    net = gw.Network(["4", "5 tanh", "layer_norm", scale, "3"], loss="squared_error")
    p, X, Y = net.init(seed=1), rng.normal(size=(7, 4)), rng.normal(size=(7, 3))
    p.flat[:] = rng.normal(size=p.flat.shape)
    assert net.backprop().check(seed=int(rng.integers(2**31))).ok
    whole = gw.layer(
        "h.*(g.*layernorm(x) + b)", input="vector n", h="vector n", g="vector n", b="vector n"
    )
    other = gw.Network(["4", "5 tanh", whole, "3"], loss="squared_error")
    q = other.init(seed=1)
    for name, source in {
        "W1": "W1",
        "b1": "b1",
        "h2": "g3",
        "g2": "g2",
        "b2": "b2",
        "W3": "W4",
    }.items():
        q[name] = p[source]
    q["b3"] = p["b4"]
    found, expected = net.gradient(p, X, Y), other.gradient(q, X, Y)
    np.testing.assert_allclose(found["W1"], expected["W1"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("text", ["4 -> 6 -> batch_norm -> relu -> 3 softmax"])
def test_the_norms_of_samples_leave_the_state_out(text, rng):
    """Memory behind the gradient is not read: numbers that stood there before would count."""
    net = gw.Network(text)
    p, X, y = net.init(0), rng.normal(size=(5, 4)), rng.integers(3, size=5)
    expected = [
        np.linalg.norm(net.gradient(p, X[k : k + 1], y[k : k + 1]).flat) for k in range(len(X))
    ]
    left = [np.full(len(p.flat), 7.5) for _ in range(200)]
    del left
    np.testing.assert_allclose(net.sample_gradient_norms(p, X, y), expected, rtol=1e-12)
