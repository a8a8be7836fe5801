"""The two Jacobians of a layer at one sample: by its input, and by its parameters.

For y = φ(Wᵀ x + b), with x and y as columns, J_y = ∂y/∂x has shape (fan-out, fan-in). J_θ has a
column for each parameter of the layer in the order of the flat vector: W in C order, then b.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from gradwright.calculus.modes import reverse
from gradwright.core.graph import Graph
from gradwright.emit.numpy import formula_module
from gradwright.nn.activations import activation_text
from gradwright.nn.kinds import Kind
from gradwright.notation.declarations import declare
from gradwright.notation.lower import lower
from gradwright.notation.parser import parse
from gradwright.notation.shapes import infer
from gradwright.program.build import build_function
from gradwright.run.load import load
from gradwright.simplify.readable import simplified

Array = Any

LETTERS = {"x": "vector p", "W": "matrix p q", "b": "vector q"}


def layer_module(kind: Kind) -> ModuleType:
    """A module with `jacobians(x, W[, b])`, derived from the kind's formula for one sample."""
    letters = {k: v for k, v in LETTERS.items() if kind.bias or k != "b"}
    affine = "W'*x + b" if kind.bias else "W'*x"
    text = activation_text(kind.activation, kind.options, argument=affine)
    symbols = {name: declare(name, given) for name, given in letters.items()}
    graph = Graph()
    node = lower(parse(text), infer(parse(text), symbols, text), graph).value.node
    inputs = [graph.variable(name, symbols[name].sizes) for name in letters]
    found = reverse(graph, node, inputs)
    outputs = [(v.name, simplified(graph, found[v])) for v in inputs]
    function = build_function("jacobians", inputs, outputs)
    return load(formula_module(function, "The Jacobians of a layer at one sample.", ()))


def layer_jacobians(kind: Kind, x: Array, W: Array, b: Array | None) -> tuple[Array, Array]:
    """(J_y, J_θ) of a layer of this kind at the input x."""
    arguments = (x, W) if b is None else (x, W, b)
    by_input, by_weights, *by_bias = layer_module(kind).jacobians(*arguments)
    outputs = by_weights.shape[0]
    blocks = [by_weights.reshape(outputs, -1), *by_bias]
    return by_input, np.concatenate(blocks, axis=1)
