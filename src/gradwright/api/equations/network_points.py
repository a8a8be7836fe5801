"""The values of a network's quantities at a point, by the notation's own evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np

from gradwright.api.equations.network_chains import contraction, is_chain
from gradwright.api.equations.network_formulas import (
    Quantity,
    affine,
    batch_name,
    declaration,
)
from gradwright.api.equations.network_jacobians import Jacobians
from gradwright.api.equations.network_names import STEP_SIZE
from gradwright.api.equations.network_slopes import Slopes
from gradwright.explain.lines import renamed
from gradwright.nn.activations import activation_text
from gradwright.nn.network import NetworkModel
from gradwright.nn.targets import target_kind
from gradwright.notation.declarations import Declaration
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import infer
from gradwright.notation.tree import Binary, Symbol, Tree, walk
from gradwright.ops.samples import draw

Array = Any


class NetworkPoint:
    """A batch, parameters, and every quantity that follows from them.

    Forward values come from the forward formulas, gradients from the derived ones. What is named
    for one sample is that of the first sample.
    """

    def __init__(
        self,
        model: NetworkModel,
        batch: Mapping[str, Quantity],
        lengths: Mapping[str, int],
        given: Mapping[str, Array],
    ) -> None:
        self.model = model
        self.batch = batch
        self.lengths = lengths
        self.given = given
        self.known: dict[str, Array] = dict(given)

    @cached_property
    def declared(self) -> dict[str, Declaration]:
        """The types of all quantities, with named sizes."""
        return {q.name: declaration(q.name, q.axes, {}) for q in self.batch.values()}

    def value(self, name: str) -> Array | None:
        """The value of a quantity or a size."""
        if name in self.lengths:
            return self.lengths[name]
        if name not in self.known:
            found = self._made(name)
            if found is None:
                return None
            self.known[name] = found
        return self.known[name]

    def shown(self, names: set[str]) -> dict[str, Array]:
        """The batch, the targets and the parameters, as far as the names depend on them."""
        found: set[str] = set()
        stack = [batch_name(name) if name not in self.batch else name for name in names]
        while stack:
            name = stack.pop()
            if is_chain(name) or name.startswith("J_") or name.endswith(")") or name == "n":
                return dict(self.given)
            if name in self.batch and name not in found:
                found.add(name)
                formula = self.batch[name].formula
                if formula is not None:
                    stack += [part.name for part in walk(formula) if isinstance(part, Symbol)]
        return {name: value for name, value in self.given.items() if name in found}

    def _made(self, name: str) -> Array | None:
        if name == STEP_SIZE:
            return np.float64(0.3)
        if is_chain(name):
            return contraction(name, Jacobians(self))
        if name in self.batch:
            formula = self.batch[name].formula
            assert formula is not None
            return self._evaluated(formula, self.declared)
        if name.startswith("J_"):
            _, top, bottom = name.split("_")
            return Jacobians(self).tensor(top, bottom)
        if name.endswith(")"):
            return self._slope(name)
        whole = batch_name(name)
        if whole in self.batch and "n" in self.batch[whole].axes:
            return self.model.layout.batch(self._known(whole))[0]
        return None

    def _known(self, name: str) -> Array:
        """The value of a name that has one."""
        found = self.value(name)
        assert found is not None
        return found

    def _evaluated(self, formula: Tree, declared: Mapping[str, Declaration]) -> Array:
        scope = infer(formula, declared)
        names = {part.name for part in walk(formula) if isinstance(part, Symbol)}
        values = {name: self._known(name) for name in names}
        return evaluate(formula, values, scope)

    def _slope(self, name: str) -> Array:
        argument = name.partition("(")[2].removesuffix(")")
        sizes = ("m",) if argument[0] == "z" else ("m", "k")
        declared = Declaration(argument, "vector" if len(sizes) == 1 else "matrix", sizes)
        return self._evaluated(Slopes(self.model.kinds).written_out(name), {argument: declared})


def single_formula(model: NetworkModel, name: str) -> Tree | None:
    """The forward formula of a vector of one sample."""
    letter, number = name[:1], name[1:]
    if not number.isdigit() or not 1 <= int(number) <= len(model.layers):
        return None
    kind = model.kinds[int(number) - 1]
    if letter == "z":
        return affine(model, int(number))
    if letter == "a":
        return parse(activation_text(kind.activation, kind.options, argument=f"z{number}"))
    return None


def jacobian_formula(model: NetworkModel, name: str) -> Tree | None:
    """∂top/∂bottom of two vectors of one sample as a product of local Jacobians."""
    _, top, bottom = name.split("_")
    layers = range(1, len(model.layers) + 1)
    order = ["x", *(f"{letter}{k}" for k in layers for letter in "za")]
    if top not in order or bottom not in order:
        return None
    found: Tree | None = None
    for vector in reversed(order[order.index(bottom) + 1 : order.index(top) + 1]):
        number = int(vector[1:])
        local = {line.name: line.tree for line in model.derived[model.kinds[number - 1]].local}
        tree = local.get({"z": "∂z/∂x", "a": "∂a/∂z"}[vector[0]])
        if tree is None:
            continue
        names = {"W": f"W{number}", "z": f"z{number}"}
        tree = renamed(tree, partial(_renamed, names), lambda size: size)
        found = tree if found is None else Binary("*", found, tree)
    return found


def _renamed(names: Mapping[str, str], name: str) -> str:
    return names.get(name, name)


def drawn_point(
    model: NetworkModel,
    batch: Mapping[str, Quantity],
    lengths: Mapping[str, int],
    generator: np.random.Generator,
    *,
    reach: int | None = None,
) -> NetworkPoint:
    """Random inputs, targets and parameters; with `reach`, whole numbers up to it."""
    given = {}
    for quantity in batch.values():
        if quantity.formula is not None:
            continue
        shape = tuple(lengths[axis] for axis in quantity.axes)
        if quantity.name == "Y":
            sides = shape if model.layout.row_samples else shape[::-1]
            targets = _targets(model, sides, generator, whole=reach is not None)
            given["Y"] = model.layout.batch(targets)
        elif reach is None:
            given[quantity.name] = generator.standard_normal(shape)
        else:
            whole = generator.integers(-reach, reach, size=shape, endpoint=True)
            given[quantity.name] = whole.astype(np.float64)
    return NetworkPoint(model, batch, lengths, given)


def _targets(
    model: NetworkModel, shape: tuple[int, ...], generator: np.random.Generator, *, whole: bool
) -> Array:
    """Targets as the loss wants them: rows that sum to 1, numbers from 0 to 1, or any."""
    fact = target_kind(model.loss).facts[whole]
    if fact:
        return draw("matrix", shape, [fact], generator)
    if whole:
        return generator.integers(-1, 1, size=shape, endpoint=True).astype(np.float64)
    return generator.standard_normal(shape)
