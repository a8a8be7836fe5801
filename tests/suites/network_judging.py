"""One random network: what every side makes of it, and how far they may be apart.

The error of a block is the largest difference in it. In float64 it may be 1e-12 of the block's
largest entry or 32 times what moving parameters, inputs and the values of functions by one rounding
changes; in float32 32 times that change, for its larger roundings or in its own arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

import gradwright as gw
from gradwright.nn.parameters import Parameters
from gradwright.nn.targets import prepare_targets, sample_targets
from gradwright.run.load import load
from tests.suites.network_drawing import Drawn, drawn
from tests.suites.network_slopes import by_difference

Array = Any

TORCH = find_spec("torch") is not None

#: Sums of the sides are in other orders: they may be off by so many roundings of the condition.
ROUNDINGS = 32

UNIT = {"float64": 2.0**-53, "float32": 2.0**-24}

#: Functions whose last digits differ from library to library; `divide` is the last of sigmoid.
ROUNDED = ("tanh", "exp", "expm1", "log", "log1p", "sqrt", "divide")

#: float32 says nothing of a block that is allowed to be off by more than this part.
SAYING = 1e-2

#: A training: rate, epochs, and the seed of orders and masks.
RATE, EPOCHS, SEED = 0.01, 2, 7


class Case:
    """A network, drawn unless it is given, with parameters and samples."""

    def __init__(self, seed: int, given: Drawn | None = None) -> None:
        self.seed = seed
        self.rng = rng = np.random.default_rng(seed)
        self.drawn = drawn(rng) if given is None else given
        self.net = self.drawn.network()
        self.rule = gw.optimizer(self.drawn.rule, **dict(self.drawn.settings))
        self.over_batch = self.net.model.has_state
        least = 2 if self.over_batch else 1
        self.samples = least if rng.random() < 0.1 else int(rng.integers(least, 12))
        self.p = self.net.init(seed=seed)
        self.p.flat[:] += rng.uniform(0, 0.2, self.p.flat.shape)
        self.model = self.net.model.weighted if self.drawn.weighted else self.net.model
        self.X = rng.normal(size=(self.samples, self.drawn.inputs))
        #: Of each column of the inputs whether it holds numbers; codes do not move.
        self.moves = np.ones(self.drawn.inputs)
        for column, count in self.drawn.categories.items():
            self.X[:, column] = rng.integers(count, size=self.samples)
            self.moves[column] = 0
        drawn_targets = sample_targets(self.drawn.loss, self.samples, self.drawn.outputs, rng)
        loss = self.drawn.loss_text
        self.Y = prepare_targets(drawn_targets, self.drawn.outputs, loss, self.samples, np.float64)
        self.weights = [_weights(rng, self.samples, least)] if self.drawn.weighted else []
        #: Places of the samples that count: no training sees the others.
        self.counted = np.flatnonzero(self.weights[0] if self.weights else np.ones(self.samples))
        count = len(self.counted)
        self.size = int(rng.integers(1, count + 1))
        if self.over_batch and 1 in (self.size, count % self.size):
            self.size = count

    def batch(self, dtype: Any) -> list[Array]:
        """Targets, and where samples have weights these."""
        return [np.ascontiguousarray(a, dtype) for a in (self.Y, *self.weights)]

    @property
    def backprop(self) -> Any:
        """The derivation, with weights where samples have them."""
        return self.net.backprop(weighted=self.drawn.weighted)

    @property
    def trained(self) -> int:
        """The number of parameters, behind which the state lies."""
        return int(self.net.model.module.PARAMETERS)

    def blocks(self) -> list[tuple[int, int]]:
        """Where each array of parameters and of state lies in the flat vector."""
        ends = np.cumsum([value.size for _, value in self.p.items()])
        return list(zip([0, *map(int, ends[:-1])], map(int, ends), strict=True))

    def masks(self, step: int, seed: int, layer: int, place: int, samples: int) -> Array:
        """A dropout mask of the package."""
        module: Any = self.model.module
        buffers = module.Buffers(samples, np.float64)
        return module.dropout_mask((seed, step), layer, place, samples, buffers).copy()

    def __str__(self) -> str:
        weighted = f", {len(self.counted)} weighted" if self.weights else ""
        samples = f"{self.samples} samples{weighted}, batches of {self.size}"
        return f"{self.net}, {samples}, {self.rule!r}"


def _weights(rng: np.random.Generator, samples: int, least: int) -> Array:
    """Weights that float32 has too, some of them 0, but not of the `least` samples."""
    made = rng.uniform(0.1, 3, samples).astype(np.float32).astype(np.float64)
    left_out = rng.permutation(samples)[least:]
    made[left_out[rng.random(len(left_out)) < 0.2]] = 0
    return made


class _Rounding:
    """NumPy whose functions are off by twice a step, as other libraries round them otherwise.

    The slopes 1 - tanh(z)^2 and s(z) (1 - s(z)) of a sigmoid have few digits where tanh or s is
    nearly 1, and no move of z shows it.
    """

    def __init__(self, rng: np.random.Generator, step: float) -> None:
        self._rng, self._step = rng, step

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)
        return partial(self._moved, function) if name in ROUNDED else function

    def _moved(self, function: Any, *given: Any, **named: Any) -> Any:
        made = function(*given, **named)
        signs = self._rng.choice([-1.0, 1.0], np.shape(made))
        return np.add(made, 2 * self._step * signs * made, out=named.get("out"), dtype=made.dtype)


class Claim:
    """A vector in float64 with its blocks, and how far roundings of what it is made from move it.

    `of` makes it from parameters and inputs.
    """

    def __init__(self, of: Callable[[Array, Array], Array], case: Case, blocks: Any, count: int):
        self.of, self.case, self.blocks = of, case, blocks
        self.straight = of(case.p.flat, case.X)
        self.finite = bool(np.isfinite(self.straight).all())
        self.scale = self._largest(self.straight)
        self.change = {dtype: self._change(dtype, UNIT[dtype], count) for dtype in UNIT}
        linear = self.change["float64"] * (UNIT["float32"] / UNIT["float64"])
        self.change["float32"] = np.maximum(self.change["float32"], linear)

    def _change(self, dtype: str, step: float, count: int) -> Array:
        """The most that moves of parameters and inputs by twice a step change in each block."""
        given = [a.astype(dtype) for a in (self.case.p.flat, self.case.X)]
        straight, found = self.of(*given), []
        held = vars(self.case.model.module)
        held["np"] = _Rounding(self.case.rng, step)
        for _ in range(count):
            moved = []
            for a, moves in zip(given, (1, self.case.moves), strict=True):
                signs = moves * self.case.rng.choice([-1, 1], a.shape)
                moved.append((a + 2 * step * a * signs).astype(dtype))
            made = self.of(*moved)
            found.append(self._largest(np.asarray(made, np.float64) - straight))
        held["np"] = np
        return np.max(found, axis=0)

    def _largest(self, vector: Array) -> Array:
        return np.array([np.max(np.abs(vector[a:b]), initial=0.0) for a, b in self.blocks])

    def error(self, found: Array, dtype: str) -> tuple[float, bool]:
        """The largest error of a block as a part of what is allowed.

        The second says whether every block is as near as the least that is allowed of any.
        """
        allowed = ROUNDINGS * self.change[dtype]
        least = 1e-12 if dtype == "float64" else ROUNDINGS * UNIT[dtype]
        plain = least * self.scale
        allowed = np.maximum(allowed, plain)
        off = self._largest(np.asarray(found, np.float64) - self.straight)
        if dtype == "float32":
            off[allowed > SAYING * self.scale] = 0
        off[np.isnan(off)] = np.inf
        tiny = np.finfo(np.float64).tiny
        return float(np.max(off / np.maximum(allowed, tiny))), bool(np.all(off <= plain))

    def jumps(self) -> bool:
        """Whether rounding to float32 may jump over a kink, or is far from linear."""
        moved = self._change("float64", 16 * UNIT["float32"], 8)
        allowed = ROUNDINGS * self.change["float32"]
        return bool(np.any(moved > allowed + 1e-6 * self.scale))


def judge(case: Case, compiled: Mapping[str, Any]) -> dict[str, Any]:
    """What is wrong with a network, what was done, and the errors of each side.

    `compiled` has its C module for each precision, or nothing where C takes no part.
    """
    found: dict[str, Any] = {"seed": case.seed, "wrong": "", "notes": [], "errors": {}}
    judgement = _Judgement(case, compiled, found)
    with np.errstate(over="ignore", invalid="ignore"):
        judgement.passes()
        if not found["wrong"] and not found["notes"].count(NOT_FINITE):
            judgement.trainings()
    if found["wrong"]:
        found["wrong"] += f": {case}"
    return found


NOT_FINITE = "set aside, the numbers are not finite"


class _Judgement:
    def __init__(self, case: Case, compiled: Mapping[str, Any], found: dict[str, Any]) -> None:
        self.case, self.compiled, self.found = case, compiled, found
        self.targets = ("numpy", "c") if compiled else ("numpy",)
        self.in_torch: Any = None
        if TORCH:
            from tests.torch.drawn_networks import InTorch

            self.in_torch = InTorch(case.drawn, case.trained)

    def note(self, text: str) -> None:
        self.found["notes"].append(text)

    def wrong(self, text: str) -> None:
        self.found["wrong"] = self.found["wrong"] or text

    def compare(self, side: str, claim: Claim, vector: Array, dtype: str = "float64") -> None:
        """A side beside the claim; what is wrong is noted."""
        error, near = claim.error(vector, dtype)
        if error > 1 and dtype == "float32" and claim.jumps():
            self.note(f"set aside, {side} at a kink")
            return
        self.found["errors"][side] = error
        if dtype == "float64" and not near:
            self.note(f"{side}, a block beyond 1e-12")
        if not error <= 1:
            self.wrong(f"{side} is off by {error:.3g} times what is allowed")

    # Loss, gradient, state and prediction --------------------------------------------------------

    def passes(self) -> None:
        """One pass forward and back on every side."""
        case = self.case
        training = (case.seed, 3)
        module: Any = case.model.module
        more = {"training": training} if case.net.model.trains_apart else {}

        def numpy(flat: Array, X: Array) -> Array:
            value, gradient = module.value_and_gradient(flat, X, *case.batch(X.dtype), **more)
            return np.concatenate([[value], gradient, module.predict(flat, X).ravel()])

        length = len(case.p.flat)
        blocks = [(0, 1), *((a + 1, b + 1) for a, b in case.blocks())]
        blocks.append((length + 1, length + 1 + case.samples * case.drawn.outputs))
        claim = Claim(numpy, case, blocks, 16)
        if not claim.finite:
            return self.note(NOT_FINITE)
        slope = by_difference(lambda flat: numpy(flat, case.X), claim.straight, case)
        if slope:
            self.wrong(slope)
        for dtype, network in self.compiled.items():
            flat, X = (np.ascontiguousarray(a, dtype) for a in (case.p.flat, case.X))
            batch = case.batch(dtype)
            value, gradient = network.value_and_gradient(flat, X, *batch, training=training)
            made = np.concatenate([[value], gradient, network.predict(flat, X).ravel()])
            self.compare(f"C {dtype}", claim, made, dtype)
        flat, X = (a.astype(np.float32) for a in (case.p.flat, case.X))
        self.compare("NumPy float32", claim, numpy(flat, X), "float32")
        self._passes_in_torch(claim, training)

    def _passes_in_torch(self, claim: Claim, training: tuple[int, int]) -> None:
        case = self.case
        if self.in_torch is None:
            return
        arrays = case.p.flat, case.X
        masks = partial(case.masks, training[1], training[0])
        batch = case.batch(np.float64)
        value, gradient = self.in_torch.value_and_gradient(*arrays, batch, masks)
        predicted = self.in_torch.predicted(*arrays).ravel()
        self.compare("autograd", claim, np.concatenate([[value], gradient, predicted]))
        source = case.backprop.source("torch")
        self.compare("module for PyTorch", claim, _by_module(source, case, training))

    # Steps of training ---------------------------------------------------------------------------

    def trainings(self) -> None:
        """The same steps on every side, twice where they must be the same bit for bit."""
        case = self.case
        if case.over_batch:
            self._one_sample()
        self.note(f"optimiser {case.rule.name}")
        count = len(case.counted)
        if count % case.size:
            self.note("a short last batch")
        if 1 in (case.size, count % case.size):
            self.note("a batch of 1")
        try:
            claim = Claim(partial(self._trained, "numpy"), case, case.blocks(), 8)
        except gw.errors.TrainingError:
            return self.note("set aside, training does not stay finite")
        for target in self.targets:
            runs = [self._trained(target, case.p.flat, case.X) for _ in range(2)]
            if not np.array_equal(*runs):
                return self.wrong(f"two trainings with one seed differ, target {target}")
            self.compare(f"training by {target}", claim, runs[0])
        flat, X = (a.astype(np.float32) for a in (case.p.flat, case.X))
        for target in self.targets:
            made = self._trained(target, flat, X)
            self.compare(f"training by {target}, float32", claim, made, "float32")
        if self.in_torch is not None:
            from tests.torch.drawn_networks import batches

            samples = [a[case.counted] for a in (case.X, *case.batch(np.float64))]
            order = batches(samples, case.size, EPOCHS, SEED)
            masks = partial(partial, case.masks)
            made = self.in_torch.trained_by(
                case.p.flat, order, RATE, lambda step: masks(step, SEED)
            )
            self.compare("training by torch.optim", claim, made)
            order = batches(samples, case.size, EPOCHS, SEED)
            made = _trained_by_module(case, order)
            self.compare("training by the module for PyTorch", claim, made)

    def _trained(self, target: str, flat: Array, X: Array) -> Array:
        case = self.case
        start = Parameters(case.net.model.layers, flat)
        dtype = str(X.dtype)
        # The compiled module of the unit, in place of one that is compiled for itself.
        vars(case.model)["compiled"] = lambda *_given, **_more: self.compiled[dtype]
        run = gw.train(
            *(case.net, X, case.Y.astype(dtype), start),
            sample_weight=case.weights[0] if case.weights else None,
            epochs=EPOCHS,
            batch_size=case.size,
            optimizer=case.rule,
            learning_rate=RATE,
            seed=SEED,
            target=target,
        )
        return run.params.flat

    def _one_sample(self) -> None:
        """A batch of one sample is a typed error where a layer is over the batch."""
        case = self.case
        for target in self.targets:
            try:
                gw.train(case.net, case.X[:1], case.Y[:1], case.p, epochs=1, target=target)
            except gw.errors.DataError:
                continue
            self.wrong(f"a batch of 1 is no error, target {target}")


def _by_module(source: str, case: Case, training: tuple[int, int]) -> Array:
    """Loss, gradient, new state and predictions by the emitted module for PyTorch."""
    import torch

    module: Any = load(source)
    model = module.Network(case.p.flat, dtype=torch.float64)
    X, *batch = map(torch.tensor, (case.X, *case.batch(np.float64)))
    value = model.loss(X, *batch, *[training] * case.net.model.trains_apart)
    value.backward()
    made = [value.detach(), *(parameter.grad for parameter in model.parameters())]
    made += model.buffers()
    found = torch.cat([part.reshape(-1) for part in made])
    model.load_flat(case.p.flat)
    with torch.no_grad():
        return torch.cat([found, model.eval()(X).reshape(-1)]).numpy()


def _trained_by_module(case: Case, batches: Iterable[list[Array]]) -> Array:
    """The parameters after steps of the emitted module and its own optimiser."""
    import torch

    module: Any = load(case.backprop.source("torch", case.rule))
    model = module.Network(case.p.flat, dtype=torch.float64)
    optimizer = module.Optimizer(model, learning_rate=RATE)
    for step, batch in enumerate(batches):
        optimizer.zero_grad()
        training = [(SEED, step)] * case.net.model.trains_apart
        model.loss(*map(torch.tensor, batch), *training).backward()
        optimizer.step()
    return model.flat().numpy()
