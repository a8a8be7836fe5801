"""A slice of the suite of expression bombs, and faults that the suite must catch."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.suites import bombs
from tests.suites.bomb_families import FAMILIES, Bomb

#: What a slow or busy machine may take for what takes a second elsewhere.
PATIENCE = 4


def test_bombs_are_answered_or_refused(seed: int) -> None:
    """One of each third family; the whole suite is `python -m tests.suites.bombs`."""
    start = seed % 3
    for one in bombs.run(seed, range(start, len(FAMILIES), 3)):
        busy = one.seconds <= PATIENCE * bombs.SECONDS and one.megabytes <= bombs.MEGABYTES
        kept = one.outcome in ("answered", "refused as too large", "refused")
        assert kept and busy, f"seed {seed}: {bombs.shown(one)}"


def endless(draw: random.Random) -> Bomb:
    def call() -> Iterator[object]:
        while True:
            pass
        yield

    return "a loop", call


def slow(draw: random.Random) -> Bomb:
    def call() -> Iterator[object]:
        total = 0
        for k in range(1_000_000):
            total += k
        yield total

    return "a long loop", call


def large(draw: random.Random) -> Bomb:
    def call() -> Iterator[object]:
        yield bytearray(b"1") * (400 * 2**20)

    return "400 MB", call


def crash(draw: random.Random) -> Bomb:
    def call() -> Iterator[object]:
        yield 1 / 0

    return "a division by zero", call


@pytest.mark.parametrize("fault", [endless, slow, large, crash])
def test_a_fault_is_caught(fault: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bombs, "FAMILIES", {"fault": fault})
    monkeypatch.setattr(bombs, "ENDED", 1.0 if fault is endless else 60.0)
    monkeypatch.setattr(bombs, "SECONDS", 0.02)
    assert bombs.measured(0, 0).fails
