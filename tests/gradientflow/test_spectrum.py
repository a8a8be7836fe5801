"""Spectra of deep products against mpmath, LAPACK and products that are known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from gradwright.gradientflow.spectrum import decompose, log_singular_values, product
from tests.gradientflow import exact

#: What the issue of a deep chain asks for; most cases come out near 1e-13.
TOLERANCE = 1e-8


def random(seed: int, *shapes: tuple[int, int]) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.normal(size=shape) / np.sqrt(shape[1]) for shape in shapes]


CASES = {
    "ten random factors": (random(1, *[(8, 8)] * 10), 60),
    "sixty contracting factors": ([0.25 * f for f in random(2, *[(6, 6)] * 60)], 200),
    "narrow in the middle": (random(3, (7, 5), (3, 7), (9, 3), (6, 9)), 50),
    "narrow at the start": (random(4, (7, 3), (9, 7)), 50),
    "narrow at the end": (random(5, (9, 5), (7, 9), (2, 7)), 50),
    "known directions": ([np.diag([0.1, 2.0, 1.0, 1.0])] * 50, 120),
    "triangular": ([np.triu(f) for f in random(6, *[(5, 5)] * 30)], 150),
}


def agree(found: np.ndarray, expected: np.ndarray) -> bool:
    finite = np.isfinite(expected)
    same = np.array_equal(np.isfinite(found), finite)
    return bool(same and np.max(np.abs(found[finite] - expected[finite])) <= TOLERANCE)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_product_has_the_singular_values_of_mpmath(case: tuple[list[np.ndarray], int]) -> None:
    factors, digits = case
    assert agree(log_singular_values(factors), exact.log_singular_values(factors, digits))


def test_a_thousand_random_factors() -> None:
    factors = random(7, *[(4, 4)] * 1000)
    assert agree(log_singular_values(factors), exact.log_singular_values(factors, 600))


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_a_thousand_orthogonal_factors_scale_every_direction(scale: float) -> None:
    """The explicit product of halves is zero in floating point: 0.5^1000 is 1e-301 a direction."""
    generator = np.random.default_rng(8)
    factors = [scale * np.linalg.qr(generator.normal(size=(64, 64)))[0] for _ in range(1000)]
    found = log_singular_values(factors)
    assert np.max(np.abs(found - 1000 * np.log(scale))) <= TOLERANCE


def test_a_short_product_has_the_singular_values_of_lapack() -> None:
    factors = random(9, (64, 64), (64, 64))
    expected = np.log(np.linalg.svd(factors[1] @ factors[0], compute_uv=False))
    # LAPACK's own error in the smallest one is rounding times the condition.
    bound = 64 * 2.3e-16 * np.exp(expected[0] - expected[-1])
    assert np.max(np.abs(log_singular_values(factors) - expected)) <= bound


def test_rank_is_lost_for_good() -> None:
    lost = [np.diag([1.0, 1, 0, 1]) @ factor for factor in random(10, *[(4, 4)] * 5)]
    found = log_singular_values(lost)
    assert agree(found, exact.log_singular_values(lost, 60))
    assert found[-1] == -np.inf
    assert np.all(log_singular_values([np.zeros((3, 3)), np.eye(3)]) == -np.inf)


def test_one_pass_alone_would_be_wrong() -> None:
    """The harness sees the difference between diagonal entries of one QR pass and the truth."""
    factors, digits = CASES["ten random factors"]
    basis, total = np.eye(8), np.zeros(8)
    for factor in factors:
        basis, triangle = np.linalg.qr(factor @ basis)
        total += np.log(np.abs(np.diagonal(triangle)))
    assert not agree(np.sort(total)[::-1], exact.log_singular_values(factors, digits))


def test_the_vectors_of_a_product_are_those_of_lapack() -> None:
    """A v_k = σ_k u_k, with orthonormal vectors, where the explicit product still holds them."""
    factors = random(11, (7, 9), (6, 7), (5, 6), (8, 5))
    explicit = np.linalg.multi_dot(factors[::-1])
    found = decompose(product(factors, 9))
    values = np.exp(found.logarithms[:5])
    assert found.left.shape == (8, 5) and found.right.shape == (5, 9)
    assert np.allclose(explicit @ found.right.T, found.left * values, atol=1e-13 * values[0])
    assert np.allclose(found.left.T @ found.left, np.eye(5), atol=1e-13)
    assert np.allclose(found.right @ found.right.T, np.eye(5), atol=1e-13)


def test_directions_that_grow_late_and_couple_weakly_are_not_lost() -> None:
    """The first direction shrinks at every factor and leaks into the one that grows."""
    factors = [np.array([[1e-3, 1.0, 0], [0, 1, 1], [0, 0, 1e3]])] * 40
    assert agree(log_singular_values(factors), exact.log_singular_values(factors, 300))


def test_units_that_let_nothing_through_anywhere_in_a_layer() -> None:
    generator = np.random.default_rng(12)
    factors = random(13, *[(9, 9)] * 6)
    masked = [(generator.random((9, 1)) > 0.3) * factor for factor in factors]
    assert agree(log_singular_values(masked), exact.log_singular_values(masked, 80))
