"""How starting weights are drawn."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from gradwright.errors import DataError, NetworkError
from gradwright.nn.activations import ACTIVATIONS
from gradwright.nn.initialise import initialise
from gradwright.nn.schemes import SCHEMES, gain
from gradwright.nn.slopes import Slopes
from gradwright.nn.text import parse_network

LAYERS = parse_network("4 -> 5 relu -> 3 tanh no_bias -> 2 softmax")

WIDE = parse_network("300 -> 200 relu -> 500 softmax")
DEVIATION = {
    "xavier_normal": lambda fan_in, fan_out: np.sqrt(2 / (fan_in + fan_out)),
    "xavier_uniform": lambda fan_in, fan_out: np.sqrt(2 / (fan_in + fan_out)),
    "he_normal": lambda fan_in, fan_out: np.sqrt(2 / fan_in),
    "he_uniform": lambda fan_in, fan_out: np.sqrt(2 / fan_in),
    "lecun_normal": lambda fan_in, fan_out: np.sqrt(1 / fan_in),
    "lecun_uniform": lambda fan_in, fan_out: np.sqrt(1 / fan_in),
    # In front of the second layer of `WIDE` is relu, whose gain is √2.
    "auto": lambda fan_in, fan_out: np.sqrt({300: 1, 200: 2}[fan_in] / fan_in),
    # (b - a)/√12 for the uniform distribution on [a, b].
    "uniform": lambda fan_in, fan_out: 0.2 / np.sqrt(12),
}


@pytest.mark.parametrize("scheme", DEVIATION, ids=[f"S3.7 {scheme}" for scheme in DEVIATION])
def test_deviations(scheme: str, seed: int) -> None:
    p = initialise(WIDE, seed, scheme)
    for number, layer in enumerate(WIDE, start=1):
        W, b = p[f"W{number}"], p[f"b{number}"]
        expected = DEVIATION[scheme](layer.fan_in, layer.fan_out)
        # The standard error of the mean of N numbers is σ/√N, and that of the standard deviation
        # σ/√(2N) for a normal and less for a uniform distribution. Six of them are exceeded
        # twice in 10^9 runs.
        assert abs(W.mean()) < 6 * expected / np.sqrt(W.size), seed
        assert abs(W.std() - expected) < 6 * expected / np.sqrt(2 * W.size), seed
        if scheme == "uniform":
            assert max(np.abs(W).max(), np.abs(b).max()) <= 0.1
            assert np.unique(b).size == b.size, seed
        else:
            assert not b.any()
        if scheme.endswith("uniform"):
            # N draws come within 1/N of the end in all but one of e runs; within 40/N always.
            assert expected * np.sqrt(3) * (1 - 40 / W.size) < np.abs(W).max(), seed
            assert np.abs(W).max() <= expected * np.sqrt(3)


@pytest.mark.parametrize("text", ["30 -> 20", "20 -> 30"])
def test_orthogonal_weights(text: str, seed: int) -> None:
    layers = parse_network(text)
    W = initialise(layers, seed, "orthogonal", scale=3.0)["W1"]
    gram = W @ W.T if W.shape[0] < W.shape[1] else W.T @ W
    assert np.allclose(gram, 9 * np.eye(20), atol=1e-12)


#: E[φ(z)²] for standard normal z, in closed form or by mpmath's own quadrature.
MEAN_SQUARES = {
    "identity": 1,
    "relu": 0.5,
    "leaky_relu": (1 + 0.1**2) / 2,
    # Its fixed point has mean 0 and variance 1 (Klambauer et al., 2017).
    "selu": 1,
    "tanh": lambda z: mpmath.tanh(z),
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "gelu": lambda z: z * mpmath.ncdf(z),
    "hard_tanh": lambda z: max(min(z, 1), -1),
    "softmax": 1,
}


@pytest.mark.parametrize("name", MEAN_SQUARES)
def test_gains(name: str) -> None:
    expected = MEAN_SQUARES[name]
    if callable(expected):
        expected = mpmath.quad(
            lambda z: expected_square(name, z), [-mpmath.inf, -1, 0, 1, mpmath.inf]
        )
    assert gain(name) == pytest.approx(1 / np.sqrt(float(expected)), rel=1e-6)


def expected_square(name: str, z: mpmath.mpf) -> mpmath.mpf:
    return MEAN_SQUARES[name](z) ** 2 * mpmath.npdf(z)


ELEMENTWISE = [name for name in ACTIVATIONS if name != "softmax"]


@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_auto_keeps_the_size_of_what_passes(activation: str, seed: int) -> None:
    """Behind any activation of standard normal numbers the next layer has the mean square 1."""
    layers = parse_network(f"4 -> 1000 {activation} -> 1000")
    Z = np.random.default_rng(seed + 1).standard_normal((20, 1000))
    A = Slopes(activation, layers[0].options).values(Z)
    size = np.mean((A @ initialise(layers, seed, "auto")["W2"]) ** 2)
    # Of the weights, at least 1000 independent numbers squared: a deviation of √(2/1000); of the
    # squares of A that of their own, below √(6/1000) for each sample. Six of both are 0.27 + 0.1.
    assert abs(size - 1) < 0.4, seed


def test_a_scheme_says_where_it_comes_from() -> None:
    assert all(scheme.source for scheme in SCHEMES.values())


def test_normal_weights_have_normal_tails(seed: int) -> None:
    W = initialise(WIDE, seed, "he_normal")["W2"]
    # Beyond two deviations: 4.55 % of a normal distribution, none of a uniform one; the count is
    # binomial.
    share = np.mean(np.abs(W) > 2 * np.sqrt(2 / 200))
    assert abs(share - 0.0455) < 6 * np.sqrt(0.0455 * 0.9545 / W.size), seed


@pytest.mark.parametrize("scheme", DEVIATION)
def test_a_seed_gives_the_same_numbers_in_both_precisions(scheme: str, seed: int) -> None:
    double = initialise(LAYERS, seed, scheme)
    single = initialise(LAYERS, seed, scheme, "float32")
    assert single.flat.dtype == np.float32
    assert np.array_equal(single.flat, double.flat.astype(np.float32))
    assert np.array_equal(double.flat, initialise(LAYERS, seed, scheme).flat)
    assert not np.array_equal(double.flat, initialise(LAYERS, seed + 1, scheme).flat)


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(NetworkError, match="'ones' is asked for and the schemes are xavier_normal"):
        initialise(LAYERS, scheme="ones")
    with pytest.raises(NetworkError, match="schemes are xavier_normal"):
        initialise(LAYERS, scheme=["uniform"])
    for seed in (-1, 0.5, None, "a", True):
        with pytest.raises(NetworkError, match=f"{seed!r} is given and seeds are whole numbers"):
            initialise(LAYERS, seed=seed)
    assert initialise(LAYERS, np.int64(3)).flat[0] == initialise(LAYERS, 3).flat[0]
    with pytest.raises(DataError, match="float32 or float64"):
        initialise(LAYERS, dtype="float16")
