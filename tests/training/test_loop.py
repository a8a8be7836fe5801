"""The training loop, with a module written by hand and checked against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradwright.errors import TrainingError
from gradwright.training import loop
from gradwright.training.loop import train_module
from gradwright.training.record import Epoch, Settings, TrainingRun
from gradwright.training.stepping import Stepper
from gradwright.training.validation import Validation
from tests.training.hand_written import HandWritten

Array = Any
D, H, K, N = 5, 7, 3, 22


@pytest.fixture
def module() -> HandWritten:
    return HandWritten(D, H, K)


@pytest.fixture
def samples() -> tuple[Array, Array]:
    generator = np.random.default_rng(11)
    return generator.normal(size=(N, D)), np.eye(K)[generator.integers(0, K, N)]


@pytest.fixture
def start(module: HandWritten) -> Array:
    return module.init(np.random.default_rng(5))


def test_the_module_written_by_hand_is_right(
    module: HandWritten, samples: tuple[Array, Array], start: Array
) -> None:
    X, Y = samples
    _, gradient = module.value_and_gradient(start, X, Y)
    h = np.finfo(float).eps ** (1 / 3)
    numeric = np.empty_like(start)
    for k in range(start.size):
        move = np.zeros_like(start)
        move[k] = h
        numeric[k] = (module.loss(start + move, X, Y) - module.loss(start - move, X, Y)) / (2 * h)
    # Truncation h² and rounding eps / h are equal at this h; 50 covers third derivatives.
    np.testing.assert_allclose(gradient, numeric, atol=50 * h**2)


def plain_descent(
    module: HandWritten, start: Array, X: Array, Y: Array, settings: Settings
) -> tuple[Array, list[float]]:
    """What training means, without buffers: parameters and the loss of each epoch."""
    p, losses = start.copy(), []
    for epoch in range(settings.epochs):
        order = np.arange(len(X))
        if settings.shuffle:
            np.random.default_rng((settings.seed, epoch)).shuffle(order)
        per_sample = []
        while order.size:
            batch, order = order[: settings.batch_size], order[settings.batch_size :]
            value, gradient = module.value_and_gradient(p, X[batch], Y[batch])
            p = p - settings.learning_rate * gradient
            per_sample += [value] * len(batch)
        losses.append(float(np.mean(per_sample)))
    return p, losses


@pytest.mark.parametrize("batch_size", [1, 8, 11, 21, 22, 100])
@pytest.mark.parametrize("shuffle", [True, False])
def test_training_is_descent_over_all_samples(
    module: HandWritten,
    samples: tuple[Array, Array],
    start: Array,
    batch_size: int,
    shuffle: bool,
) -> None:
    settings = Settings(3, batch_size, 0.2, seed=4, shuffle=shuffle)
    run = train_module(module, start, *samples, settings)
    expected, losses = plain_descent(module, start, *samples, settings)
    np.testing.assert_array_equal(run.parameters, expected)
    # A mean of 22 numbers, summed in another order.
    np.testing.assert_allclose(
        [e.loss for e in run.history], losses, rtol=4 * N * np.finfo(float).eps
    )
    assert [e.epoch for e in run.history] == [0, 1, 2]
    assert (run.stopped, run.epochs_done, run.seed) == ("finished", 3, 4)


def test_what_is_given_is_not_changed(
    module: HandWritten, samples: tuple[Array, Array], start: Array
) -> None:
    copies = [a.copy() for a in (start, *samples)]
    train_module(module, start, *samples, Settings(2, 4))
    for now, before in zip((start, *samples), copies, strict=True):
        np.testing.assert_array_equal(now, before)


def test_the_seed_decides_the_order(
    module: HandWritten, samples: tuple[Array, Array], start: Array
) -> None:
    first, again, other = (
        train_module(module, start, *samples, Settings(2, 4, seed=s)).parameters for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_epoch(module: HandWritten, samples: tuple[Array, Array], start: Array) -> None:
    run = train_module(module, start, *samples, Settings(0))
    np.testing.assert_array_equal(run.parameters, start)
    assert (run.history, run.stopped) == ((), "finished")


def test_validation_and_watchers(
    module: HandWritten, samples: tuple[Array, Array], start: Array
) -> None:
    X, Y = samples
    held = X[:9] + 0.5, Y[:9]
    seen: list[Epoch] = []
    run = train_module(
        module,
        start,
        X,
        Y,
        Settings(2, 4),
        validation=Validation(held, module, (0.0, 1.0)),
        watchers=(seen.append,),
    )
    assert tuple(seen) == run.history
    last = run.history[-1]
    assert last.validation_loss == module.loss(run.parameters, *held)
    right = np.argmax(module.predict(run.parameters, held[0]), 1) == np.argmax(held[1], 1)
    assert last.validation_accuracy == np.mean(right)
    assert train_module(module, start, X, Y, Settings(1)).history[0].validation_loss is None
    assert run.to_dict()["schema"] == "gradwright.training/1"
    assert run.to_dict()["history"][1] == last.to_dict()


class Interrupted(Stepper):
    """Ctrl-C in one of its steps, when half of the parameters are new."""

    whole_steps = 0

    def step(self, parameters: Array, gradient: Array, rate: float) -> None:
        if self.steps < self.whole_steps:
            return super().step(parameters, gradient, rate)
        parameters[: parameters.size // 2] += 1
        raise KeyboardInterrupt


@pytest.mark.parametrize("whole_steps", [0, 2, 3, 7])
def test_ctrl_c_within_a_step_keeps_the_last_whole_step(
    module: HandWritten,
    samples: tuple[Array, Array],
    start: Array,
    whole_steps: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X, Y = samples  # three steps an epoch
    monkeypatch.setattr(Interrupted, "whole_steps", whole_steps)
    monkeypatch.setattr(loop, "Stepper", Interrupted)
    run = train_module(module, start, X, Y, Settings(5, 8, shuffle=False))
    expected = start.copy()
    for k in range(whole_steps):
        batch = slice(8 * (k % 3), 8 * (k % 3) + 8)
        module.step(expected, X[batch], Y[batch], 0.1)
    np.testing.assert_array_equal(run.parameters, expected)
    assert (run.stopped, run.epochs_done) == ("interrupted", whole_steps // 3)


def test_ctrl_c_between_epochs(
    module: HandWritten, samples: tuple[Array, Array], start: Array
) -> None:
    def watch(epoch: Epoch) -> None:
        if epoch.epoch == 1:
            raise KeyboardInterrupt

    run = train_module(module, start, *samples, Settings(5, 4), watchers=(watch,))
    whole = train_module(module, start, *samples, Settings(2, 4))
    np.testing.assert_array_equal(run.parameters, whole.parameters)
    assert (run.stopped, run.epochs_done) == ("interrupted", 2)


class Spoilt(HandWritten):
    """Parameters are changed where gradient number `at` is taken, or it has a loss of its own."""

    def __init__(self, at: int, spoil: Callable[[Array], None], loss: float | None = None) -> None:
        super().__init__(D, H, K)
        self.at, self.spoil, self.own_loss = at, spoil, loss

    def value_and_gradient(self, parameters: Array, *rest: Any) -> tuple[float, Array]:
        value, gradient = super().value_and_gradient(parameters, *rest)
        self.at -= 1
        if self.at == 0:
            self.spoil(parameters)
            return value if self.own_loss is None else self.own_loss, gradient
        return value, gradient


def nothing(parameters: Array) -> None:
    """No change."""


def infinite(place: int) -> Callable[[Array], None]:
    def spoil(parameters: Array) -> None:
        parameters[place] = np.inf

    return spoil


def large_first_weights(parameters: Array) -> None:
    parameters[: D * H] = 1e308


W2 = D * H + H  # where the weights of the second layer begin

# With 22 samples in batches of 8 there are three steps an epoch.
BAD = {
    "a weight, seen in the next step": (
        Spoilt(4, infinite(W2)),
        ["step 2 of epoch 2", "layer 2", "W2"],
        1,
    ),
    "a bias after the last step of an epoch": (
        Spoilt(3, infinite(D * H + 2)),
        ["the parameters are not finite after step 3 of epoch 1", "layer 1", "b1"],
        0,
    ),
    "an activation": (Spoilt(1, large_first_weights), ["step 2 of epoch 1", "layer 1", "A1"], 0),
    "the loss itself": (
        Spoilt(2, nothing, np.inf),
        ["the loss is inf at step 2 of epoch 1", "loss itself"],
        0,
    ),
}


@pytest.mark.parametrize(("module", "facts", "epochs"), BAD.values(), ids=BAD)
def test_not_finite(
    samples: tuple[Array, Array], start: Array, module: Spoilt, facts: list[str], epochs: int
) -> None:
    with pytest.raises(TrainingError) as caught:
        train_module(module, start, *samples, Settings(5, 8))
    error = caught.value
    assert [fact for fact in facts if fact not in error.clash] == []
    assert "smaller learning rate than 0.1" in error.instead
    assert "standardise" in error.instead
    run: TrainingRun = error.run  # type: ignore[attr-defined]
    whole = train_module(HandWritten(D, H, K), start, *samples, Settings(epochs, 8))
    np.testing.assert_array_equal(run.parameters, whole.parameters)
    assert (run.stopped, run.epochs_done) == ("not finite", epochs)


def test_a_learning_rate_that_is_too_large(
    module: HandWritten, samples: tuple[Array, Array], start: Array
) -> None:
    with pytest.raises(TrainingError, match="smaller learning rate than 1e"):
        train_module(module, start, *samples, Settings(50, 8, 1e200))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", -1),
        ("epochs", 2.5),
        ("epochs", True),
        ("batch_size", 0),
        ("batch_size", "8"),
        ("learning_rate", 0.0),
        ("learning_rate", -0.1),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("learning_rate", "fast"),
        ("seed", -1),
        ("seed", 0.5),
    ],
)
def test_settings_are_checked(name: str, value: Any) -> None:
    with pytest.raises(TrainingError) as caught:
        Settings(**{name: value})
    assert caught.value.asked == f"training with {name}={value!r}"
    assert f"{name} is {value!r}" in caught.value.clash


def test_numbers_of_numpy_are_settings() -> None:
    assert Settings(np.int64(3), learning_rate=np.float32(0.5)).epochs == 3


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        (lambda X, Y: (X[:-1], Y), r"\(21, 5\).*\(22, 3\)"),
        (lambda X, Y: (X, Y[:, 0]), r"\(22,\)"),
        (lambda X, Y: (X[:0], Y[:0]), "0 samples"),
        (lambda X, Y: (X.astype(np.float32), Y), "float32 and the parameters have float64"),
        (lambda X, Y: (X, np.where(Y == 1, np.nan, Y)), "Y holds nan"),
    ],
    ids=["lengths", "axes", "none", "dtype", "nan"],
)
def test_samples_are_checked(
    module: HandWritten,
    samples: tuple[Array, Array],
    start: Array,
    change: Callable[[Array, Array], tuple[Array, Array]],
    fact: str,
) -> None:
    with pytest.raises(TrainingError, match=fact):
        train_module(module, start, *change(*samples), Settings(1))
    with pytest.raises(TrainingError, match=fact) as caught:
        train_module(
            module,
            start,
            *samples,
            Settings(1),
            validation=Validation(change(*samples), module, (0.0, 1.0)),
        )
    assert "validation" in str(caught.value)
