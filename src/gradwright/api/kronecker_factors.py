"""The Kronecker factors of a layer: what stands for its block of the Fisher matrix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from gradwright.errors import DomainError
from gradwright.nn.initialise import REAL
from gradwright.run.linear_map import LinearMap
from gradwright.run.product_maps import Kronecker, Product
from gradwright.run.structured_maps import Dense, Permutation
from gradwright.run.sum_maps import Sum

Array = Any


class KroneckerFactors(Struct, frozen=True, eq=False):
    """The pair (A, G) of a dense layer; unpacked it is `A, G = factors`.

    A = Σ a aᵀ / n over the samples, with a the input of the layer and behind it a 1 for the bias,
    of shape (fan-in + 1, fan-in + 1), or (fan-in, fan-in) without bias. G = Σ δ δᵀ / n, with δ the
    derivative of a sample's own loss by the layer's pre-activation, (fan-out, fan-out); with
    kind="true" the expectation of it over targets drawn from the model. Where samples have
    weights w both are weighted means, Σ w a aᵀ / Σ w. `place` is where the parameters of
    the layer are in `p.flat`.
    """

    A: Array
    G: Array
    weight: float
    bias: bool
    by_inputs: bool
    place: slice

    def __iter__(self) -> Iterator[Array]:
        return iter((self.A, self.G))

    @property
    def block(self) -> LinearMap:
        """The layer's block of the Fisher matrix as K-FAC takes it, in the order of `p.flat`.

        It is A ⊗ G where W stands as fan-in × fan-out (the layouts rows and transposed), n times
        that (or the sum of the weights) for reduction="sum", and the same with its rows and columns
        in another order where W is fan-out × fan-in. It has `solve`, which costs the two small
        systems.
        """
        made: LinearMap = Kronecker(Dense(self.A), Dense(self.G))
        if not self.by_inputs:
            turned = Permutation(self._order(), self.A.dtype)
            made = Product([turned.T, made, turned])
        return made if self.weight == 1 else Sum([(self.weight, made)])

    def damped(self, strength: float) -> KroneckerFactors:
        """(A + π √λ I, G + √λ/π I), λ the strength and π² the mean of diag A by that of diag G.

        Their product approximates A ⊗ G + λ I and is never singular (Martens and Grosse 2015,
        section 6.3).

        Raises:
            DomainError: the strength is no positive finite number.
        """
        number = isinstance(strength, REAL) and not isinstance(strength, bool)
        if not number or not 0 < strength < np.inf:
            raise DomainError(
                "damping Kronecker factors",
                f"the strength is {strength!r}, and a positive finite number is added",
                "give a strength such as 0.01",
            )
        means = [float(np.trace(part)) / len(part) for part in self]
        balance = float(np.sqrt(means[0] / means[1])) if min(means) > 0 else 1.0
        root = float(np.sqrt(strength))
        A = self.A + np.asarray(balance * root, self.A.dtype) * np.eye(len(self.A))
        G = self.G + np.asarray(root / balance, self.G.dtype) * np.eye(len(self.G))
        kind = self.A.dtype
        return replace(self, A=A.astype(kind), G=G.astype(kind))

    def _order(self) -> Array:
        """For each entry in the order fan-in × fan-out, its place in the flat vector."""
        rows, columns = len(self.A), len(self.G)
        flat = np.arange(rows * columns)
        inputs = rows - self.bias
        weights = flat[: inputs * columns].reshape(columns, inputs).T
        return np.concatenate([weights.ravel(), flat[inputs * columns :]])
