"""From stages to a report: each layer's singular values, the chain, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradwright.gradientflow.report import ChainFlow, LayerFlow
from gradwright.gradientflow.spectrum import Graded, decompose
from gradwright.gradientflow.stages import Stage

Array = Any

#: A slope below this part of the activation's bound counts as saturated.
SATURATED = 0.05

#: Most layers that a chain is followed from; of a deeper network some evenly spaced ones.
CHAINS = 24

LOG10 = float(np.log(10.0))


def layer_flows(
    stages: Sequence[Stage], sample: int, gradient_norms: Sequence[float] | None
) -> tuple[LayerFlow, ...]:
    """Each layer at one sample, with its gain over all of them."""
    found = []
    for number, stage in enumerate(stages, start=1):
        left, values, right = np.linalg.svd(stage.jacobian(sample), full_matrices=False)
        saturated, dead = still(stage)
        found.append(
            LayerFlow(
                number,
                stage,
                sample,
                values,
                np.linalg.svd(stage.weight, compute_uv=False),
                right.T,
                left,
                stage.slope_norm(sample),
                gain(stage),
                saturated,
                dead,
                None if gradient_norms is None else float(gradient_norms[number - 1]),
            )
        )
    return tuple(found)


def gain(stage: Stage) -> float:
    """√(mean of ‖Jᵀu‖²) over samples and unit vectors u: ‖J‖_F/√(fan-out)."""
    # Scaled, so that squares of tiny weights do not underflow.
    largest = float(np.max(np.abs(stage.weight)))
    if largest == 0:
        return 0.0
    weight = stage.weight / largest
    if stage.blocks is not None:
        total = float(np.mean([np.sum((block @ weight) ** 2) for block in stage.blocks]))
    else:
        rows = np.sum(weight**2, axis=1)
        total = float(np.mean(np.sum(stage.slopes**2 * rows, axis=1)))
    return largest * float(np.sqrt(total / stage.shape[0]))


def still(stage: Stage) -> tuple[float, float]:
    """The part of all slopes that are small, and of the units whose slope is 0 at every sample.

    An activation that saturates has no dead units: what is flat in it is counted as saturated.
    """
    if stage.saturates:
        return float(np.mean(np.abs(stage.slopes) <= SATURATED * stage.bound)), 0.0
    if stage.blocks is not None:
        return 0.0, 0.0
    return 0.0, float(np.mean(np.all(stage.slopes == 0, axis=0)))


def chains(
    stages: Sequence[Stage], layers: Sequence[LayerFlow], sample: int
) -> tuple[ChainFlow, ...]:
    """The products from some layers to the output at one sample, the first layer first.

    They grow from the output, as (J_K ⋯ J_h)ᵀ = J_hᵀ ⋯ J_Kᵀ, one layer at a time.
    """
    depth = len(stages)
    starts = {int(k) for k in np.linspace(0, depth - 1, min(depth, CHAINS))}
    with np.errstate(divide="ignore"):
        factors = np.log10([(layer.norm, layer.bound, layer.gain) for layer in layers])
    # Sums from each layer to the last one.
    logs = np.cumsum(factors[::-1], axis=0)[::-1]
    grown = Graded.identity(stages[-1].shape[0])
    found = []
    for start in reversed(range(depth)):
        grown = grown.before(stages[start].jacobian(sample).T)
        if start in starts:
            turned = decompose(grown)
            spectrum = turned.logarithms / LOG10
            found.append(ChainFlow(start + 1, spectrum, turned.left, turned.right.T, *logs[start]))
    return tuple(reversed(found))
