"""Formulas of one sample by the notation's own evaluator, and their distance from a kink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradwright.notation.declarations import AnyDeclaration
from gradwright.notation.parser import parse
from gradwright.notation.reference import Evaluator
from gradwright.notation.shapes import infer
from gradwright.notation.tree import Call, Tree, walk
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS

Array = Any

#: Functions that are lowered to others and have a kink where those have.
NORMS = ("norm1", "norm2")


def has_kink(function: str) -> bool:
    """Whether a function of entries has a kink."""
    record = OPERATIONS.get(function)
    return isinstance(record, Elementwise) and bool(record.kink)


class SampleFormula:
    """A formula in declared symbols, read once."""

    def __init__(self, text: str, symbols: Mapping[str, AnyDeclaration]) -> None:
        self.tree = parse(text)
        self.scope = infer(self.tree, symbols, text)
        self._evaluate = Evaluator(self.tree, self.scope)
        calls = [part for part in walk(self.tree) if isinstance(part, Call)]
        self._kinks = [
            (call.function, [self._part(argument) for argument in call.arguments])
            for call in calls
            if has_kink(call.function) or call.function in NORMS
        ]

    def _part(self, tree: Tree) -> Evaluator:
        return Evaluator(tree, infer(tree, self.scope.known, sizes=self.scope.sizes))

    def value(self, known: Mapping[str, Any]) -> Array:
        """The value, where `known` has at least the symbols and the abstract functions."""
        names = (*self.scope.symbols, *self.scope.functions)
        return self._evaluate({name: known[name] for name in names})

    def distance(self, known: Mapping[str, Any]) -> float:
        """The smallest distance of an argument from a kink, or from another argument."""
        lengths = {
            size: length
            for name, declared in self.scope.symbols.items()
            for size, length in zip(declared.sizes, np.shape(known[name]), strict=True)
        }
        nearest = float("inf")
        for function, parts in self._kinks:
            one, *others = (
                part(
                    {x: known[x] for x in (*part.scope.symbols, *part.scope.functions)}
                    | {size: n for size, n in lengths.items() if size in part.scope.sizes}
                )
                for part in parts
            )
            between = np.real(one - others[0] if function in ("max", "min") else one)
            nearest = min(nearest, _from_kink(function, between))
        return nearest


def _from_kink(function: str, argument: Array) -> float:
    """The smallest distance of an argument from the kinks of a function."""
    if function == "norm2":
        return float(np.linalg.norm(argument))
    record = OPERATIONS.get(function)
    places = record.kinks_at if isinstance(record, Elementwise) else (0,)
    return min(float(np.min(np.abs(argument - float(place)))) for place in places)
