"""gradwright: the printed text is read back and evaluated, and so is the emitted code."""

from __future__ import annotations

import numpy as np

import gradwright as gw
from conformance.rows import Derived, Point, Row
from gradwright.api.derivation import Derivation
from gradwright.notation.tree import walk

VERSION = gw.__version__

KINDS = {"vecjac": "jacobian", "vechess": "hessian"}


def derive(row: Row) -> Derived:
    """The derivative by gradwright, in the row's own text."""
    declared = dict(row.scope.symbols)
    written = gw.formula(row.expression, **declared)
    derived = getattr(written, KINDS.get(row.kind, row.kind))(row.wrt)
    assert isinstance(derived, Derivation)
    (printed,) = derived.printed.values()

    def value(point: Point) -> np.ndarray:
        return np.asarray(derived(**point))

    return Derived(value, str(derived), sum(1 for _ in walk(printed.tree)))
