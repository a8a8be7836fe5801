"""The oracles against 60-digit arithmetic and against derivatives known in closed form."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from gradwright.errors import DomainError, SymbolError, UnsupportedError
from gradwright.verification import complex_step, ridders
from gradwright.verification.points import prepared

from .compositions import directional, function, random_composition

COMPOSITIONS = range(40)


def _random_direction(seed: int):
    composition = random_composition(seed)
    generator = np.random.default_rng(1000 + seed)
    block = str(generator.choice(composition.blocks))
    direction = generator.choice([-1.0, 1.0], composition.point[block].shape)
    return composition, block, direction, directional(composition, block, direction)


def _scale(composition, block) -> float:
    """The size of the gradient, which a directional derivative may fall short of by luck."""
    gradient = complex_step.jacobian(partial(function, composition), composition.point, block)
    return float(np.sqrt(np.sum(gradient**2)))


@pytest.mark.parametrize("seed", COMPOSITIONS)
def test_complex_step_has_all_digits(seed):
    composition, block, direction, exact = _random_direction(seed)
    ours = complex_step.along(partial(function, composition), composition.point, block, [direction])
    assert abs(float(ours[0] - exact)) <= 1e-13 * _scale(composition, block)


@pytest.mark.parametrize("seed", COMPOSITIONS)
def test_ridders_is_accurate_and_its_estimate_covers_the_error(seed):
    composition, block, direction, exact = _random_direction(seed)
    found = ridders.along(partial(function, composition), composition.point, block, [direction])
    error = abs(float(found.values[0] - exact))
    assert error <= 1e-11 * _scale(composition, block)
    assert error <= 4 * found.errors[0], (error, found.errors[0])


POINT = {
    "x": np.array([0.3, -1.2, 2.5]),
    "A": np.array([[2.0, 0.5, -0.3], [0.1, 1.5, 0.4], [-0.2, 0.3, 1.8]]),
    "B": np.array([[0.2, -0.7, 1.1], [0.4, 0.9, -0.5]]),
    "s": np.array(0.7),
}
TWICE_SYMMETRIC = POINT["A"] + POINT["A"].T
INVERSE = np.linalg.inv(POINT["A"])
#: name, function, block, the derivative of shape y.shape + x.shape
KNOWN = [
    ("S0.5 linear", lambda p: p["B"] @ p["x"], "x", POINT["B"]),
    ("matrix of linear", lambda p: p["B"] @ p["x"], "B", np.multiply.outer(np.eye(2), POINT["x"])),
    ("S0.6 elementwise", lambda p: np.tanh(p["x"]), "x", np.diag(1 - np.tanh(POINT["x"]) ** 2)),
    ("S1.4 quadratic", lambda p: p["x"] @ p["A"] @ p["x"], "x", TWICE_SYMMETRIC @ POINT["x"]),
    ("inverse", lambda p: np.linalg.inv(p["A"]), "A", -np.einsum("ik,lj->ijkl", INVERSE, INVERSE)),
    ("determinant", lambda p: np.linalg.det(p["A"]), "A", np.linalg.det(POINT["A"]) * INVERSE.T),
    ("scalar", lambda p: np.exp(2 * p["s"]) * p["B"], "s", 2 * np.exp(1.4) * POINT["B"]),
    ("scalar by scalar", lambda p: p["s"] ** 3, "s", np.array(3 * 0.7**2)),
    ("independent", lambda p: p["B"] @ p["x"], "s", np.zeros(2)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "f", "block", "expected"), KNOWN, ids=[row[0] for row in KNOWN])
def test_known_jacobians(name, f, block, expected):
    exact = complex_step.jacobian(f, POINT, block)
    assert exact.shape == expected.shape
    scale = np.max(np.abs(expected), initial=0.0)
    assert np.max(np.abs(exact - expected)) <= 1e-14 * scale
    estimated = ridders.jacobian(f, POINT, block)
    assert estimated.values.shape == expected.shape
    assert np.max(np.abs(estimated.values - expected)) <= 1e-11 * scale
    columns = [expected.size // max(1, f(POINT).size) - 1]
    picked = complex_step.jacobian(f, POINT, block, columns)
    assert np.array_equal(picked, exact.reshape((*np.shape(f(POINT)), -1))[..., columns])
    assert ridders.jacobian(f, POINT, block, columns).values.shape == picked.shape


def test_complex_step_does_not_cross_a_kink():
    point = {"x": np.array([1e-9, -1e-9, 3.0])}
    found = complex_step.jacobian(lambda p: np.where(p["x"] > 0, p["x"], 0 * p["x"]), point, "x")
    assert np.array_equal(found, np.diag([1.0, 0.0, 1.0]))


def test_complex_step_of_a_jump_is_zero_between_jumps():
    point = {"x": np.array([0.5, -0.5])}
    found = complex_step.jacobian(lambda p: (p["x"].real > 0).astype(float), point, "x")
    assert np.array_equal(found, np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("f", "fact"),
    [
        (lambda p: np.abs(p["x"]).sum(), "real numbers for complex inputs"),
        (lambda p: np.linalg.norm(p["x"]), "real numbers for complex inputs"),
        (lambda p: np.logaddexp(p["x"], 0).sum(), "does not take complex numbers"),
        (lambda p: np.cbrt(p["x"]), "does not take complex numbers"),
    ],
    ids=["abs", "norm", "logaddexp", "cbrt"],
)
def test_functions_without_an_analytic_extension_are_refused(f, fact):
    with pytest.raises(UnsupportedError) as caught:
        complex_step.jacobian(f, POINT, "x")
    assert fact in caught.value.clash
    assert "with respect to x" in caught.value.asked
    assert "ridders" in caught.value.instead


@pytest.mark.parametrize(
    "f",
    [
        lambda p: np.abs(p["x"]).sum() + p["x"] @ p["x"] * 1.0,
        lambda p: np.conj(p["x"]) @ p["x"] + 0 * p["x"][0],
    ],
    ids=["abs in a sum", "conj"],
)
def test_a_partly_dropped_imaginary_part_is_noticed(f):
    direction = np.ones(3)
    with pytest.raises(UnsupportedError) as caught:
        complex_step.require_analytic(f, POINT, "x", direction)
    assert "finite differences" in caught.value.clash


def test_values_outside_the_domain_are_an_error_although_the_complex_logarithm_exists():
    with pytest.raises(DomainError) as caught:
        complex_step.jacobian(lambda p: np.log(p["x"]), POINT, "x")
    assert "1 of its 3 entries" in caught.value.clash
    with pytest.raises(DomainError):
        ridders.jacobian(lambda p: np.log(p["x"]), POINT, "x")


def test_ridders_shortens_a_step_that_leaves_the_domain():
    point = {"x": np.array([1e-3, 5.0])}
    found = ridders.along(lambda p: np.log(p["x"]), point, "x", [np.array([1.0, 1.0])])
    assert np.allclose(found.values[:, 0], [1e3, 0.2], rtol=1e-9, atol=0)


def test_ridders_admits_what_it_cannot_see():
    # The values move by less than their own rounding, so no digit of the slope 1e-9 is known.
    found = ridders.along(lambda p: 1e12 + 1e-9 * p["s"], POINT, "s", [np.array(1.0)])
    assert found.errors[0] > 1e-6


@pytest.mark.parametrize(
    ("value", "fact"),
    [(np.array([1.0, np.nan]), "1 of its 2 entries"), (np.array([1j, 2]), "complex128")],
    ids=["nan", "complex"],
)
def test_points_must_be_real_and_finite(value, fact):
    with pytest.raises(DomainError) as caught:
        prepared({"x": value}, ["x"])
    assert fact in caught.value.clash


def test_an_unknown_block_is_named_beside_the_known_ones():
    with pytest.raises(SymbolError) as caught:
        prepared(POINT, ["W"])
    assert "x, A, B, s" in caught.value.clash
    assert "W" in caught.value.clash


def test_indices_stay_integers_and_differentiated_integers_become_floats():
    point = prepared({"k": np.array([1, 0]), "x": np.array([1, 2]), "h": np.float32([1])}, ["x"])
    assert [point[name].dtype.kind for name in "kxh"] == ["i", "f", "f"]
    assert point["h"].dtype == np.float64
