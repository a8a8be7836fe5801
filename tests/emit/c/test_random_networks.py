"""A slice of the documented suite of random networks, and a fault that it finds.

Where PyTorch is installed its autograd takes part.
"""

from __future__ import annotations

import numpy as np
import pytest

from gradwright.nn.network import NetworkModel
from tests.emit.c.judging import compiles
from tests.suites.network_drawing import Coded, Dense, Drawn
from tests.suites.network_judging import Case, judge
from tests.suites.network_units import Unit
from tests.suites.networks import judged

#: The documented suite judges 2,000.
COUNT = 3


@compiles
def test_random_networks(rng: np.random.Generator) -> None:
    found = judged([int(rng.integers(2**31)) for _ in range(COUNT)])
    assert not [row["wrong"] for row in found if row["wrong"]]


NET = Drawn(
    inputs=3,
    items=(Coded(((1, 4, 2),)), Dense(5, "tanh"), Dense(2, "identity")),
    loss="huber",
    loss_option=None,
    reduction="mean",
    rule="sgd",
    settings=(),
    weighted=True,
)


@compiles
@pytest.mark.parametrize(
    ("right", "fault"),
    [
        ("+ b[j]", "- b[j]"),
        ("right ? code", "right ? count - 1 - code"),
        ("* w[i]", "/ w[i]"),
    ],
    ids=["a sign", "the row of a table", "a weight"],
)
def test_a_planted_fault_is_found(
    right: str, fault: str, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    emitted = NetworkModel.c_passes_source.func
    assert right in emitted(NET.network().model.weighted)
    spoiled = property(lambda model: emitted(model).replace(right, fault))
    monkeypatch.setattr(NetworkModel, "c_passes_source", spoiled)
    case = Case(int(rng.integers(2**31)), NET)
    compiled = Unit([(case.model, case.rule)]).compiled(0, "float64")
    assert "C float64 is off" in judge(case, {"float64": compiled})["wrong"]
