"""Slices of the suites of hostile texts and names, and faults that they must catch."""

from __future__ import annotations

import builtins
import random

import pytest

from gradwright.emit.names import PythonNames
from tests.suites import hostile, hostile_names

WATCH = hostile.prepare()


def test_hostile_texts_are_read_or_refused(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole suite is `python -m tests.suites.hostile`."""
    monkeypatch.setattr(hostile, "BLOCK", 500)
    tally = hostile.Tally()
    hostile.read_block(seed, 0, WATCH, tally)
    assert not tally.failures, f"seed {seed}: {tally.failures[:5]}"
    assert tally.counts.total() == 500
    assert tally.counts["read"] > 5
    assert tally.counts["NotationError"] > 5


def evaluated(text: str) -> object:
    return getattr(builtins, "eval")(text)  # noqa: B009


def imported(text: str) -> object:
    return __import__("no_module_of_that_name_" + text)


def opened(text: str) -> object:
    with open("/dev/null", encoding="ascii") as file:
        return file.read()


@pytest.mark.parametrize(
    ("fault", "event"), [(evaluated, "compile"), (imported, "import"), (opened, "open")]
)
def test_an_event_is_seen(fault: hostile.Reading, event: str) -> None:
    assert event in hostile.outcome_of(fault, "1", WATCH)


def test_an_untyped_error_is_seen() -> None:
    assert hostile.outcome_of(int, "x", WATCH).startswith("ValueError")


def test_hostile_names_do_no_harm(seed: int) -> None:
    """The whole suite is `python -m tests.suites.hostile_names`."""
    counts, failures = hostile_names.run(seed, range(40))
    assert not failures, f"seed {seed}: {failures}"
    assert counts["refused"] > 1


@pytest.mark.parametrize("name", ["np", "class", "print", "__import__", "torch", "dtype"])
def test_names_that_code_uses_are_changed(name: str) -> None:
    assert hostile_names.judge(name, "symbol") == "harmless"


def test_a_name_that_gets_through_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PythonNames, "give", lambda self, name, otherwise: name)
    for name, place in (("np", "symbol"), ("print", "symbol"), ("W⁽²⁾", "symbol"), ("n", "size")):
        hostile_names.written.cache_clear()
        try:
            outcome = hostile_names.judge(name, place)
        except Exception as error:
            outcome = type(error).__name__
        assert (outcome in ("harmless", "refused")) == (name == "n"), (name, outcome)
    hostile_names.written.cache_clear()


def test_both_suites_repeat_themselves() -> None:
    texts = [hostile.mutated(random.Random(7), hostile.LATEX) for _ in range(2)]
    names = [hostile_names.hostile_name(random.Random(7)) for _ in range(2)]
    assert texts[0] == texts[1] and names[0] == names[1]
