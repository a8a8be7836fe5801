"""The check of a network's gradients against the formulas of its layers.

The oracle differentiates, by complex step, the loss as the notation's own evaluator computes it
from the layers' texts, layer by layer. It shares no code with the calculus, the simplifier, the
program or the emitted module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradwright.nn.derive import defining_texts, letters_of
from gradwright.nn.kinds import Kind
from gradwright.nn.layouts import LAYOUTS
from gradwright.notation.declarations import Declaration
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Call, Tree, walk
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS
from gradwright.verification.check import check_derivative
from gradwright.verification.report import CheckReport

Array = Any
Point = dict[str, Array]

#: Samples in the batch that gradients are checked on.
SAMPLES = 7

#: Layer evaluations for comparing entries one by one, shared by all blocks.
LAYER_EVALUATIONS = 24_000

#: Networks deeper than this are checked as one block, the flat vector, instead of array by array.
MAX_SEPARATE_LAYERS = 12

#: The fewest evaluations that a block is given.
LEAST_BUDGET = 8

#: The block of a deep network.
FLAT = "parameters"


@dataclass(frozen=True, slots=True)
class _Layer:
    """The parsed formulas of one layer.

    A layer by formula is computed as the user wrote it, for one sample at a time; `formulas` has
    then the loss only.
    """

    kind: Kind
    formulas: tuple[tuple[str, Tree, Scope], ...]
    sample: tuple[tuple[str, Tree, Scope], ...] = ()


class ReferenceNetwork:
    """The forward pass of a network by the notation's own evaluator."""

    def __init__(self, kinds: Sequence[Kind], shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.shapes = shapes
        parsed = {kind: _parsed(kind) for kind in dict.fromkeys(kinds)}
        self.layers = [parsed[kind] for kind in kinds]

    def unpack(self, flat: Array) -> Point:
        """The arrays of a flat vector, in forward order, each in C order."""
        found, start = {}, 0
        for name, shape in self.shapes.items():
            size = int(np.prod(shape))
            found[name] = flat[start : start + size].reshape(shape)
            start += size
        return found

    def run(self, point: Point) -> tuple[Array, float]:
        """(loss, smallest distance of a pre-activation from a kink)."""
        if FLAT in point:
            point = {**point, **self.unpack(point[FLAT])}
        batch = LAYOUTS[self.layers[0].kind.layout].batch
        activation, nearest, loss = batch(point["X"]), float("inf"), None
        targets = batch(point["Y"])
        for number, layer in enumerate(self.layers, start=1):
            values = {x: point[f"{x}{number}"] for x in layer.kind.parameters}
            if layer.kind.formula is not None:
                activation, distance = _sample_by_sample(layer, activation, values)
                nearest = min(nearest, distance)
            values |= {"X": activation, "Y": targets, "A": activation}
            for name, tree, scope in layer.formulas:
                used = {key: value for key, value in values.items() if key in scope.symbols}
                values[name] = evaluate(tree, used, scope)
            if _has_kink(layer.kind.activation) and "Z" in values:
                nearest = min(nearest, float(np.min(np.abs(values["Z"].real))))
            activation, loss = values["A"], values.get("L")
        return loss, nearest


def _sample_by_sample(layer: _Layer, X: Array, values: Point) -> tuple[Array, float]:
    """(the outputs of a layer by formula, row by row as its formula says, distance of a kink)."""
    assert layer.kind.formula is not None
    letter, rows, nearest = layer.kind.formula.input, [], float("inf")
    for x in X:
        known = {**values, letter: x}
        for name, tree, scope in layer.sample:
            known[name] = _evaluated(tree, known, scope)
            nearest = min([nearest, *(_distance(k, known, scope) for k in _kinks(tree))])
        rows.append(known["a"])
    return np.stack(rows), nearest


def _evaluated(tree: Tree, known: Point, scope: Scope) -> Array:
    """A part of a layer's formula; sizes that none of its symbols has are those of the whole."""
    own = infer(tree, scope.known, sizes=scope.sizes)
    lengths = {
        size: length
        for name, declared in scope.symbols.items()
        for size, length in zip(declared.sizes, np.shape(known[name]), strict=True)
    }
    used = {name: known[name] for name in own.symbols}
    return evaluate(tree, used | {s: n for s, n in lengths.items() if s in own.sizes}, own)


def _kinks(tree: Tree) -> list[Call]:
    """The functions with a kink in a formula."""
    return [part for part in walk(tree) if isinstance(part, Call) and _has_kink(part.function)]


def _distance(call: Call, known: Point, scope: Scope) -> float:
    """How far the arguments are from the kink: from zero, or from each other."""
    one, *others = (_evaluated(part, known, scope) for part in call.arguments)
    between = one - others[0] if others and call.function in ("max", "min") else one
    return float(np.min(np.abs(np.real(between))))


def _has_kink(activation: str) -> bool:
    record = OPERATIONS.get(activation)
    return isinstance(record, Elementwise) and bool(record.kink)


def _parsed(kind: Kind) -> _Layer:
    letters = letters_of(kind)
    formula = kind.formula
    texts = [(x, text) for x, text in defining_texts(kind) if formula is None or x == "L"]
    formulas = [(x, parse(text), infer(parse(text), letters, text)) for x, text in texts]
    if formula is None:
        return _Layer(kind, tuple(formulas))
    known = {declared.name: declared for declared in formula.parameters}
    known[formula.input] = Declaration(formula.input, "vector", (formula.inputs,))
    sample = []
    for name, text in formula.sample:
        sample.append((name, parse(text), infer(parse(text), known, text)))
        known = {name: Declaration(name, "vector", (formula.outputs,))}
    return _Layer(kind, tuple(formulas), tuple(sample))


def check_network(
    kinds: Sequence[Kind],
    claimed: Callable[[Point], dict[str, Array]],
    draw: Callable[[np.random.Generator], Point],
    blocks: Sequence[str],
    shapes: Mapping[str, tuple[int, ...]],
    *,
    seed: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> CheckReport:
    """Compare gradients for every block; a deep network is one block, its flat vector.

    `claimed` gives the gradients at a point of X, Y and the parameters; `draw` makes such a
    point, with an array for each name, or for a deep network with the flat vector as
    `parameters`. What is too large to compare entry by entry is sampled, and compared along
    random directions as a whole; the report says so.
    """
    generator = np.random.default_rng(seed)
    network = ReferenceNetwork(kinds, shapes)
    budget = max(LEAST_BUDGET, LAYER_EVALUATIONS // (len(kinds) * len(blocks)))
    return check_derivative(
        claimed,
        lambda point: network.run(point)[0],
        draw(generator),
        blocks,
        seed=seed,
        kink_distance=lambda point: network.run(point)[1],
        redraw=draw,
        budget=budget,
        progress=progress,
    )
