"""The gradient flow of a network: `gw.flow`."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.api.network import Network
from gradwright.gradientflow.analysis import chains, layer_flows
from gradwright.gradientflow.report import FlowReport, Verdict
from gradwright.gradientflow.stages import Stage
from gradwright.gradientflow.verdict import backward_logs, judged
from gradwright.nn.activations import derivative_bound
from gradwright.nn.losses import known_loss
from gradwright.nn.parameters import Parameters
from gradwright.nn.slopes import Slopes

Array = Any

#: Samples that are looked at; more say nothing new and cost as much each.
SAMPLES = 16


def flow(
    net: Network, p: Parameters, X: Array | None = None, y: Array | None = None, seed: int = 0
) -> FlowReport:
    """How gradients flow through a network at given parameters.

    Args:
        net: the network.
        p: its parameters.
        X: samples × features; without it, 16 samples of standard normal numbers.
        y: labels; with them the norm of each layer's gradient ∂L/∂W is measured as well.
        seed: of the random input, of which samples are looked at, and of random directions.

    The singular values are those of one sample; gains and shares are over up to 16 of them.

    Raises:
        DataError: samples or labels that do not fit the network.
    """
    generator = np.random.default_rng(seed)
    if X is None:
        chosen = generator.standard_normal((SAMPLES, net.widths[0]))
        source = f"{SAMPLES} random samples, standard normal, seed {seed}"
    else:
        given = np.asarray(X)
        count = len(given) if given.ndim else 0
        places = np.sort(generator.permutation(count)[:SAMPLES])
        chosen = given[places] if given.ndim == 2 else given
        source = f"{min(SAMPLES, count)} of {count} samples, seed {seed}"
    stages, broken = _stages(net, p, chosen)
    if broken is not None:
        verdict = Verdict(
            "not finite",
            broken,
            f"layer {broken} overflows: its output or its slope is not a finite number",
            "high",
            "use smaller weights, or standardise the features",
        )
        return FlowReport(repr(net), source, len(chosen), verdict, (), ())
    layers = layer_flows(stages, 0, _gradient_norms(net, p, X, y))
    through_head = not known_loss(net.model.loss).activation

    def scaled(scale: float) -> float:
        moved = _scaled(p, scale)
        with np.errstate(over="ignore", invalid="ignore"):
            again, bad = _stages(net, moved, chosen)
            return np.nan if bad else float(backward_logs(again, through_head, seed)[0])

    logs = backward_logs(stages, through_head, seed)
    verdict = judged(layers, logs, scaled)
    return FlowReport(repr(net), source, len(chosen), verdict, layers, chains(stages, layers, 0))


def _stages(net: Network, p: Parameters, X: Array) -> tuple[list[Stage], int | None]:
    """The layers as stages, and the number of the first one whose numbers are not finite."""
    made: list[Stage] = []
    derived = {key: Slopes(*key) for key in {(x.activation, x.options) for x in net.model.layers}}
    before = net.inputs(p, X).astype(np.float64)
    for number, layer in enumerate(net.model.layers, start=1):
        weight = np.asarray(p[f"W{number}"], dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            Z = before @ weight
            if layer.bias:
                Z = Z + p[f"b{number}"]
            activation = derived[layer.activation, layer.options]
            slopes, blocks = activation.at(Z)
            before = activation.values(Z)
        if not (np.all(np.isfinite(before)) and np.all(np.isfinite(slopes))):
            return made, number
        bound = float(derivative_bound(layer.activation, layer.options))
        name = f"layer {number}"
        made.append(Stage(name, layer.activation, weight.T, slopes, bound, blocks))
    return made, None


def _scaled(p: Parameters, scale: float) -> Parameters:
    """The parameters with all weights multiplied, biases as they are."""
    moved = Parameters(p.layers, p.flat.copy())
    for name, view in moved.items():
        if name.startswith("W"):
            view *= scale
    return moved


def _gradient_norms(
    net: Network, p: Parameters, X: Array | None, y: Array | None
) -> list[float] | None:
    if X is None or y is None:
        return None
    gradient = net.gradient(p, X, y)
    depth = len(net.model.layers)
    return [float(np.linalg.norm(gradient[f"W{number}"])) for number in range(1, depth + 1)]
