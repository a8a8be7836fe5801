"""The Jacobians of layers by formula: derived once for each formula, from its text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from gradwright.api.derivation import Derivation
from gradwright.api.formula import Formula, formula
from gradwright.core.graph import Graph
from gradwright.core.nodes import Function, Options, variables
from gradwright.errors import UnsupportedError
from gradwright.nn.jacobians import LayerJacobians
from gradwright.nn.layer import Layer
from gradwright.nn.layer_formula import LayerFormula
from gradwright.nn.parameters import Parameters
from gradwright.notation.declarations import AnyDeclaration, Declaration
from gradwright.notation.function_values import Smooth
from gradwright.notation.lower import lower
from gradwright.notation.parser import parse
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.tree import Symbol, Transpose, Tree
from gradwright.render.plain import plain_text
from gradwright.run.blocks import Beside
from gradwright.run.linear_map import LinearMap
from gradwright.run.product_maps import Product
from gradwright.run.structured_maps import Dense

Array = Any
Values = Mapping[str, Array]


class FormulaMaps:
    """A layer by formula with its local Jacobians, at one sample at a time.

    `values` has the parameters by letter, and functions for abstract ones: `values_of`. A layer
    that ends with an activation is z = …, a = φ(z), and its Jacobians are those of φ times those
    of z. Each is derived on first use.
    """

    def __init__(self, layer: LayerFormula) -> None:
        self.layer = layer
        self.parameters = tuple(declared.name for declared in layer.parameters)
        self._functions: dict[str, AnyDeclaration] = {d.name: d for d in layer.functions}

    @cached_property
    def inner(self) -> Formula:
        """z, or a where there is no z, in the layer's input and parameters.

        Raises:
            UnsupportedError: the input has codes of categories.
        """
        layer = self.layer
        if layer.codes:
            raise UnsupportedError(
                f"the Jacobians of the layer {layer.text}",
                "its inputs have codes of categories, by which there is no derivative",
                "look at the layers behind it, with its outputs as inputs",
            )
        known = self._functions | {d.name: _turned(d) for d in layer.parameters}
        known[layer.input] = Declaration(layer.input, "vector", (layer.inputs,))
        # Weights are turned, so that a Jacobian's columns follow their C order.
        turned = frozenset(d.name for d in layer.parameters if d.kind == "matrix")
        text = layer.sample[0][1]
        return formula(plain_text(_with_turned(parse(text), turned)), **known)

    @cached_property
    def activation(self) -> Formula | None:
        """a in z, where the layer ends with an activation."""
        outer = Declaration("z", "vector", (self.layer.outputs,))
        endings = self.layer.sample[1:]
        known = {**self._functions, "z": outer}
        return formula(endings[0][1], **known) if endings else None

    @cached_property
    def by_input(self) -> Derivation:
        """∂z/∂x, or ∂a/∂x where there is no z."""
        return self.inner.jacobian(self.layer.input)

    @cached_property
    def by_parameter(self) -> dict[str, Derivation]:
        """∂z/∂θ for each parameter θ."""
        return {name: self.inner.jacobian(name) for name in self.parameters}

    @cached_property
    def of_activation(self) -> Derivation | None:
        """∂a/∂z, or None where there is no z."""
        return None if self.activation is None else self.activation.jacobian("z")

    @cached_property
    def options(self) -> Options:
        """The options of the activation that the layer ends with."""
        if self.activation is None:
            return ()
        node = lower(self.activation.tree, self.activation.scope, Graph()).value.node
        return node.options if isinstance(node, Function) else ()

    @cached_property
    def is_affine(self) -> bool:
        """Whether ∂z/∂x is the same at every x, as it is printed."""
        (printed,) = self.by_input.printed.values()
        return all(v.name != self.layer.input for v in variables(printed.node))

    def jacobians(self, x: Array, values: Values) -> LayerJacobians:
        """J_y and J_θ as structured maps, at a sample and parameters by letter."""
        point = self._point(x, values)
        outer = self._outer(point)
        blocks = [d.operator(**self._used(d, point)) for d in self.by_parameter.values()]
        by_input = self.by_input.operator(**self._used(self.by_input, point))
        by_parameters = Beside(blocks) if blocks else Dense(np.zeros((by_input.shape[0], 0)))
        if outer is None:
            return LayerJacobians(by_input, by_parameters)
        if not blocks:
            return LayerJacobians(Product([outer, by_input]), by_parameters)
        return LayerJacobians(Product([outer, by_input]), Product([outer, by_parameters]))

    def values(self, x: Array, values: Values) -> tuple[Array | None, Array]:
        """(z, a) at a sample; no z where the layer does not end with an activation."""
        point = self._point(x, values)
        first = np.asarray(self.inner(**self._used(self.inner, point)))
        if self.activation is None:
            return None, first
        used = self._used(self.activation, {**point, "z": first})
        return first, np.asarray(self.activation(**used))

    def weight(self, x: Array, values: Values) -> Array:
        """∂z/∂x at a sample: (outputs, inputs), the same for all where the layer `is_affine`."""
        return self.by_input.operator(**self._used(self.by_input, self._point(x, values))).dense()

    def dense(self, x: Array, values: Values) -> Array:
        """∂a/∂x at a sample: (outputs, inputs)."""
        return self.jacobians(x, values).J_y.dense()

    def _outer(self, point: Values) -> LinearMap | None:
        if self.of_activation is None:
            return None
        z = self.inner(**self._used(self.inner, point))
        return self.of_activation.operator(**self._used(self.of_activation, {**point, "z": z}))

    def _point(self, x: Array, values: Values) -> dict[str, Array]:
        turned = {
            name: value if isinstance(value, Smooth) else np.asarray(value).T
            for name, value in values.items()
        }
        return {**turned, self.layer.input: np.asarray(x)}

    def _used(self, of: Derivation | Formula, point: Values) -> dict[str, Array]:
        """The values that a formula or its derivation takes."""
        return {x: point[x] for x in (*of.scope.symbols, *of.scope.functions) if x in point}


def values_of(layer: Layer, number: int, p: Parameters) -> dict[str, Any]:
    """The parameters of a layer by formula by letter, and what is given for its functions."""
    return {**p.of_layer(number), **{name: Smooth(call) for name, call in layer.functions}}


def _turned(declared: Declaration) -> Declaration:
    return Declaration(declared.name, declared.kind, declared.sizes[::-1])


def _with_turned(tree: Tree, names: frozenset[str]) -> Tree:
    """The tree with the transposes of these matrices in their place."""

    def change(part: Tree) -> Tree:
        return Transpose(part) if isinstance(part, Symbol) and part.name in names else part

    return rebuilt(tree, change)
