"""An activation and its derivative as numbers, from the operation's own rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.calculus.modes import reverse
from gradwright.core.graph import Graph
from gradwright.nn.activations import ACTIVATIONS, Options, activation_text
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
    function = ACTIVATIONS[activation].function
    return not function or isinstance(OPERATIONS[function], Elementwise)


class Slopes:
    """An activation, derived once: its values and its Jacobians at the rows of Z."""

    def __init__(self, activation: str, options: Options = ()) -> None:
        self.identity = activation == "identity"
        self.elementwise = is_elementwise(activation)
        if self.identity:
            return
        graph = Graph()
        symbols = {"z": declare("z", "vector n")}
        tree = parse(activation_text(activation, options, argument="z"))
        self._value = lower(tree, infer(tree, symbols), graph).value.node
        variable = graph.variable("z", ("n",))
        # The gradient of the sum of all entries holds the slopes of an elementwise activation.
        of = graph.total(self._value) if self.elementwise else self._value
        self._derivative = reverse(graph, of, [variable])[variable]

    def values(self, Z: Array) -> Array:
        """A(Z), row by row."""
        if self.identity:
            return Z
        if self.elementwise:
            return self._flat(self._value, Z)
        return np.stack([evaluate(self._value, {"z": z}, {"n": len(z)}) for z in Z])

    def at(self, Z: Array) -> tuple[Array, Array | None]:
        """(A'(z), None) for each row z of Z, shape (samples, units), or the diagonals and blocks.

        The blocks are the Jacobians of an activation that couples its entries, of shape
        (samples, units, units).
        """
        if self.identity:
            return np.ones_like(Z), None
        if self.elementwise:
            return self._flat(self._derivative, Z), None
        found = [evaluate(self._derivative, {"z": z}, {"n": len(z)}) for z in Z]
        blocks = np.stack(found)
        return np.diagonal(blocks, axis1=1, axis2=2).copy(), blocks

    def _flat(self, node: Any, Z: Array) -> Array:
        flat = evaluate(node, {"z": Z.reshape(-1)}, {"n": Z.size})
        return np.broadcast_to(flat, (Z.size,)).reshape(Z.shape)
