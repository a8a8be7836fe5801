"""The verdict: whether gradients vanish or explode, at which layer, why, and what to do.

Only ratios are judged, so neither the scale of the loss nor the size of the batch matters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.gradientflow.analysis import still
from gradwright.gradientflow.report import LayerFlow, Verdict
from gradwright.gradientflow.stages import Stage

Array = Any

#: A gradient that changes its length by more than ten to this over the chain is sick: the first and
#: the last layers then need rates that far apart. Plain gradient descent stops learning between
#: 10^±1.5 and 10^±2.5, whatever the activation and the depth (`docs/flow.md`).
SICK = 2.0

#: Beyond the threshold by so much the verdict is sure; nearer than a third of it, it is not.
SURE = 2.0

#: The part of the units of a layer, or of its slopes, that makes the layer dead or saturated.
MOST = 0.9

#: What is said of a single layer; zero weights do not stop it from learning either.
ALONE = "there is one layer, and no chain for a gradient to vanish along"

#: A standard deviation of weights that is off by this factor is worth a word.
OFF = 1.5

#: Steps towards a scale of the weights at which gradients keep their length.
SCALE_STEPS = 6

#: Measures log₁₀ of the change in length over the chain, with all weights multiplied by a number;
#: NaN where a layer overflows, is dead or saturated then.
Scaled = Callable[[float], float]

#: Another start or another activation, in words, and the same measurement of it.
Alternative = tuple[str, Callable[[], float]]


class Remedies(Struct, frozen=True):
    """What can be tried against a sick flow, from the smallest change to the largest."""

    scaled: Scaled
    alternatives: Sequence[Alternative]


def is_still(stages: Sequence[Stage]) -> bool:
    """Whether a layer before the last one is mostly dead or saturated."""
    return any(max(still(stage)) > MOST for stage in stages[:-1])


class WayBack(Struct, frozen=True, eq=False):
    """What each layer does to the length of a gradient.

    Row k of `factors` has layer k+1's two factors, of its activation and of its weights, as means
    of log₁₀ over the samples at which a gradient gets there; minus infinity where there are none.
    `silent` counts the samples at which no gradient reaches layer 1, of `samples`.
    """

    factors: Array
    silent: int
    samples: int

    @property
    def total(self) -> float:
        """log₁₀ of the change in length over the chain."""
        return float(np.sum(self.factors))


def way_back(stages: Sequence[Stage], through_head: bool, seed: int = 0) -> WayBack:
    """What each layer does to the length of a gradient on its way from the output to layer 1.

    Random unit vectors start at the output of the last layer, one for each sample, and end at the
    output of the first. The factors of the first layer are 0, and so is the first factor of the
    last without `through_head`, for a loss whose derivative cancels the activation's.
    """
    generator = np.random.default_rng(seed)
    head = stages[-1]
    vectors, _ = _unit(generator.standard_normal((head.samples, head.shape[0])))
    factors = np.zeros((len(stages), 2))
    for place in range(len(stages) - 1, 0, -1):
        stage = stages[place]
        if through_head or stage is not head:
            vectors, factors[place, 0] = _unit(stage.through_activation(vectors))
        vectors, factors[place, 1] = _unit(vectors @ stage.weight)
    silent = int(np.sum(~np.any(vectors, axis=1)))
    return WayBack(factors, silent, head.samples)


def _unit(rows: Array) -> tuple[Array, float]:
    """(rows of length 1, the mean of log₁₀ of their lengths).

    A row of zeros stays zero and is left out of the mean.
    """
    largest = np.max(np.abs(rows), axis=1, keepdims=True)
    # Scaled first, so that squares do not underflow.
    scaled = rows / np.where(largest > 0, largest, 1.0)
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    there = largest > 0
    logs = np.log10(lengths[there]) + np.log10(largest[there])
    mean = float(np.mean(logs)) if len(logs) else -np.inf
    return scaled / np.where(there, lengths, 1.0), mean


def overflow(layer: int, remedies: Remedies) -> Verdict:
    """The verdict when a layer's numbers are not finite, so that nothing else can be measured."""
    cause = f"layer {layer} overflows: its output or its slope is not a finite number"
    return Verdict("not finite", layer, cause, "high", _alternative(remedies))


def judged(layers: Sequence[LayerFlow], back: WayBack, remedies: Remedies) -> Verdict:
    """A verdict on layers, by what `way_back` found and which remedy helps."""
    total = back.total
    if len(layers) == 1:
        return Verdict("healthy", None, ALONE, "high", "")
    for layer in layers[:-1]:
        stopped = _stopped(layer, remedies)
        if stopped is not None:
            return stopped
    if not np.any(layers[-1].stage.weight):
        return _zero(layers[-1], remedies)
    flat = max(layers[:-1], key=lambda layer: layer.saturated, default=None)
    if total < SICK and flat is not None and flat.saturated > MOST:
        return Verdict("saturated", flat.number, _flat(flat), "high", _fix(total, layers, remedies))
    if back.silent == back.samples:
        return _silent(layers, back, remedies)
    if abs(total) < SICK:
        return _healthy(total, len(layers), _silence(back))
    vanishing = total < 0
    steps = np.sum(back.factors, axis=1)[1:]
    worst = int(np.argmin(steps) if vanishing else np.argmax(steps)) + 1
    change = f"over {len(layers)} layers a gradient {'shrinks' if vanishing else 'grows'} to "
    change += f"10^{_shown(total)} of its length, {_per_layer(total, len(layers))}"
    return Verdict(
        "vanishing" if vanishing else "exploding",
        layers[worst].number,
        f"{change}{_silence(back)}; {_reason(layers[worst], back.factors, worst, vanishing)}",
        _confidence(total),
        _fix(total, layers, remedies),
    )


def _stopped(layer: LayerFlow, remedies: Remedies) -> Verdict | None:
    """A layer that lets no gradient through."""
    if not np.any(layer.stage.weight):
        return _zero(layer, remedies)
    if layer.dead <= MOST:
        return None
    cause = (
        f"{100 * layer.dead:.0f} % of the units of layer {layer.number} have the slope 0 at every "
        "sample, and pass no gradient on"
    )
    return Verdict("dead", layer.number, cause, "high", _alternative(remedies))


def _zero(layer: LayerFlow, remedies: Remedies) -> Verdict:
    cause = (
        f"all weights of layer {layer.number} are zero: no gradient passes it, and units that "
        "start alike stay alike"
    )
    return Verdict("zero", layer.number, cause, "high", _alternative(remedies))


def _silent(layers: Sequence[LayerFlow], back: WayBack, remedies: Remedies) -> Verdict:
    stopped = int(np.max(np.flatnonzero(np.isneginf(np.sum(back.factors, axis=1)))))
    number = layers[stopped].number
    cause = (
        f"at none of {back.samples} samples does a gradient pass layer {number}: where it arrives "
        "the units have the slope 0"
    )
    return Verdict("dead", number, cause, "high", _alternative(remedies))


def _silence(back: WayBack) -> str:
    if not back.silent:
        return ""
    return f", and at {back.silent} of {back.samples} samples none reaches layer 1"


def _flat(layer: LayerFlow) -> str:
    return (
        f"at layer {layer.number} {100 * layer.saturated:.0f} % of the slopes of "
        f"{layer.stage.activation} are below a twentieth of their bound: its inputs, weights or "
        "biases are too large"
    )


def _healthy(total: float, depth: int, silence: str) -> Verdict:
    cause = f"over {depth} layers a gradient comes to 10^{_shown(total)} of its length"
    cause += f", {_per_layer(total, depth)}{silence}"
    return Verdict("healthy", None, cause, "low" if abs(total) > SICK * 2 / 3 else "high", "")


def _shown(exponent: float) -> str:
    # Adding zero makes -0.0 a plain 0.0.
    return f"{round(exponent, 1) + 0.0:.1f}"


def _per_layer(total: float, depth: int) -> str:
    return f"×{10 ** (total / max(1, depth - 1)):.3g} per layer"


def _reason(layer: LayerFlow, factors: Array, worst: int, vanishing: bool) -> str:
    """Which of its two factors makes the layer the worst, beside what bounds it."""
    stage = layer.stage
    name = f"layer {layer.number}"
    by_slope, by_weights = factors[worst]
    if vanishing and layer.bound < 1 and (by_slope or stage.bound == 1):
        return (
            f"{name} can only shrink: the slope of {stage.activation} is at most {stage.bound:g} "
            f"and ‖w‖ = {layer.weight_norm:.3g}, so ‖J‖ ≤ {layer.bound:.3g}{_deviation(stage)}"
        )
    most = (
        f"the slopes of {stage.activation} (at most {stage.bound:g})"
        if vanishing and by_slope < by_weights
        else f"its weights (‖w‖ = {layer.weight_norm:.3g})"
    )
    parts = f"the weights multiply a gradient by {_factor(by_weights)}"
    if by_slope:
        parts += f", the slopes by {_factor(by_slope)}"
    more = "shrinks" if vanishing else "stretches"
    return f"{name} {more} most, through {most}: {parts}{_deviation(stage)}"


def _deviation(stage: Stage) -> str:
    """The standard deviation of weights that is not the one that keeps a gradient's length.

    That is √(2/fan-in) behind ReLU (He et al., 2015), else √(2/(fan-in + fan-out)) (Glorot and
    Bengio, 2010).
    """
    spread = float(np.std(stage.weight))
    if not np.isfinite(stage.bound) or not spread:
        return ""
    outputs, inputs = stage.weight.shape
    he = "relu" in stage.activation
    share = f"2/{inputs}" if he else f"2/({inputs} + {outputs})"
    kept = np.sqrt(2 / (inputs if he else inputs + outputs))
    if max(spread / kept, kept / spread) < OFF:
        return ""
    scheme = "he_normal" if he else "xavier_normal"
    return (
        f"; its weights have the standard deviation {spread:.3g}, those of {scheme} "
        f"√({share}) = {kept:.3g}"
    )


def _factor(exponent: float) -> str:
    return f"{10**exponent:.3g}" if abs(exponent) < 300 else f"10^{_shown(exponent)}"


def _confidence(total: float) -> str:
    beyond = abs(total) - SICK
    if beyond > SURE:
        return "high"
    return "medium" if beyond > SICK / 3 else "low"


def _fix(total: float, layers: Sequence[LayerFlow], remedies: Remedies) -> str:
    """A scale for the weights, and what it was measured to do; another start if that fails."""
    best = (abs(total), 1.0, total)
    scale, last = 1.0, total
    for _ in range(SCALE_STEPS):
        scale *= 10 ** (-last / max(1, len(layers) - 1))
        scale = float(f"{scale:.4g}") if np.isfinite(scale) else scale
        if not (np.isfinite(scale) and 1e-6 < scale < 1e6):
            break
        last = remedies.scaled(scale)
        if not np.isfinite(last):
            break
        best = min(best, (abs(last), scale, last))
    _, scale, reached = best
    if scale == 1.0 or abs(reached) >= SICK:
        return _alternative(remedies)
    return (
        f"multiply the weights by {scale:g}, as init(scale={scale:g}) does: measured so, a "
        f"gradient comes to 10^{_shown(reached)} of its length"
    )


def _alternative(remedies: Remedies) -> str:
    """The first alternative that is measured to be healthy."""
    for text, measure in remedies.alternatives:
        reached = measure()
        if abs(reached) < SICK:
            return f"{text}: measured so, a gradient comes to 10^{_shown(reached)} of its length"
    return "use fewer layers: no other start and no other activation was enough"
