"""The independent side of the ledger's tests: plain NumPy, written from the mathematics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import gradwright as gw
from gradwright.api.derivation import Derivation

Array = Any

#: Both sides are a few hundred float64 operations on numbers of order one.
ROUNDING = 1e-12


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def softmax(Z: Array) -> Array:
    """Softmax of each row."""
    powers = np.exp(Z - Z.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def relu(z: Array) -> Array:
    return np.where(z > 0, z, 0.0)


def assert_equal(found: object, expected: object) -> None:
    """Equal shapes, and equal entries up to rounding relative to the largest."""
    a, b = np.asarray(found), np.asarray(expected)
    assert a.shape == b.shape
    scale = max(1.0, float(np.max(np.abs(b), initial=0.0)))
    assert np.max(np.abs(a - b), initial=0.0) <= ROUNDING * scale


@dataclass(frozen=True)
class Claim:
    """One derivative of a formula, and how it has to be printed.

    `wrt` is the variable, `kind` is "gradient" or "jacobian".
    """

    row: str
    formula: str
    symbols: dict[str, str]
    wrt: str
    kind: str
    printed: str

    def derive(self) -> Derivation:
        formula = gw.formula(self.formula, **self.symbols)
        return formula.jacobian(self.wrt) if self.kind == "jacobian" else formula.gradient(self.wrt)

    def __str__(self) -> str:
        return f"{self.row} {self.kind} of {self.formula}"


def lines(text: str) -> list[str]:
    """The lines of an explanation, with single spaces."""
    return [" ".join(line.split()) for line in text.splitlines()]
