"""Code of a network for embedded systems: header, source, and a test program with its numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.emit.c.budget import Budget
from gradwright.emit.c.standalone_check import (
    ROUNDINGS,
    Expected,
    Reference,
    StepReference,
    check_program,
)
from gradwright.emit.c.standalone_module import Described, StandaloneModule, Training
from gradwright.errors import NetworkError, UnsupportedError
from gradwright.nn.embedding import require_no_codes
from gradwright.nn.frozen import with_frozen
from gradwright.nn.network import NetworkModel
from gradwright.nn.optimizers import Optimizer
from gradwright.nn.parameters import Parameters, require_dtype
from gradwright.nn.refusals import require_code
from gradwright.nn.targets import sample_targets
from gradwright.run.code_size import CodeSize, code_size

Array = Any

SCHEMA = "gradwright.standalone/1"

#: How many batches are drawn for the test program, of which the one is taken whose numbers move
#: least by rounding; how often inputs and parameters are rounded for that, and how often all is.
DRAWS, ROUNDED, SINGLE = 4, 4, 4

#: So many roundings to single precision at once, so that a batch whose numbers jump close by is
#: seen.
STRIDE = 16

#: Parts of the optimizer's rate that are tried, until the numbers move by no more roundings.
RATES, STEADY = (1.0, 0.01, 0.0001), 10_000.0

UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


class Standalone(Struct, frozen=True):
    """The files of a network in plain C99, and what they take of memory."""

    name: str
    header: str
    source: str
    test: str
    budget: Budget

    @property
    def files(self) -> dict[str, str]:
        """The text of each file by its name."""
        return {
            f"{self.name}.h": self.header,
            f"{self.name}.c": self.source,
            f"test_{self.name}.c": self.test,
        }

    def __str__(self) -> str:
        return "\n".join(self.budget.lines())

    def code_size(self) -> CodeSize | None:
        """The bytes of code, as the C compiler of this machine makes it; None without one."""
        return code_size(self.files, f"{self.name}.c", self.budget.constants)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"schema": SCHEMA, "budget": self.budget.to_dict(), "files": self.files}


class Asked(Struct, frozen=True):
    """What is asked of a module; `trained` has the numbers of the layers that train."""

    trained: frozenset[int]
    batch_size: int
    optimizer: Optimizer
    dtype: str
    name: str
    seed: int


def trained_layers(model: NetworkModel, train: str | Sequence[int]) -> frozenset[int]:
    """The numbers, from 1, of the layers whose parameters move.

    Raises:
        NetworkError: no such layer, or one without parameters.
    """
    possible = [number for number, x in enumerate(model.layers, start=1) if x.parameters]
    known = {"all": possible, "none": []}
    numbers = known.get(train) if isinstance(train, str) else list(train)
    if numbers is None or not set(numbers) <= set(possible):
        raise NetworkError(
            f"training the layers {train!r}",
            f"{train!r} is asked for and the layers with parameters are "
            f"{', '.join(map(str, possible)) or 'none'}",
            'use "all", "none", or some of those numbers',
        )
    return frozenset(numbers)


def standalone(model: NetworkModel, p: Parameters, asked: Asked) -> Standalone:
    """The module of a network with these parameters.

    Raises:
        NetworkError: a name that C does not take, or a batch size that no step can have.
        UnsupportedError: a layer has no code, or no numbers to test it by.
    """
    require_dtype(asked.dtype)
    if p.layers != model.layers:
        raise NetworkError(
            f"parameters for the network {model.text}",
            f"they have {p.flat.size} numbers for another network",
            "make them with this network's init(), or by training it",
        )
    if not NAME.match(asked.name):
        raise NetworkError(
            f"a standalone module called {asked.name!r}",
            f"names of its functions begin with {asked.name!r}, and names in C have letters, "
            "digits and underscores, a letter first",
            'give a name such as "network"',
        )
    require_code(model.text, model.layers)
    require_no_codes(model.text, model.layers, "the standalone code")
    frozen = {k for k, x in enumerate(model.layers, start=1) if x.parameters} - asked.trained
    model = with_frozen(model, frozen)
    over_batch = any(x.formula is not None and x.formula.over_batch for x in model.layers)
    training = _training(asked, 2 if over_batch else 1) if asked.trained else None
    values = Parameters(model.layers, p.flat.astype(asked.dtype))
    module = _module(model, values, asked, training)
    reference = _Numbers(model, values, asked, module, training).reference()
    test = check_program(module, reference)
    return Standalone(asked.name, module.header, module.source, test, module.budget)


def _training(asked: Asked, least: int) -> Training:
    if asked.batch_size < least:
        raise NetworkError(
            f"steps of at most {asked.batch_size} samples",
            f"the batch size is {asked.batch_size} and the network needs {least} samples in a step"
            + ("; batch_norm takes means over them" if least > 1 else ""),
            f"give a batch size of at least {least}",
        )
    rule = asked.optimizer
    return Training(
        rule.update, rule.title, dict(rule.settings), asked.batch_size, least, asked.seed
    )


def _module(
    model: NetworkModel, values: Parameters, asked: Asked, training: Training | None
) -> StandaloneModule:
    note = f"Loss: {model.loss}, {model.reduction} over the samples."
    formulas = model.prediction.formulas() | model.formulas()
    stages, predicting = (
        [stage for stage, count in m.stages() for _ in range(count)]
        for m in (model, model.prediction)
    )
    return StandaloneModule(
        stages,
        predicting,
        [layer.all_sizes for layer in model.layers],
        [number in asked.trained for number in range(1, len(model.layers) + 1)],
        values,
        Described(asked.name, model.text, note, formulas),
        training,
        model.layout.row_samples,
        asked.dtype == "float64",
    )


class _Run(Struct, frozen=True):
    """The numbers of one run of the test: outputs, and of each step loss and gradient."""

    outputs: Array
    losses: list[float]
    gradients: list[Array]
    parameters: Array

    def arrays(self) -> list[Array]:
        """All of them."""
        return [self.outputs, *map(np.asarray, self.losses), *self.gradients, self.parameters]


class _Drawn(Struct, frozen=True):
    """Inputs, targets, rate, their numbers, and by which factor each array of these moves."""

    X: Array
    Y: Array
    rate: float
    run: _Run
    factors: Array

    @property
    def most(self) -> float:
        """The largest factor; infinity where a number is not finite."""
        finite = all(np.all(np.isfinite(array)) for array in self.run.arrays())
        return float(max(self.factors)) if finite and np.all(np.isfinite(self.factors)) else np.inf


class _Numbers:
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
            rate = smaller * self.asked.optimizer.learning_rate
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
        steps = [
            StepReference(size, expected[1 + place], expected[1 + len(sizes) + place])
            for place, size in enumerate(sizes)
        ]
        last = expected[-1] if sizes else None
        return Reference(drawn.X, drawn.Y, expected[0], steps, last, drawn.rate)

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
        samples = self.asked.batch_size if self.training is not None else 3
        model, dtype = self.model, np.dtype(self.asked.dtype)
        X = generator.standard_normal((samples, model.widths[0])).astype(dtype).astype(np.float64)
        Y = sample_targets(model.loss, samples, model.widths[-1], generator)
        Y = Y.astype(dtype).astype(np.float64)
        with np.errstate(all="ignore"):
            run = self._run(self.flat, X, Y, rate)
            factors = np.zeros(len(run.arrays()))
            for precision, unit in self._roundings():
                flat, inputs, targets = (
                    array.astype(precision)
                    for array in (_moved(self.flat, unit, generator), _moved(X, unit, generator), Y)
                )
                other = self._run(flat, inputs, targets, rate)
                both = zip(run.arrays(), other.arrays(), strict=True)
                apart = [float(np.max(np.abs(a - b), initial=0)) / _largest(a) for a, b in both]
                factors = np.maximum(factors, np.array(apart) / unit)
        return _Drawn(X, Y, rate, run, factors)

    def _roundings(self) -> list[tuple[str, float]]:
        """Precisions to compute in, and by which part inputs and parameters move before."""
        coarse = [("float64", STRIDE * UNIT["float32"])] * ROUNDED
        # Adam divides by what may be rounding alone, and is not linear in it.
        precisions = dict.fromkeys(("float32", self.asked.dtype))
        return coarse + [(x, UNIT[x]) for x in precisions for _ in range(SINGLE)]

    def _run(self, flat: Array, X: Array, Y: Array, rate: float) -> _Run:
        """Predict, and make the steps."""
        model, rule = self.model, self.asked.optimizer
        p = Parameters(model.layers, flat.copy())
        outputs = model.module.predict(p.flat, X).copy()
        losses, gradients = [], []
        weights = _gathered(p, self.trained)
        state = np.zeros((len(rule.update.state), weights.size), flat.dtype)
        given: dict[str, Any] = {k: v for k, v in rule.settings if k in rule.update.scalars}
        given |= {"state": state} if len(state) else {}
        for t, size in enumerate(self._sizes(len(X))):
            more = {"training": (self.asked.seed, t)} if model.trains_apart else {}
            value, flat_gradient = model.module.value_and_gradient(
                p.flat, X[:size], Y[:size], **more
            )
            made = Parameters(model.layers, flat_gradient)
            gradient = _gathered(made, self.trained)
            losses.append(float(value))
            gradients.append(gradient.copy())
            counted = {"t": t} if rule.update.counts_steps else {}
            rule.function(weights, gradient, learning_rate=rate, **given, **counted)
            _scatter(weights, p, self.trained)
            for name in self.states:
                p[name] = made[name]
        return _Run(outputs, losses, gradients, _gathered(p, [*self.trained, *self.states]))


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
