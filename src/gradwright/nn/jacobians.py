"""The two Jacobians of a layer at one sample, by its input and by its parameters, as linear maps.

For y = φ(Wᵀ x + b), with x and y as columns and D the Jacobian of φ, ∂y/∂x = D Wᵀ and
∂y/∂θ = D ([xᵀ 1] ⊗ I). The parameters θ are those of the flat vector: W in C order, then b.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gradwright.nn.kinds import Kind
from gradwright.nn.slopes import Slopes
from gradwright.run.linear_map import LinearMap
from gradwright.run.product_maps import Kronecker, Product
from gradwright.run.structured_maps import Dense, Diagonal, Outer
from gradwright.run.sum_maps import Sum

Array = Any


class LayerJacobians(NamedTuple):
    """∂y/∂x of shape (fan-out, fan-in), and ∂y/∂θ with a column for each parameter."""

    J_y: LinearMap
    J_theta: LinearMap

    def stacked(self) -> Array:
        """[J_y  J_θ] as one array, evaluated at the layer's input and parameters."""
        return np.hstack([self.J_y.dense(), self.J_theta.dense()])


def layer_jacobians(kind: Kind, x: Array, W: Array, b: Array | None) -> LayerJacobians:
    """The Jacobians of a layer of this kind at the input x, (fan-in,)."""
    z = W.T @ x if b is None else W.T @ x + b
    outer = _activation(kind, z)
    inputs = x if b is None else np.append(x, 1.0)
    by_parameters = Kronecker(Dense(inputs[None, :]), Diagonal(np.ones(len(z))))
    if outer is None:
        return LayerJacobians(Dense(W.T), by_parameters)
    return LayerJacobians(Product([outer, Dense(W.T)]), Product([outer, by_parameters]))


def _activation(kind: Kind, z: Array) -> LinearMap | None:
    """D at z; None for the identity, diag(s) − s sᵀ for the softmax."""
    activation = Slopes(kind.activation, kind.options)
    if activation.identity:
        return None
    if kind.activation == "softmax":
        values = activation.values(z[None, :])[0]
        column = values[:, None]
        return Sum([(1.0, Diagonal(values)), (-1.0, Outer(column, column))])
    slopes, blocks = activation.at(z[None, :])
    return Diagonal(slopes[0]) if blocks is None else Dense(blocks[0])
