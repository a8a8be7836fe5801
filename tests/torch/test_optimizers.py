"""The optimisers, clipping and schedules beside those of PyTorch, in float64."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import gradwright as gw
from gradwright.nn import schedules as gw_schedules
from gradwright.nn.optimizers import OPTIMIZERS, Optimizer
from gradwright.run.load import load
from tests.programs.installed import COMPILER

compiles = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")

BATCH, EPOCHS, SAMPLES = 9, 4, 23
PER_EPOCH = 3
STEPS = EPOCHS * PER_EPOCH

Array = Any
Made = Callable[[list[torch.Tensor]], torch.optim.Optimizer]

#: For each optimiser its settings here and the optimiser there, with the same rate 0.02.
THEIRS: dict[str, tuple[dict[str, float], Made]] = {
    "sgd": ({}, lambda w: torch.optim.SGD(w, 0.02)),
    "momentum": ({"momentum": 0.8}, lambda w: torch.optim.SGD(w, 0.02, momentum=0.8)),
    "nesterov": (
        {"momentum": 0.8},
        lambda w: torch.optim.SGD(w, 0.02, momentum=0.8, nesterov=True),
    ),
    "rmsprop": (
        {"alpha": 0.9, "epsilon": 1e-5},
        lambda w: torch.optim.RMSprop(w, 0.02, alpha=0.9, eps=1e-5),
    ),
    "adam": (
        {"beta1": 0.8, "beta2": 0.97, "epsilon": 1e-5},
        lambda w: torch.optim.Adam(w, 0.02, betas=(0.8, 0.97), eps=1e-5),
    ),
    "adamw": (
        {"beta1": 0.8, "beta2": 0.97, "epsilon": 1e-5, "weight_decay": 0.3},
        lambda w: torch.optim.AdamW(w, 0.02, betas=(0.8, 0.97), eps=1e-5, weight_decay=0.3),
    ),
}


class Case:
    """A network here and the same there, trained in the order of the samples."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.net = gw.Network("5 -> 7 tanh -> 3 softmax")
        self.start = self.net.init(seed=int(rng.integers(2**31)))
        self.X, self.y = rng.normal(size=(SAMPLES, 5)), rng.integers(3, size=SAMPLES)

    def ours(self, **given: Any) -> Array:
        given = {"learning_rate": 0.02, "epochs": EPOCHS, "batch_size": BATCH, **given}
        return gw.train(self.net, self.X, self.y, self.start, shuffle=False, **given).params.flat

    def theirs(
        self,
        made: Made,
        max_norm: float | None = None,
        schedule: Callable[[torch.optim.Optimizer], Any] | None = None,
        l2: float = 0.0,
    ) -> Array:
        weights = [torch.tensor(value, requires_grad=True) for _, value in self.start.items()]
        optimizer = made(weights)
        scheduler = None if schedule is None else schedule(optimizer)
        X, y = torch.tensor(self.X), torch.tensor(self.y)
        for _ in range(EPOCHS):
            for first in range(0, SAMPLES, BATCH):
                W1, b1, W2, b2 = weights
                scores = torch.tanh(X[first : first + BATCH] @ W1 + b1) @ W2 + b2
                loss = torch.nn.functional.cross_entropy(scores, y[first : first + BATCH])
                loss = loss + l2 / 2 * sum(torch.sum(w * w) for w in weights)
                optimizer.zero_grad()
                loss.backward()
                if max_norm is not None:
                    torch.nn.utils.clip_grad_norm_(weights, max_norm)
                optimizer.step()
                if scheduler is not None:
                    scheduler.step()
        return np.concatenate([w.detach().numpy().ravel() for w in weights])

    def by_module(self, rule: Optimizer) -> Array:
        """Our steps, by the class that stands in the module for PyTorch."""
        module = load(self.net.backprop().source("torch", rule))
        model = module.Network(self.start.flat, dtype=torch.float64)
        optimizer = module.Optimizer(model, learning_rate=0.02)
        X, y = torch.tensor(self.X), torch.tensor(self.y)
        for _ in range(EPOCHS):
            for first in range(0, SAMPLES, BATCH):
                optimizer.zero_grad()
                model.loss(X[first : first + BATCH], y[first : first + BATCH]).backward()
                optimizer.step()
        assert optimizer.t == STEPS
        return model.flat().numpy()


def judge(ours: Array, theirs: Array, more: float = 0.0) -> None:
    """Twelve steps of a few hundred roundings, which rates of 0.02 do not make larger."""
    tolerance = (1000 * np.finfo(float).eps + more) * np.max(np.abs(theirs))
    assert np.max(np.abs(ours - theirs)) <= tolerance


def test_every_optimizer_is_here() -> None:
    assert set(THEIRS) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("target", ["numpy", pytest.param("c", marks=compiles)])
def test_steps_are_those_of_pytorch(name: str, target: str, rng: np.random.Generator) -> None:
    settings, made = THEIRS[name]
    case = Case(rng)
    found = case.ours(optimizer=gw.optimizer(name, **settings), target=target)
    judge(found, case.theirs(made))


@pytest.mark.parametrize("name", THEIRS)
def test_steps_in_the_module_for_pytorch(name: str, rng: np.random.Generator) -> None:
    settings, made = THEIRS[name]
    case = Case(rng)
    judge(case.by_module(gw.optimizer(name, **settings)), case.theirs(made))
    limited = gw.optimizer(name, **settings, max_norm=0.1, l2=0.2)
    judge(case.by_module(limited), case.ours(optimizer=limited))


def test_steps_in_the_module_keep_the_type(rng: np.random.Generator) -> None:
    module = load(Case(rng).net.backprop().source("torch", "adam"))
    model = module.Network()
    optimizer = module.Optimizer(model)
    optimizer.settings["beta1"] = 0.5
    model.loss(torch.ones(2, 5), torch.tensor([0, 1])).backward()
    optimizer.step()
    assert {x.dtype for x in (model.flat(), *optimizer.state)} == {torch.float32}
    assert torch.count_nonzero(optimizer.state[0])


@pytest.mark.parametrize("name", THEIRS)
def test_a_training_goes_on_where_it_stopped(name: str, rng: np.random.Generator) -> None:
    case = Case(rng)
    module = load(case.net.backprop().source("torch", gw.optimizer(name, l2=0.1)))
    X, y = torch.tensor(case.X), torch.tensor(case.y)

    def steps(model: Any, optimizer: Any, first: int, last: int) -> Any:
        for step in range(first, last):
            optimizer.learning_rate = 0.02 / (1 + step)
            optimizer.zero_grad()
            model.loss(X[step:], y[step:]).backward()
            optimizer.step()
        return model.flat()

    whole = module.Network(case.start.flat, dtype=torch.float64)
    expected = steps(whole, module.Optimizer(whole), 0, 7)
    begun = module.Network(case.start.flat, dtype=torch.float64)
    optimizer = module.Optimizer(begun)
    optimizer.settings["l2"] = 0.1
    steps(begun, optimizer, 0, 4)
    file = io.BytesIO()
    torch.save([begun.state_dict(), optimizer.state_dict()], file)
    steps(begun, optimizer, 4, 5)
    file.seek(0)
    parameters, held = torch.load(file)
    other = module.Network(dtype=torch.float64)
    other.load_state_dict(parameters)
    resumed = module.Optimizer(other, learning_rate=0.5, l2=0.3)
    resumed.load_state_dict(held)
    assert (resumed.t, resumed.settings) == (4, optimizer.settings)
    assert torch.equal(steps(other, resumed, 4, 7), expected)


WRONG_STATES = [
    (lambda held: {**held, "steps_of": "Adam"}, "give those of gradient descent with momentum"),
    (lambda held: torch.optim.SGD([torch.ones(2)], 0.1).state_dict(), "of None"),
    (lambda held: {**held, "learning_rate": float("nan")}, "learning_rate is nan"),
    (lambda held: {**held, "t": -1}, "t is -1"),
    (lambda held: {**held, "settings": {"momentum": 1.0}}, "at least 0 and less than 1"),
    (lambda held: {**held, "settings": {}}, "instead: give momentum"),
    (lambda held: {**held, "state": [torch.zeros(3)]}, r"shapes \[\(3,\)\]; instead"),
    (lambda held: {**held, "state": []}, r"shapes \[\]; instead"),
]


@pytest.mark.parametrize(("change", "said"), WRONG_STATES, ids=[said for _, said in WRONG_STATES])
def test_states_of_something_else_are_refused(change: Any, said: str) -> None:
    net = gw.Network("2 -> 3 tanh -> 2 softmax")
    module = load(net.backprop().source("torch", "momentum"))
    optimizer = module.Optimizer(module.Network())
    held = optimizer.state_dict()
    with pytest.raises(ValueError, match=said):
        optimizer.load_state_dict(change(held))
    assert repr(optimizer.state_dict()) == repr(held)


@pytest.mark.parametrize("rate", [float("nan"), -0.1, float("inf")])
def test_rates_that_are_none_are_refused(rate: float) -> None:
    net = gw.Network("2 -> 3 tanh -> 2 softmax")
    module = load(net.backprop().source("torch", "adam"))
    model = module.Network()
    with pytest.raises(ValueError, match=r"learning_rate is .* at least 0"):
        module.Optimizer(model, learning_rate=rate)
    optimizer, start = module.Optimizer(model), model.flat()
    model.loss(torch.ones(2, 2), torch.tensor([0, 1])).backward()
    optimizer.learning_rate = rate
    with pytest.raises(ValueError, match="learning_rate is"):
        optimizer.step()
    assert torch.equal(model.flat(), start)
    assert optimizer.t == 0
    optimizer.learning_rate, optimizer.settings["epsilon"] = 0.0, 0.0
    with pytest.raises(ValueError, match=r"epsilon is 0.0; instead: .* greater than 0"):
        optimizer.step()


@pytest.mark.parametrize("name", ["sgd", "adam"])
@pytest.mark.parametrize("max_norm", [0.1, 100.0])
def test_clipping_is_that_of_pytorch(name: str, max_norm: float, rng: np.random.Generator) -> None:
    settings, made = THEIRS[name]
    case = Case(rng)
    found = case.ours(optimizer=gw.optimizer(name, **settings), max_norm=max_norm, l2=0.2)
    # PyTorch divides by the norm plus 1e-6, where the norm is larger than max_norm.
    judge(found, case.theirs(made, max_norm, l2=0.2), 10 * 1e-6 / max_norm)


SCHEDULES: dict[
    str, tuple[Callable[[], gw_schedules.Schedule], Callable[[torch.optim.Optimizer], Any]]
] = {
    "step": (
        lambda: gw.schedule("step", every=2, gamma=0.3),
        lambda o: torch.optim.lr_scheduler.StepLR(o, 2 * PER_EPOCH, 0.3),
    ),
    "cosine": (
        lambda: gw.schedule("cosine", minimum=0.003),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, STEPS, 0.003),
    ),
    "one_cycle": (
        lambda: gw.schedule("one_cycle", share=0.4),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(
            o, 0.02, STEPS, pct_start=0.4, cycle_momentum=False
        ),
    ),
    "warm-up": (
        lambda: gw.schedule("constant", warmup=2),
        lambda o: torch.optim.lr_scheduler.LinearLR(o, 1 / (2 * PER_EPOCH), 1.0, 2 * PER_EPOCH - 1),
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_those_of_pytorch(name: str, rng: np.random.Generator) -> None:
    ours, theirs = SCHEDULES[name]
    _, made = THEIRS["momentum"]
    case = Case(rng)
    course = ours()
    found = case.ours(optimizer=gw.optimizer("momentum", momentum=0.8), schedule=course)
    judge(found, case.theirs(made, schedule=theirs))


def test_a_planted_fault_is_found(rng: np.random.Generator) -> None:
    case = Case(rng)
    found = case.ours(optimizer=gw.optimizer("adam", beta1=0.8, beta2=0.97, epsilon=1e-5))
    with pytest.raises(AssertionError):
        judge(found, case.theirs(lambda w: torch.optim.Adam(w, 0.02, betas=(0.8, 0.97), eps=1e-8)))
