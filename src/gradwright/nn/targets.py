"""Inputs and targets of a batch: checked, and in the form that the emitted code takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.errors import DataError

Array = Any

#: How far the probabilities of a row may sum from one.
ROW_SUM = 1e-6


def prepare_inputs(X: Any, features: int, dtype: Any = None) -> Array:
    """X as samples × features, contiguous, in a floating dtype.

    Raises:
        DataError: not two axes, another number of columns than the network has inputs, a value
            that is not a finite number.
    """
    array = _numbers(X, "X")
    if array.ndim != 2 or array.shape[1] != features:
        raise DataError(
            "the inputs X",
            f"X has shape {array.shape} and the network has {features} inputs",
            f"give one row for each sample with {features} columns",
        )
    _require_finite(array, "X")
    if dtype is None:
        dtype = array.dtype if array.dtype.kind == "f" else np.float64
    return np.ascontiguousarray(array, dtype=dtype)


def prepare_targets(y: Any, outputs: int, loss: str, samples: int, dtype: Any) -> Array:
    """Y as samples × outputs.

    Class indices become one-hot rows; rows of probabilities or targets are taken as they are.

    Raises:
        DataError: a label out of range, rows that do not sum to one, a wrong count, NaN.
    """
    array = _numbers(y, "y")
    _require_finite(array, "y")
    if array.shape[:1] != (samples,):
        raise DataError(
            "the targets y",
            f"y has shape {array.shape} and X has {samples} samples",
            f"give {samples} targets",
        )
    if array.ndim == 1 and outputs > 1:
        array = _one_hot(array, outputs)
    elif array.ndim == 1:
        array = array[:, None]
    if array.shape != (samples, outputs):
        raise DataError(
            "the targets y",
            f"y has shape {array.shape} and the network has {outputs} outputs",
            f"give class indices, or an array of shape ({samples}, {outputs})",
        )
    if loss == "cross_entropy":
        _require_probabilities(array)
    elif loss == "binary_cross_entropy":
        _require_unit(array)
    return np.ascontiguousarray(array, dtype=dtype)


def _numbers(values: Any, name: str) -> Array:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"the array {name}",
            f"{name} has dtype {array.dtype} and real numbers are expected",
            f"convert {name} to numbers; class names become indices 0, 1, …",
        )
    return array


def _require_finite(array: Array, name: str) -> None:
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        place = tuple(int(k) for k in bad[0])
        raise DataError(
            f"the array {name}",
            f"{name}[{', '.join(map(str, place))}] is {array[place]} and values must be finite",
            "remove or replace missing and infinite values",
            place=f"row {place[0]}",
        )


def _one_hot(labels: Array, classes: int) -> Array:
    bad = np.flatnonzero((labels != np.floor(labels)) | (labels < 0) | (labels >= classes))
    if len(bad):
        row = int(bad[0])
        raise DataError(
            "the class labels y",
            f"y[{row}] is {labels[row]} and labels are the whole numbers 0 to {classes - 1}, "
            f"one for each of the {classes} outputs",
            "number the classes from 0, or give the network as many outputs as classes",
            place=f"row {row}",
        )
    return np.eye(classes)[labels.astype(np.int64)]


def _require_probabilities(array: Array) -> None:
    wrong = (array.min(axis=1) < 0) | (np.abs(array.sum(axis=1) - 1) > ROW_SUM)
    if np.any(wrong):
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            "the targets y of a cross-entropy",
            f"row {row} of y sums to {array[row].sum():.6g} and each row must hold probabilities "
            "that sum to 1",
            "give class indices, one-hot rows or rows of probabilities",
            place=f"row {row}",
        )


def _require_unit(array: Array) -> None:
    bad = np.argwhere((array < 0) | (array > 1))
    if len(bad):
        row, column = (int(k) for k in bad[0])
        raise DataError(
            "the targets y of a binary cross-entropy",
            f"y[{row}] is {array[row, column]} and targets lie between 0 and 1",
            "give labels 0 and 1",
            place=f"row {row}",
        )


def sample_targets(
    loss: str, samples: int, outputs: int, generator: np.random.Generator
) -> Array:
    """Random targets that fit a loss."""
    if loss == "cross_entropy":
        return np.eye(outputs)[generator.integers(outputs, size=samples)]
    if loss == "binary_cross_entropy":
        return generator.integers(2, size=(samples, outputs)).astype(float)
    return generator.normal(size=(samples, outputs))
