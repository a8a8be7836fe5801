"""A network that runs by its derivation: every line is evaluated by the notation's own evaluator.

Layers with abstract functions have no code of their own. With functions given for them, their lines
have numbers; this module offers what an emitted module offers, one line after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.calculus.pullback import adjoint_name
from gradwright.errors import SymbolError
from gradwright.nn.derive import DerivedKind
from gradwright.nn.embedding import codes_of
from gradwright.nn.layer import Layer
from gradwright.nn.letters import names_of
from gradwright.notation.reference import Evaluator
from gradwright.notation.shapes import infer
from gradwright.notation.supplied import Supplied
from gradwright.notation.tree import Tree

Array = Any
Values = dict[str, Array]


class Buffers:
    """Nothing is kept between calls; emitted modules have buffers."""

    def __init__(self, samples: int, dtype: Any) -> None:
        self.samples = samples
        self.dtype = dtype


class _Line(Struct, frozen=True):
    """`name := tree` in the letters of a kind."""

    name: str
    evaluate: Evaluator

    def value(self, known: Mapping[str, Any], sizes: Mapping[str, int]) -> Array:
        scope = self.evaluate.scope
        used = {name: known[name] for name in (*scope.symbols, *scope.functions)}
        lengths = {size: sizes[size] for size in scope.sizes if size in sizes}
        return self.evaluate(used | lengths)


class LineModule:
    """The functions of an emitted module, for layers of which some have abstract functions.

    Args:
        layers: the layers.
        derived: what is derived of the kind of each layer.
        single: whether the lines are for one sample, or for a batch of rows.
        reduction: "mean" or "sum", over samples.
        functions: for each layer its abstract functions by name.

    Where the loss has weights of samples, functions take them behind Y, as an emitted module does.
    """

    Buffers: Callable[[int, Any], Any] = Buffers

    def __init__(
        self,
        layers: Sequence[Layer],
        derived: Sequence[DerivedKind],
        single: bool,
        reduction: str,
        functions: Sequence[Mapping[str, Supplied]],
    ) -> None:
        self.layers = tuple(layers)
        self.single = single
        self.reduction = reduction
        self.functions = tuple(functions)
        self.WIDTHS = (layers[0].fan_in, *(layer.fan_out for layer in layers))
        self.PARAMETERS = sum(layer.size for layer in layers)
        kinds = {found.kind: found for found in derived}
        lines = {
            kind: (_forward(found, single), _backward(found, single))
            for kind, found in kinds.items()
        }
        self._lines = [lines[found.kind] for found in derived]
        self._weights = derived[-1].kind.weights

    def unpack(self, parameters: Array) -> list[Values]:
        """Views into the flat vector: for each layer a dictionary of its parameters."""
        found, start = [], 0
        for layer in self.layers:
            views = {}
            for letter, shape in layer.parameters:
                size = prod(shape)
                views[letter] = parameters[start : start + size].reshape(shape)
                start += size
            found.append(views)
        return found

    def forward(self, parameters: Array, X: Array, buffers: Any = None) -> list[Array]:
        """The activations A1, ..., AL of samples × features."""
        held = self.unpack(parameters)
        if not self.single:
            return [values["A"] for values in self._forward(held, X, {})]
        runs = [[values["A"] for values in self._forward(held, x, {})] for x in X]
        if not runs:
            return [np.zeros((0, width), parameters.dtype) for width in self.WIDTHS[1:]]
        return [np.stack(rows) for rows in zip(*runs, strict=True)]

    def predict(self, parameters: Array, X: Array, buffers: Any = None) -> Array:
        """The last activation, of shape (samples, outputs)."""
        return self.forward(parameters, X)[-1]

    def loss(self, parameters: Array, X: Array, Y: Array, *more: Any) -> float:
        """The loss of a batch."""
        held = self.unpack(parameters)
        if not self.single:
            return float(self._forward(held, X, self._targets(Y, more))[-1]["L"])
        shares = self._shares(X, more)
        losses = [self._forward(held, x, {"Y": y})[-1]["L"] for x, y in zip(X, Y, strict=True)]
        return float(np.sum(shares * losses)) / self._divisor(shares)

    def value_and_gradient(
        self, parameters: Array, X: Array, Y: Array, *more: Any
    ) -> tuple[float, Array]:
        """(loss, gradient); the gradient is a flat vector like the parameters.

        `more` are the weights of the samples, where the loss has them, and an array to write to.
        """
        into_given = more[1:2] if self._weights else more[:1]
        gradient = into_given[0] if into_given else np.empty_like(parameters)
        gradient[...] = 0
        held, into = self.unpack(parameters), self.unpack(gradient)
        if not self.single:
            value = self._add_gradient(held, into, X, self._targets(Y, more), 1.0)
            return float(value), gradient
        shares = self._shares(X, more)
        value = sum(
            self._add_gradient(held, into, x, {"Y": y}, share)
            for x, y, share in zip(X, Y, shares, strict=True)
        )
        gradient /= self._divisor(shares)
        return float(value) / self._divisor(shares), gradient

    def _targets(self, Y: Array, more: Sequence[Any]) -> dict[str, Array]:
        """The targets of a batch, and the weights of its samples, by letter."""
        return {"Y": Y} | ({self._weights: more[0]} if self._weights else {})

    def _shares(self, X: Array, more: Sequence[Any]) -> Array:
        """How much each sample counts."""
        return more[0] if self._weights else np.ones(len(X))

    def _divisor(self, shares: Array) -> float:
        return float(np.sum(shares)) if self.reduction == "mean" else 1.0

    def _add_gradient(
        self,
        held: Sequence[Values],
        into: Sequence[Values],
        X: Array,
        targets: Mapping[str, Array],
        share: float,
    ) -> float:
        """Add `share` times the gradient by every parameter to `into`; returns that of the loss."""
        passed = self._forward(held, X, targets)
        adjoint: Array = None
        for number in reversed(range(len(self.layers))):
            values = passed[number]
            if adjoint is not None:
                values[adjoint_name("A")] = adjoint
            for line in self._lines[number][1]:
                values[line.name] = line.value(values, self._sizes(number, X))
            for letter, view in into[number].items():
                view += share * values[adjoint_name(letter)]
            adjoint = values[adjoint_name("X")]
        return share * float(passed[-1]["L"])

    def _forward(
        self, held: Sequence[Values], X: Array, targets: Mapping[str, Array]
    ) -> list[dict[str, Any]]:
        """Every value of each layer, in the letters of its kind."""
        found: list[dict[str, Any]] = []
        before = X
        for number, parameters in enumerate(held):
            self._require_functions(number)
            # Another layer may have a parameter with the letter of the weights.
            values: dict[str, Any] = {"X": before, **targets, **parameters}
            values.update(self.functions[number])
            values.update(codes_of(self.layers[number].formula, before))
            for line in self._lines[number][0]:
                if line.name != "L" or targets:
                    values[line.name] = line.value(values, self._sizes(number, X))
            found.append(values)
            before = values["A"]
        return found

    def _sizes(self, number: int, X: Array) -> dict[str, int]:
        layer = self.layers[number]
        sizes = {"p": layer.fan_in, "q": layer.fan_out} | dict(layer.sizes)
        return sizes if self.single else {**sizes, "n": len(X)}

    def _require_functions(self, number: int) -> None:
        formula = self.layers[number].formula
        for declared in () if formula is None else formula.functions:
            if declared.name not in self.functions[number]:
                assert formula is not None
                example = (
                    f"{declared.name}=gw.formula('tanh(z)', z='scalar')"
                    if declared.kind == "elementwise"
                    else f"{declared.name}=({declared.name}, J_1, …)"
                )
                raise SymbolError(
                    f"numbers for layer {number + 1}, {formula.text}",
                    f"{declared.name} is an abstract function and no function is given for it",
                    f"give one when the layer is called, as {example}",
                    text=formula.text,
                )


def _forward(found: DerivedKind, one_sample: bool) -> list[_Line]:
    return _lines(found, [(line.name, line.tree) for line in found.forward], one_sample)


def _backward(found: DerivedKind, one_sample: bool) -> list[_Line]:
    return _lines(found, found.run, one_sample)


def _lines(found: DerivedKind, trees: Sequence[tuple[str, Tree]], one_sample: bool) -> list[_Line]:
    names = names_of(found.kind, one_sample)
    sizes = {size for declared in names.values() for size in declared.sizes}
    named = frozenset(size for size in sizes if isinstance(size, str))
    return [_Line(name, Evaluator(tree, infer(tree, names, sizes=named))) for name, tree in trees]
