"""Values as arrays: masks that an array would drop, and rows of unequal lengths, are refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.errors import GradwrightError

Array = Any


def plain_array(values: Any, name: str, asked: str, error: type[GradwrightError]) -> Array:
    """Values as an array, of whatever type their entries are.

    Raises:
        GradwrightError: of the class `error`; values are masked, or no array can be made of them.
    """
    # Masks take a while to load, and a plain array has none.
    masked = isinstance(values, np.ndarray) and type(values) is not np.ndarray
    if masked and np.ma.is_masked(values):
        # As an array it would show what lies under the mask.
        raise error(
            asked,
            f"{np.sum(np.ma.getmaskarray(values))} values of {name} are masked and every value is "
            "used",
            "fill in masked values, or leave them out",
        )
    try:
        return np.asarray(values)
    except (ValueError, TypeError) as fault:
        raise error(
            asked,
            f"{name} is no array: its rows have unequal lengths, or its parts are no numbers "
            f"({fault})",
            "give an array, or rows of equal length",
        ) from fault
