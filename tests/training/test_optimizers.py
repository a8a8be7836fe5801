"""Steps of the optimisers against loops written by hand, in both targets and precisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import TrainingError
from gradwright.nn.optimizers import OPTIMIZERS
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


#: For each optimiser the loop, its rate, and settings that are not those by default.
BY_HAND: dict[str, tuple[Callable[..., Array], float, dict[str, float]]] = {
    "sgd": (sgd, 0.05, {}),
    "momentum": (momentum, 0.05, {"momentum": 0.8}),
}


def test_every_optimizer_is_here() -> None:
    assert set(BY_HAND) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("target", ["numpy", pytest.param("c", marks=compiles)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_training_is_the_loop_written_by_hand(
    name: str, target: str, dtype: str, rng: np.random.Generator
) -> None:
    loop, rate, settings = BY_HAND[name]
    X, y = rng.normal(size=(23, 4)), rng.integers(3, size=23)
    net = gw.Network("4 -> 6 tanh -> 3 softmax")
    start = net.init(seed=1, dtype=dtype)
    run = gw.train(
        net,
        X,
        y,
        params=start,
        epochs=3,
        batch_size=9,
        optimizer=gw.optimizer(name, **settings),
        learning_rate=rate,
        shuffle=False,
        target=target,
    )
    X = X.astype(dtype).astype("float64")

    def gradient(w: Array, k: int) -> Array:
        part = slice(9 * (k % 3), 9 * (k % 3) + 9)
        p = net.init(seed=1)
        p.flat[:] = w
        return net.gradient(p, X[part], y[part]).flat

    expected = loop(start.flat.astype("float64"), gradient, 9, rate, **settings)
    # Nine steps, each of some roundings of passes over sums of 9 and fewer terms.
    tolerance = 1000 * np.finfo(dtype).eps * np.max(np.abs(expected))
    assert np.max(np.abs(run.params.flat - expected)) <= tolerance


@pytest.mark.parametrize(
    ("name", "settings", "facts"),
    [
        ("speedy", {}, "'speedy' is asked for and the optimizers are sgd"),
        ("sgd", {"momentum": 0.9}, "momentum is given and sgd has no settings"),
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
