"""A slice of the documented suite of random networks, and a fault that it finds.

Where PyTorch is installed its autograd takes part.
"""

from __future__ import annotations

import numpy as np

from gradwright.nn.network import NetworkModel
from tests.emit.c.judging import compiles
from tests.suites.network_drawing import Dense, Drawn
from tests.suites.network_judging import Case, judge
from tests.suites.network_units import Unit
from tests.suites.networks import judged

#: The documented suite judges 2,000.
COUNT = 3


@compiles
def test_random_networks(rng: np.random.Generator) -> None:
    found = judged([int(rng.integers(2**31)) for _ in range(COUNT)])
    assert not [row["wrong"] for row in found if row["wrong"]]


@compiles
def test_a_planted_fault_is_found(monkeypatch, rng: np.random.Generator) -> None:
    right = NetworkModel.c_passes_source.func
    spoiled = property(lambda model: right(model).replace("+ b[j]", "- b[j]"))
    monkeypatch.setattr(NetworkModel, "c_passes_source", spoiled)
    net = Drawn(3, (Dense(5, "tanh"), Dense(2, "identity")), "huber", None, "mean", "sgd", ())
    case = Case(int(rng.integers(2**31)), net)
    compiled = Unit([(case.net.model, case.rule)]).compiled(0, "float64")
    assert "C float64 is off" in judge(case, {"float64": compiled})["wrong"]
