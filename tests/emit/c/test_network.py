"""The C module of a network: the same numbers as the NumPy module, in both precisions."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import NetworkError, TrainingError
from gradwright.nn.network import NetworkModel
from tests.emit.c.judging import compiles, distance, judge
from tests.nn.random_networks import random_network

LAYOUTS = ("rows", "columns", "transposed")


@compiles
@pytest.mark.parametrize("layout", LAYOUTS)
def test_random_networks(layout, rng):
    text, loss, X, y = random_network(rng)
    judge(gw.Network(text, loss=loss, layout=layout), X, y, rng)


@compiles
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_activation_and_wide_layers(layout, rng):
    text = "21 -> 3 * 37 sigmoid -> 35 tanh -> 18 leaky_relu -> 5 softmax -> 19 relu -> 3 softmax"
    X = rng.normal(size=(45, 21))
    net = gw.Network(text, loss="cross_entropy", layout=layout)
    judge(net, X, rng.integers(3, size=45), rng)


@compiles
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("width", [7, 35])
def test_batches_of_every_size(width, layout, rng):
    """Below and above the width up to which samples lie innermost."""
    text = f"5 -> {width} tanh -> 4 softmax -> 3 sigmoid -> 6 softmax"
    net = gw.Network(text, loss="cross_entropy", layout=layout)
    flat, compiled = net.init(seed=3).flat, net.model.compiled("float64")
    for samples in (1, 2, 3, 7, 8, 9, 15, 31, 32, 33, 65):
        X, Y = rng.normal(size=(samples, 5)), np.eye(6)[rng.integers(6, size=samples)]
        expected = net.model.module.value_and_gradient(flat, X, Y)
        value, gradient = compiled.value_and_gradient(flat, X, Y)
        assert abs(value - expected[0]) <= 1e-12 * abs(value)
        assert distance(gradient, expected[1]) <= 1e-12
        np.testing.assert_allclose(
            compiled.predict(flat, X), net.model.module.predict(flat, X), rtol=1e-12, atol=1e-13
        )


@compiles
def test_a_planted_fault_is_found(monkeypatch, rng):
    right = NetworkModel.c_passes_source.func
    wrong = property(lambda model: right(model).replace("+ b[j]", "- b[j]"))
    monkeypatch.setattr(NetworkModel, "c_passes_source", wrong)
    with pytest.raises(AssertionError, match="4 -> 5 tanh"):
        net = gw.Network("4 -> 5 tanh -> 3 softmax", loss="cross_entropy")
        judge(net, rng.normal(size=(7, 4)), [0, 1, 2, 0, 1, 2, 0], rng)


def test_equal_layers_are_one_loop():
    texts = [f"9 -> {depth} * 9 tanh -> 4 softmax" for depth in (4, 5000)]
    few, many = (gw.Network(t, loss="cross_entropy").backprop().source("c") for t in texts)
    assert "for (long l = 0; l < 5000; ++l)" in many
    assert len(many) - len(few) < 200


@compiles
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_training_is_the_same(dtype, rng):
    X, y = rng.normal(size=(50, 6)), rng.integers(3, size=50)
    net = gw.Network("6 -> 9 tanh -> 3 softmax", loss="cross_entropy")
    start = net.init(seed=3, dtype=dtype)
    settings = {"params": start, "epochs": 4, "batch_size": 16, "seed": 5}
    plain = gw.train(net, X, y, **settings)
    fast = gw.train(net, X, y, **settings, target="c")
    # 16 steps, each of which adds a few roundings to those before it.
    tolerance = 1000 * np.finfo(dtype).eps
    assert distance(fast.params.flat, plain.params.flat) <= tolerance
    losses = [[epoch.loss for epoch in run.history] for run in (fast, plain)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=tolerance)
    again = gw.train(net, X, y, **settings, target="c")
    assert np.array_equal(again.params.flat, fast.params.flat)


@compiles
def test_a_training_resumes_bit_for_bit_with_its_own_target(tmp_path, rng):
    X, y = rng.normal(size=(30, 4)), rng.integers(2, size=30)
    net = gw.Network("4 -> 7 relu -> 2 softmax", loss="cross_entropy")
    whole = gw.train(net, X, y, epochs=4, target="c")
    gw.train(net, X, y, epochs=2, target="c", checkpoint=tmp_path / "half")
    for target in ("c", "auto"):
        rest = gw.train(net, X, y, epochs=4, target=target, resume=tmp_path / "half")
        assert rest.target == whole.target
        assert np.array_equal(rest.params.flat, whole.params.flat)
    with pytest.raises(TrainingError, match=r"target c.* and this training has the target numpy"):
        gw.train(net, X, y, epochs=4, target="numpy", resume=tmp_path / "half")


@compiles
def test_a_loss_that_is_not_finite_stops_before_its_step(rng):
    X, y = rng.normal(size=(40, 4)), rng.integers(2, size=40)
    net = gw.Network("4 -> 7 relu -> 2 softmax", loss="cross_entropy")
    errors = []
    for target in ("numpy", "c"):
        with pytest.raises(TrainingError) as caught:
            gw.train(net, X, y, epochs=3, batch_size=8, learning_rate=1e200, target=target)
        errors.append(caught.value)
    assert errors[0].place == errors[1].place
    assert np.array_equal(errors[0].run.parameters, errors[1].run.parameters)


@compiles
def test_arrays_of_another_kind_are_refused():
    net = gw.Network("4 -> 3 softmax", loss="cross_entropy")
    single, double = net.model.compiled("float32"), net.model.compiled("float64")
    arrays = np.zeros(15), np.zeros((2, 4)), np.zeros((2, 3))
    with pytest.raises(AssertionError, match="float64 for a compiled network"):
        single.value_and_gradient(*arrays)
    for place, array in enumerate(arrays):
        others = [*arrays[:place], array[:-1].copy(), *arrays[place + 1 :]]
        if place == 1:
            others[1] = np.zeros((2, 3))
        with pytest.raises(AssertionError, match="for a compiled network"):
            double.value_and_gradient(*others)


@pytest.mark.parametrize("target", ["numpy", pytest.param("c", marks=compiles)])
def test_parameters_of_another_network_are_refused(target, rng):
    net = gw.Network("4 -> 7 relu -> 3 softmax", loss="cross_entropy")
    other = gw.Network("4 -> 6 relu -> 3 softmax", loss="cross_entropy").init(seed=1)
    with pytest.raises(NetworkError, match="have 51 numbers and the network has 59"):
        gw.train(net, rng.normal(size=(5, 4)), [0, 1, 2, 0, 1], params=other, target=target)


@compiles
@pytest.mark.parametrize("layout", LAYOUTS)
def test_large_products_by_blas(layout, rng):
    net = gw.Network("150 -> 170 tanh -> 160 tanh -> 3", loss="squared_error", layout=layout)
    X, Y = rng.normal(size=(190, 150)), rng.normal(size=(190, 3))
    flat = net.init(seed=2).flat
    network = net.model.compiled("float64")
    assert network.target == "c with BLAS"
    expected = net.model.module.value_and_gradient(flat, X, Y)
    value, gradient = network.value_and_gradient(flat, X, Y)
    assert abs(value - expected[0]) <= 1e-12 * abs(value)
    assert distance(gradient, expected[1]) <= 1e-12


@compiles
def test_networks_of_one_source_leave_each_other_their_blas(rng):
    net = gw.Network("1500 -> 30 tanh -> 3", loss="squared_error")
    # BLAS adds so many products in parts, so that its sums differ from ours.
    X, Y = rng.normal(size=(100, 1500)), rng.normal(size=(100, 3))
    flat = net.init(seed=3).flat
    network = net.model.compiled("float64")
    before = network.value_and_gradient(flat, X, Y)[1]
    small = net.model.compiled("float64", samples=2)
    assert (network.target, small.target) == ("c with BLAS", "c")
    np.testing.assert_array_equal(network.value_and_gradient(flat, X, Y)[1], before)


@compiles
def test_without_scipy_all_products_are_our_own(monkeypatch, rng):
    monkeypatch.delenv("GRADWRIGHT_BLAS", raising=False)
    monkeypatch.setattr("gradwright.run.blas.find_spec", lambda name: None)
    monkeypatch.setattr("gradwright.run.blas._of_intel", lambda: False)
    net = gw.Network("150 -> 170 tanh -> 3", loss="squared_error")
    X, Y = rng.normal(size=(190, 150)), rng.normal(size=(190, 3))
    flat = net.init(seed=2).flat
    network = net.model.compiled("float64")
    assert network.target == "c"
    expected = net.model.module.value_and_gradient(flat, X, Y)[1]
    assert distance(network.value_and_gradient(flat, X, Y)[1], expected) <= 1e-12
