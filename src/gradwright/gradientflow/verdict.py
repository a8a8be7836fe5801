"""The verdict: whether gradients vanish or explode, at which layer, why, and what to do.

Only ratios are judged, so neither the scale of the loss nor the size of the batch matters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradwright.gradientflow.report import LayerFlow, Verdict
from gradwright.gradientflow.stages import Stage

Array = Any

#: A gradient that changes its length by more than ten to this over the chain is sick.
SICK = 3.0

#: Beyond the threshold by so much the verdict is sure; nearer than a third of it, it is not.
SURE = 3.0

#: The part of the units of a layer, or of its slopes, that makes the layer dead or saturated.
MOST = 0.9

#: Steps towards a scale of the weights at which gradients keep their length.
SCALE_STEPS = 6

#: Measures log₁₀ of the change in length over the chain, with all weights multiplied by a number.
Scaled = Callable[[float], float]


def backward_logs(stages: Sequence[Stage], through_head: bool, seed: int = 0) -> Array:
    """log₁₀ of the length of a gradient at each layer's output, from the last layer backwards.

    Random unit vectors start at the output of the last layer, one for each sample; the entry for
    a layer is the mean of the logarithms over the samples, 0 at the last layer. Without
    `through_head` they start before its activation, as for a loss whose derivative cancels that
    of the activation.
    """
    generator = np.random.default_rng(seed)
    head = stages[-1]
    vectors = generator.standard_normal((head.samples, head.shape[0]))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    logs = np.zeros((len(stages), head.samples))
    for place in range(len(stages) - 1, 0, -1):
        stage = stages[place]
        plain = stage is head and not through_head
        vectors = vectors @ stage.weight if plain else stage.vjp(vectors)
        lengths = np.linalg.norm(vectors, axis=1)
        with np.errstate(divide="ignore"):
            logs[place - 1] = logs[place] + np.log10(lengths)
        vectors /= np.where(lengths > 0, lengths, 1.0)[:, None]
    return np.mean(logs, axis=1)


def judged(layers: Sequence[LayerFlow], logs: Array, scaled: Scaled) -> Verdict:
    """A verdict on layers, by the lengths of a gradient along them."""
    for layer in layers[:-1]:
        stopped = _stopped(layer)
        if stopped is not None:
            return stopped
    if not np.any(layers[-1].stage.weight):
        return _zero(layers[-1])
    total = float(logs[0])
    if abs(total) < SICK:
        return _healthy(total, len(layers))
    vanishing = total < 0
    steps = np.diff(logs)
    # steps[k] is the gain of layer k + 2, from its output to that of the layer before, negated.
    worst = int(np.argmax(steps) if vanishing else np.argmin(steps)) + 1
    layer = layers[worst]
    change = f"over {len(layers)} layers a gradient {'shrinks' if vanishing else 'grows'} to "
    change += f"10^{_shown(total)} of its length, {_per_layer(total, len(layers))}"
    saturated = vanishing and layer.saturated > MOST
    kind = "saturated" if saturated else ("vanishing" if vanishing else "exploding")
    return Verdict(
        kind,
        layer.number,
        f"{change}; {_reason(layer, vanishing)}",
        _confidence(total),
        _fix(total, len(layers), scaled),
    )


def _stopped(layer: LayerFlow) -> Verdict | None:
    """A layer that lets no gradient through."""
    if not np.any(layer.stage.weight):
        return _zero(layer)
    if layer.dead < MOST:
        return None
    return Verdict(
        "dead",
        layer.number,
        f"{100 * layer.dead:.0f} % of the units of layer {layer.number} have the slope 0 at every "
        "sample, and pass no gradient on",
        "high",
        "start with smaller biases or a smaller learning rate, or use leaky_relu",
    )


def _zero(layer: LayerFlow) -> Verdict:
    return Verdict(
        "zero",
        layer.number,
        f"all weights of layer {layer.number} are zero: no gradient passes it, and units that "
        "start alike stay alike",
        "high",
        "start with random weights: init(scheme='xavier_normal') or init(scheme='he_normal')",
    )


def _healthy(total: float, depth: int) -> Verdict:
    if depth == 1:
        cause = "there is one layer, and no chain for a gradient to vanish along"
    else:
        cause = f"over {depth} layers a gradient comes to 10^{_shown(total)} of its length"
        cause += f", {_per_layer(total, depth)}"
    return Verdict("healthy", None, cause, "low" if abs(total) > SICK * 2 / 3 else "high", "")


def _shown(exponent: float) -> str:
    # Adding zero makes -0.0 a plain 0.0.
    return f"{round(exponent, 1) + 0.0:.1f}"


def _per_layer(total: float, depth: int) -> str:
    return f"×{10 ** (total / max(1, depth - 1)):.3g} per layer"


def _reason(layer: LayerFlow, vanishing: bool) -> str:
    stage = layer.stage
    name = f"layer {layer.number}"
    if vanishing and layer.saturated > MOST:
        return (
            f"at {name} {100 * layer.saturated:.0f} % of the slopes of {stage.activation} are "
            "below a twentieth of their bound: its units are saturated"
        )
    if vanishing and layer.bound < 1:
        return (
            f"{name} can only shrink: the slope of {stage.activation} is at most {stage.bound:g} "
            f"and ‖w‖ = {layer.weight_norm:.3g}, so ‖J‖ ≤ {layer.bound:.3g}"
        )
    more = "shrinks" if vanishing else "stretches"
    return (
        f"{name} {more} most: ‖D‖ = {layer.slope_norm:.3g} (at most {stage.bound:g} for "
        f"{stage.activation}), ‖w‖ = {layer.weight_norm:.3g}, ‖J‖ = {layer.norm:.3g}, and it "
        f"multiplies the length of a gradient by {layer.gain:.3g}"
    )


def _confidence(total: float) -> str:
    beyond = abs(total) - SICK
    if beyond > SURE:
        return "high"
    return "medium" if beyond > SICK / 3 else "low"


def _fix(total: float, depth: int, scaled: Scaled) -> str:
    """A scale for the weights, and what it was measured to do."""
    best = (abs(total), 1.0, total)
    scale, last = 1.0, total
    for _ in range(SCALE_STEPS):
        scale *= 10 ** (-last / max(1, depth - 1))
        if not (np.isfinite(scale) and 1e-6 < scale < 1e6):
            break
        last = scaled(scale)
        if not np.isfinite(last):
            break
        best = min(best, (abs(last), scale, last))
    _, scale, reached = best
    if scale == 1.0:
        return "no scale of the weights helps here: use relu with init(scheme='he_normal')"
    text = f"multiply the weights by {scale:.3g}, as init(scale={scale:.3g}) does: measured so, a "
    text += f"gradient comes to 10^{_shown(reached)} of its length"
    if abs(reached) >= SICK:
        text += "; that is not enough: use relu with init(scheme='he_normal')"
    return text
