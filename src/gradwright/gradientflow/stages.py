"""A model as gradient flow sees it: stages in a row, each a local linear map at every sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

Array = Any


class Stage(Struct, frozen=True, eq=False):
    """A layer y = A(w x + b) with its Jacobian J = D w at each of the samples.

    `weight` is w, of shape (fan-out, fan-in). For an elementwise activation D = diag(A'(z)), and
    `slopes` holds A'(z), of shape (samples, fan-out). For one that couples its entries, such as
    softmax, `blocks` holds D, of shape (samples, fan-out, fan-out), and `slopes` its diagonals.
    `bound` is the least upper bound of the spectral norm of D, over all z; `saturates` says that A
    is bounded and elementwise, so that its slope tends to zero on both sides.

    A layer that is no activation of an affine map has the identity as w and J itself as D, of
    shape (samples, fan-out, fan-in), and an infinite `bound` where none is known.
    """

    name: str
    activation: str
    weight: Array
    slopes: Array
    bound: float
    blocks: Array | None = None
    saturates: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """(fan-out, fan-in)."""
        rows, columns = self.weight.shape
        return (rows if self.blocks is None else self.blocks.shape[1]), columns

    @property
    def samples(self) -> int:
        """How many samples the slopes are for."""
        return len(self.slopes)

    def jacobian(self, sample: int) -> Array:
        """∂y/∂x at a sample, of shape (fan-out, fan-in)."""
        if self.blocks is not None:
            return self.blocks[sample] @ self.weight
        return self.slopes[sample][:, None] * self.weight

    def slope_norm(self, sample: int) -> float:
        """‖D‖₂ at a sample; for an elementwise activation max |A'(z)|."""
        if self.blocks is not None:
            return float(np.linalg.norm(self.blocks[sample], 2))
        return float(np.max(np.abs(self.slopes[sample])))

    def jvp(self, tangents: Array) -> Array:
        """J v for a tangent v of each sample: (samples, fan-in) to (samples, fan-out)."""
        moved = tangents @ self.weight.T
        if self.blocks is not None:
            return np.einsum("sij,sj->si", self.blocks, moved)
        return self.slopes * moved

    def through_activation(self, cotangents: Array) -> Array:
        """Dᵀ u for a cotangent u of each sample, of shape (samples, fan-out) like the result."""
        if self.blocks is not None:
            return np.einsum("sij,si->sj", self.blocks, cotangents)
        return self.slopes * cotangents

    def vjp(self, cotangents: Array) -> Array:
        """Jᵀ u for a cotangent u of each sample: (samples, fan-out) to (samples, fan-in)."""
        return self.through_activation(cotangents) @ self.weight
