"""Inputs and targets of a batch: checked, and in the form that the emitted code takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.errors import DataError
from gradwright.nn.loss_formula import is_formula
from gradwright.nn.losses import known_loss

Array = Any

#: How far the probabilities of a row may sum from one.
ROW_SUM = 1e-6


def prepare_inputs(X: Any, features: int, dtype: Any = None) -> Array:
    """X as samples × features, contiguous; without `dtype`, float32 stays and the rest is float64.

    Raises:
        DataError: not two axes, another number of columns than the network has inputs, a value
            that is not a finite number.
    """
    array = _numbers(X, "X")
    if array.ndim != 2 or array.shape[1] != features:
        columns = f", that is {array.shape[1]} columns," if array.ndim == 2 else ""
        raise DataError(
            "the inputs X",
            f"X has shape {array.shape}{columns} and the network has {features} inputs",
            f"give one row for each sample with {features} columns",
        )
    if dtype is None:
        dtype = np.float32 if array.dtype == np.float32 else np.float64
    return _finite(array, "X", dtype)


def prepare_targets(y: Any, outputs: int, loss: str, samples: int, dtype: Any) -> Array:
    """Y as samples × outputs, contiguous.

    Class indices become one-hot rows; rows of probabilities or of targets are taken as they are.
    For squared_error and losses by formula only whole-number types are class indices, so that
    targets given by mistake as one column are not.

    Raises:
        NetworkError: an unknown loss.
        DataError: no sample, a label out of range, rows that do not sum to one, a wrong count, NaN.
    """
    if not is_formula(loss):
        known_loss(loss)
    array = _numbers(y, "y")
    if samples == 0:
        raise DataError(
            "the targets y",
            "X has 0 samples and a loss needs at least one",
            "give samples",
        )
    if array.shape[:1] != (samples,):
        raise DataError(
            "the targets y",
            f"y has shape {array.shape} and X has {samples} samples",
            f"give {samples} targets",
        )
    _finite(array, "y", np.float64)
    if array.ndim == 1:
        array = _from_labels(array, outputs, loss)
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
    return _finite(array, "y", dtype)


def sample_targets(loss: str, samples: int, outputs: int, generator: np.random.Generator) -> Array:
    """Random targets that fit a loss, samples × outputs.

    One-hot rows for cross_entropy, zeros and ones for binary_cross_entropy, standard normal
    numbers for squared_error and losses by formula.

    Raises:
        NetworkError: an unknown loss.
    """
    if not is_formula(loss):
        known_loss(loss)
    if loss == "cross_entropy":
        return _one_hot(generator.integers(outputs, size=samples), outputs)
    if loss == "binary_cross_entropy":
        return generator.integers(2, size=(samples, outputs)).astype(np.float64)
    return generator.standard_normal((samples, outputs))


def _numbers(values: Any, name: str) -> Array:
    """An array of real numbers, whatever their type."""
    if np.ma.is_masked(values):
        # As an array it would show what lies under the mask.
        raise DataError(
            f"the array {name}",
            f"{np.sum(np.ma.getmaskarray(values))} values of {name} are masked and every value is "
            "used",
            "fill in masked values, or leave their samples out",
        )
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(
            f"the array {name}",
            f"its rows have unequal lengths and an array is expected ({error})",
            "give rows of equal length",
        ) from error
    if array.dtype.kind in "biuf":
        return array
    clash = f"{name} has dtype {array.dtype} and real numbers are expected"
    row = None
    for place, value in np.ndenumerate(array):
        if not isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)):
            row = place[0] if place else None
            clash = f"{_entry(name, place)} is {value!r} and real numbers are expected"
            break
    raise DataError(
        f"the array {name}",
        clash,
        f"convert {name} to an array of numbers; class names become indices 0, 1, …",
        place=None if row is None else f"row {row}",
    )


def _finite(array: Array, name: str, dtype: Any) -> Array:
    """The array in a dtype, in which every value must be finite."""
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(array, dtype=dtype)
    bad = _first(~np.isfinite(converted))
    if bad is not None:
        limit = np.finfo(converted.dtype).max
        raise DataError(
            f"the array {name}",
            f"{_entry(name, bad)} is {array[bad]} and values must be finite numbers of "
            f"{converted.dtype}, from {-limit:.4g} to {limit:.4g}",
            "remove or replace missing and infinite values",
            place=f"row {bad[0]}",
        )
    return converted


def _from_labels(labels: Array, outputs: int, loss: str) -> Array:
    """One target for each sample: a class index, a label 0 or 1, or a number."""
    if loss == "cross_entropy":
        return _one_hot(labels, outputs)
    if outputs > 1 and (loss == "binary_cross_entropy" or labels.dtype.kind in "iu"):
        return _one_hot(labels, outputs)
    if loss == "binary_cross_entropy":
        bad = _first((labels != 0) & (labels != 1))
        if bad is not None:
            raise DataError(
                "the labels y of a binary cross-entropy",
                f"{_entry('y', bad)} is {labels[bad]} and labels are 0 or 1",
                "give labels 0 and 1; probabilities go into an array of shape (samples, 1)",
                place=f"row {bad[0]}",
            )
    return labels[:, None] if outputs == 1 else labels


def _one_hot(labels: Array, classes: int) -> Array:
    """Rows with a 1 at the label, of length `classes`."""
    # Compared as they are: a float holds no integer above 2**53 exactly.
    wrong = (labels < 0) | (labels >= classes)
    if labels.dtype.kind == "f":
        wrong |= labels != np.floor(labels)
    bad = _first(wrong)
    if bad is not None:
        raise DataError(
            "the class labels y",
            f"{_entry('y', bad)} is {labels[bad]} and labels are the whole numbers 0 to "
            f"{classes - 1}, one for each of the {classes} outputs",
            "number the classes from 0, or give the network as many outputs as classes",
            place=f"row {bad[0]}",
        )
    rows = np.zeros((len(labels), classes))
    rows[np.arange(len(labels)), labels.astype(np.int64)] = 1
    return rows


def _require_probabilities(array: Array) -> None:
    instead = "give class indices, one-hot rows or rows of probabilities"
    bad = _first(array < 0)
    if bad is not None:
        raise DataError(
            "the targets y of a cross-entropy",
            f"{_entry('y', bad)} is {array[bad]} and probabilities lie between 0 and 1",
            instead,
            place=f"row {bad[0]}",
        )
    sums = array.sum(axis=1, dtype=np.float64)
    wrong = _first(np.abs(sums - 1) > ROW_SUM)
    if wrong is not None:
        raise DataError(
            "the targets y of a cross-entropy",
            f"row {wrong[0]} of y sums to {sums[wrong]:.9g} and each row must hold probabilities "
            f"that sum to 1 within {ROW_SUM:g}",
            instead,
            place=f"row {wrong[0]}",
        )


def _require_unit(array: Array) -> None:
    bad = _first((array < 0) | (array > 1))
    if bad is not None:
        raise DataError(
            "the targets y of a binary cross-entropy",
            f"{_entry('y', bad)} is {array[bad]} and targets lie between 0 and 1",
            "give labels 0 and 1, or probabilities",
            place=f"row {bad[0]}",
        )


def _first(wrong: Array) -> tuple[int, ...] | None:
    """The first place where `wrong` is true."""
    if not wrong.any():
        return None
    return tuple(int(k) for k in np.unravel_index(int(np.argmax(wrong)), wrong.shape))


def _entry(name: str, place: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, place))}]"
