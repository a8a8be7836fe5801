"""Dropout: masks from counters, the same in every target, and prediction without them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import NetworkError, TrainingError
from tests.emit.c.judging import compiles

TEXT = "4 -> 8 tanh -> dropout(0.25) -> 6 relu -> dropout -> dropout(rate=0.9) -> 3 softmax"

#: Known answers of Threefry-2x32 with 20 rounds: counter, key, words (Random123, kat_vectors).
ANSWERS = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


def _data(rng, samples=50):
    return rng.normal(size=(samples, 4)), rng.integers(3, size=samples)


@pytest.mark.parametrize(("counter", "key", "expected"), ANSWERS)
def test_random_words(counter, key, expected):
    module = gw.Network(TEXT).model.module
    found = module.threefry(module.words(*key), *module.words(*counter))
    assert tuple(int(word[0]) for word in found) == expected


def test_masks_have_their_rate_and_differ(rng):
    module = gw.Network(TEXT).model.module
    samples, seed = 5000, int(rng.integers(2**40))
    made = {}
    for place, rate in ((1, 0.25), (3, 0.5), (4, 0.9)):
        for training in ((seed, 0), (seed, 1), (seed + 1, 0)):
            buffers = module.Buffers(samples, np.float64)
            mask = module.dropout_mask(training, place, 0, samples, buffers)
            zero = mask == 0
            assert set(np.unique(mask[~zero])) == {1 / (1 - rate)}
            # Six standard deviations of a binomial: one run in 10^9 is farther off.
            spread = math.sqrt(rate * (1 - rate) / mask.size)
            assert abs(zero.mean() - rate) < 6 * spread
            made[place, training] = zero
    for one, other in (((3, (seed, 0)), (4, (seed, 0))), ((1, (seed, 0)), (1, (seed, 1)))):
        assert np.any(made[one] != made[other])
    assert np.any(made[1, (seed, 0)] != made[1, (seed + 1, 0)])


def test_training_and_prediction(rng):
    net = gw.Network(TEXT)
    plain = gw.Network("4 -> 8 tanh -> 6 relu -> 3 softmax")
    p, (X, y) = net.init(seed=2), _data(rng)
    same = plain.init(seed=2)
    same.flat[:] = p.flat
    np.testing.assert_allclose(net.predict(p, X), plain.predict(same, X), rtol=1e-14)
    assert net.loss(p, X, y) == pytest.approx(plain.loss(same, X, y), rel=1e-14)
    value, gradient = net.value_and_gradient(p, X, y)
    assert value == pytest.approx(net.loss(p, X, y), rel=1e-14)
    np.testing.assert_allclose(gradient.flat, plain.gradient(same, X, y).flat, rtol=1e-10)
    drawn = [net.gradient(p, X, y, training=(5, step)).flat for step in (0, 0, 1)]
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    with pytest.raises(NetworkError, match="two whole numbers"):
        net.gradient(p, X, y, training=3)


def test_a_step_by_hand(rng):
    net = gw.Network("4 -> 5 tanh -> dropout(0.3) -> 2", loss="squared_error")
    p, X, Y = net.init(seed=1), rng.normal(size=(7, 4)), rng.normal(size=(7, 2))
    module = net.model.module
    mask = module.dropout_mask((9, 4), 1, 0, 7, module.Buffers(7, np.float64))
    A = np.tanh(X @ p["W1"] + p["b1"])
    out = (A * mask) @ p["W3"] + p["b3"]
    value, gradient = net.value_and_gradient(p, X, Y, training=(9, 4))
    assert value == pytest.approx(np.sum((out - Y) ** 2) / 7, rel=1e-13)
    delta = 2 * (out - Y) / 7
    np.testing.assert_allclose(gradient["W3"], (A * mask).T @ delta, rtol=1e-11, atol=1e-13)
    back = delta @ p["W3"].T * mask * (1 - A**2)
    np.testing.assert_allclose(gradient["W1"], X.T @ back, rtol=1e-11, atol=1e-13)


def test_the_derivation(rng):
    net = gw.Network(TEXT)
    text = net.backprop().explain()
    assert "A₂ = M₂ ⊙ A₁" in text
    assert len({kind.formula for kind in net.model.kinds if kind.formula}) == 1
    assert net.backprop().check(seed=int(rng.integers(2**31))).ok


@compiles
@pytest.mark.parametrize("width", [8, 40])
def test_the_same_masks_in_c(width, rng):
    """Narrow networks have their samples innermost, and masks do not know."""
    net = gw.Network(f"4 -> {width} tanh -> dropout(0.25) -> 6 -> 2 * dropout -> 3 softmax")
    p, (X, y) = net.init(seed=1), _data(rng, 11)
    targets = np.eye(3)[y]
    compiled = net.model.compiled("float64")
    for training in ((0, 0), (7, 3), (2**40 + 5, 2**33 + 1)):
        value, gradient = compiled.value_and_gradient(p.flat, X, targets, training=training)
        expected = net.value_and_gradient(p, X, y, training=training)
        assert abs(value - expected[0]) <= 1e-12 * max(1, expected[0])
        np.testing.assert_allclose(gradient, expected[1].flat, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(compiled.predict(p.flat, X), net.predict(p, X), atol=1e-12)


@pytest.mark.parametrize("target", ["numpy", pytest.param("c", marks=compiles)])
def test_training_resumes_bit_for_bit(target, tmp_path, rng):
    net = gw.Network(TEXT)
    X, y = _data(rng)
    settings = {"optimizer": "adam", "batch_size": 16, "seed": 4, "target": target}
    whole = gw.train(net, X, y, epochs=4, **settings, validation=(X, y))
    gw.train(net, X, y, epochs=2, **settings, checkpoint=tmp_path / "half")
    rest = gw.train(net, X, y, epochs=4, **settings, resume=tmp_path / "half")
    assert np.array_equal(rest.params.flat, whole.params.flat)
    assert whole.history[-1].validation_loss == pytest.approx(net.loss(whole.params, X, y))
    other = gw.train(net, X, y, epochs=4, **{**settings, "target": "numpy"})
    np.testing.assert_allclose(other.params.flat, whole.params.flat, rtol=1e-8, atol=1e-10)


def test_another_rate_is_another_training(tmp_path, rng):
    X, y = _data(rng)
    nets = []
    for rate in (0.2, 0.4):
        layer = gw.layer("x.*m", input="vector n", dropout={"m": rate}, m="vector n")
        nets.append(gw.Network(["4", "6 tanh", layer, "3 softmax"]))
    gw.train(nets[0], X, y, epochs=1, checkpoint=tmp_path / "one")
    gw.train(nets[0], X, y, epochs=2, resume=tmp_path / "one")
    with pytest.raises(TrainingError, match="network"):
        gw.train(nets[1], X, y, epochs=2, resume=tmp_path / "one")


def test_masks_inside_blocks(rng):
    block = gw.residual("6 relu", "dropout(0.4)", "4", "dropout(0.1)")
    net = gw.Network(["4", block, "3"], loss="squared_error")
    p, X = net.init(seed=1), rng.normal(size=(9, 4))
    inner = np.maximum(X @ p["W1"].T + p["b1"], 0) @ p["V1"].T + p["c1"]
    expected = (X + inner) @ p["W2"] + p["b2"]
    np.testing.assert_allclose(net.predict(p, X), expected, atol=1e-12)
    assert net.backprop().check(seed=int(rng.integers(2**31))).ok
    assert sorted(dict(net.model.layers[0].rates).values()) == [
        pytest.approx(0.1),
        pytest.approx(0.4),
    ]


def test_a_layer_with_a_mask_of_its_own(rng):
    layer = gw.layer("W*(x.*m)", input="vector n", dropout={"m": 0.5}, W="matrix k n", m="vector n")
    net = gw.Network(["4", layer(k=3), "2"], loss="squared_error")
    p, X = net.init(seed=1), rng.normal(size=(5, 4))
    assert p.names() == ["W1", "W2", "b2"]
    np.testing.assert_allclose(net.predict(p, X), X @ p["W1"].T @ p["W2"] + p["b2"], atol=1e-12)


@pytest.mark.parametrize(
    ("dropout", "said"),
    [
        ({"m": 1}, "its rate is 1 and a rate is a probability from 0 to below 1"),
        ({"m": -0.5}, "its rate is -0.5"),
        ({"W": 0.5}, "a mask is a vector"),
        ({"k": 0.5}, "it is not declared"),
        ({"m": "half"}, "finite numbers by the names"),
    ],
)
def test_masks_that_are_none(dropout, said):
    declared = {"W": "matrix k n", "m": "vector n"}
    with pytest.raises(NetworkError, match=said):
        gw.layer("W*(x.*m)", input="vector n", dropout=dropout, **declared)


def test_a_mask_needs_a_free_capital():
    with pytest.raises(NetworkError, match="for a batch it is M, which is taken"):
        gw.layer("M*(x.*m)", input="vector n", dropout={"m": 0.5}, M="matrix k n", m="vector n")
