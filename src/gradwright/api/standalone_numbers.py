"""The numbers that the test program of a standalone module compares with, and their bounds.

They are those of the NumPy module in double precision. A bound follows from how far rounding moves
them, which is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.emit.c.standalone_check import ROUNDINGS, Expected, Reference, StepReference
from gradwright.emit.c.standalone_module import StandaloneModule, Training
from gradwright.errors import UnsupportedError
from gradwright.nn.network import NetworkModel
from gradwright.nn.optimizers import SGD, Optimizer, known_optimizer
from gradwright.nn.parameters import Parameters
from gradwright.nn.targets import sample_targets

Array = Any

#: The most samples of a batch that is tested: they stand in the program.
MOST_SAMPLES = 16

#: How many batches are drawn for the test program, of which the one is taken whose numbers move
#: least by rounding; how often inputs and parameters are rounded for that, and how often all is.
DRAWS, ROUNDED, SINGLE = 4, 4, 4

#: So many roundings to single precision at once, so that a batch whose numbers jump close by is
#: seen.
STRIDE = 16

#: Parts of the optimizer's rate that are tried, until the numbers move by no more roundings.
RATES, STEADY = (1.0, 0.01, 0.0001), 10_000.0

UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}


class Asked(Struct, frozen=True):
    """What is asked of a module; `trained` has the numbers of the layers that train."""

    trained: frozenset[int]
    batch_size: int
    optimizer: str | Optimizer | None
    dtype: str
    name: str
    seed: int

    @property
    def rule(self) -> Optimizer:
        """Whose steps they are; without an optimizer those of gradient descent."""
        return known_optimizer(self.optimizer or SGD)


class _Run(Struct, frozen=True, eq=False):
    """The numbers of one run of the test: outputs, losses, the first gradient, the end."""

    outputs: Array
    losses: list[float]
    gradient: Array
    parameters: Array

    def arrays(self) -> list[Array]:
        """All of them."""
        return [self.outputs, *map(np.asarray, self.losses), self.gradient, self.parameters]


class _Drawn(Struct, frozen=True, eq=False):
    """Inputs, targets, rate, their numbers, and by which factor each array of these moves."""

    X: Array
    Y: Array
    weights: Array | None
    rate: float
    run: _Run
    factors: Array
    dtype: str

    @property
    def most(self) -> float:
        """The largest factor; infinity where a number is not finite in the module."""
        with np.errstate(over="ignore"):
            held = [array.astype(self.dtype) for array in self.run.arrays()]
        finite = all(np.all(np.isfinite(array)) for array in held)
        return float(max(self.factors)) if finite and np.all(np.isfinite(self.factors)) else np.inf


class ReferenceNumbers:
    """What the test program compares with: the NumPy module in double precision."""

    def __init__(
        self,
        model: NetworkModel,
        values: Parameters,
        asked: Asked,
        module: StandaloneModule,
        training: Training | None,
    ) -> None:
        self.model = model
        self.asked = asked
        self.training = training
        self.flat = values.flat.astype(np.float64)
        self.trained = [name for name, _ in module.letters(True, state=False)]
        self.states = [name for name, _ in module.letters(True, state=True)]

    def reference(self) -> Reference:
        """The batch whose numbers are tested, with a bound for each array.

        Raises:
            UnsupportedError: no batch gives finite numbers.
        """
        generator = np.random.default_rng(self.asked.seed)
        found: list[_Drawn] = []
        for smaller in RATES:
            rate = smaller * self.asked.rule.learning_rate
            found += [self._drawn(generator, rate) for _ in range(DRAWS)]
            if min(x.most for x in found) <= STEADY:
                break
        drawn = min(found, key=lambda x: x.most)
        if not np.isfinite(drawn.most):
            raise UnsupportedError(
                f"numbers to test the module of {self.model.text} with",
                f"inputs are drawn from the normal distribution, and {len(found)} batches of them "
                "do not give finite numbers",
                "give parameters and formulas that are finite there",
            )
        expected = [
            Expected(array, ROUNDINGS * UNIT[self.asked.dtype] * max(1.0, factor) * _largest(array))
            for array, factor in zip(drawn.run.arrays(), drawn.factors, strict=True)
        ]
        sizes = self._sizes(len(drawn.X))
        steps = [StepReference(size, expected[1 + place]) for place, size in enumerate(sizes)]
        gradient, last = expected[-2:] if sizes else (None, None)
        given = drawn.X, drawn.Y, drawn.weights
        return Reference(*given, expected[0], steps, gradient, last, drawn.rate)

    def _sizes(self, samples: int) -> list[int]:
        """The samples of each step: all, one fewer, all."""
        if self.training is None:
            return []
        return [samples, max(self.training.least, samples - 1), samples]

    def _drawn(self, generator: np.random.Generator, rate: float) -> _Drawn:
        """A batch, and by how many roundings its numbers move where inputs move by one.

        That is measured with inputs and parameters moved in double precision, and with all that is
        computed from them rounded, in single precision and in that of the module.
        """
        trains = self.training is not None
        samples = min(self.asked.batch_size, MOST_SAMPLES) if trains else 3
        model, dtype = self.model, np.dtype(self.asked.dtype)
        X = generator.standard_normal((samples, model.widths[0])).astype(dtype).astype(np.float64)
        codes = model.layers[0].codes
        for column, count in ((x.column, x.count) for x in codes):
            X[:, column] = generator.integers(count, size=samples)
        Y = sample_targets(model.loss, samples, model.widths[-1], generator)
        Y = Y.astype(dtype).astype(np.float64)
        weighted = trains and model.is_weighted
        drawn = generator.uniform(0.5, 2, samples).astype(dtype).astype(np.float64)
        batch = [Y, *[drawn] * weighted]
        with np.errstate(all="ignore"):
            run = self._run(self.flat, X, batch, rate)
            factors = np.zeros(len(run.arrays()))
            for precision, unit in self._roundings():
                inputs = _moved(X, unit, generator)
                kept = [x.column for x in codes]
                inputs[:, kept] = X[:, kept]
                flat = _moved(self.flat, unit, generator)
                rounded = (array.astype(precision) for array in (flat, inputs, *batch))
                flat, inputs, *others = rounded
                other = self._run(flat, inputs, others, rate)
                both = zip(run.arrays(), other.arrays(), strict=True)
                apart = [float(np.max(np.abs(a - b), initial=0)) / _largest(a) for a, b in both]
                factors = np.maximum(factors, np.array(apart) / unit)
        weights = drawn if weighted else None
        return _Drawn(X, Y, weights, rate, run, factors, self.asked.dtype)

    def _roundings(self) -> list[tuple[str, float]]:
        """Precisions to compute in, and by which part inputs and parameters move before."""
        coarse = [("float64", STRIDE * UNIT["float32"])] * ROUNDED
        # Adam divides by what may be rounding alone, and is not linear in it.
        precisions = dict.fromkeys(("float32", self.asked.dtype))
        return coarse + [(x, UNIT[x]) for x in precisions for _ in range(SINGLE)]

    def _run(self, flat: Array, X: Array, batch: Sequence[Array], rate: float) -> _Run:
        """Predict, and make the steps; `batch` has targets, and where there are some weights."""
        model, rule = self.model, self.asked.rule
        p = Parameters(model.layers, flat.copy())
        outputs = model.module.predict(p.flat, X).copy()
        losses, first = [], np.empty(0)
        weights = _gathered(p, self.trained)
        state = np.zeros((len(rule.update.state), weights.size), flat.dtype)
        given: dict[str, Any] = {k: v for k, v in rule.settings if k in rule.update.scalars}
        given |= {"state": state} if len(state) else {}
        for t, size in enumerate(self._sizes(len(X))):
            more = {"training": (self.asked.seed, t)} if model.trains_apart else {}
            value, flat_gradient = model.module.value_and_gradient(
                p.flat, X[:size], *(part[:size] for part in batch), **more
            )
            made = Parameters(model.layers, flat_gradient)
            gradient = _gathered(made, self.trained)
            losses.append(float(value))
            first = first if t else gradient.copy()
            counted = {"t": t} if rule.update.counts_steps else {}
            rule.function(weights, gradient, learning_rate=rate, **given, **counted)
            _scatter(weights, p, self.trained)
            for name in self.states:
                p[name] = made[name]
        return _Run(outputs, losses, first, _gathered(p, [*self.trained, *self.states]))


def _largest(array: Array) -> float:
    return float(np.max(np.abs(array), initial=0)) or 1.0


def _moved(array: Array, by: float, generator: np.random.Generator) -> Array:
    return array * (1 + by * generator.choice([-1.0, 1.0], array.shape))


def _gathered(p: Mapping[str, Array], names: Sequence[str]) -> Array:
    found = [p[name].ravel() for name in names]
    return np.concatenate(found) if found else np.empty(0)


def _scatter(flat: Array, p: Parameters, names: Sequence[str]) -> None:
    start = 0
    for name in names:
        view = p[name]
        view[...] = flat[start : start + view.size].reshape(view.shape)
        start += view.size
