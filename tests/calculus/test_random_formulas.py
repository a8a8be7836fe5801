"""A slice of the random formulas, with a fresh seed."""

from __future__ import annotations

import pytest

from gradwright.calculus import local
from tests.suites import random_formulas


def test_random_formulas(seed: int) -> None:
    tally = random_formulas.run(150, seed)
    assert not tally.failures
    refused = sum(n for outcome, n in tally.counts.items() if outcome.startswith("refused"))
    assert refused == 0, tally.counts
    assert tally.counts["set aside"] <= 5, tally.counts


def test_a_planted_wrong_rule_is_caught(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The power rule without its exponent: the harness must fail."""
    right = local.local_jacobians

    def wrong(graph, node):
        for argument, jacobian in right(graph, node):
            is_power = hasattr(node, "exponent")
            yield argument, graph.scale(1 / node.exponent, jacobian) if is_power else jacobian

    monkeypatch.setattr("gradwright.calculus.modes.local_jacobians", wrong)
    assert random_formulas.run(60, seed).failures
