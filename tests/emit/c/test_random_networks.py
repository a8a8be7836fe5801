"""A slice of the documented suite of random networks, and a fault that it finds.

Where PyTorch is installed its autograd takes part.
"""

from __future__ import annotations

import numpy as np

from gradwright.nn.network import NetworkModel
from tests.emit.c.judging import compiles
from tests.suites.networks import judged

#: The documented suite judges 2,000.
COUNT = 4


@compiles
def test_random_networks(rng: np.random.Generator) -> None:
    found = judged([int(rng.integers(2**31)) for _ in range(COUNT)])
    assert not [row["wrong"] for row in found if row["wrong"]]


@compiles
def test_a_planted_fault_is_found(monkeypatch) -> None:
    right = NetworkModel.c_passes_source.func
    monkeypatch.setattr(
        NetworkModel,
        "c_passes_source",
        property(lambda model: right(model).replace("+ b[j]", "- b[j]")),
    )
    assert any("C float64 is off" in row["wrong"] for row in judged(range(4)))
