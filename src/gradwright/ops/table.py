"""All operations by name; the one list to extend."""

from __future__ import annotations

from gradwright.core.nodes import Function, Operation
from gradwright.ops import (
    activations,
    exponential,
    extremes,
    linear_algebra,
    normal,
    normalisation,
    piecewise,
    standardisation,
    trigonometric,
)
from gradwright.ops.abstract import elementwise_record, map_record
from gradwright.ops.record import Elementwise, Record, Structured, by_name

OPERATIONS: dict[str, Record] = by_name(
    (
        *exponential.RECORDS,
        *trigonometric.RECORDS,
        *piecewise.RECORDS,
        *activations.RECORDS,
        *normal.RECORDS,
        *normalisation.RECORDS,
        *standardisation.RECORDS,
        *extremes.RECORDS,
        *linear_algebra.RECORDS,
    )
)


def record(node: Function | Operation) -> Record:
    """The record of an operation of the table, or of an abstract function."""
    found = OPERATIONS.get(node.operation)
    if found is not None:
        return found
    if isinstance(node, Function):
        return elementwise_record(node.operation)
    return map_record(node.operation)


def elementwise(node: Function) -> Elementwise:
    """The record of an elementwise operation."""
    found = record(node)
    assert isinstance(found, Elementwise)
    return found


def structured(node: Operation) -> Structured:
    """The record of an operation on vectors or matrices."""
    found = record(node)
    assert isinstance(found, Structured)
    return found
