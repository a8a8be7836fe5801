"""Singular values of products in arithmetic of many digits: the oracle of the spectra."""

from __future__ import annotations

from collections.abc import Sequence

import mpmath
import numpy as np


def log_singular_values(factors: Sequence[np.ndarray], digits: int) -> np.ndarray:
    """Natural logarithms by mpmath, minus infinity below the last digits."""
    with mpmath.workdps(digits):
        product = mpmath.matrix(factors[0].tolist())
        for factor in factors[1:]:
            product = mpmath.matrix(factor.tolist()) * product
        values = mpmath.svd_r(product, compute_uv=False)
        floor = max(values) * mpmath.mpf(10) ** (10 - digits)
        return np.array([float(mpmath.log(v)) if v > floor else -np.inf for v in values])
