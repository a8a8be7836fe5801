"""A wrong derivative is reported with the slip that was planted in it."""

from __future__ import annotations

import numpy as np
import pytest

from gradwright.verification import check_derivative

GENERATOR = np.random.default_rng(11)
POINT = {
    "X": GENERATOR.normal(size=(7, 3)),
    "W": GENERATOR.normal(size=(3, 3)),
    "t": GENERATOR.normal(size=(7, 3)),
}


def _loss(point):
    residual = np.tanh(point["X"] @ point["W"]) - point["t"]
    return (residual * residual).sum() / 7


def _right(point):
    a = np.tanh(point["X"] @ point["W"])
    return point["X"].T @ (2 * (a - point["t"]) * (1 - a**2)) / 7


def _single(point):
    X, W, t = (point[name].astype(np.float32) for name in "XWt")
    a = np.tanh(X @ W)
    return X.T @ (2 * (a - t) * (1 - a**2)) / np.float32(7)


def _with_nan(point):
    found = _right(point)
    found[0, 1] = np.nan
    return found


def _one_wrong(point):
    found = _right(point)
    found[2, 1] *= 1.5
    return found


def _row_wrong(point):
    found = _right(point)
    found[1] *= [1.5, 0.5, 3.0]
    return found


def _diagonal_doubled(point):
    found = _right(point)
    return found + np.diag(np.diag(found))


FAULTS = [
    ("transposed", lambda p: _right(p).T, "it is transposed: rows and columns of W are exchanged"),
    ("sign", lambda p: -_right(p), "it is negated"),
    ("transposed and negated", lambda p: -_right(p).T, "transposed and negated"),
    ("factor n", lambda p: 7 * _right(p), "it is 7 (the length of axis 0 of X) times"),
    ("factor 1/n", lambda p: _right(p) / 7, "it is 1/7 (the length of axis 0 of X) times"),
    ("factor 2", lambda p: 2 * _right(p), "it is 2 times what it should be"),
    ("factor 1/2", lambda p: _right(p) / 2, "it is 1/2 times what it should be"),
    ("factor -2", lambda p: -2 * _right(p), "it is -2 times what it should be"),
    ("small factor", lambda p: _right(p) * (1 + 1e-7), "it is 1.0000001 times"),
    ("transposed twice", lambda p: 2 * _right(p).T, "and multiplied by 2"),
    ("zero", lambda p: np.zeros((3, 3)), "every value given is zero"),
    ("absolute", lambda p: np.abs(_right(p)), "the signs are lost"),
    ("single result", lambda p: _right(p).astype(np.float32), "single-precision number"),
    ("half result", lambda p: _right(p).astype(np.float16), "half-precision number"),
    ("single inside", lambda p: _single(p), "single-precision number"),
    ("single steps", lambda p: _single(p) * np.float64(1.0) + 1e-13, "computed in float32"),
    ("not finite", _with_nan, "1 of the 9 values given are not finite"),
    ("one entry", _one_wrong, "a single value of the 9 compared is wrong"),
    ("one row", _row_wrong, "it is wrong only in row 1 of W"),
    ("diagonal", _diagonal_doubled, "it is wrong only on the diagonal of W"),
    ("penalty", lambda p: _right(p) + 0.02 * p["W"], "0.02 times W is added"),
    ("shape", lambda p: _right(p)[:2], "the shape (2, 3), and (3, 3) is y.shape + shape of W"),
    ("complex", lambda p: _right(p) + 0j, "complex128"),
]


@pytest.mark.parametrize(("name", "claim", "words"), FAULTS, ids=[row[0] for row in FAULTS])
def test_the_planted_slip_is_named(name, claim, words):
    assert check_derivative(lambda p: {"W": _right(p)}, _loss, POINT, ["W"], seed=0).ok
    report = check_derivative(lambda p: {"W": claim(p)}, _loss, POINT, ["W"], seed=0)
    assert not report.ok
    (finding,) = report.findings
    assert finding.startswith("W: ")
    assert words in finding, finding


VECTOR = {"z": np.array([0.5, -1.5, 2.0, -0.25, -3.0]), "g": np.array([1.0, 2.0, -1.0, 0.5, 4.0])}


def _leaky(point):
    z = point["z"]
    return np.where(z.real > 0, z, 0.1 * z) @ point["g"]


VECTOR_FAULTS = [
    (
        "relu for leaky",
        lambda p: (p["z"] > 0) * p["g"],
        "it is wrong only where z is negative, where the values given are zero",
    ),
    (
        "slope on the wrong side",
        lambda p: np.where(p["z"] > 0, 0.1, 0.1) * p["g"],
        "it is wrong only where z is positive",
    ),
]


@pytest.mark.parametrize(
    ("name", "claim", "words"), VECTOR_FAULTS, ids=[row[0] for row in VECTOR_FAULTS]
)
def test_a_slip_on_one_side_is_named(name, claim, words):
    report = check_derivative(lambda p: {"z": claim(p)}, _leaky, VECTOR, ["z"], seed=0)
    assert not report.ok
    assert report.findings == (f"z: {words}",)


def test_a_missing_block_and_a_transposed_shape():
    point = {"A": np.arange(6.0).reshape(2, 3) + 1, "b": np.array(2.0)}
    report = check_derivative(
        lambda p: {"A": 2 * p["b"] * p["A"].T},
        lambda p: (p["A"] * p["A"]).sum() * p["b"],
        point,
        ["A", "b"],
        seed=0,
    )
    assert not report.ok
    assert report.findings[0].endswith(
        "the shape (3, 2), and (2, 3) is y.shape + shape of A: is it transposed?"
    )
    assert report.findings[1] == "b: no derivative is given"
    assert report.max_relative_error == np.inf


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ((2, 3, 0, 1), "the axes of the output and of the input are exchanged"),
        ((0, 1, 3, 2), "rows and columns of A are exchanged"),
    ],
    ids=["whole", "input"],
)
def test_a_transposed_jacobian(order, words):
    B, C = np.random.default_rng(2).normal(size=(2, 3, 3))
    point = {"A": np.random.default_rng(3).normal(size=(3, 3))}
    right = np.einsum("ik,lj->ijkl", B, C)
    report = check_derivative(
        lambda p: {"A": np.transpose(right, order)}, lambda p: B @ p["A"] @ C, point, ["A"], seed=0
    )
    assert not report.ok
    assert report.findings == (f"A: it is transposed: {words}",)


def test_a_factor_is_named_from_a_sample_too():
    point = {"x": np.random.default_rng(1).normal(size=900)}
    report = check_derivative(
        lambda p: {"x": np.cos(p["x"]) * 900},
        lambda p: np.sin(p["x"]).sum(),
        point,
        ["x"],
        seed=0,
        budget=40,
    )
    assert report.findings == ("x: it is 900 (the length of axis 0 of x) times what it should be",)


def test_a_derivative_that_should_be_zero():
    report = check_derivative(
        lambda p: {"x": np.full(2, 1e-30)}, lambda p: 3.0, {"x": np.ones(2)}, ["x"], seed=0
    )
    assert not report.ok
    assert report.findings == ("x: the derivative is zero, and the values given are not",)
