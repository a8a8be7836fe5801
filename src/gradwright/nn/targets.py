"""Inputs and targets of a batch: checked, and in the form that the emitted code takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.core.arrays import plain_array
from gradwright.errors import DataError
from gradwright.nn.losses import is_named, known_loss
from gradwright.nn.target_kinds import NUMBERS, TargetKind, entry, first

Array = Any

#: What words in an array may be meant as.
HINTS = {
    "X": "; categories become numbers from 0, which gw.embedding looks up",
    "y": "; class names become indices 0, 1, …",
}


def prepare_inputs(X: Any, features: int, dtype: Any = None) -> Array:
    """X as samples × features, contiguous; without `dtype`, float32 stays and the rest is float64.

    Raises:
        DataError: not two axes, another number of columns than the network has inputs, a value
            that is not a finite number.
    """
    array = real_numbers(X, "X")
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

    Class indices become one-hot rows, for a hinge loss rows of signs; rows of probabilities or of
    targets are taken as they are. For losses of numbers, and losses by formula, only whole-number
    types are class indices, so that targets given by mistake as one column are not.

    Raises:
        NetworkError: an unknown loss.
        DataError: no sample, a label out of range, rows that do not sum to one, a wrong count, NaN.
    """
    kind = target_kind(loss)
    array = real_numbers(y, "y")
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
        array = kind.of_labels(array, outputs, loss)
    if array.shape != (samples, outputs):
        raise DataError(
            "the targets y",
            f"y has shape {array.shape} and the network has {outputs} outputs",
            f"give class indices, or an array of shape ({samples}, {outputs})",
        )
    return _finite(kind.of_rows(array, loss), "y", dtype)


def target_kind(loss: str) -> TargetKind:
    """What a loss takes as targets; one by formula takes numbers.

    Raises:
        NetworkError: an unknown loss.
    """
    return known_loss(loss).targets if is_named(loss) else NUMBERS


def class_values(loss: str, targets: Array) -> tuple[float, float] | None:
    """The targets of a class that a sample is not of, and of its own; None if they are no classes.

    For losses of numbers the targets, samples × outputs, must tell.

    >>> class_values("hinge", np.array([[1.0]])), class_values("squared_error", np.array([[2.0]]))
    ((-1.0, 1.0), None)

    Raises:
        NetworkError: an unknown loss.
    """
    kind = target_kind(loss)
    if kind is not NUMBERS:
        return kind.classes
    pairs = ((0.0, 1.0), (-1.0, 1.0))
    return next((pair for pair in pairs if np.all(np.isin(targets, pair))), None)


def accuracy(
    predicted: Array,
    targets: Array,
    values: tuple[float, float] | None,
    weights: Array | None = None,
) -> float | None:
    """The share of samples whose class is right; None when the targets are no classes.

    `predicted` and `targets` are samples × outputs, `values` as `class_values` gives them. With
    `weights` it is the share of these. The class is the largest output; of a single output, whether
    it is at least in the middle of the two values.
    """
    if values is None or not np.all(np.isin(targets, values)):
        return None
    no, yes = values
    if targets.shape[1] == 1:
        right = ((predicted >= (no + yes) / 2) == (targets == yes))[:, 0]
    elif np.all(np.sum(targets == yes, axis=1) == 1):
        right = np.argmax(predicted, axis=1) == np.argmax(targets, axis=1)
    else:
        return None
    return float(np.average(right, weights=weights))


def sample_targets(loss: str, samples: int, outputs: int, generator: np.random.Generator) -> Array:
    """Random targets that fit a loss, samples × outputs.

    One-hot rows for losses of classes, zeros and ones for the binary ones, signs for hinge, counts
    for poisson, standard normal numbers for the others and for losses by formula.

    Raises:
        NetworkError: an unknown loss.
    """
    return target_kind(loss).draw(generator, (samples, outputs))


def real_numbers(values: Any, name: str) -> Array:
    """An array of real numbers, whatever their type."""
    array = plain_array(values, name, f"the array {name}", DataError)
    if array.dtype.kind in "biuf":
        return array
    clash = f"{name} has dtype {array.dtype} and real numbers are expected"
    row = None
    for place, value in np.ndenumerate(array):
        if not isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)):
            row = place[0] if place else None
            plain = value.item() if isinstance(value, np.generic) else value
            clash = f"{entry(name, place)} is {plain!r} and real numbers are expected"
            break
    raise DataError(
        f"the array {name}",
        clash,
        f"convert {name} to an array of numbers" + HINTS.get(name, ""),
        place=None if row is None else f"row {row}",
    )


def _finite(array: Array, name: str, dtype: Any) -> Array:
    """The array in a dtype, in which every value must be finite."""
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(array, dtype=dtype)
    bad = first(~np.isfinite(converted))
    if bad is not None:
        limit = np.finfo(converted.dtype).max
        raise DataError(
            f"the array {name}",
            f"{entry(name, bad)} is {array[bad]} and values must be finite numbers of "
            f"{converted.dtype}, from {-limit:.4g} to {limit:.4g}",
            "remove or replace missing and infinite values",
            place=f"row {bad[0]}",
        )
    return converted
