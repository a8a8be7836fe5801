"""The error measure and the tolerance that follows from the condition."""

from __future__ import annotations

import numpy as np
import pytest

from gradwright.verification import condition


@pytest.mark.parametrize(
    ("ours", "oracle", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 2.5], [1.0, 2.0], 0.25),
        ([1e-9, 4.0], [0.0, 4.0], 2.5e-10),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([1e-300, 0.0], [0.0, 0.0], np.inf),
        ([np.nan, 1.0], [1.0, 1.0], np.inf),
        ([-np.inf, 1.0], [1.0, 1.0], np.inf),
        ([], [], 0.0),
    ],
    ids=["equal", "largest entry", "small entry", "zeros", "not zero", "nan", "inf", "empty"],
)
def test_block_error(ours, oracle, expected):
    assert condition.block_error(np.array(ours), np.array(oracle)) == expected


def test_perturbations_are_one_unit_in_the_last_place_both_ways():
    point = {"x": np.linspace(-3, 3, 101), "k": np.arange(3)}
    moved = condition.perturbed(point, np.random.default_rng(0))
    ulps = (moved["x"] - point["x"]) / np.spacing(np.abs(point["x"]))
    nonzero = point["x"] != 0
    # Below a power of two the last place is half as large.
    assert set(np.abs(ulps[nonzero])) <= {0.5, 1.0}
    assert {-1.0, 1.0} <= set(ulps[nonzero])
    assert np.array_equal(moved["x"][~nonzero], [0.0])
    assert moved["k"] is point["k"]


@pytest.mark.parametrize("digits", [0, 3, 6, 9])
def test_condition_of_a_difference_grows_with_the_cancellation(digits):
    # The derivative 1/(x - 1) with x = 1 + 10^-d changes by about 10^d times the change of x.
    point = {"x": np.array([1 + 10.0**-digits])}
    generator = np.random.default_rng(5)
    change = condition.noise(lambda p: 1 / (p["x"] - 1), point, generator)
    kappa = condition.condition(change, 10.0**digits)
    assert 0.4 * 10**digits <= kappa <= 4.1 * 10**digits


def test_roughness_is_the_rounding_and_not_the_slope():
    point = {"x": np.array([0.7, -1.3]), "k": np.arange(2)}
    noise = np.random.default_rng(0)

    def smooth(p):
        return np.exp(2 * p["x"])

    def rough(p):
        return smooth(p) + 1e-9 * noise.normal(size=2)

    generator = np.random.default_rng(0)
    assert condition.roughness(smooth, point, generator) <= 1e-14
    assert 2e-10 <= condition.roughness(rough, point, generator) <= 4e-9
    assert condition.roughness(lambda p: np.full(2, np.nan), point, generator) == 0.0


def test_tolerances():
    assert condition.complex_step_tolerance(1.0) == condition.COMPLEX_STEP_FLOOR == 1e-12
    assert condition.complex_step_tolerance(1e6) == 32 * 2.0**-53 * 1e6
    assert condition.condition(0.0, 0.0) == 1.0
    assert condition.ridders_tolerance(np.array([1e-9, 1e-8]), np.array([0.0, -2.0])) == 2e-8
    assert condition.ridders_tolerance(np.array([1e-15]), np.array([1.0])) == 1e-10
    assert condition.ridders_tolerance(np.array([1.0]), np.array([0.0])) == 1e-10
