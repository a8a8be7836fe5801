"""The check of a network's gradients against the formulas of its layers.

The oracle differentiates, by complex step, the loss as the notation's own evaluator computes it
from the layers' texts, layer by layer. It shares no code with the calculus, the simplifier, the
program or the emitted module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count, takewhile
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.api.sample_formulas import SampleFormula
from gradwright.emit.driver import WEIGHTS
from gradwright.nn.embedding import codes_of
from gradwright.nn.initialise import initialise
from gradwright.nn.kinds import Kind
from gradwright.nn.layer import Layer
from gradwright.nn.layouts import LAYOUTS
from gradwright.nn.letters import defining_texts, names_of
from gradwright.nn.loss_formula import LETTERS
from gradwright.nn.masks import batch_letter
from gradwright.nn.network import NetworkModel
from gradwright.nn.parameters import Parameters
from gradwright.nn.targets import sample_targets
from gradwright.notation.function_values import drawn
from gradwright.notation.supplied import Supplied
from gradwright.verification.check import check_derivative
from gradwright.verification.report import CheckReport

Array = Any
Point = dict[str, Array]
#: The abstract functions of each layer by name.
Functions = Sequence[Mapping[str, Supplied]]

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


class _Layer(Struct, frozen=True):
    """The parsed formulas of one layer.

    A layer by formula, and a loss by formula, is computed as the user wrote it, for one sample at a
    time; it is not in `formulas`.
    """

    kind: Kind
    formulas: tuple[tuple[str, SampleFormula], ...]
    sample: tuple[tuple[str, SampleFormula], ...] = ()
    loss: SampleFormula | None = None


class ReferenceNetwork:
    """The forward pass of a network by the notation's own evaluator."""

    def __init__(
        self,
        kinds: Sequence[Kind],
        shapes: Mapping[str, tuple[int, ...]],
        functions: Functions,
    ) -> None:
        self.shapes = shapes
        self.functions = functions
        parsed = {kind: _parsed(kind) for kind in dict.fromkeys(kinds)}
        self.layers = [parsed[kind] for kind in kinds]
        #: Of the last pass, for each layer its input, and what this follows from beyond those
        #: before it.
        self._passed: list[tuple[Array, tuple[bytes, ...]]] = []

    def unpack(self, flat: Array) -> Point:
        """The arrays of a flat vector, in forward order, each in C order."""
        found, start = {}, 0
        for name, shape in self.shapes.items():
            size = int(np.prod(shape))
            found[name] = flat[start : start + size].reshape(shape)
            start += size
        return found

    def loss(self, point: Point) -> Array:
        """The loss of a batch."""
        return self._run(point, distances=False)[0]

    def kink_distance(self, point: Point) -> float:
        """The smallest distance of an argument of a function from its kink."""
        return self._run(point, distances=True)[1]

    def _run(self, point: Point, *, distances: bool) -> tuple[Array, float]:
        """(loss, distance from a kink where that is asked for)."""
        if FLAT in point:
            point = {**point, **self.unpack(point[FLAT])}
        batch = LAYOUTS[self.layers[0].kind.layout].batch
        targets, nearest, loss = batch(point["Y"]), float("inf"), None
        origins = self._origins(point)
        inputs = [] if distances else self._unchanged(origins)
        activation = inputs.pop() if inputs else batch(point["X"])
        for number, layer in list(enumerate(self.layers, start=1))[len(inputs) :]:
            inputs.append(activation)
            values = {x: point[f"{x}{number}"] for x in _held(layer.kind, number, point)}
            values |= self.functions[number - 1]
            values |= codes_of(layer.kind.formula, activation)
            if layer.sample:
                activation, distance = _sample_by_sample(layer, activation, values, distances)
                nearest = min(nearest, distance)
            elif layer.kind.formula is not None:
                masks = [mask.name for mask in layer.kind.formula.masks]
                values |= {batch_letter(name): values[name] for name in masks}
            values |= {"X": activation, "Y": targets, "A": activation}
            if layer.kind.weights:
                values[layer.kind.weights] = point[WEIGHTS]
            for name, formula in layer.formulas:
                if distances:
                    nearest = min(nearest, formula.distance(values))
                values[name] = formula.value(values)
            activation, loss = values["A"], values.get("L")
            if layer.loss is not None:
                weights = point.get(WEIGHTS, np.ones(len(point["Y"])))
                given = (batch(activation), point["Y"], weights, distances)
                loss, distance = _loss_by_sample(layer, *given)
                nearest = min(nearest, distance)
        self._passed = list(zip(inputs, origins, strict=True))
        return loss, nearest

    def _origins(self, point: Point) -> list[tuple[bytes, ...]]:
        """For the input of each layer what it follows from, beyond what those before it do."""
        above = enumerate(self.layers[:-1], start=1)
        names = [["X"], *([f"{x}{n}" for x in _held(layer.kind, n, point)] for n, layer in above)]
        return [
            tuple(part for x in own for part in (point[x].dtype.str.encode(), point[x].tobytes()))
            for own in names
        ]

    def _unchanged(self, origins: Sequence[tuple[bytes, ...]]) -> list[Array]:
        """The inputs of the first layers, which are those of the last pass, bit for bit.

        Each step of a check moves few parameters, and what lies in front of them stays.
        """
        pairs = zip(self._passed, origins, strict=False)
        return [kept for (kept, _), _ in takewhile(lambda p: p[0][1] == p[1], pairs)]


def _held(kind: Kind, number: int, point: Point) -> list[str]:
    """The letters of a layer's parameters, and of its state where prediction uses it."""
    return [*kind.parameters, *(x for x in kind.state if f"{x}{number}" in point)]


def _sample_by_sample(
    layer: _Layer, X: Array, values: Point, distances: bool
) -> tuple[Array, float]:
    """(the outputs of a layer by formula, row by row as its formula says, distance of a kink)."""
    assert layer.kind.formula is not None
    letter, rows, nearest = layer.kind.formula.input, [], float("inf")
    masks = [mask.name for mask in layer.kind.formula.masks]
    for place, x in enumerate(X):
        known = {**values, letter: x} | {name: values[name][place] for name in masks}
        for name, formula in layer.sample:
            if distances:
                nearest = min(nearest, formula.distance(known))
            known[name] = formula.value(known)
        rows.append(known["a"])
    return np.stack(rows), nearest


def _loss_by_sample(
    layer: _Layer, A: Array, Y: Array, weights: Array, distances: bool
) -> tuple[Array, float]:
    """(the loss of a batch, row by row as its formula says, distance of a kink)."""
    assert layer.loss is not None
    points = [{"a": a, "y": y} for a, y in zip(A, Y, strict=True)]
    total = sum(w * layer.loss.value(x) for w, x in zip(weights, points, strict=True))
    nearest = min(layer.loss.distance(point) for point in points) if distances else float("inf")
    return (total / np.sum(weights) if layer.kind.reduction == "mean" else total), nearest


def _parsed(kind: Kind) -> _Layer:
    letters = names_of(kind)
    formula = kind.formula
    texts = [
        (x, text)
        for x, text in defining_texts(kind)
        if (kind.loss_formula is None if x == "L" else formula is None or not formula.sample)
    ]
    formulas = tuple((x, SampleFormula(text, letters)) for x, text in texts)
    loss = None if kind.loss_formula is None else SampleFormula(kind.loss_formula.text, LETTERS)
    sample = []
    if formula is not None:
        names = [name for name, _ in formula.sample]
        for name, (text, known) in zip(names, formula.lines(), strict=True):
            sample.append((name, SampleFormula(text, known)))
    return _Layer(kind, formulas, tuple(sample), loss)


def drawn_functions(layers: Sequence[Layer]) -> list[dict[str, Supplied]]:
    """For each layer smooth functions in the place of its abstract ones."""
    return [
        {}
        if layer.formula is None
        else {d.name: drawn(d, dict(layer.sizes)).call for d in layer.formula.functions}
        for layer in layers
    ]


def samples_for(widths: Sequence[int]) -> int:
    """A number of samples that no layer has as its width."""
    return next(number for number in count(SAMPLES) if number not in widths)


def drawn_parameters(layers: Sequence[Layer], generator: np.random.Generator) -> Parameters:
    """Random parameters, biases among them."""
    start = initialise(layers, seed=int(generator.integers(2**31)), scheme="he_normal")
    start.flat[:] += 0.1 * generator.standard_normal(start.flat.size)
    return start


def drawn_samples(
    model: NetworkModel, samples: int, generator: np.random.Generator
) -> tuple[Array, Array]:
    """Random X, samples × inputs, and Y, samples × outputs."""
    X = generator.standard_normal((samples, model.widths[0]))
    for codes in model.layers[0].codes:
        X[:, codes.column] = generator.integers(codes.count, size=samples)
    return X, sample_targets(model.loss, samples, model.widths[-1], generator)


def drawn_masks(
    layers: Sequence[Layer],
    module: Any,
    samples: int = SAMPLES,
    step: tuple[int, int] = (0, 0),
) -> list[dict[str, Array]]:
    """For each layer its masks in a step, (seed, step), of a training, of emitted code."""
    buffers = module.Buffers(samples, np.float64)
    return [
        {}
        if layer.formula is None
        else {
            mask.name: module.dropout_mask(step, place, number, samples, buffers)
            for number, mask in enumerate(layer.formula.masks)
        }
        for place, layer in enumerate(layers)
    ]


def check_network(
    kinds: Sequence[Kind],
    claimed: Callable[[Point], dict[str, Array]],
    draw: Callable[[np.random.Generator], Point],
    blocks: Sequence[str],
    shapes: Mapping[str, tuple[int, ...]],
    *,
    functions: Functions,
    seed: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> CheckReport:
    """Compare gradients for every block; a deep network is one block, its flat vector.

    `claimed` gives the gradients at a point of X, Y and the parameters; `draw` makes such a
    point, with an array for each name, or for a deep network with the flat vector as
    `parameters`. What is too large to compare entry by entry is sampled, and compared along
    random directions as a whole; the report says so. `functions` are those of each layer, and its
    masks for all samples.
    """
    generator = np.random.default_rng(seed)
    network = ReferenceNetwork(kinds, shapes, functions)
    budget = max(LEAST_BUDGET, LAYER_EVALUATIONS // (len(kinds) * len(blocks)))
    return check_derivative(
        claimed,
        network.loss,
        draw(generator),
        blocks,
        seed=seed,
        kink_distance=network.kink_distance,
        redraw=draw,
        budget=budget,
        progress=progress,
    )
