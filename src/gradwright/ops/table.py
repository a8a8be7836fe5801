"""All operations by name; the one list to extend."""

from __future__ import annotations

from gradwright.ops import exponential, linear_algebra, normalisation, piecewise, trigonometric
from gradwright.ops.record import Elementwise, Record, Structured, by_name

OPERATIONS: dict[str, Record] = by_name(
    (
        *exponential.RECORDS,
        *trigonometric.RECORDS,
        *piecewise.RECORDS,
        *normalisation.RECORDS,
        *linear_algebra.RECORDS,
    )
)


def elementwise(name: str) -> Elementwise:
    """The record of an elementwise operation."""
    record = OPERATIONS[name]
    assert isinstance(record, Elementwise)
    return record


def structured(name: str) -> Structured:
    """The record of an operation on vectors or matrices."""
    record = OPERATIONS[name]
    assert isinstance(record, Structured)
    return record
