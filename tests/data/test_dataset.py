"""Splitting and standardising, and the bundled data sets."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from gradwright.data import bundled
from gradwright.data.dataset import Dataset, Standardiser, split
from gradwright.errors import DataError


def numbered(y: np.ndarray, classes: tuple[str, ...] | None) -> Dataset:
    """Samples whose only feature is their number."""
    return Dataset("numbered", np.arange(len(y), dtype=np.float64)[:, None], y, ("k",), classes)


def test_split_keeps_the_proportion_of_each_class(rng: np.random.Generator) -> None:
    sizes = (50, 20, 10)
    y = rng.permutation(np.repeat(np.arange(3), sizes))
    data = numbered(y, ("a", "b", "c"))
    kept, held = split(data, 0.2, seed=3)
    assert [int(np.sum(held.y == k)) for k in range(3)] == [10, 4, 2]
    assert [int(np.sum(kept.y == k)) for k in range(3)] == [40, 16, 8]
    places = np.concatenate([kept.X[:, 0], held.X[:, 0]]).astype(int)
    assert sorted(places) == list(range(80))
    for part in (kept, held):
        np.testing.assert_array_equal(part.y, y[part.X[:, 0].astype(int)])


def test_split_is_a_function_of_the_seed() -> None:
    data = numbered(np.linspace(0.0, 1.0, 40), None)
    first, again, other = (split(data, 0.25, seed)[1].X for seed in (1, 1, 2))
    assert len(first) == 10
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_class_keeps_a_sample_for_training() -> None:
    y = np.repeat(np.arange(3), (1, 2, 10))
    kept, held = split(numbered(y, ("a", "b", "c")), 0.9)
    assert [int(np.sum(kept.y == k)) for k in range(3)] == [1, 1, 1]
    assert [int(np.sum(held.y == k)) for k in range(3)] == [0, 1, 9]


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_split_refuses_the_fraction(fraction: float) -> None:
    with pytest.raises(DataError, match=f"fraction is {fraction}"):
        split(numbered(np.zeros(9), None), fraction)


def test_split_refuses_too_few_samples_and_a_negative_seed() -> None:
    with pytest.raises(DataError, match="1 samples"):
        split(numbered(np.array([0]), ("a",)))
    for seed in (-1, 0.5, None, True):
        with pytest.raises(DataError, match=f"seed is {seed!r}"):
            split(numbered(np.zeros(9), None), seed=seed)


def test_standardised_features_have_mean_0_and_deviation_1(rng: np.random.Generator) -> None:
    X = rng.normal([5.0, -3e200, 2e-200], [2.0, 1e200, 1e-200], (60, 3))
    data = Dataset("three", X, rng.integers(0, 2, 60), ("a", "b", "c"), ("no", "yes"))
    Z = Standardiser.fit(data).apply(X)
    # Both are sums of 60 rounded numbers of size about 1.
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=60 * 4 * np.finfo(float).eps)
    np.testing.assert_allclose(Z.std(axis=0), 1, rtol=60 * 4 * np.finfo(float).eps)


@pytest.mark.parametrize("samples", [1, 3, 7, 10])
def test_a_constant_column_keeps_scale_1(samples: int) -> None:
    # The mean of 7 times 0.1 is rounded: its deviation is about 1e-17 and not 0.
    X = np.column_stack([np.full(samples, 0.1), np.full(samples, -1e300)])
    standardiser = Standardiser.fit(Dataset("flat", X, np.full(samples, 0.3), ("a", "b")))
    np.testing.assert_array_equal(standardiser.scale, [1, 1])
    assert standardiser.target_scale == 1


def test_targets_of_a_regression_are_standardised_and_classes_are_not() -> None:
    y = np.array([[1.0, 10.0], [3.0, 10.0]])
    X = np.array([[0.0], [4.0]])
    regression = Dataset("two", X, y, ("a",))
    done = Standardiser.fit(regression).standardised(regression)
    np.testing.assert_array_equal(done.y, [[-1, 0], [1, 0]])
    np.testing.assert_array_equal(done.X, [[-1], [1]])
    assert (regression.outputs, numbered(np.zeros(3), None).outputs) == (2, 1)
    classes = Dataset("two", X, np.array([0, 2]), ("a",), ("p", "q", "r"))
    np.testing.assert_array_equal(Standardiser.fit(classes).standardised(classes).y, [0, 2])
    assert classes.outputs == 3


def test_held_out_samples_use_mean_and_scale_of_the_training_part() -> None:
    standardiser = Standardiser.fit(numbered(np.zeros(3), ("a",)))
    np.testing.assert_allclose(standardiser.apply(np.array([[4.0]])), [[3 / np.sqrt(2 / 3)]])


@pytest.mark.parametrize("classes", [None, ("a",)], ids=["regression", "classes"])
def test_a_standardiser_survives_json(classes: tuple[str, ...] | None) -> None:
    X = np.array([[0.1, 2.0], [0.7, 2.0], [1 / 3, 2.0]])
    data = Dataset("three", X, np.array([0, 0, 0]), ("a", "b"), classes)
    made = Standardiser.fit(data)
    again = Standardiser.from_dict(json.loads(json.dumps(made.to_dict())))
    np.testing.assert_array_equal(made.apply(X), again.apply(X))
    np.testing.assert_array_equal(made.standardised(data).y, again.standardised(data).y)


def test_a_column_whose_mean_overflows_is_refused() -> None:
    X = np.array([[1.0, 1.7e308], [2.0, 1.7e308], [0.0, -1.0]])
    with pytest.raises(DataError, match=r"column 2 reaches from -1\.0 to 1\.7e\+308"):
        Standardiser.fit(Dataset("huge", X, np.zeros(3), ("a", "b")))


# samples, features, classes or targets
BUNDLED = {
    "digits": (1797, 64, 10),
    "iris": (150, 4, 3),
    "wine": (178, 13, 3),
    "breast_cancer": (569, 30, 2),
    "diabetes": (442, 10, 1),
    "linnerud": (20, 3, 3),
}


@pytest.mark.parametrize(("name", "sizes"), BUNDLED.items(), ids=BUNDLED)
def test_bundled(name: str, sizes: tuple[int, int, int]) -> None:
    data = bundled.load(name)
    assert (*data.X.shape, data.outputs) == sizes
    assert len(data.feature_names) == sizes[1]
    assert len(data.y) == sizes[0]
    assert data.X.dtype == np.float64
    if data.classes is not None:
        assert set(data.y.tolist()) == set(range(sizes[2]))


def test_the_table_above_has_every_name() -> None:
    assert set(BUNDLED) == set(bundled.NAMES)


def test_an_unknown_name_lists_the_names() -> None:
    with pytest.raises(DataError) as caught:
        bundled.load("digit")
    assert all(name in caught.value.clash for name in bundled.NAMES)
    assert "did you mean digits?" in caught.value.instead


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(DataError) as caught:
        bundled.load("iris")
    assert "gradwright[data]" in caught.value.instead
