"""One contraction of arrays of numbers or of residues, two operands at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from gradwright.core.nodes import Labels, Node, Product, Size
from gradwright.core.sizes import Lengths
from gradwright.core.work import spend

#: A Mersenne prime, congruent to 3 modulo 4, so a square root is one power.
PRIME = 2**31 - 1

Array = Any


def lengths(axes: tuple[Size, ...], sizes: Mapping[Any, int]) -> tuple[int, ...]:
    """Axes as numbers; `sizes` may say other lengths for whole numbers too."""
    known = sizes if isinstance(sizes, Lengths) else Lengths(sizes)
    return tuple(sizes.get(a, a) if isinstance(a, int) else known.length(a) for a in axes)


def contract(
    node: Product, done: dict[Node, Array], sizes: Mapping[str, int], coefficient: Any, exact: bool
) -> Array:
    """The contraction over distinct output labels, then spread over identities."""
    shape = dict(zip(node.out, lengths(node.axes, sizes), strict=True))
    dtype = object if exact else float
    operands = [(done[factor], labels) for factor, labels in node.factors]
    held = {label for _, labels in operands for label in labels}
    constant = [(label, length) for label, length in shape.items() if label not in held]
    operands += [(np.ones(length, dtype=dtype), (label,)) for label, length in constant]
    distinct = tuple(shape)
    core = np.asarray(_pairwise(operands, distinct), dtype=dtype) * coefficient
    if len(distinct) == len(node.out):
        return core
    full = np.zeros(lengths(node.axes, sizes), dtype=dtype)
    grid = np.indices(np.shape(core))
    full[tuple(grid[distinct.index(label)] for label in node.out)] = core
    return full


def _pairwise(operands: list[tuple[Array, Labels]], out: Labels) -> Array:
    """Multiply two operands at a time, those with the smallest product first.

    One einsum over all operands would loop over every label at once, which takes for ever from
    about fifteen labels on.
    """
    if not operands:
        return 1
    work = _together(operands)
    while len(work) > 2:
        pairs = [(i, j) for j in range(len(work)) for i in range(j)]
        spend(len(pairs))
        holders = Counter(label for _, labels in work for label in set(labels))
        kept = {pair: _needed_labels(work, pair, out, holders) for pair in pairs}
        best = min(pairs, key=lambda pair: (len(kept[pair]), pair))
        (left, left_labels), (right, right_labels) = work[best[0]], work[best[1]]
        labels = kept[best]
        made = _multiplied(left, left_labels, right, right_labels, labels)
        # Without axes einsum gives a plain number, which NumPy would read as int64 again.
        made = np.asarray(made, dtype=left.dtype)
        work = [part for k, part in enumerate(work) if k not in best]
        work.append((made, labels))
    if len(work) == 2:
        return _multiplied(*work[0], *work[1], out)
    ((array, labels),) = work
    return array if labels == out else np.einsum(array, list(labels), list(out))


def _multiplied(
    left: Array, left_labels: Labels, right: Array, right_labels: Labels, kept: Labels
) -> Array:
    """Two operands as one, summed over the labels that are not kept."""
    looped = dict(zip(left_labels, left.shape, strict=True))
    looped |= dict(zip(right_labels, right.shape, strict=True))
    spend(10 + prod(looped.values()) // (10 if left.dtype == object else 500))
    return np.einsum(left, list(left_labels), right, list(right_labels), list(kept))


def _together(operands: list[tuple[Array, Labels]]) -> list[tuple[Array, Labels]]:
    """Operands over the same labels as one: a long formula has many scalars."""
    found: dict[Labels, Array] = {}
    for array, labels in operands:
        held = found.get(labels)
        if held is None:
            found[labels] = array
        elif array.dtype == object:
            found[labels] = np.asarray(held * array % PRIME, dtype=object)
        else:
            found[labels] = np.asarray(held * array)
    return [(array, labels) for labels, array in found.items()]


def _needed_labels(
    work: list[tuple[Array, Labels]], pair: tuple[int, int], out: Labels, holders: Counter[int]
) -> Labels:
    """The labels of a pair's product that the output or another operand still needs."""
    left, right = work[pair[0]][1], work[pair[1]][1]
    return tuple(
        x
        for x in dict.fromkeys((*left, *right))
        if x in out or holders[x] > (x in left) + (x in right)
    )
