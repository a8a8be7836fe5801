"""A derivation with numbers: every line evaluated, in the order in which it is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.core.nodes import Size
from gradwright.explain.conventions import Convention
from gradwright.explain.lines import Line
from gradwright.explain.network import Run, Section, sections
from gradwright.notation.declarations import Declaration, Kind
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import infer
from gradwright.notation.tree import Tree

Array = Any

KINDS: tuple[Kind, ...] = ("scalar", "vector", "matrix")


class TracedLine(Struct, frozen=True, eq=False):
    """A line of the derivation, the value it has, and the values of the names in it."""

    section: str
    line: Line
    value: Array
    inputs: Mapping[str, Array]


def traced_lines(
    runs: Sequence[Run],
    values: Mapping[str, Array],
    row_samples: bool,
    codes: Mapping[str, tuple[Array, int]],
) -> tuple[TracedLine, ...]:
    """Every line of the derivation of a network, layer by layer, at given X, Y and parameters.

    The values come from the notation's own evaluator, line by line from those before, and not
    from the emitted code. `row_samples` says that the rows of X and Y are the samples.
    `codes` are those of categories, one for each sample, and how many there are, by name.
    """
    known: dict[str, Array] = dict(values)
    samples = known["X"].shape[0 if row_samples else 1]
    declared = {
        name: Declaration(name, KINDS[np.ndim(value)], np.shape(value))
        for name, value in known.items()
    }
    for name in ("X", "Y"):
        rows, columns = known[name].shape
        axes: tuple[Size, ...] = ("n", columns) if row_samples else (rows, "n")
        declared[name] = Declaration(name, "matrix", axes)
    for name, (chosen, count) in codes.items():
        known[name] = chosen
        declared[name] = Declaration(name, "indices", ("n",), among=count)
    found = []
    single = [layer for run in runs for layer in run.single()]
    for section, line in _in_order(sections(single, Convention())):
        value = _value(line.tree, known, declared, samples)
        used = {name: known[name] for name in infer(line.tree, declared).symbols}
        found.append(TracedLine(section, line, value, {**used, "n": samples}))
        known[line.name] = value
        declared[line.name] = Declaration(line.name, KINDS[len(line.axes)], line.axes)
    return tuple(found)


def _in_order(parts: Sequence[Section]) -> list[tuple[str, Line]]:
    """The lines that have values; local Jacobians are for one sample and have none here."""
    return [(part.title, entry.line) for part in parts if not part.local for entry in part.entries]


def _value(
    tree: Tree, known: Mapping[str, Array], declared: Mapping[str, Declaration], samples: int
) -> Array:
    scope = infer(tree, declared)
    values = {name: known[name] for name in scope.symbols}
    # A line without symbols, such as ones(n), has no array of that many rows.
    return evaluate(tree, values | ({"n": samples} if "n" in scope.sizes else {}), scope)
