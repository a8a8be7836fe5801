"""A slice of the documented suite of random networks, and a fault that it finds."""

from __future__ import annotations

import pytest

from gradwright.nn.network import NetworkModel
from tests.emit.c.judging import compiles
from tests.suites.networks import judge


@compiles
@pytest.mark.parametrize("place", range(3))
def test_random_networks(place, rng):
    found = judge(int(rng.integers(2**31)))
    assert not found or "set aside" in found, found


@compiles
def test_a_planted_fault_is_found(monkeypatch):
    right = NetworkModel.c_passes_source.func
    monkeypatch.setattr(
        NetworkModel,
        "c_passes_source",
        property(lambda model: right(model).replace("+ b[j]", "- b[j]")),
    )
    assert any("differ" in judge(seed) for seed in range(4))
