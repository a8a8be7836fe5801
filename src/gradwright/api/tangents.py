"""Moves within the sets that declared facts describe, for the check of derivatives there.

A move is a function of an array T of the shape of the variable that is the variable itself at
T = 0 and stays in the set for every T. For `projected` its derivative at 0 is the orthogonal
projection, for `free` it moves each free entry by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.notation.declarations import Declaration

Array = Any
Move = Callable[[Array, Array], Array]


def _symmetric(value: Array, step: Array) -> Array:
    return value + (step + step.T) / 2


def _symmetric_free(value: Array, step: Array) -> Array:
    return value + np.where(np.eye(len(step), dtype=bool), step, step + step.T)


def _diagonal(value: Array, step: Array) -> Array:
    return value + np.where(np.eye(len(step), dtype=bool), step, 0)


def _orthogonal(value: Array, step: Array) -> Array:
    """Q times the Cayley transform of a skew-symmetric matrix, which is orthogonal."""
    turn = value.T @ step
    skew, identity = (turn - turn.T) / 4, np.eye(len(step))
    return value @ np.linalg.solve(identity - skew, identity + skew)


def _sum1(value: Array, step: Array) -> Array:
    return value + step - np.mean(step, axis=-1, keepdims=True)


def _columns_sum1(value: Array, step: Array) -> Array:
    return value + step - np.mean(step, axis=0)


#: By fact and constraint.
MOVES: Mapping[tuple[str, str], Move] = {
    ("diagonal", "projected"): _diagonal,
    ("diagonal", "free"): _diagonal,
    ("orthogonal", "projected"): _orthogonal,
    ("symmetric", "projected"): _symmetric,
    ("symmetric", "free"): _symmetric_free,
    ("sum1", "projected"): _sum1,
    ("columns_sum1", "projected"): _columns_sum1,
}


class TangentSet(Struct, frozen=True):
    """How a variable moves, and how a derivative by it is gathered."""

    moved: Move
    constraint: str

    @classmethod
    def of(cls, declared: Declaration, constraint: str) -> TangentSet:
        """The moves of a declared variable; without constraint, in every direction."""
        for (fact, name), move in MOVES.items():
            if fact in declared.facts and name == constraint:
                return cls(move, constraint)
        return cls(lambda value, step: value + step, constraint)

    def gathered(self, gradient: Array) -> Array:
        """The derivative by T from that by the variable, for moves that are linear in T."""
        if self.constraint == "free" and np.ndim(gradient) == 2:
            entries = gradient + gradient.T
            diagonal = np.eye(len(gradient), dtype=bool)
            return np.where(diagonal, gradient, entries * self._is_symmetric)
        return self.moved(np.zeros(np.shape(gradient)), gradient)

    @property
    def _is_symmetric(self) -> bool:
        return self.moved is _symmetric_free
