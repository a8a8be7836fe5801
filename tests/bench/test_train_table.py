"""The tables of training beside others: ratios, aims, and which clock counts."""

from __future__ import annotations

from typing import Any

import pytest

from bench.train_picture import picture
from bench.train_table import aim, best_of_others, tables


def row(ours: float, others: float) -> dict[str, Any]:
    """A network with times of (wall, processor); the processor time of each is half of it."""
    sides = {"gradwright, c": ours, "gradwright, numpy": 0.5 * ours, "JAX, jit, scan": others}
    return {
        "network": "3 -> 2 softmax",
        "us": {side: [us, us / 2] for side, us in sides.items()},
        "operations": 1e6,
        "peak": 1e11,
        "load": 0.5,
        "date": "2026-11-30",
        "revision": "abc",
    }


FIGURES: dict[str, Any] = {
    "machine": "one",
    "sgd, 1 thread": {"T1": row(10.0, 160.0), "T3": row(100.0, 90.0)},
    "adam, 1 thread": {"T1": row(10.0, 110.0)},
    "sgd, 2 threads": {"T1": row(12.5, 160.0)},
}


def test_the_best_of_the_others_is_not_ours() -> None:
    assert best_of_others(FIGURES["sgd, 1 thread"]["T3"], 1) == ("JAX, jit, scan", 0.9)


@pytest.mark.parametrize(
    "wanted", [(("T1", "sgd", 1), 15.0), (("T1", "adam", 1), 12.0), (("T1", "sgd", 2), None)]
)
def test_aims(wanted: tuple[tuple[str, str, int], float | None]) -> None:
    given, expected = wanted
    assert aim(*given) == pytest.approx(expected)


def test_tables_say_what_is_met_and_what_is_missed() -> None:
    told = tables(FIGURES)
    assert "15.00 met" in told and "0.95 missed" in told and "12.00 missed" in told
    # One thread counts processor time, half of what two threads count in wall time.
    assert "5.00    1.00" in told and "12.50    1.00" in told
    # 1e6 operations in 5 microseconds are 200 GFLOP/s, twice the peak.
    assert "200 %" in told
    assert "one thread, times ours                 0.80" in told


def test_the_picture_has_a_row_for_each_network_and_setting() -> None:
    drawn = picture(FIGURES)
    assert [drawn.count(f">{name}</text>") for name in ("T1", "T3")] == [3, 1]
    assert "16.00" in drawn and "0.90" in drawn
