"""Layers made of layers against the same functions in plain NumPy, and named layers."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import LimitError, NetworkError, NotationError, UnsupportedError
from tests.emit.c.judging import compiles, judge


def _layernorm(x):
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)


def _network():
    block = gw.parallel("identity", ["layer_norm", "5 tanh"], gw.residual("6 tanh -> 4"))
    inner = gw.parallel("identity", ["layer_norm", "5 tanh"])
    return gw.Network(["3 -> 4 tanh", block, gw.residual(inner, "13"), "2"], loss="squared_error")


def test_blocks_compute_what_they_say(rng):
    net = _network()
    p, X = net.init(seed=1), rng.normal(size=(7, 3))
    p.flat[:] = rng.normal(size=p.flat.shape)
    x = np.tanh(X @ p["W1"] + p["b1"])
    normed = p["g2"] * _layernorm(x) + p["b2"]
    inner = x + np.tanh(x @ p["V2"].T + p["d2"]) @ p["U2"].T + p["e2"]
    x = np.hstack([x, np.tanh(normed @ p["W2"].T + p["c2"]), inner])
    normed = p["g3"] * _layernorm(x) + p["b3"]
    inner = np.hstack([x, np.tanh(normed @ p["W3"].T + p["c3"])])
    x = x + inner @ p["V3"].T + p["d3"]
    np.testing.assert_allclose(net.predict(p, X), x @ p["W4"] + p["b4"], rtol=1e-11, atol=1e-11)


def test_the_way_back_is_right(rng):
    block = gw.residual(gw.parallel("identity", "2 tanh"), "3")
    net = gw.Network(["3", block, "layer_norm", "2"], loss="squared_error")
    report = net.backprop().check(seed=int(rng.integers(2**31)))
    assert report.ok, str(report)


@compiles
def test_blocks_in_c(rng):
    judge(_network(), rng.normal(size=(9, 3)), rng.normal(size=(9, 2)), rng)


def test_equal_blocks_are_one_kind():
    net = gw.Network(["8", *[gw.residual("5 relu -> 8")] * 40, "2 softmax"], loss="cross_entropy")
    assert len(net.model.derived) == 2
    items = ["8", gw.residual("5 relu -> 8"), gw.residual("6 relu -> 8")]
    other = gw.Network(items, loss="squared_error")
    assert len({kind.formula for kind in other.model.kinds}) == 1


@pytest.mark.parametrize(
    ("pieces", "error", "said"),
    [
        (["6 relu -> 4", 3], NetworkError, "a int is among its parts"),
        (["6 relu", gw.parallel("identity", "2")], NetworkError, "give k\\+m values for n inputs"),
        (["H relu -> 4"], NetworkError, "a size that is a name"),
        (["6 rel -> 4"], NetworkError, "relu"),
        (["6 relu -> "], NotationError, "the text ends"),
        (["2 tanh"] * 12, LimitError, "more (parameters|sizes) than there are letters"),
        ([gw.layer("W*x", input="vector 3", W="matrix 3 3"), "4"], NetworkError, "4 .*3|3 .*4"),
    ],
)
def test_what_is_no_residual(pieces, error, said):
    with pytest.raises(error, match=said):
        gw.residual(*pieces)


def test_one_branch_is_not_parallel():
    with pytest.raises(NetworkError, match="1 branch is given"):
        gw.parallel("5 tanh")


def test_abstract_functions_are_refused():
    layer = gw.layer("phi(x)", input="vector n", phi="elementwise")
    with pytest.raises(UnsupportedError, match="phi is abstract"):
        gw.residual(layer)


def test_a_residual_fits_its_place():
    with pytest.raises(NetworkError, match="its input has 4 entries and 5 units stand before it"):
        gw.Network(["5", gw.residual("6 relu -> 4"), "2"])


ATTENDED = gw.layer("W*softmax(V*x)", input="vector n", W="matrix m k", V="matrix k n")


@pytest.mark.parametrize(
    "layers",
    [
        [3, gw.residual("1 softmax -> 3"), "2"],
        [3, gw.residual("4 relu -> 1 softmax -> 3 -> batch_norm"), "2"],
        [3, gw.parallel("identity", "1 softmax"), "2"],
        [3, "4 tanh", gw.residual(gw.parallel("3 relu", "1 softmax"), "4"), "2"],
        [3, ATTENDED(m=5, k=1), "2"],
        [3, gw.residual(ATTENDED(k=1)), "2"],
        [1, gw.layer("x.*softmax(x)", input="vector n"), "2"],
    ],
)
def test_a_softmax_of_one_entry_is_refused_inside_layers(layers):
    """It is 1 whatever its input is; with a second entry the network exists."""
    with pytest.raises(NetworkError, match=r"softmax.* sum to 1: its output is 1"):
        gw.Network(layers, loss="squared_error")


def test_a_softmax_of_two_entries_has_a_choice():
    for block in (gw.residual("2 softmax -> 3"), ATTENDED(m=5, k=2)):
        gw.Network([3, block, "1 sigmoid"], loss="binary_cross_entropy")


def test_layers_have_their_work_for_themselves():
    """What large layers take is not missing for those behind them, in one call."""
    assert "def step" in _network().backprop().source()


def test_starts(rng):
    layer = gw.layer(
        "s*(g.*x)", input="vector n", start={"g": 2, "s": 0.5}, g="vector n", s="scalar"
    )
    for scheme in ("uniform", "he_normal", "zeros"):
        p = gw.Network(["3", layer, "2"], loss="squared_error").init(seed=3, scheme=scheme)
        assert list(p["g1"]) == [2, 2, 2]
        assert float(p["s1"]) == 0.5
    with pytest.raises(NetworkError, match="h has a value to start from and is no parameter"):
        gw.layer("g.*x", input="vector n", start={"h": 1}, g="vector n")
    with pytest.raises(NetworkError, match="finite numbers by the names"):
        gw.layer("g.*x", input="vector n", start={"g": float("nan")}, g="vector n")


def test_named_layers(rng):
    net = gw.Network("5 -> 4 -> layer_norm(eps=0.1) -> 2 * rms_norm -> softmax")
    p, X = net.init(seed=1), rng.normal(size=(6, 5))
    p.flat[:] = rng.normal(size=p.flat.shape)
    x = X @ p["W1"] + p["b1"]
    centred = x - x.mean(axis=1, keepdims=True)
    x = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 0.1) * p["g2"] + p["b2"]
    for gain in ("g3", "g4"):
        x = x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-6) * p[gain]
    x = np.exp(x - x.max(axis=1, keepdims=True))
    np.testing.assert_allclose(net.predict(p, X), x / x.sum(axis=1, keepdims=True), rtol=1e-12)


def test_named_layers_of_any_size():
    text = gw.Network("d -> H relu -> 2 * layer_norm -> 3 softmax").backprop().explain()
    assert "A₂ = layernorm(A₁) diag(g₂) + ones(n) b₂ᵀ" in text
    assert "d·H + H + 2·(H + H) + H·3 + 3" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("4 -> 3 layer_norm -> 2", "layer_norm is a layer of its own"),
        ("4 -> layer_norm(a=1) -> 2", "the options of layer_norm are eps"),
        ("4 -> relu(0.5) -> 2", "the options of relu are none"),
        ("layer_norm -> 2", "stands where a width is expected"),
    ],
)
def test_names_that_are_used_wrongly(text, said):
    with pytest.raises((NetworkError, NotationError), match=said):
        gw.Network(text, loss="squared_error")
