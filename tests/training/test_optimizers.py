"""Steps of the optimisers against loops written by hand, in both targets and precisions."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

import gradwright as gw
from gradwright.errors import TrainingError
from gradwright.nn.optimizers import ADAM as ADAM_LINES
from gradwright.nn.optimizers import OPTIMIZERS, Optimizer
from tests.programs.installed import COMPILER

compiles = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")

Array = Any
Gradient = Callable[[Array, int], Array]


def momentum(w: Array, gradient: Gradient, steps: int, rate: float, momentum: float) -> Array:
    velocity = np.zeros_like(w)
    for k in range(steps):
        velocity = momentum * velocity + gradient(w, k)
        w = w - rate * velocity
    return w


def sgd(w: Array, gradient: Gradient, steps: int, rate: float) -> Array:
    for k in range(steps):
        w = w - rate * gradient(w, k)
    return w


def nesterov(w: Array, gradient: Gradient, steps: int, rate: float, momentum: float) -> Array:
    velocity = np.zeros_like(w)
    for k in range(steps):
        slope = gradient(w, k)
        velocity = momentum * velocity + slope
        w = w - rate * (slope + momentum * velocity)
    return w


def rmsprop(
    w: Array, gradient: Gradient, steps: int, rate: float, alpha: float, epsilon: float
) -> Array:
    square = np.zeros_like(w)
    for k in range(steps):
        slope = gradient(w, k)
        square = alpha * square + (1 - alpha) * slope**2
        w = w - rate * slope / (np.sqrt(square) + epsilon)
    return w


def adam(
    w: Array,
    gradient: Gradient,
    steps: int,
    rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float = 0.0,
) -> Array:
    """Algorithm 1 of Kingma and Ba, 2015; with decay, algorithm 2 of Loshchilov and Hutter."""
    first, second = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, steps + 1):
        slope = gradient(w, t - 1)
        first = beta1 * first + (1 - beta1) * slope
        second = beta2 * second + (1 - beta2) * slope * slope
        unbiased, squares = first / (1 - beta1**t), second / (1 - beta2**t)
        w = w - rate * (unbiased / (np.sqrt(squares) + epsilon) + weight_decay * w)
    return w


ADAM = {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4}

#: For each optimiser the loop, its rate, and settings that are not those by default.
BY_HAND: dict[str, tuple[Callable[..., Array], float, dict[str, float]]] = {
    "sgd": (sgd, 0.05, {}),
    "momentum": (momentum, 0.05, {"momentum": 0.8}),
    "nesterov": (nesterov, 0.05, {"momentum": 0.7}),
    "rmsprop": (rmsprop, 0.02, {"alpha": 0.9, "epsilon": 1e-3}),
    "adam": (adam, 0.02, ADAM),
    "adamw": (adam, 0.02, {**ADAM, "weight_decay": 0.3}),
}


def test_every_optimizer_is_here() -> None:
    assert set(BY_HAND) == set(OPTIMIZERS)


def with_terms(gradient: Gradient, l1: float, l2: float, max_norm: float) -> Gradient:
    """The gradient of the loss with its penalties, of a norm of at most `max_norm`."""

    def changed(w: Array, k: int) -> Array:
        slope = gradient(w, k) + l1 * np.sign(w) + l2 * w
        return slope * min(1.0, max_norm / float(np.linalg.norm(slope)))

    return changed


BATCH, EPOCHS = 9, 3
TARGETS = ["numpy", pytest.param("c", marks=compiles)]


class Case:
    """A training of three epochs in the order of the samples, the last batches short."""

    def __init__(self, dtype: str, rng: np.random.Generator) -> None:
        self.net = gw.Network("4 -> 6 tanh -> 3 softmax")
        self.start = self.net.init(seed=1, dtype=dtype)
        self.X = rng.normal(size=(23, 4)).astype(dtype).astype("float64")
        self.y = rng.integers(3, size=23)
        self.dtype = dtype

    def trained(self, **given: Any) -> Array:
        """What training makes of the parameters."""
        given = {"params": self.start, "epochs": EPOCHS, "batch_size": BATCH, **given}
        return gw.train(self.net, self.X, self.y, shuffle=False, **given).params.flat

    def gradient(self, w: Array, k: int) -> Array:
        """The gradient of step k in double precision."""
        first = BATCH * (k % 3)
        p = self.net.init(seed=1)
        p.flat[:] = w
        part = slice(first, first + BATCH)
        return self.net.gradient(p, self.X[part], self.y[part]).flat

    def judge(self, found: Array, loop: Callable[..., Array], *given: Any, **settings: Any) -> None:
        """Nine steps, each of some roundings of passes over sums of 9 and fewer terms."""
        expected = loop(self.start.flat.astype("float64"), *given, **settings)
        assert found.dtype == self.dtype
        tolerance = 1000 * np.finfo(self.dtype).eps * np.max(np.abs(expected))
        assert np.max(np.abs(found - expected)) <= tolerance


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_training_is_the_loop_written_by_hand(
    name: str, target: str, dtype: str, rng: np.random.Generator
) -> None:
    loop, rate, settings = BY_HAND[name]
    case = Case(dtype, rng)
    rule = gw.optimizer(name, **settings)
    found = case.trained(optimizer=rule, learning_rate=rate, target=target)
    case.judge(found, loop, case.gradient, 9, rate, **settings)


@pytest.mark.parametrize("name", ["sgd", "adam"])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("max_norm", [0.05, 1e3])
def test_penalties_belong_to_the_gradient_that_is_clipped(
    name: str, target: str, max_norm: float, rng: np.random.Generator
) -> None:
    loop, rate, settings = BY_HAND[name]
    case = Case("float64", rng)
    terms = {"l1": 0.02, "l2": 0.3, "max_norm": max_norm}
    rule = gw.optimizer(name, **settings)
    found = case.trained(optimizer=rule, learning_rate=rate, target=target, **terms)
    case.judge(found, loop, with_terms(case.gradient, **terms), 9, rate, **settings)
    whole = gw.optimizer(name, **settings, **terms)
    assert np.array_equal(case.trained(optimizer=whole, learning_rate=rate, target=target), found)


@pytest.mark.parametrize("target", TARGETS)
def test_weight_decay_is_apart_from_the_gradient(target: str, rng: np.random.Generator) -> None:
    case = Case("float64", rng)
    found = case.trained(weight_decay=0.4, learning_rate=0.05, target=target)

    def decayed(w: Array) -> Array:
        for k in range(9):
            w = (1 - 0.05 * 0.4) * w - 0.05 * case.gradient(w, k)
        return w

    case.judge(found, decayed)


def test_the_harness_sees_a_planted_fault(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    loop, rate, settings = BY_HAND["adam"]
    wrong = replace(
        OPTIMIZERS["adam"], lines=tuple(x.replace("t + 1", "t + 2") for x in ADAM_LINES)
    )
    case = Case("float64", rng)
    found = case.trained(optimizer=Optimizer(wrong, tuple(settings.items())), learning_rate=rate)
    with pytest.raises(AssertionError):
        case.judge(found, loop, case.gradient, 9, rate, **settings)


def test_a_step_makes_no_arrays(rng: np.random.Generator) -> None:
    terms = {"l1": 0.1, "l2": 0.1, "max_norm": 1.0, "weight_decay": 0.1}
    for name in OPTIMIZERS:
        for rule in (gw.optimizer(name), gw.optimizer(name, **terms)):
            w, g = rng.normal(size=(2, 100_000))
            given: dict[str, Any] = {"state": np.zeros((len(rule.update.state), w.size))}
            given = given if rule.update.state else {}
            given |= {"t": 0} if rule.update.counts_steps else {}
            given |= {"work": np.empty((rule.scratch, w.size))} if rule.scratch else {}
            rule.function(w, g, learning_rate=0.1, **given)
            tracemalloc.start()
            rule.function(w, g, learning_rate=0.1, **given)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < w.nbytes / 8, rule


def test_other_settings_compile_nothing() -> None:
    for name, settings in (("adam", {"beta1": 0.5}), ("momentum", {"momentum": 0.1})):
        for terms in ({}, {"l2": 0.5, "max_norm": 7.0}):
            one = gw.optimizer(name, **{x: v / 2 for x, v in terms.items()})
            other = gw.optimizer(name, **settings, **terms)
            assert one.c_descent(False) == other.c_descent(False)


@pytest.mark.parametrize(
    ("name", "settings", "facts"),
    [
        ("adam", {"momentum": 0.9}, "momentum is given and the settings of adam are beta1, .* l1"),
        ("adam", {"epsilon": 0.0}, "epsilon is 0.0 and must be a number greater than 0"),
        ("sgd", {"max_norm": -1}, "max_norm is -1"),
        ("sgd", {"l2": float("inf")}, "l2 is inf"),
        ("speedy", {}, "'speedy' is asked for and the optimizers are sgd"),
        ("sgd", {"momentum": 0.9}, "momentum is given and the settings of sgd are l1, l2"),
        ("momentum", {"momentum": 1.0}, "momentum is 1.0 and must be a number .* less than 1"),
        ("momentum", {"momentum": -0.1}, "at least 0"),
        ("momentum", {"momentum": float("nan")}, "momentum is nan"),
        ("momentum", {"momentum": True}, "momentum is True"),
        ("momentum", {"momentum": "much"}, "momentum is 'much'"),
    ],
)
def test_what_is_no_optimizer_is_refused(name: str, settings: Any, facts: str) -> None:
    with pytest.raises(TrainingError, match=facts):
        gw.optimizer(name, **settings)
