"""A slice of the suite of equations with a fresh seed, and what it would catch."""

from __future__ import annotations

from msgspec.structs import replace

import gradwright as gw
from gradwright.api.equations.report import EquationsReport
from tests.suites.equations import run

COUNT = 12


def test_right_equations_are_accepted_and_corrupted_ones_rejected(seed: int) -> None:
    outcome = run(COUNT, seed)
    assert outcome.failures == []
    assert outcome.counts["rewritten"] == COUNT
    assert sum(outcome.counts[sort] for sort in outcome.counts if "corrupted" in sort) == COUNT


def test_a_checker_that_accepts_everything_is_caught(seed: int) -> None:
    def lenient(*given: object, **declared: object) -> EquationsReport:
        report = gw.check_equations(*given, **declared)
        return EquationsReport(tuple(replace(found, ok=True) for found in report.equations))

    assert run(COUNT, seed, lenient).failures != []


def test_a_checker_that_mixes_up_its_counterexample_is_caught(seed: int) -> None:
    def mixed(*given: object, **declared: object) -> EquationsReport:
        report = gw.check_equations(*given, **declared)
        return EquationsReport(
            tuple(replace(found, left_value=found.right_value) for found in report.equations)
        )

    assert run(COUNT, seed, mixed).failures != []


def test_a_checker_that_reads_entries_turned_is_caught(seed: int) -> None:
    def turned(text: str, *given: object, **declared: object) -> EquationsReport:
        return gw.check_equations(text.replace("[i,j]", "[j,i]", 1), *given, **declared)

    outcome = run(5 * COUNT, seed, turned, faults=False)
    assert any("index form" in failure for failure in outcome.failures)
