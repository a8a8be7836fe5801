"""Real data: the handwritten digits that ship with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from gradwright.data import bundled
from gradwright.data.dataset import Standardiser, split
from gradwright.training.loop import train_module
from gradwright.training.record import Settings
from gradwright.training.validation import Validation
from tests.training.hand_written import HandWritten


@pytest.mark.parametrize("seed", [0, 1])
def test_digits_are_learnt(seed: int) -> None:
    data = bundled.load("digits")
    training, held = split(data, 0.2, seed)
    standardiser = Standardiser.fit(training)
    one_hot = np.eye(10)
    module = HandWritten(64, 32, 10)
    run = train_module(
        module,
        module.init(np.random.default_rng(seed)),
        standardiser.apply(training.X),
        one_hot[training.y],
        Settings(epochs=20, batch_size=32, learning_rate=0.1, seed=seed),
        validation=Validation((standardiser.apply(held.X), one_hot[held.y]), module, (0.0, 1.0)),
    )
    reached = run.history[-1].validation_accuracy
    assert reached is not None
    assert reached >= 0.95, f"seed {seed}: {reached}"
    assert run.history[-1].loss < run.history[0].loss / 5
