"""Schedules against loops written by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import GradwrightError, SymbolError, TrainingError
from gradwright.nn.schedules import SCHEDULES
from tests.programs.installed import COMPILER

compiles = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")

EPOCHS, PER_EPOCH, RATE = 6, 7, 0.3

Array = Any


def constant(t: int, steps: float) -> float:
    return RATE


def dropped(t: int, steps: float) -> float:
    """A tenth, a hundredth, ... after every two epochs."""
    rate = RATE
    for _ in range(t // (2 * PER_EPOCH)):
        rate *= 0.1
    return rate


def cosine(t: int, steps: float) -> float:
    return 0.01 + (RATE - 0.01) * (1 + math.cos(math.pi * t / steps)) / 2


def between(start: float, end: float, part: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * part))


def one_cycle(t: int, steps: float) -> float:
    """Up to the rate in three tenths of the steps, then down to very little."""
    top = 0.3 * steps - 1
    if t <= top:
        return between(RATE / 25, RATE, t / top)
    return between(RATE, RATE / 25 / 1e4, (t - top) / (steps - 1 - top))


def by_formula(t: int, steps: float) -> float:
    return RATE / (1 + t / 5)


BY_HAND: dict[str, tuple[Callable[[int, float], float], dict[str, float]]] = {
    "constant": (constant, {}),
    "step": (dropped, {"every": 2}),
    "cosine": (cosine, {"minimum": 0.01}),
    "one_cycle": (one_cycle, {}),
    "learning_rate/(1 + t/5)": (by_formula, {}),
}


def test_every_schedule_is_here() -> None:
    assert set(SCHEDULES) <= set(BY_HAND)


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("warmup", [0, 1, 1.5])
def test_rates_are_those_written_by_hand(name: str, warmup: float) -> None:
    rate, settings = BY_HAND[name]
    made = gw.schedule(name, warmup=warmup, **settings)
    found = made.rates(RATE, 0, EPOCHS * PER_EPOCH, made.resolved(EPOCHS, PER_EPOCH))
    rise = round(warmup * PER_EPOCH)
    steps = EPOCHS * PER_EPOCH - rise
    expected = list[float]()
    for t in range(EPOCHS * PER_EPOCH):
        expected.append(rate(max(0, t - rise), steps) * min(1, (t + 1) / (rise or 1)))
    # A dozen operations on numbers near 1; differences of cosines lose nothing but absolute size.
    np.testing.assert_allclose(found, expected, rtol=0, atol=50 * np.finfo(float).eps * RATE)


@pytest.mark.parametrize("target", ["numpy", pytest.param("c", marks=compiles)])
def test_a_training_takes_the_rates(target: str, rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(23, 4)), rng.integers(3, size=23)
    net = gw.Network("4 -> 5 tanh -> 3 softmax")
    start = net.init(seed=2)
    given = {"batch_size": 9, "epochs": 2, "learning_rate": 0.3, "shuffle": False}
    run = gw.train(net, X, y, start, schedule="learning_rate/(1 + t)", target=target, **given)
    p = net.init(seed=2)
    for t in range(6):
        part = slice(9 * (t % 3), 9 * (t % 3) + 9)
        p.flat[:] -= 0.3 / (1 + t) * net.gradient(p, X[part], y[part]).flat
    tolerance = 1000 * np.finfo(float).eps * np.max(np.abs(p.flat))
    assert np.max(np.abs(run.params.flat - p.flat)) <= tolerance


@pytest.mark.parametrize("name", [*SCHEDULES, "learning_rate/(1 + t)"])
def test_a_schedule_goes_on_where_it_stopped(
    tmp_path: Any, name: str, rng: np.random.Generator
) -> None:
    X, y = rng.normal(size=(26, 4)), rng.integers(3, size=26)
    net = gw.Network("4 -> 6 tanh -> 3 softmax")
    lengths = {"epochs": 4} if name in ("cosine", "one_cycle") else {}
    course = gw.schedule(name, warmup=0.5, **lengths)
    given = {"batch_size": 8, "optimizer": "adam", "schedule": course}
    whole = gw.train(net, X, y, epochs=4, **given)
    gw.train(net, X, y, epochs=2, **given, checkpoint=tmp_path / "half")
    rest = gw.train(net, X, y, epochs=4, **given, resume=tmp_path / "half")
    assert rest.params.flat.tobytes() == whole.params.flat.tobytes()
    with pytest.raises(TrainingError, match="made with the schedule"):
        gw.train(net, X, y, epochs=4, **given | {"schedule": "1e-3"}, resume=tmp_path / "half")


def test_another_length_is_not_resumed(tmp_path: Any, rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(26, 4)), rng.integers(3, size=26)
    net = gw.Network("4 -> 6 tanh -> 3 softmax")
    given = {"batch_size": 8, "schedule": "cosine"}
    gw.train(net, X, y, epochs=2, **given, checkpoint=tmp_path / "half")
    with pytest.raises(TrainingError, match=r"schedule's steps 8.0 .* schedule's steps 16.0"):
        gw.train(net, X, y, epochs=4, **given, resume=tmp_path / "half")


@pytest.mark.parametrize(
    ("name", "settings", "facts", "kind"),
    [
        ("slow", {}, "'slow' is asked for and the schedules are constant", TrainingError),
        ("cosine", {"gamma": 1}, "gamma is given and its settings are minimum", TrainingError),
        ("cosine", {"epochs": 0}, "greater than 0", TrainingError),
        ("step", {"every": -1}, "every is -1", TrainingError),
        ("constant", {"warmup": -1}, "warmup is -1", TrainingError),
        ("learning_rate/(1 + s)", {}, "s stands in it", SymbolError),
        ("learning_rate*", {}, "learning_rate", GradwrightError),
    ],
)
def test_what_is_no_schedule_is_refused(
    name: str, settings: Any, facts: str, kind: type[GradwrightError]
) -> None:
    with pytest.raises(kind, match=facts):
        gw.schedule(name, **settings)


def test_rates_below_zero_end_the_training(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(6, 4)), rng.integers(3, size=6)
    net = gw.Network("4 -> 3 softmax")
    with pytest.raises(TrainingError, match=r"step 3 is -0.05"):
        gw.train(net, X, y, batch_size=2, schedule="0.05 - 0.05*t", epochs=1)
    with pytest.raises(TrainingError, match=r"step 1 is inf"):
        gw.train(net, X, y, batch_size=2, schedule="1/0", epochs=1)
