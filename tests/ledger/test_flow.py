"""Rows S3.7, S4.4 to S4.7 and X8: what the Jacobians of a chain do to gradients."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.gradientflow.spectrum import log_singular_values
from gradwright.nn.activations import ACTIVATIONS, derivative_bound, resolve_options
from gradwright.nn.slopes import Slopes
from tests.gradientflow import exact

DEEP = "64 -> 20 * 64 sigmoid -> 10 softmax"


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


@pytest.fixture(scope="module")
def deep() -> tuple[gw.Network, object, np.ndarray]:
    net = gw.Network(DEEP)
    return net, net.init(seed=3), np.random.default_rng(4).normal(size=(5, 64))


def test_s4_4_norms_side_by_side_and_the_bound_for_a_vector(deep) -> None:
    """Against LAPACK on Jacobians written by hand, for 20 sigmoid layers of width 64."""
    net, p, X = deep
    report = gw.flow(net, p, X, seed=0)
    places = np.sort(np.random.default_rng(0).permutation(5)[:16])
    activation = X[places[0]]
    generator = np.random.default_rng(5)
    for layer in report.layers[:-1]:
        w = p[f"W{layer.number}"].T
        z = w @ activation + p[f"b{layer.number}"]
        slope = sigmoid(z) * (1 - sigmoid(z))
        jacobian = np.diag(slope) @ w
        assert np.max(np.abs(layer.singular_values - np.linalg.svd(jacobian)[1])) <= 1e-12
        assert abs(layer.norm - np.linalg.norm(jacobian, 2)) <= 1e-12
        assert abs(layer.slope_norm - np.max(slope)) <= 1e-15
        assert abs(layer.weight_norm - np.linalg.norm(w, 2)) <= 1e-12
        assert layer.norm <= layer.product * (1 + 1e-12) <= layer.bound * (1 + 2e-12)
        v = generator.normal(size=64)
        stretched, bound = layer.stretch(v)
        assert abs(stretched - np.linalg.norm(jacobian @ v)) <= 1e-12 * bound
        assert stretched <= bound
        activation = sigmoid(z)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "softmax"])
def test_s4_5_the_bound_of_every_activation_is_its_largest_slope(name: str) -> None:
    """1/4 for sigmoid, 1 for tanh: the supremum over a fine grid around 0, reached within 1e-6."""
    options = resolve_options(name, {})
    grid = np.linspace(-20, 20, 80_001)[:, None]
    slopes, _ = Slopes(name, options).at(grid)
    bound = float(derivative_bound(name, options))
    assert np.max(np.abs(slopes)) <= bound
    assert np.max(np.abs(slopes)) >= bound - 1e-6


def test_s4_5_the_bound_of_softmax() -> None:
    """‖diag(s) − s sᵀ‖ ≤ 1/2, reached at two entries of one half."""
    bound = float(derivative_bound("softmax"))
    _, blocks = Slopes("softmax").at(np.random.default_rng(6).normal(size=(500, 4)) * 4)
    assert np.max(np.linalg.norm(blocks, 2, axis=(1, 2))) <= bound
    _, extreme = Slopes("softmax").at(np.array([[40.0, 40.0, 0.0]]))
    assert abs(np.linalg.norm(extreme[0], 2) - bound) <= 1e-12


def test_s4_5_the_measured_norm_of_the_chain_is_below_its_bounds(deep) -> None:
    net, p, X = deep
    report = gw.flow(net, p, X)
    for chain in report.chains:
        layers = report.layers[chain.first - 1 :]
        assert chain.log_norm <= chain.log_product + 1e-9 <= chain.log_bound + 2e-9
        weights = [np.linalg.norm(p[f"W{layer.number}"], 2) for layer in layers]
        bounds = [0.25] * (len(layers) - 1) + [0.5]
        assert abs(chain.log_bound - np.sum(np.log10(np.multiply(weights, bounds)))) <= 1e-9


def test_s4_6_directions_that_grow_and_shrink() -> None:
    """Right vectors are perturbations, left ones gradients; σ(w) > 1 alone need not expand."""
    net = gw.Network("5 -> 4 sigmoid -> 3", loss="squared_error")
    p = net.init(seed=1, singular_values=3.0)
    layer = gw.flow(net, p).layers[0]
    assert np.all(layer.weight_singular_values > 2.999)
    assert layer.expanding == 0 and layer.shrinking == 4
    jacobian = layer.stage.jacobian(layer.sample)
    for k, value in enumerate(layer.singular_values):
        assert np.allclose(jacobian @ layer.right[:, k], value * layer.left[:, k], atol=1e-12)
        assert np.allclose(jacobian.T @ layer.left[:, k], value * layer.right[:, k], atol=1e-12)


def test_s4_7_the_norm_of_a_product_and_the_product_of_norms() -> None:
    """Ten random 8 × 8 factors: the product of the norms is only a bound, and a loose one."""
    generator = np.random.default_rng(12)
    factors = [generator.normal(size=(8, 8)) / np.sqrt(8) for _ in range(10)]
    norm = np.exp(log_singular_values(factors)[0])
    product = np.prod([np.linalg.norm(factor, 2) for factor in factors])
    explicit = np.linalg.multi_dot(factors[::-1])
    assert abs(norm - np.linalg.norm(explicit, 2)) <= 1e-10 * norm
    assert norm < product / 20


def test_s4_7_the_chain_of_twenty_sigmoid_layers(deep) -> None:
    net, p, X = deep
    report = gw.flow(net, p, X)
    jacobians = [layer.stage.jacobian(layer.sample) for layer in report.layers[10:]]
    (chain,) = [chain for chain in report.chains if chain.first == 11]
    expected = exact.log_singular_values(jacobians, 60) / np.log(10)
    assert np.max(np.abs(chain.log_singular_values - expected)[:-1]) <= 1e-8
    # The probabilities of the softmax add up to 1, so one direction is lost but for rounding.
    assert chain.log_singular_values[-1] == -np.inf and expected[-1] < expected[0] - 15


def test_s4_6_and_s4_7_directions_of_the_chain(deep) -> None:
    """The chain's singular vectors against LAPACK on the explicit product of twenty factors."""
    net, p, X = deep
    report = gw.flow(net, p, X)
    for chain in (report.chains[0], report.chains[12], report.chains[-1]):
        layers = report.layers[chain.first - 1 :]
        product = layers[0].stage.jacobian(layers[0].sample)
        for layer in layers[1:]:
            product = layer.stage.jacobian(layer.sample) @ product
        count = chain.right.shape[1]
        assert 0 < count == chain.left.shape[1] <= 10
        values = 10 ** chain.log_singular_values[:count]
        assert np.max(np.abs(product @ chain.right - chain.left * values)) <= 1e-13 * values[0]
        assert np.allclose(chain.left.T @ product, (chain.right * values).T, atol=1e-13 * values[0])


@pytest.mark.parametrize(
    ("sigma", "verdict", "total"),
    [(0.5, "vanishing", -19), (1.0, "healthy", 0), (2.0, "exploding", 19)],
)
def test_s4_7_a_teacher_sets_the_singular_values(sigma: float, verdict: str, total: int) -> None:
    """Orthogonal linear layers times 0.5, 1 and 2: every length changes by σ per layer."""
    net = gw.Network("8 -> 63 * 8 -> 8", loss="squared_error")
    report = gw.flow(net, net.init(seed=2, singular_values=sigma))
    assert report.verdict == verdict
    assert np.allclose(report.chains[0].log_singular_values, 64 * np.log10(sigma), atol=1e-8)
    assert f"10^{63 * np.log10(sigma):.1f}" in report.cause
    assert round(63 * np.log10(sigma)) == total


def test_s3_7_an_all_zero_start_is_shown_for_what_it_is() -> None:
    """Only the last bias has a gradient, and after a step of descent the weights are still zero."""
    net = gw.Network("3 -> 4 tanh -> 2 softmax")
    p = net.init(scheme="zeros")
    X = np.random.default_rng(7).normal(size=(6, 3))
    y = np.array([0, 1, 1, 1, 0, 1])
    gradient = net.gradient(p, X, y)
    assert all(not np.any(gradient[name]) for name in ("W1", "b1", "W2"))
    assert np.any(gradient["b2"])
    run = gw.train(net, X, y, params=p, epochs=5)
    assert not np.any(run.params["W1"]) and not np.any(run.params["W2"])
    report = gw.flow(net, p, X, y)
    assert (report.verdict, report.layer) == ("zero", 1)
    assert [layer.gradient_norm for layer in report.layers] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("scheme", "deviation"),
    [("xavier_normal", np.sqrt(2 / 700)), ("he_normal", np.sqrt(2 / 400))],
)
def test_s3_7_scale_multiplies_the_standard_deviation(scheme: str, deviation: float) -> None:
    net = gw.Network("400 -> 300 tanh -> 2 softmax")
    drawn = net.init(seed=5, scheme=scheme, scale=3.0)["W1"]
    # The standard deviation of 120,000 numbers is known to a part in 490.
    assert abs(np.std(drawn) / (3 * deviation) - 1) <= 5 / np.sqrt(2 * drawn.size)
    assert np.array_equal(drawn, 3.0 * net.init(seed=5, scheme=scheme)["W1"])


def test_x8_a_deep_network_is_one_short_text_analysed_without_labels_and_data() -> None:
    net = gw.Network("64 -> 30 * 64 sigmoid -> 10 softmax")
    report = gw.flow(net, net.init(seed=0))
    assert report.verdict == "vanishing" and report.confidence == "high"
    assert "16 random samples" in report.source
    assert "the slope of sigmoid is at most 0.25" in report.cause
    again = gw.flow(net, net.init(seed=0), np.random.default_rng(8).normal(size=(40, 64)))
    assert again.verdict == "vanishing" and "16 of 40 samples" in again.source
