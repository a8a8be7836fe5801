"""The check of a network's gradients against the formulas of its layers.

The oracle differentiates, by complex step, the loss as the notation's own evaluator computes it
from the layers' texts, layer by layer. It shares no code with the calculus, the simplifier, the
program or the emitted module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradwright.nn.derive import defining_texts, letters_of
from gradwright.nn.kinds import Kind
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Tree
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS
from gradwright.verification.check import check_derivative
from gradwright.verification.report import CheckReport

Array = Any
Point = dict[str, Array]

#: Samples in the batch that gradients are checked on.
SAMPLES = 7

#: Layer evaluations that a whole check may cost; deep networks are checked on fewer entries.
LAYER_EVALUATIONS = 60_000

#: Blocks of a network so deep that not all of them can be checked.
MAX_BLOCKS = 24

#: The fewest evaluations that a block is given.
LEAST_BUDGET = 16


@dataclass(frozen=True, slots=True)
class _Layer:
    """The parsed formulas of one layer."""

    kind: Kind
    formulas: tuple[tuple[str, Tree, Scope], ...]


class ReferenceNetwork:
    """The forward pass of a network by the notation's own evaluator."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        parsed = {kind: _parsed(kind) for kind in dict.fromkeys(kinds)}
        self.layers = [parsed[kind] for kind in kinds]

    def run(self, point: Point) -> tuple[Array, float]:
        """(loss, smallest distance of a pre-activation from a kink)."""
        activation, nearest, loss = point["X"], float("inf"), None
        for number, layer in enumerate(self.layers, start=1):
            values = {"X": activation, "W": point[f"W{number}"], "Y": point["Y"]}
            if layer.kind.bias:
                values["b"] = point[f"b{number}"]
            for name, tree, scope in layer.formulas:
                used = {key: value for key, value in values.items() if key in scope.symbols}
                values[name] = evaluate(tree, used, scope)
            if _has_kink(layer.kind.activation):
                nearest = min(nearest, float(np.min(np.abs(values["Z"].real))))
            activation, loss = values["A"], values.get("L")
        return loss, nearest


def _has_kink(activation: str) -> bool:
    record = OPERATIONS.get(activation)
    return isinstance(record, Elementwise) and bool(record.kink)


def _parsed(kind: Kind) -> _Layer:
    letters = letters_of(kind)
    formulas = []
    for name, text in defining_texts(kind):
        tree = parse(text)
        formulas.append((name, tree, infer(tree, letters, text)))
    return _Layer(kind, tuple(formulas))


def check_network(
    kinds: Sequence[Kind],
    claimed: Callable[[Point], dict[str, Array]],
    draw: Callable[[np.random.Generator], Point],
    blocks: Sequence[str],
    *,
    seed: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> CheckReport:
    """Compare gradients for every block, or for some blocks of a very deep network.

    `claimed` gives the gradients at a point of X, Y and all parameters; `draw` makes such a
    point. Of more than `MAX_BLOCKS` blocks too costly to check in full, the first and last layers
    and a random choice between them are checked; the report lists those.
    """
    generator = np.random.default_rng(seed)
    network = ReferenceNetwork(kinds)
    chosen = list(blocks)
    affordable = LAYER_EVALUATIONS // (len(kinds) * LEAST_BUDGET)
    if len(chosen) > max(MAX_BLOCKS, affordable):
        middle = generator.choice(len(chosen) - 4, MAX_BLOCKS - 4, replace=False) + 2
        kept = {0, 1, len(chosen) - 2, len(chosen) - 1, *(int(k) for k in middle)}
        chosen = [chosen[k] for k in sorted(kept)]
    budget = max(LEAST_BUDGET, LAYER_EVALUATIONS // (len(kinds) * len(chosen)))
    return check_derivative(
        claimed,
        lambda point: network.run(point)[0],
        draw(generator),
        chosen,
        seed=seed,
        kink_distance=lambda point: network.run(point)[1],
        redraw=draw,
        budget=budget,
        progress=progress,
    )
