"""The derivative of an activation as numbers, from the operation's own rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.calculus.modes import reverse
from gradwright.core.graph import Graph
from gradwright.nn.activations import Options, activation_text
from gradwright.notation.declarations import declare
from gradwright.notation.lower import lower
from gradwright.notation.parser import parse
from gradwright.notation.shapes import infer
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS
from gradwright.simplify.field import evaluate

Array = Any


def is_elementwise(activation: str) -> bool:
    """Whether the Jacobian of an activation is diagonal."""
    return activation == "identity" or isinstance(OPERATIONS[activation], Elementwise)


def activation_values(activation: str, options: Options, Z: Array) -> Array:
    """The activation of every row of Z."""
    if activation == "identity":
        return Z
    graph = Graph()
    symbols = {"Z": declare("Z", "matrix m n")}
    tree = parse(activation_text(activation, options))
    node = lower(tree, infer(tree, symbols), graph).value.node
    return evaluate(node, {"Z": Z}, {"m": Z.shape[0], "n": Z.shape[1]})


def activation_slopes(activation: str, options: Options, Z: Array) -> tuple[Array, Array | None]:
    """(A'(z), None) for each row z of Z, shape (samples, units), or the diagonals and the blocks.

    The blocks are the Jacobians of an activation that couples its entries, of shape
    (samples, units, units).
    """
    if activation == "identity":
        return np.ones_like(Z), None
    graph = Graph()
    symbols = {"z": declare("z", "vector n")}
    tree = parse(activation_text(activation, options, argument="z"))
    node = lower(tree, infer(tree, symbols), graph).value.node
    variable = graph.variable("z", ("n",))
    if is_elementwise(activation):
        # The gradient of the sum of all entries holds the slopes.
        slope = reverse(graph, graph.total(node), [variable])[variable]
        flat = evaluate(slope, {"z": Z.reshape(-1)}, {"n": Z.size})
        return np.broadcast_to(flat, (Z.size,)).reshape(Z.shape), None
    jacobian = reverse(graph, node, [variable])[variable]
    blocks = np.stack([evaluate(jacobian, {"z": z}, {"n": len(z)}) for z in Z])
    return np.diagonal(blocks, axis1=1, axis2=2).copy(), blocks
