"""Flow of networks at the edge: each ends in a report that is right, or in one typed error."""

from __future__ import annotations

import json
import re
import warnings

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DataError, NetworkError
from gradwright.gradientflow.report import FlowReport

FITTING = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}

Array = np.ndarray


def flow(text: str, X: Array | None = None, y: object = None, **start: object) -> FlowReport:
    """The report, shown in both ways, without a warning."""
    net = gw.Network(text, loss=FITTING.get(text.split()[-1], "squared_error"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = gw.flow(net, net.init(**start), X, y)
        assert report.verdict in str(report)
        json.dumps(report.to_dict(), allow_nan=False)
    return report


def chain_by_hand(text: str, X: Array, seed: int) -> list[float]:
    """log₁₀ of the slope of a width-1 tanh network from layer 1's output on, for each sample."""
    p = gw.Network(text, loss="squared_error").init(seed)
    x = X[:, 0]
    total = np.zeros(len(x))
    depth = len(text.split("->")) - 1
    for layer in range(1, depth + 1):
        w = p[f"W{layer}"][0, 0]
        z = w * x + p[f"b{layer}"][0]
        last = layer == depth
        x = z if last else np.tanh(z)
        if layer > 1:
            total += np.log10(abs(w))
            total += 0 if last else np.log10(1 - np.tanh(z) ** 2)
    return list(total)


def test_width_one_is_a_product_of_numbers(rng: np.random.Generator) -> None:
    X = rng.normal(size=(7, 1))
    text = "1 -> 1 tanh -> 1 tanh -> 1 tanh -> 1"
    report = flow(text, X, seed=4)
    shown = re.search(r"10\^(-?[0-9.]+) of its length", report.cause)
    assert shown is not None
    assert abs(float(shown[1]) - np.mean(chain_by_hand(text, X, 4))) <= 0.05 + 1e-9


@pytest.mark.parametrize("text", ["1 -> 1", "3 -> 2 softmax", "3 -> 2 softmax no_bias"])
@pytest.mark.parametrize("scheme", ["xavier_normal", "zeros"])
def test_one_layer_has_no_chain(text: str, scheme: str) -> None:
    """S3.7: zero weights do not stop a single layer from learning."""
    report = flow(text, scheme=scheme)
    assert report.ok and "one layer" in report.cause


def test_one_layer_of_zeros_does_learn(rng: np.random.Generator) -> None:
    net = gw.Network("3 -> 2 softmax")
    X = rng.normal(size=(40, 3))
    y = (X @ [1.0, -2.0, 0.5] > 0).astype(int)
    p = net.init(scheme="zeros")
    run = gw.train(net, X, y, params=p, epochs=30, learning_rate=0.5)
    assert net.loss(run.params, X, y) < 0.7 * net.loss(p, X, y)


def test_a_batch_of_one_and_constant_inputs(rng: np.random.Generator) -> None:
    one = flow("4 -> 4 * 6 tanh -> 3 softmax", rng.normal(size=(1, 4)), [0])
    assert "1 of 1 samples" in one.source and one.layers[0].gradient_norm > 0
    same = flow("4 -> 4 * 6 tanh -> 3 softmax", np.ones((9, 4)), [0] * 9)
    assert same.ok and "9 of 9 samples" in same.source


def test_inputs_of_zero_leave_relu_dead(rng: np.random.Generator) -> None:
    assert flow("4 -> 6 relu -> 6 relu -> 3 softmax", np.zeros((8, 4))).verdict == "dead"
    assert flow("4 -> 6 tanh -> 6 tanh -> 3 softmax", np.zeros((8, 4))).ok


def test_samples_that_no_gradient_reaches_are_counted_and_left_out() -> None:
    """One unit of each layer is on for positive inputs only, so half of the samples are silent."""
    net = gw.Network("1 -> 1 relu no_bias -> 1 relu no_bias -> 1", loss="squared_error")
    p = net.init()
    p["W1"][...] = p["W2"][...] = p["W3"][...] = 1.0
    report = gw.flow(net, p, np.array([[1.0], [2.0], [-1.0], [-3.0]]))
    assert report.ok
    assert "10^0.0 of its length" in report.cause
    assert "at 2 of 4 samples none reaches layer 1" in report.cause


def test_when_no_sample_is_reached_the_layer_is_named() -> None:
    """Half of the units of layer 1 are on for each sample, and none of those is listened to."""
    net = gw.Network("2 -> 2 relu no_bias -> 1 relu no_bias -> 1", loss="squared_error")
    p = net.init()
    p["W1"][...] = np.eye(2)
    p["W2"][...] = [[1.0], [-1.0]]
    p["W3"][...] = 1.0
    report = gw.flow(net, p, np.array([[0.0, 1.0], [0.0, 2.0]]))
    assert (report.verdict, report.layer) == ("dead", 2)
    assert gw.flow(net, p, np.array([[1.0, 0.0], [0.0, 2.0]])).ok


def test_float32_sees_the_same_flow(rng: np.random.Generator) -> None:
    X = rng.normal(size=(8, 4))
    text = "4 -> 20 * 8 tanh -> 3 softmax"
    double = flow(text, X, [0] * 8)
    single = flow(text, X.astype(np.float32), [0] * 8, dtype="float32")
    assert single.verdict == double.verdict
    logs = [r.chains[0].log_norm for r in (single, double)]
    assert logs[0] == pytest.approx(logs[1], abs=1e-3)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_thousand_layers(dtype: str) -> None:
    report = flow("4 -> 1000 * 4 -> 4", singular_values=0.5, dtype=dtype)
    assert report.verdict == "vanishing"
    assert report.chains[0].log_norm == pytest.approx(1001 * np.log10(0.5), rel=1e-5)


def test_huge_inputs_and_weights_end_in_a_report() -> None:
    rng = np.random.default_rng(0)
    report = flow("4 -> 6 relu -> 3 softmax", 1e300 * rng.normal(size=(8, 4)), [0] * 8)
    assert all(np.isfinite(layer.gradient_norm) for layer in report.layers)
    net = gw.Network("4 -> 6 relu -> 3 softmax")
    p = net.init()
    p.flat *= 1e200
    assert gw.flow(net, p).verdict == "not finite"


@pytest.mark.parametrize(
    ("text", "scheme", "kept"),
    [
        ("8 -> 10 * 8 tanh -> 4 softmax", "xavier_normal √(2/(8 + 8))", np.sqrt(2 / 16)),
        ("8 -> 30 * 8 relu -> 4 softmax", "he_normal √(2/8)", np.sqrt(2 / 8)),
    ],
)
def test_s3_7_the_uniform_start_is_explained(text: str, scheme: str, kept: float) -> None:
    """Uniform on [-0.1, 0.1] has the standard deviation 0.1/√3, far less than is needed here."""
    report = flow(text, scheme="uniform", seed=2)
    if report.verdict == "dead":
        pytest.skip("this draw has no slopes to measure")
    assert report.verdict == "vanishing"
    assert f"those of {scheme} = {kept:.3g}" in report.cause
    shown = float(report.cause.partition("standard deviation ")[2].partition(",")[0])
    assert shown == pytest.approx(0.1 / np.sqrt(3), rel=0.2)


BAD = {
    "a text": lambda net, p: gw.flow("4 -> 3 softmax", p),
    "no parameters": lambda net, p: gw.flow(net, None),
    "a symbolic size": lambda net, p: gw.flow(gw.Network("d -> 3 softmax"), p),
    "one row": lambda net, p: gw.flow(net, p, np.ones(4)),
    "a missing column": lambda net, p: gw.flow(net, p, np.ones((2, 3))),
    "no samples": lambda net, p: gw.flow(net, p, np.ones((0, 4))),
    "nan": lambda net, p: gw.flow(net, p, np.full((2, 4), np.nan)),
    "labels alone": lambda net, p: gw.flow(net, p, None, [0]),
    "labels of another length": lambda net, p: gw.flow(net, p, np.ones((2, 4)), [0]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_in_one_typed_error(name: str) -> None:
    net = gw.Network("4 -> 3 softmax")
    with pytest.raises((DataError, NetworkError), match="instead:"):
        BAD[name](net, net.init())
