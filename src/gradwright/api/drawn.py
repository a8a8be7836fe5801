"""Random values for declared symbols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradwright.core.sizes import Lengths
from gradwright.notation.declarations import Declaration
from gradwright.ops.samples import draw


def drawn_value(
    declared: Declaration, sizes: Mapping[str, int], generator: np.random.Generator
) -> Any:
    """A value that has the declared facts; whole numbers for indices."""
    length = Lengths(sizes).length
    shape = tuple(map(length, declared.sizes))
    if declared.among is not None:
        return generator.integers(length(declared.among), size=shape)
    return draw(declared.kind, shape, declared.facts, generator)
