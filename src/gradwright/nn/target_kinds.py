"""What a loss takes as targets: how labels become rows, what rows must hold, how to draw them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.errors import DataError

Array = Any

#: How far the probabilities of a row may sum from one.
ROW_SUM = 1e-6


class TargetKind(Struct, frozen=True):
    """A kind of targets.

    `of_labels` makes of one target for each sample, and the number of outputs, an array that is
    samples × outputs where that is possible. `of_rows` checks rows, named as of the loss, and gives
    them as the loss takes them. `draw` gives random ones for (samples, outputs). `facts` say the
    same of random numbers and of random whole numbers, as in a declaration, or are "". `classes`
    are the targets of a class that a sample is not of, and of its own; None where targets are none.
    """

    of_labels: Callable[[Array, int, str], Array]
    of_rows: Callable[[Array, str], Array]
    draw: Callable[[np.random.Generator, tuple[int, int]], Array]
    facts: tuple[str, str] = ("", "")
    classes: tuple[float, float] | None = (0.0, 1.0)


def one_hot(labels: Array, classes: int, loss: str = "") -> Array:
    """Rows with a 1 at the label, of length `classes`.

    Raises:
        DataError: a label that is no whole number below `classes`.
    """
    # Compared as they are: a float holds no integer above 2**53 exactly.
    wrong = (labels < 0) | (labels >= classes)
    if labels.dtype.kind == "f":
        wrong |= labels != np.floor(labels)
    bad = first(wrong)
    if bad is not None:
        raise DataError(
            "the class labels y",
            f"{entry('y', bad)} is {labels[bad]} and labels are the whole numbers 0 to "
            f"{classes - 1}, one for each of the {classes} outputs",
            "number the classes from 0, or give the network as many outputs as classes",
            place=f"row {bad[0]}",
        )
    rows = np.zeros((len(labels), classes))
    rows[np.arange(len(labels)), labels.astype(np.int64)] = 1
    return rows


def _of_numbers(labels: Array, outputs: int, loss: str) -> Array:
    """Numbers for one output; only whole-number types are class indices of several."""
    if outputs > 1:
        return one_hot(labels, outputs) if labels.dtype.kind in "iu" else labels
    return labels[:, None]


def _of_binary_labels(labels: Array, outputs: int, loss: str) -> Array:
    """Labels 0 and 1 for one output, class indices for several."""
    if outputs > 1:
        return one_hot(labels, outputs)
    bad = first((labels != 0) & (labels != 1))
    if bad is not None:
        raise DataError(
            f"the labels y of a {_said(loss)}",
            f"{entry('y', bad)} is {labels[bad]} and labels are 0 or 1",
            "give labels 0 and 1; probabilities go into an array of shape (samples, 1)",
            place=f"row {bad[0]}",
        )
    return labels[:, None]


def _of_signs(labels: Array, outputs: int, loss: str) -> Array:
    """Signs for one output, class indices for several."""
    return 2 * one_hot(labels, outputs) - 1 if outputs > 1 else labels[:, None]


def _any(rows: Array, loss: str) -> Array:
    return rows


def _probabilities(rows: Array, loss: str) -> Array:
    instead = "give class indices, one-hot rows or rows of probabilities"
    _require(rows, rows >= 0, loss, "probabilities lie between 0 and 1", instead)
    sums = rows.sum(axis=1, dtype=np.float64)
    wrong = first(np.abs(sums - 1) > ROW_SUM)
    if wrong is not None:
        raise DataError(
            f"the targets y of a {_said(loss)}",
            f"row {wrong[0]} of y sums to {sums[wrong]:.9g} and each row must hold probabilities "
            f"that sum to 1 within {ROW_SUM:g}",
            instead,
            place=f"row {wrong[0]}",
        )
    return rows


def _one_class(rows: Array, loss: str) -> Array:
    instead = "give class indices or one-hot rows"
    said = "each row must have a single 1 and else 0"
    _require(rows, (rows == 0) | (rows == 1), loss, said, instead)
    return _probabilities(rows, loss)


def _unit(rows: Array, loss: str) -> Array:
    right = (rows >= 0) & (rows <= 1)
    said = "targets lie between 0 and 1"
    return _require(rows, right, loss, said, "give labels 0 and 1, or probabilities")


def _counts(rows: Array, loss: str) -> Array:
    said = "counts are not negative"
    return _require(rows, rows >= 0, loss, said, "give counts, or use another loss")


def _signs(rows: Array, loss: str) -> Array:
    """-1 and 1; 0 and 1 are the same labels where no -1 is among them."""
    if np.all((rows == 0) | (rows == 1)):
        return 2.0 * rows - 1
    right = (rows == 1) | (rows == -1)
    return _require(rows, right, loss, "targets are -1 or 1, or all of them 0 or 1", "give signs")


def _require(rows: Array, right: Array, loss: str, said: str, instead: str) -> Array:
    """The rows, if all entries are right."""
    bad = first(~right)
    if bad is not None:
        raise DataError(
            f"the targets y of a {_said(loss)}",
            f"{entry('y', bad)} is {rows[bad]} and {said}",
            instead,
            place=f"row {bad[0]}",
        )
    return rows


def _said(loss: str) -> str:
    return {"cross_entropy": "cross-entropy", "binary_cross_entropy": "binary cross-entropy"}.get(
        loss, f"{loss} loss"
    )


def first(wrong: Array) -> tuple[int, ...] | None:
    """The first place where `wrong` is true."""
    if not wrong.any():
        return None
    return tuple(int(k) for k in np.unravel_index(int(np.argmax(wrong)), wrong.shape))


def entry(name: str, place: tuple[int, ...]) -> str:
    """An entry of an array in words, such as y[2, 0]."""
    return f"{name}[{', '.join(map(str, place))}]" if place else name


def _draw_class(generator: np.random.Generator, shape: tuple[int, int]) -> Array:
    return one_hot(generator.integers(shape[1], size=shape[0]), shape[1])


def _draw_labels(generator: np.random.Generator, shape: tuple[int, int]) -> Array:
    return generator.integers(2, size=shape).astype(np.float64)


NUMBERS = TargetKind(_of_numbers, _any, lambda g, shape: g.standard_normal(shape))
CLASSES = TargetKind(one_hot, _probabilities, _draw_class, ("sum1", "onehot"))
ONE_CLASS = TargetKind(one_hot, _one_class, _draw_class, ("onehot", "onehot"))
UNIT = TargetKind(_of_binary_labels, _unit, _draw_labels, ("unit", "binary"))
COUNTS = TargetKind(
    _of_numbers, _counts, lambda g, s: g.poisson(2.0, s).astype(np.float64), classes=None
)
SIGNS = TargetKind(
    _of_signs,
    _signs,
    lambda g, s: 2 * _draw_labels(g, s) - 1,
    ("signs", "signs"),
    classes=(-1.0, 1.0),
)
