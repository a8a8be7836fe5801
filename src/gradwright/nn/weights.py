"""Weights of samples and of classes: how much each sample counts in the loss."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gradwright.errors import DataError
from gradwright.nn.embedding import require_codes
from gradwright.nn.target_kinds import entry, first
from gradwright.nn.targets import prepare_inputs, prepare_targets, real_numbers

if TYPE_CHECKING:
    from gradwright.nn.network import NetworkModel

Array = Any

#: In place of a weight for each class: such that all classes count the same.
BALANCED = "balanced"


def prepare_samples(
    model: NetworkModel,
    dtype: Any,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    class_weight: Any = None,
) -> tuple[Array, ...]:
    """Inputs and targets of the samples that count, and where weights are given these, checked.

    Raises:
        DataError: they do not fit the network, or each other.
    """
    inputs = prepare_inputs(X, model.widths[0], dtype=dtype)
    require_codes(model.layers[0], X)
    targets = prepare_targets(y, model.widths[-1], model.loss, len(inputs), dtype)
    if sample_weight is None and class_weight is None:
        return inputs, targets
    weights = np.ones(len(inputs)) if sample_weight is None else sample_weight
    weights = prepare_weights(weights, len(inputs), model.reduction, np.float64)
    of = "samples"
    if class_weight is not None:
        of, weights = "classes", class_weights(class_weight, targets, weights)
    weights = prepare_weights(weights, len(inputs), model.reduction, dtype, of)
    kept = weights > 0
    arrays = (inputs, targets, weights)
    # A sample that does not count must not count in a batch either.
    return arrays if np.all(kept) else tuple(array[kept] for array in arrays)


def prepare_weights(
    sample_weight: Any, samples: int, reduction: str, dtype: Any, of: str = "samples"
) -> Array:
    """Weights as a vector of n numbers from 0, of which one at least is above.

    `of` is "classes" where their weights are in them: then an error speaks of these. A mean does
    not change with the unit of weights: there they are divided by a power of two, so that they fit
    any dtype and keep their digits.

    Raises:
        DataError: another shape; a weight that is negative or not finite, or no weight above 0.
    """
    found = _vector(sample_weight, samples)
    weights = found.astype(np.float64)
    asked = f"the weights of {of}"
    name = "sample_weight" if of == "samples" else "class_weight for sample"
    bad = first(~(np.isfinite(weights) & (weights >= 0)))
    if bad is not None:
        raise DataError(
            asked,
            f"{entry(name, bad)} is {found[bad]} and weights are finite numbers from 0",
            "give weights from 0; a sample with weight 0 is left out",
            place=f"row {bad[0]}",
        )
    positive = weights > 0
    largest = float(np.max(weights, initial=0.0))
    if largest > 0 and reduction == "mean":
        weights = np.ldexp(weights, -int(np.frexp(largest)[1]))
    with np.errstate(over="ignore", under="ignore"):
        converted = weights.astype(dtype)
        total = float(np.sum(converted))
    if not 0 < total < np.inf:
        raise DataError(
            asked,
            f"those of the samples sum to {total:g} in {np.dtype(dtype)} and the loss needs a "
            "finite number above 0",
            f"give at least one of the {of} a weight above 0, and none a weight that overflows",
        )
    lost = first(positive & (converted < np.finfo(converted.dtype).tiny))
    if lost is not None:
        raise DataError(
            asked,
            f"{entry(name, lost)} is {found[lost]} beside {largest}, which are too far apart for "
            f"{converted.dtype}",
            "give what does not count the weight 0",
            place=f"row {lost[0]}",
        )
    return converted


def _vector(sample_weight: Any, samples: int) -> Array:
    """One real number for each sample."""
    if isinstance(sample_weight, str):
        raise DataError(
            "the weights of samples",
            f"sample_weight is {sample_weight!r} and a weight for each sample is needed",
            f"give {samples} weights"
            + ('; class_weight="balanced" is for classes' if sample_weight == BALANCED else ""),
        )
    found = real_numbers(sample_weight, "sample_weight")
    if found.shape != (samples,):
        raise DataError(
            "the weights of samples",
            f"sample_weight has shape {found.shape} and X has {samples} samples",
            f"give {samples} weights",
        )
    return found


def class_weights(class_weight: Any, targets: Array, own: Array) -> Array:
    """The weight of each sample's class, times its own weight.

    Args:
        class_weight: a weight for each class index, 1 for those left out; or "balanced": the
            weight n/(k n_c) for a class with n_c of the n samples of k classes, counted with
            their own weights.
        targets: the targets of the loss, samples × outputs: one-hot rows, or for one output 0 and
            1, or signs.
        own: the samples' own weights.

    Raises:
        DataError: targets that are no classes; a weight of a class that there is not.
    """
    labels = _labels(targets)
    classes = max(2, targets.shape[1])
    if isinstance(class_weight, Mapping):
        of_class = np.ones(classes)
        for label, weight in class_weight.items():
            whole = isinstance(label, (int, np.integer)) and not isinstance(label, bool)
            if not whole or not 0 <= label < classes:
                raise DataError(
                    "the weights of classes",
                    f"class_weight has {label!r} and the classes are the whole numbers 0 to "
                    f"{classes - 1}",
                    "give a weight for some of those",
                )
            of_class[label] = _weight(label, weight)
        return _times(own, of_class[labels])
    if not isinstance(class_weight, str) or class_weight != BALANCED:
        raise DataError(
            "the weights of classes",
            f"class_weight is {class_weight!r} and a weight for each class is needed",
            'give a dictionary such as {0: 1, 1: 5}, or class_weight="balanced"',
        )
    counts = np.bincount(labels, weights=own, minlength=classes)
    there = counts > 0
    of_class = np.zeros(classes)
    of_class[there] = np.sum(counts) / (np.sum(there) * counts[there])
    return _times(own, of_class[labels])


def _times(own: Array, of_class: Array) -> Array:
    """Both weights of each sample multiplied, if no product is lost.

    Raises:
        DataError: one is 0 in float64, and neither weight is.
    """
    with np.errstate(over="ignore", under="ignore"):
        product = np.asarray(own * of_class)
    lost = first((product == 0) & (own > 0) & (of_class > 0))
    if lost is not None:
        raise DataError(
            "the weights of classes",
            f"class_weight for sample[{lost[0]}] is {of_class[lost]}, which times the sample's own "
            f"weight {own[lost]} is 0 in float64",
            "give what does not count the weight 0, and weights that are nearer to each other",
            place=f"row {lost[0]}",
        )
    return product


def _weight(label: int, weight: Any) -> float:
    number = isinstance(weight, int | float | np.integer | np.floating)
    # A whole number beyond all floats is not finite either.
    if not number or isinstance(weight, bool) or not 0 <= weight <= sys.float_info.max:
        raise DataError(
            "the weights of classes",
            f"class_weight[{label}] is {weight!r} and weights are finite numbers from 0",
            "give a number from 0",
        )
    return float(weight)


def _labels(targets: Array) -> Any:
    """The class of each sample; of two, where there is one output."""
    if targets.shape[1] == 1:
        column = targets[:, 0]
        bad = first((column != 1) & (column != (-1 if np.any(column == -1) else 0)))
        labels = (column > 0).astype(np.int64)
    else:
        high = targets == np.max(targets, axis=1, keepdims=True)
        rest = (targets == 0) | (targets == -1)
        one = (np.count_nonzero(high, axis=1) == 1) & np.all(rest | high, axis=1)
        bad = first(~(one & (np.max(targets, axis=1) == 1)))
        labels = np.argmax(targets, axis=1)
    if bad is not None:
        raise DataError(
            "the weights of classes",
            f"the target of sample {bad[0]} is {targets[bad[0]]} and no class",
            "give class indices as targets, or weights of samples instead",
            place=f"row {bad[0]}",
        )
    return labels
