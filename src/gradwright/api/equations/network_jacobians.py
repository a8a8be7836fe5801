"""Derivatives of one quantity of a network by another, as arrays of all their axes."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from gradwright.api.equations.network_formulas import batch_name
from gradwright.nn.network import NetworkModel
from gradwright.notation.declarations import Declaration
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import infer

Array = Any


class Values(Protocol):
    """The values of a network's quantities at a point."""

    model: NetworkModel

    def value(self, name: str) -> Array | None:
        """The value of a quantity."""


class Jacobians:
    """The Jacobians of a network at a point, from the derived local lines."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.model = values.model
        layers = range(1, len(self.model.layers) + 1)
        #: The vectors of one sample in the order in which they are computed.
        self.order = ["x", *(f"{letter}{k}" for k in layers for letter in "za")]

    def tensor(self, top: str, bottom: str) -> Array | None:
        """∂top/∂bottom with the axes of both, numerator first; None if there is none.

        Of a loss it is the gradient. Names in small letters are of the first sample.
        """
        if top == "L":
            return self.values.value(f"δ{bottom}")
        single = top in self.order
        small = top if single else batch_name(top)[:1].lower() + top[1:]
        if small not in self.order:
            return None
        if bottom[:1] in "Wb":
            return self._by_parameter(small, bottom, single)
        low = bottom if single else bottom[:1].lower() + bottom[1:]
        if single != (bottom in self.order) or low not in self.order:
            return None
        if single:
            return self.vectors(small, low, 0)
        found = [self.vectors(small, low, s) for s in range(self._samples)]
        if found[0] is None:
            return None
        whole = np.einsum("st,suv->sutv", np.eye(self._samples), np.array(found))
        return whole if self.model.layout.row_samples else whole.transpose(1, 0, 3, 2)

    @property
    def _samples(self) -> int:
        return len(self._rows("X"))

    def _rows(self, name: str) -> Array:
        """A batch with samples as rows."""
        return self.model.layout.batch(np.asarray(self.values.value(name)))

    def _by_parameter(self, top: str, parameter: str, single: bool) -> Array | None:
        layer = int(parameter[1:])
        made = []
        for sample in range(1 if single else self._samples):
            slopes = self.vectors(top, f"z{layer}", sample)
            if slopes is None:
                return None
            if parameter[0] == "b":
                made.append(slopes)
                continue
            inputs = self._rows("X" if layer == 1 else f"A{layer - 1}")[sample]
            order = "uj,i->uij" if self.model.layout.row_inputs else "uj,i->uji"
            made.append(np.einsum(order, slopes, inputs))
        if single:
            return made[0]
        whole = np.array(made)
        return whole if self.model.layout.row_samples else np.swapaxes(whole, 0, 1)

    def vectors(self, top: str, bottom: str, sample: int) -> Array | None:
        """∂top/∂bottom for two vectors of a sample; None if top does not depend on bottom."""
        if top not in self.order or bottom not in self.order:
            return None
        start, end = self.order.index(bottom), self.order.index(top)
        if start > end:
            return None
        found = np.eye(len(self._rows(batch_name(bottom))[sample]))
        for name in self.order[start + 1 : end + 1]:
            found = self._local(name, sample) @ found
        return found

    def _local(self, name: str, sample: int) -> Array:
        """The Jacobian of a vector by the one before it, from the derived local lines."""
        number = int(name[1:])
        kind = self.model.kinds[number - 1]
        lines = {line.name: line.tree for line in self.model.derived[kind].local}
        letter = {"z": "∂z/∂x", "a": "∂a/∂z"}[name[0]]
        z = self._rows(f"Z{number}")[sample]
        if letter not in lines:
            return np.eye(len(z))
        values = {"W": self.values.value(f"W{number}"), "z": z}
        rows = self.model.layout.row_inputs
        declared = {
            "W": Declaration("W", "matrix", ("p", "q") if rows else ("q", "p")),
            "z": Declaration("z", "vector", ("q",)),
        }
        scope = infer(lines[letter], declared)
        known = {name: np.asarray(values[name]) for name in scope.symbols}
        return evaluate(lines[letter], known, scope)
