"""The check has teeth: planted faults are caught, correct derivatives pass, kinks are handled."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from gradwright.errors import UnsupportedError
from gradwright.verification import check_derivative
from gradwright.verification.condition import NOT_JUDGED, OWN_ROUNDING_LIMIT

from .compositions import function, gradient, random_composition

SIZES = [10.0**-digits for digits in range(1, 11)]


def _check(composition, claimed, seed, **options):
    return check_derivative(
        claimed,
        partial(function, composition),
        composition.point,
        composition.blocks,
        seed=seed,
        **options,
    )


@pytest.mark.parametrize("start", range(0, 200, 20))
def test_no_false_alarm_on_200_correct_gradients(start):
    for seed in range(start, start + 20):
        composition = random_composition(seed)
        report = _check(composition, partial(gradient, composition), seed)
        assert report.ok, f"seed {seed}\n{report}"
        assert report.tolerance <= 1e-11, f"seed {seed}\n{report}"


@pytest.mark.parametrize("seed", range(200, 210))
def test_no_false_alarm_by_ridders(seed):
    composition = random_composition(seed)
    report = _check(composition, partial(gradient, composition), seed, oracle="ridders")
    assert report.ok, f"seed {seed}\n{report}"
    assert report.oracle == "method of Ridders"


@pytest.mark.parametrize("size", SIZES)
def test_every_planted_fault_is_caught(size):
    for seed in range(10):
        composition = random_composition(seed)
        generator = np.random.default_rng(7000 + seed)
        block = str(generator.choice(composition.blocks))

        def faulty(point, composition=composition, block=block, seed=seed):
            found = gradient(composition, point)
            wrong = found[block].copy()
            place = np.random.default_rng(seed).integers(wrong.size)
            wrong.flat[place] += size * np.max(np.abs(wrong))
            return {**found, block: wrong}

        report = _check(composition, faulty, seed)
        wrong = [check.name for check in report.blocks if not check.ok]
        assert wrong == [block], f"seed {seed}, block {block}, size {size}\n{report}"
        found = next(check for check in report.blocks if check.name == block)
        assert 0.5 * size <= found.max_relative_error <= 2 * size


def test_a_zero_derivative_is_caught_however_small_the_loss():
    point = {"x": np.linspace(-1, 1, 50)}
    report = check_derivative(
        lambda p: {"x": np.zeros(50)}, lambda p: 1e-200 * np.sin(p["x"]).sum(), point, ["x"], seed=0
    )
    assert not report.ok
    assert report.findings == ("x: every value given is zero",)


LARGE = {"x": np.random.default_rng(3).normal(size=5000), "a": np.array(0.5)}


def _sine(point):
    return np.sin(point["x"]).sum() * point["a"]


def test_a_large_block_is_sampled_and_the_report_says_so():
    done = []
    report = check_derivative(
        lambda p: {"x": np.cos(p["x"]) * p["a"], "a": np.sin(p["x"]).sum()},
        _sine,
        LARGE,
        ["x", "a"],
        seed=4,
        budget=100,
        progress=lambda *state: done.append(state),
    )
    assert report.ok, str(report)
    large, small = report.blocks
    assert (large.coordinates_checked, large.coordinates, large.directions) == (96, 5000, 4)
    assert (small.coordinates_checked, small.coordinates, small.directions) == (1, 1, 0)
    assert "96 of 5000 + 4 directions" in str(report)
    assert done[0] == ("x", 1, 96)
    assert done[95:] == [("x", 96, 96), ("a", 1, 1)]


@pytest.mark.parametrize("size", [1e-1, 1e-5, 1e-9])
@pytest.mark.parametrize("seed", range(5))
def test_directions_catch_a_single_wrong_entry_outside_the_sample(size, seed):
    place = 17 * (seed + 1)

    def faulty(point):
        found = np.cos(point["x"]) * point["a"]
        found[place] += size
        return {"x": found}

    report = check_derivative(faulty, _sine, LARGE, ["x"], seed=seed, budget=100)
    assert not report.ok, str(report)
    assert "random direction over the whole block" in report.findings[0] or (
        "single value" in report.findings[0]
    )


def test_a_value_that_is_not_finite_outside_the_sample_is_found():
    def faulty(point):
        found = np.cos(point["x"]) * point["a"]
        found[4321] = np.nan
        return {"x": found}

    report = check_derivative(faulty, _sine, LARGE, ["x"], seed=0, budget=50)
    assert not report.ok
    assert report.findings == ("x: 1 of the 5000 values given are not finite",)


def test_jacobians_and_empty_blocks():
    point = {"W": np.random.default_rng(0).normal(size=(2, 3)), "x": np.ones(3), "e": np.zeros(0)}
    report = check_derivative(
        lambda p: {
            "W": np.einsum("ij,k->ijk", np.eye(2), p["x"]),
            "x": p["W"],
            "e": np.zeros((2, 0)),
        },
        lambda p: p["W"] @ p["x"],
        point,
        ["W", "x", "e"],
        seed=0,
    )
    assert report.ok, str(report)
    assert [check.shape for check in report.blocks] == [(2, 2, 3), (2, 3), (2, 0)]
    assert report.blocks[2].worst_index is None


def _softmax(z):
    e = np.exp(z - z.real.max())
    return e / e.sum()


@pytest.mark.parametrize("oracle", ["complex step", "ridders"])
def test_a_derivative_that_cancels_to_zero(oracle):
    point = {"x": np.random.default_rng(1).normal(size=6)}

    def run(claim):
        return check_derivative(
            lambda p: {"x": claim(p)},
            lambda p: _softmax(p["x"]).sum(),
            point,
            ["x"],
            seed=0,
            oracle=oracle,
        )

    assert run(lambda p: np.zeros(6)).ok
    assert "zero to rounding" in run(lambda p: np.zeros(6)).findings[0]
    wrong = run(lambda p: 1e-10 * p["x"])
    assert not wrong.ok
    assert "the values given are not zero" in wrong.findings[0]


def _nearly_flat(point):
    return (1.0 / (point["x"] - 1.0)).sum()


def test_an_ill_conditioned_point_is_not_judged_and_redrawn_when_possible():
    def claimed(point):
        return {"x": -1.0 / (point["x"] - 1.0) ** 2}

    point = {"x": np.array([1 + 1e-11])}
    report = check_derivative(claimed, _nearly_flat, point, ["x"], seed=0)
    assert not report.ok
    assert "not judged" in report.findings[0]
    assert report.tolerance > NOT_JUDGED
    again = check_derivative(
        claimed,
        _nearly_flat,
        point,
        ["x"],
        seed=0,
        redraw=lambda generator: {"x": 2 + generator.random(1)},
    )
    assert again.ok, str(again)
    assert again.redrawn_ill_conditioned == 1


def test_a_right_formula_that_loses_some_digits_passes_within_the_limit():
    composition = random_composition(1134)
    report = _check(composition, partial(gradient, composition), 1134)
    assert report.ok, str(report)
    widened = [check for check in report.blocks if check.max_relative_error > 1e-12]
    assert [check.name for check in widened] == ["W0", "b0"]
    assert all(check.tolerance <= OWN_ROUNDING_LIMIT for check in widened)


def test_a_right_formula_that_loses_many_digits_is_not_judged_and_redrawn():
    composition = random_composition(1064)
    report = _check(composition, partial(gradient, composition), 1064)
    assert not report.ok
    assert str(report).startswith("NOT JUDGED")
    assert [check.name for check in report.blocks if not check.judged] == ["x", "W0", "b0"]
    assert all("not judged" in text and "loses digits" in text for text in report.findings)

    def redraw(generator):
        return {
            name: 0.5 * generator.normal(size=value.shape)
            for name, value in composition.point.items()
        }

    again = _check(composition, partial(gradient, composition), 1064, redraw=redraw)
    assert again.ok, str(again)
    assert again.redrawn_ill_conditioned == 1


def test_noise_in_the_claim_does_not_excuse_it():
    noise = np.random.default_rng(0)
    report = check_derivative(
        lambda p: {"x": 2 * p["x"] * (1 + 1e-6 * noise.normal(size=3))},
        lambda p: p["x"] @ p["x"],
        {"x": np.array([1.0, 2.0, 3.0])},
        ["x"],
        seed=0,
    )
    assert not report.ok


def test_ridders_allows_for_its_own_error_along_directions():
    generator = np.random.default_rng(0)
    point = {"W": generator.normal(size=(40, 30)) * 0.2, "X": generator.normal(size=(20, 40))}

    def claimed(p):
        return {"W": p["X"].T @ (1 - np.tanh(p["X"] @ p["W"]) ** 2)}

    for seed in range(5):
        report = check_derivative(
            claimed,
            lambda p: np.tanh(p["X"] @ p["W"]).sum(),
            point,
            ["W"],
            seed=seed,
            oracle="ridders",
            budget=1000,
        )
        assert report.ok, f"seed {seed}\n{report}"
        assert report.blocks[0].directions == 4


def _relu_sum(point):
    return np.where(point["x"] > 0, point["x"], 0 * point["x"]) @ point["c"]


def _distance(point):
    return float(np.min(np.abs(point["x"])))


KINKED = {"x": np.array([0.0, 1.5, -0.5]), "c": np.array([2.0, 3.0, -1.0])}


@pytest.mark.parametrize("oracle", ["complex step", "ridders"])
@pytest.mark.parametrize(
    ("at_zero", "ok"), [(0.0, True), (0.3, True), (1.0, True), (1.01, False), (-0.01, False)]
)
def test_at_a_kink_any_value_between_the_slopes_is_accepted(oracle, at_zero, ok):
    report = check_derivative(
        lambda p: {"x": np.heaviside(p["x"], at_zero) * p["c"]},
        _relu_sum,
        KINKED,
        ["x"],
        seed=0,
        oracle=oracle,
        kink_distance=_distance,
    )
    assert report.ok is ok, str(report)
    if not ok:
        assert report.blocks[0].worst_index == (0,)
        assert "single value" in report.findings[0]
    elif report.blocks[0].accepted_at_kinks:
        assert "between the one-sided slopes" in report.findings[0]


def test_elsewhere_a_kinked_block_gets_no_leniency():
    report = check_derivative(
        lambda p: {"x": np.heaviside(p["x"], 0.5) * p["c"] * np.array([1, 1 + 1e-9, 1])},
        _relu_sum,
        KINKED,
        ["x"],
        seed=0,
        kink_distance=_distance,
    )
    assert not report.ok
    assert report.blocks[0].worst_index == (1,)


def test_points_near_a_kink_are_redrawn_and_counted():
    draws = iter([[5e-7, 1.0, 1.0], [-9e-7, 2.0, 1.0], [0.4, -2.0, 1.0]])
    report = check_derivative(
        lambda p: {"x": (p["x"] > 0) * p["c"]},
        _relu_sum,
        KINKED,
        ["x"],
        seed=0,
        kink_distance=_distance,
        redraw=lambda generator: {**KINKED, "x": np.array(next(draws))},
    )
    assert report.ok
    assert report.redrawn_at_kinks == 3
    assert report.blocks[0].accepted_at_kinks == 0
    assert "3 points within 1e-6 of a kink redrawn" in str(report)


def test_relu_networks_give_no_false_alarm():
    for seed in range(20):
        generator = np.random.default_rng(seed)
        point = {"x": generator.normal(size=2000), "c": generator.normal(size=2000)}
        report = check_derivative(
            lambda p: {"x": (p["x"] > 0) * p["c"]}, _relu_sum, point, ["x"], seed=seed, budget=200
        )
        assert report.ok, f"seed {seed}\n{report}"


def test_a_function_that_is_not_analytic_is_refused_not_believed():
    with pytest.raises(UnsupportedError) as caught:
        check_derivative(
            lambda p: {"x": 2 * p["x"]},
            lambda p: np.abs(p["x"]).sum() + p["x"] @ p["x"],
            {"x": np.array([0.5, -2.0])},
            ["x"],
            seed=0,
        )
    assert "no analytic extension" in caught.value.clash
    report = check_derivative(
        lambda p: {"x": 2 * p["x"] + np.sign(p["x"])},
        lambda p: np.abs(p["x"]).sum() + p["x"] @ p["x"],
        {"x": np.array([0.5, -2.0])},
        ["x"],
        seed=0,
        oracle="ridders",
    )
    assert report.ok, str(report)


def test_an_unknown_oracle_is_named():
    with pytest.raises(UnsupportedError) as caught:
        check_derivative(lambda p: {}, _relu_sum, KINKED, ["x"], seed=0, oracle="guess")
    assert "'guess'" in caught.value.clash
    assert "'ridders'" in caught.value.clash


def test_the_claim_cannot_change_the_point_it_is_judged_at():
    def meddling(point):
        point["x"] *= 0
        return {"x": 2 * point["x"]}

    report = check_derivative(meddling, lambda p: p["x"] @ p["x"], KINKED, ["x"], seed=0)
    assert not report.ok


def test_the_same_seed_gives_the_same_report():
    def run(seed):
        return check_derivative(
            lambda p: {"x": np.cos(p["x"]) * p["a"]}, _sine, LARGE, ["x"], seed=seed, budget=60
        )

    assert run(1) == run(1)
    assert run(1) != run(2)
