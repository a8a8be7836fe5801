"""From the matrix d vec(Y)/d vec(X)' back to the axes of Y and X."""

from __future__ import annotations

import numpy as np

from gradwright.api.derivation import Derivation


def unstacked(value: np.ndarray, derived: Derivation, shape: tuple[int, ...]) -> np.ndarray:
    """A printed matrix with the axes `shape` of the derivative, those of Y and then of X.

    Both sides are stacked by columns, so the second axis of a matrix is the outer one. With two
    axes or fewer the printed matrix is the derivative itself.
    """
    if len(shape) <= 2:
        return value.reshape(shape)
    (key,) = derived.printed
    columns = len(derived.scope.symbols[key.split(",")[-1]].sizes)
    rows = len(shape) - columns
    order = (*reversed(range(rows)), *reversed(range(rows, len(shape))))
    return value.reshape([shape[axis] for axis in order]).transpose(np.argsort(order))
