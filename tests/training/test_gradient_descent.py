"""Row S3.6, gradient descent with emitted modules: W := W - α ∂L/∂W, b likewise, repeated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import TrainingError
from gradwright.training.loop import train_module
from gradwright.training.record import Settings
from tests.training.hand_written import HandWritten

Array = Any
ALPHA = 0.3

NETWORKS = {
    "relu, softmax": ("4 -> 5 relu -> 3 softmax", "cross_entropy", "mean"),
    "a sum": ("4 -> 5 tanh -> 3 softmax", "cross_entropy", "sum"),
    "no bias": ("4 -> 5 sigmoid no_bias -> 3", "squared_error", "mean"),
    "repeated": ("4 -> 3 * 5 leaky_relu -> 3 sigmoid", "binary_cross_entropy", "mean"),
}


def case(text: str, loss: str, reduction: str, dtype: str) -> tuple[gw.Network, Any, Array, Array]:
    """A network, its start, X and class indices: 7 samples."""
    net = gw.Network(text, loss=loss, reduction=reduction)
    generator = np.random.default_rng(3)
    X = generator.normal(size=(7, 4)).astype(dtype)
    Y = np.eye(3, dtype=dtype)[generator.integers(0, 3, 7)]
    return net, net.init(seed=2, scheme="he_normal", dtype=dtype), X, Y


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("text", "loss", "reduction"), NETWORKS.values(), ids=NETWORKS)
def test_a_step_is_S3_6(text: str, loss: str, reduction: str, dtype: str) -> None:
    net, p, X, Y = case(text, loss, reduction, dtype)
    before = net.loss(p, X, Y)
    gradient = net.gradient(p, X, Y)
    run = gw.train(net, X, Y, params=p, epochs=1, batch_size=7, learning_rate=ALPHA, shuffle=False)
    alpha = np.dtype(dtype).type(ALPHA)
    for name in p.names():
        assert np.any(gradient[name] != 0)
        np.testing.assert_array_equal(run.params[name], p[name] - alpha * gradient[name])
        assert run.params[name].dtype == dtype
    assert run.history[0].loss == pytest.approx(before, rel=float(8 * np.finfo(dtype).eps))


def test_many_steps_are_those_written_by_hand() -> None:
    net, p, X, Y = case("4 -> 5 relu -> 3 softmax", "cross_entropy", "mean", "float64")
    settings = Settings(20, 3, ALPHA, seed=6)
    ours = train_module(net.model, p.flat, X, Y, settings)
    theirs = train_module(HandWritten(4, 5, 3), p.flat, X, Y, settings)
    # Each of 60 steps rounds sums of at most 7 products; the factor 4 is for their growth.
    tolerance = 60 * 16 * np.finfo(float).eps
    np.testing.assert_allclose(ours.parameters, theirs.parameters, rtol=0, atol=4 * tolerance)
    assert ours.history[-1].loss < 0.5 * ours.history[0].loss


def test_resuming_an_emitted_network(tmp_path: Any) -> None:
    net, _, X, Y = case("4 -> 5 relu -> 3 softmax", "cross_entropy", "mean", "float64")
    path = tmp_path / "state.npz"
    gw.train(net, X, Y, epochs=3, batch_size=3, seed=9, checkpoint=path)
    resumed = gw.train(net, X, Y, epochs=6, batch_size=3, seed=9, resume=path)
    whole = gw.train(net, X, Y, epochs=6, batch_size=3, seed=9)
    other = gw.train(net, X, Y, epochs=6, batch_size=3, seed=10)
    assert resumed.params.flat.tobytes() == whole.params.flat.tobytes()
    assert other.params.flat.tobytes() != whole.params.flat.tobytes()


def test_a_divergence_names_the_step_and_carries_the_run() -> None:
    net, p, X, Y = case("4 -> 5 relu -> 3", "squared_error", "mean", "float64")
    with pytest.raises(TrainingError, match="step 2 of epoch 1") as caught:
        gw.train(net, X, Y, params=p, epochs=3, batch_size=3, learning_rate=1e300)
    # After one step W1 and W2 are near 1e300: A1 is finite still, A2 has their product.
    assert "layer 2" in str(caught.value) and "A2" in str(caught.value)
    run = caught.value.run
    np.testing.assert_array_equal(run.parameters, p.flat)
    assert (run.stopped, run.history) == ("not finite", ())


def test_S3_7_all_zero_weights_never_part() -> None:
    net, p, X, Y = case("4 -> 5 tanh -> 3 softmax", "cross_entropy", "mean", "float64")
    zero, even = p.copy(), p.copy()
    zero.flat[:] = 0
    even.flat[:] = 0.1
    stuck = gw.train(net, X, Y, params=zero, epochs=30, batch_size=3).params
    # tanh(0) = 0 and W2 = 0, so no gradient reaches a weight; the last bias alone moves.
    for name in ("W1", "b1", "W2"):
        np.testing.assert_array_equal(stuck[name], np.zeros_like(p[name]))
    assert np.all(stuck["b2"] != 0)
    # Equal weights move, and the units of a layer stay copies of each other.
    equal = gw.train(net, X, Y, params=even, epochs=30, batch_size=3).params
    assert np.all(equal["W1"] != 0.1)
    np.testing.assert_allclose(equal["W1"], equal["W1"][:, :1] @ np.ones((1, 5)), rtol=1e-12)
    drawn = gw.train(net, X, Y, params=p, epochs=30, batch_size=3)
    assert np.ptp(drawn.params["W1"], axis=1).min() > 0.1
