"""Values of sums, means and the like, over one axis or over all entries."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.notation import matrices
from gradwright.notation.analytic import Array
from gradwright.notation.given import Value
from gradwright.notation.standardised import LENGTHS
from gradwright.notation.tree import Call


def axis_of(tree: Call, otherwise: int) -> int:
    """The axis that a call gives, or else this one."""
    return int(dict(tree.options).get("axis", otherwise))


def reduced(tree: Call, value: Value) -> Value:
    """A sum, mean or log-sum-exp over one axis, or over all entries."""
    reduce: Any = {
        "sum": _sum,
        "mean": _mean,
        "logsumexp": matrices.logsumexp,
        "max": matrices.largest,
        "min": matrices.smallest,
        **LENGTHS,
    }[tree.function]
    if tree.function in ("sum", "mean") and not tree.options:
        return Value(np.asarray(reduce(value.array.reshape(-1, 1), 0)), False, False)
    axis = axis_of(tree, -1 if value.columns else 0) % value.array.ndim
    found = np.asarray(reduce(value.array, axis, *eps_of(tree)))
    if found.ndim > 2:
        return Value(np.squeeze(found, axis), True, True)
    return Value(found, value.rows and axis == 1, value.columns and axis == 0)


def eps_of(tree: Call) -> tuple[float, ...]:
    """The eps that a call gives, if it gives one."""
    return tuple(float(value) for name, value in tree.options if name == "eps")


def _sum(array: Array, axis: int) -> Array:
    return np.asarray(np.sum(array, axis=axis, keepdims=True))


def _mean(array: Array, axis: int) -> Array:
    return np.asarray(_sum(array, axis) / array.shape[axis])
