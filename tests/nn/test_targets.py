"""Inputs and targets: what is accepted, what it becomes, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradwright.errors import DataError, NetworkError
from gradwright.nn.targets import (
    accuracy,
    class_values,
    prepare_inputs,
    prepare_targets,
    sample_targets,
)

CE, BCE, SE = "cross_entropy", "binary_cross_entropy", "squared_error"
HINGE, CLASSES, COUNTS = "hinge", "multiclass_hinge", "poisson"
SIGNS = [[-1, -1, 1], [1, -1, -1]]
ONE_HOT = [[0, 0, 1], [1, 0, 0], [0, 0, 1], [0, 1, 0]]

#: loss, outputs, y, Y.
ACCEPTED = {
    "S3.12 class indices": (CE, 3, [2, 0, 2, 1], ONE_HOT),
    "class indices as floats": (CE, 3, [2.0, 0.0, 2.0, 1.0], ONE_HOT),
    "class indices as unsigned bytes": (CE, 3, np.array([2, 0, 2, 1], np.uint8), ONE_HOT),
    "two classes as truth values": (CE, 2, [True, False], [[0, 1], [1, 0]]),
    "a single class": (CE, 1, [0, 0], [[1], [1]]),
    "one-hot rows": (CE, 3, ONE_HOT, ONE_HOT),
    "probabilities": (CE, 3, [[0.25, 0.5, 0.25 + 9e-7]], [[0.25, 0.5, 0.25 + 9e-7]]),
    "S3.5 labels": (BCE, 1, [0, 1, 1], [[0], [1], [1]]),
    "labels as truth values": (BCE, 1, [False, True], [[0], [1]]),
    "a column of probabilities": (BCE, 1, [[0.5], [1.0]], [[0.5], [1.0]]),
    "labels for several outputs": (BCE, 3, [[1, 1, 0]], [[1, 1, 0]]),
    "class indices for several sigmoids": (BCE, 3, [2, 0, 2, 1], ONE_HOT),
    "numbers": (SE, 2, [[1.5, -2], [3, 4]], [[1.5, -2], [3, 4]]),
    "numbers for one output": (SE, 1, [1.5, -2, 7], [[1.5], [-2], [7]]),
    "whole numbers for one output": (SE, 1, [5, -2], [[5], [-2]]),
    "class indices for a squared error": (SE, 3, [2, 0, 2, 1], ONE_HOT),
    "signs": (HINGE, 1, [-1, 1, -1], [[-1], [1], [-1]]),
    "signs in rows": (HINGE, 3, SIGNS, SIGNS),
    "0 and 1 as signs": (HINGE, 1, [0, 1, 0], [[-1], [1], [-1]]),
    "one-hot rows as signs": (HINGE, 3, [[0, 0, 1], [1, 0, 0]], SIGNS),
    "class indices as signs": (HINGE, 3, [2, 0], SIGNS),
    "class indices for a hinge of classes": (CLASSES, 3, [2, 0, 2, 1], ONE_HOT),
    "options": (f"{CE}(label_smoothing=0.1)", 3, [2, 0, 2, 1], ONE_HOT),
    "focal": ("focal(gamma=3)", 3, [2, 0, 2, 1], ONE_HOT),
    "counts": (COUNTS, 1, [0, 3, 7.5], [[0], [3], [7.5]]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss, outputs, y, expected", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(loss: str, outputs: int, y: Any, expected: Any, dtype: Any) -> None:
    Y = prepare_targets(y, outputs, loss, len(expected), dtype)
    assert Y.dtype == dtype and Y.flags.c_contiguous
    assert np.array_equal(Y, np.array(expected, dtype=dtype))


#: loss, outputs, y, the row named, and what is said.
REFUSED = {
    "label too large": (CE, 3, [0, 2, 3], 2, ["y[2] is 3", "0 to 2", "3 outputs"]),
    "labels from 1": (BCE, 2, [1, 2, 1], 1, ["y[1] is 2", "0 to 1"]),
    "negative label": (CE, 3, [0, -1, 2], 1, ["y[1] is -1", "0 to 2"]),
    "label between classes": (CE, 3, [0, 1.5, 2], 1, ["y[1] is 1.5", "whole numbers"]),
    "label beyond 2**63": (CE, 3, np.array([0, 2**63], np.uint64), 1, ["9223372036854775808"]),
    "missing label": (CE, 3, [0, np.nan, 2], 1, ["y[1] is nan", "finite"]),
    "class names": (CE, 3, ["cat", "dog"], 0, ["y[0] is", "cat", "real numbers"]),
    "a name among numbers": (
        CE,
        3,
        np.array([1, "dog"], object),
        1,
        ["y[1] is 'dog'", "real numbers"],
    ),
    "row sums to less": (CE, 2, [[0.5, 0.5], [0.5, 0.4]], 1, ["sums to 0.9", "within 1e-06"]),
    "row sums to slightly more": (CE, 2, [[0.5, 0.5 + 2e-6]], 0, ["sums to 1.000002"]),
    "negative probability": (CE, 2, [[1.5, -0.5]], 0, ["y[0, 1] is -0.5", "between 0 and 1"]),
    "signs for labels": (BCE, 1, [1, -1], 1, ["y[1] is -1", "0 or 1"]),
    "probabilities without a column": (BCE, 1, [1, 0.5], 1, ["y[1] is 0.5", "(samples, 1)"]),
    "above the unit interval": (BCE, 2, [[0, 1], [0, 1.5]], 1, ["y[1, 1] is 1.5", "0 and 1"]),
    "signs beside 0": (HINGE, 1, [-1, 0, 1], 1, ["y[1, 0] is 0", "-1 or 1"]),
    "a number for a sign": (HINGE, 2, [[1, -1], [0.5, 1]], 1, ["y[1, 0] is 0.5"]),
    "probabilities for one class": (CLASSES, 2, [[1, 0], [0.5, 0.5]], 1, ["y[1, 0] is 0.5"]),
    "two classes at once": (CLASSES, 2, [[1, 1]], 0, ["sums to 2"]),
    "negative count": (COUNTS, 1, [1, -1], 1, ["y[1, 0] is -1", "not negative"]),
    "infinite target": (SE, 2, [[0, 1], [np.inf, 1]], 1, ["y[1, 0] is inf"]),
    "one number for two outputs": (SE, 2, [0.5, 1.5], None, ["(2,)", "2 outputs", "(2, 2)"]),
    "too many columns": (SE, 2, [[1, 2, 3]], None, ["(1, 3)", "2 outputs"]),
    "three axes": (SE, 2, [[[1, 2]]], None, ["(1, 1, 2)", "2 outputs"]),
    "complex numbers": (SE, 1, [1j], 0, ["y[0] is", "1j"]),
    "unequal rows": (SE, 2, [[1, 2], [3]], None, ["unequal lengths"]),
}


@pytest.mark.parametrize("loss, outputs, y, row, said", REFUSED.values(), ids=REFUSED)
def test_refused(loss: str, outputs: int, y: Any, row: int | None, said: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        prepare_targets(y, outputs, loss, len(y), np.float64)
    for fact in said:
        assert fact in str(caught.value)
    assert caught.value.place == (None if row is None else f"row {row}")


def test_the_number_of_targets_is_that_of_the_samples() -> None:
    with pytest.raises(DataError) as caught:
        prepare_targets([0, 1, 1], 2, CE, 4, np.float64)
    assert "(3,)" in caught.value.clash and "4 samples" in caught.value.clash
    with pytest.raises(DataError, match="X has 0 samples"):
        prepare_targets([], 2, CE, 0, np.float64)
    with pytest.raises(DataError, match=r"shape \(\)"):
        prepare_targets(1, 2, CE, 1, np.float64)


def test_masked_values_are_not_used() -> None:
    hidden = np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]], [[False, True], [False, False]])
    with pytest.raises(DataError, match="1 values of X are masked"):
        prepare_inputs(hidden, 2)
    with pytest.raises(DataError, match="1 values of y are masked"):
        prepare_targets(hidden, 2, SE, 2, np.float64)
    shown = np.ma.masked_array(hidden.data, False)
    assert np.array_equal(prepare_inputs(shown, 2), hidden.data)


def test_unknown_losses() -> None:
    with pytest.raises(NetworkError, match="entropy"):
        prepare_targets([0], 2, "entropy", 1, np.float64)
    with pytest.raises(NetworkError, match="entropy"):
        sample_targets("entropy", 2, 3, np.random.default_rng(0))


def test_numbers_beyond_single_precision() -> None:
    with pytest.raises(DataError, match=r"y\[1, 0\] is 1e\+39 .* float32"):
        prepare_targets([0.0, 1e39], 1, SE, 2, np.float32)
    with pytest.raises(DataError, match=r"X\[0, 1\] is 1e\+39 .* float32"):
        prepare_inputs([[1, 1e39]], 2, np.float32)


@pytest.mark.parametrize("loss", [CE, BCE, SE])
@pytest.mark.parametrize("outputs", [1, 4])
def test_drawn_targets_are_accepted_as_they_are(
    loss: str, outputs: int, rng: np.random.Generator
) -> None:
    Y = sample_targets(loss, 50, outputs, rng)
    assert np.array_equal(prepare_targets(Y, outputs, loss, 50, np.float64), Y)
    if loss != SE:
        assert set(np.unique(Y)) <= {0.0, 1.0}
    if outputs == 4:
        # A column of 50 draws is constant with a probability below 4 · 0.75^50 < 3e-6.
        assert np.all(Y.std(axis=0) > 0)


# Inputs ------------------------------------------------------------------------------------------

KEPT = {
    "float32": np.float32,
    "float64": np.float64,
    "float16": np.float64,
    "int8": np.float64,
    "bool": np.float64,
}


@pytest.mark.parametrize("given", KEPT)
def test_dtypes_of_inputs(given: str) -> None:
    X = np.array([[0, 1, 1], [1, 0, 1]], dtype=given)
    made = prepare_inputs(X, 3)
    assert made.dtype == KEPT[given] and np.array_equal(made, X)
    assert prepare_inputs(X, 3, np.float32).dtype == np.float32


def test_inputs_are_contiguous_rows() -> None:
    X = np.arange(12.0).reshape(3, 4).T
    made = prepare_inputs(X, 3)
    assert made.flags.c_contiguous and np.array_equal(made, X)


WRONG_INPUTS = {
    "columns": (np.zeros((5, 3)), ["(5, 3)", "3 columns", "4 inputs"]),
    "one axis": (np.zeros(4), ["(4,)", "4 inputs"]),
    "three axes": (np.zeros((2, 4, 4)), ["(2, 4, 4)", "4 inputs"]),
    "NaN": (np.array([[1, 2, 3, 4], [1, 2, np.nan, 4]]), ["X[1, 2] is nan", "row 1"]),
    "infinite": (np.array([[1, -np.inf, 3, 4]]), ["X[0, 1] is -inf", "row 0"]),
    "missing": (np.array([[1, 2, 3, 4], [1, 2, 3, None]]), ["X[1, 3] is None", "row 1"]),
    "text": ([["a", "b", "c", "d"]], ["X[0, 0]", "'a'", "real numbers"]),
    "unequal rows": ([[1, 2, 3, 4], [1]], ["unequal lengths"]),
}


@pytest.mark.parametrize("X, said", WRONG_INPUTS.values(), ids=WRONG_INPUTS)
def test_inputs_that_do_not_fit(X: Any, said: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        prepare_inputs(X, 4)
    for fact in said:
        assert fact in str(caught.value)


#: loss, outputs, targets, the share of right classes.
ACCURACIES: dict[str, tuple[str, list[list[float]], list[list[float]], float | None]] = {
    "classes": (CE, [[0.2, 0.8], [0.6, 0.4], [0.1, 0.9]], [[0, 1], [0, 1], [0, 1]], 2 / 3),
    "one output": (BCE, [[0.5], [0.49], [0.7], [0.2]], [[1], [1], [0], [0]], 0.5),
    "signs": (HINGE, [[0.1], [-0.2], [0.4], [-3]], [[1], [-1], [-1], [-1]], 0.75),
    "signs that are all 1": (HINGE, [[0.1], [-0.2], [0.4], [3]], [[1], [1], [1], [1]], 0.75),
    "signs of several outputs": (HINGE, [[0.1, -2], [-3, -1]], [[1, -1], [1, -1]], 0.5),
    "0 and 1 as numbers": (SE, [[0.5], [0.4], [0.1]], [[1], [1], [1]], 1 / 3),
    "signs as numbers": (SE, [[0.1], [-0.2], [0.4], [-3]], [[1], [-1], [-1], [-1]], 0.75),
    "a regression": (SE, [[0.5], [0.4]], [[1], [2.5]], None),
    "counts": (COUNTS, [[0.5], [0.4]], [[1], [0]], None),
    "targets of several outputs": (SE, [[0.5, 1], [0.4, 2]], [[1, 2], [0, 1]], None),
    "several labels at once": (BCE, [[0.9, 0.8], [0.6, 0.4]], [[1, 1], [0, 1]], None),
}


@pytest.mark.parametrize(
    ("loss", "predicted", "targets", "share"), ACCURACIES.values(), ids=ACCURACIES
)
def test_accuracy(
    loss: str, predicted: list[list[float]], targets: list[list[float]], share: float | None
) -> None:
    outputs, Y = np.array(predicted), np.array(targets)
    assert accuracy(outputs, Y, class_values(loss, Y)) == share
