"""The gradient flow of a network: `gw.flow`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from msgspec.structs import replace

from gradwright.api.formula_layers import FormulaMaps, values_of
from gradwright.api.network import Network
from gradwright.errors import DataError, NetworkError
from gradwright.gradientflow.analysis import chains, layer_flows
from gradwright.gradientflow.report import FlowReport
from gradwright.gradientflow.stages import Stage
from gradwright.gradientflow.verdict import (
    Alternative,
    Remedies,
    is_still,
    judged,
    overflow,
    way_back,
)
from gradwright.nn.activations import ACTIVATIONS, derivative_bound
from gradwright.nn.initialise import initialise, require_seed
from gradwright.nn.layer import Layer
from gradwright.nn.layer_formula import LayerFormula
from gradwright.nn.losses import known_loss
from gradwright.nn.parameters import Parameters
from gradwright.nn.refusals import require_no_codes
from gradwright.nn.slopes import Slopes

Array = Any

#: The layers as stages at parameters and samples, or the number of a layer that is not finite.
Measure = Callable[[Sequence[Layer], Parameters, Array], tuple[list[Stage], int | None]]

#: Samples that are looked at; more say nothing new and cost as much each.
SAMPLES = 16

#: Ranges of elementwise activations that are flat on both sides.
BOUNDED = ("unit interval", "-1 to 1")


def flow(
    net: Network,
    p: Parameters,
    X: Array | None = None,
    y: Array | None = None,
    seed: int = 0,
    *,
    sample_weight: Array | None = None,
) -> FlowReport:
    """How gradients flow through a network at given parameters.

    Args:
        net: the network.
        p: its parameters.
        X: samples × features; without it, 16 samples of standard normal numbers.
        y: labels; with them the norm of each layer's gradient ∂L/∂W is measured as well.
        seed: of the random input, of which samples are looked at, and of random directions.
        sample_weight: with labels, how much each sample counts in the loss whose gradient that is.

    The singular values are those of one sample; gains and shares are over up to 16 of them.

    Raises:
        DataError: samples, labels or weights that do not fit the network, labels without samples,
            or weights without labels.
        NetworkError: parameters of another network, or a seed that is no whole number from 0.
        UnsupportedError: the network has an embedding, by whose codes there is no derivative.
    """
    require_seed(seed)
    if not isinstance(net, Network):
        raise NetworkError(
            "the gradient flow of a network",
            f"a {type(net).__name__} is given and a Network is expected",
            "make one, as in gw.Network('4 -> 3 softmax')",
        )
    require_no_codes(net.model.text, net.model.layers, "the gradient flow")
    chosen, source = _samples(net, p, X, y, seed)
    layers = net.model.prediction.layers
    # A loss that cancels with its activation hands the delta to the linear part.
    through_head = net.model.loss_formula is not None or not known_loss(net.model.loss).activation
    maps = {x.formula: FormulaMaps(x.formula) for x in layers if x.formula is not None}
    measure = partial(_stages, maps)
    stages, broken = measure(layers, p, chosen)
    remedies = _remedies(measure, layers, p, chosen, seed, through_head)
    if broken is not None:
        return FlowReport(repr(net), source, len(chosen), overflow(broken, remedies), (), ())
    measured = layer_flows(stages, 0, _gradient_norms(net, p, X, y, sample_weight))
    verdict = judged(measured, way_back(stages, through_head, seed), remedies)
    chained = chains(stages, measured, 0)
    return FlowReport(repr(net), source, len(chosen), verdict, measured, chained)


def _samples(
    net: Network, p: Parameters, X: Array | None, y: Array | None, seed: int
) -> tuple[Array, str]:
    """The samples that are looked at, and what they are in words."""
    generator = np.random.default_rng(seed)
    if X is None and y is not None:
        raise DataError(
            "the gradient flow of a network",
            "labels y are given and the samples X that they belong to are not",
            "give X as well, or leave out y",
        )
    if X is None:
        drawn = generator.standard_normal((SAMPLES, net.widths[0]))
        return net.inputs(p, drawn), f"{SAMPLES} random samples, standard normal, seed {seed}"
    given = net.inputs(p, X)
    count = len(given)
    if not count:
        raise DataError(
            "the gradient flow of a network",
            "X has 0 samples and at least 1 is needed",
            "give samples, or leave out X for random ones",
        )
    places = np.sort(generator.permutation(count)[:SAMPLES])
    return given[places], f"{len(places)} of {count} samples, seed {seed}"


def _stages(
    maps: Mapping[LayerFormula, FormulaMaps], layers: Sequence[Layer], p: Parameters, X: Array
) -> tuple[list[Stage], int | None]:
    """The layers as stages, and the number of the first one whose numbers are not finite."""
    made: list[Stage] = []
    dense = (layer for layer in layers if layer.formula is None)
    derived = {key: Slopes(*key) for key in {(x.activation, x.options) for x in dense}}
    before = X.astype(np.float64)
    for number, layer in enumerate(layers, start=1):
        if layer.formula is not None:
            stage, before = _formula_stage(maps[layer.formula], layer, number, p, before)
            if not (np.all(np.isfinite(before)) and np.all(np.isfinite(stage.slopes))):
                return made, number
            made.append(stage)
            continue
        weight = np.asarray(p.weight(number), dtype=np.float64)
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
        saturates = ACTIVATIONS[layer.activation].range in BOUNDED
        made.append(Stage(name, layer.activation, weight.T, slopes, bound, blocks, saturates))
    return made, None


def _formula_stage(
    maps: FormulaMaps, layer: Layer, number: int, p: Parameters, X: Array
) -> tuple[Stage, Array]:
    """A layer by formula as a stage, and its values.

    Where it is a known activation of an affine map it has weights and slopes like a dense layer.
    """
    values = values_of(layer, number, p)
    inner, outer = zip(*(maps.values(x, values) for x in X), strict=True)
    name, text = f"layer {number}", maps.layer.text
    if layer.activation in ACTIVATIONS and maps.activation and maps.is_affine:
        activation = Slopes(layer.activation, maps.options)
        slopes, blocks = activation.at(np.stack(inner))
        bound = float(derivative_bound(layer.activation, maps.options))
        saturates = ACTIVATIONS[layer.activation].range in BOUNDED
        weight = maps.weight(X[0], values)
        return Stage(name, text, weight, slopes, bound, blocks, saturates), np.stack(outer)
    blocks = np.stack([maps.dense(x, values) for x in X])
    slopes = np.stack([np.diagonal(block) for block in blocks])
    stage = Stage(name, text, np.eye(X.shape[1]), slopes, float("inf"), blocks)
    return stage, np.stack(outer)


def _scaled(p: Parameters, scale: float) -> Parameters:
    """The parameters with all weights multiplied, biases as they are."""
    moved = p.copy()
    for view in moved.values():
        if view.ndim == 2:
            view *= scale
    return moved


def _remedies(
    measure: Measure,
    layers: Sequence[Layer],
    p: Parameters,
    X: Array,
    seed: int,
    through_head: bool,
) -> Remedies:
    """Other weights, features, starts and activations, each measured when it is asked for."""

    def change(layers: Sequence[Layer], p: Parameters, X: Array) -> float:
        stages, broken = measure(layers, p, X)
        if broken is not None or is_still(stages):
            return np.nan
        return way_back(stages, through_head, seed).total

    def started(layers: Sequence[Layer], how: Mapping[str, Any]) -> float:
        return change(layers, initialise(layers, seed, **how), X)

    alternatives: list[Alternative] = [
        ("standardise the features", lambda: change(layers, p, _standardised(X)))
    ]
    alternatives += [
        (text, partial(started, changed, how)) for text, changed, how in _other_starts(layers)
    ]
    return Remedies(lambda scale: change(layers, _scaled(p, scale), X), alternatives)


def _standardised(X: Array) -> Array:
    """Features of mean 0 and standard deviation 1; constant ones become 0."""
    deviations = np.std(X, axis=0)
    return (X - np.mean(X, axis=0)) / np.where(deviations > 0, deviations, 1.0)


def _other_starts(layers: Sequence[Layer]) -> Iterator[tuple[str, Sequence[Layer], dict[str, Any]]]:
    """(in words, the layers, how to start): the same layers, then other hidden activations."""
    starts: dict[str, dict[str, Any]] = {
        "scheme='xavier_normal'": {"scheme": "xavier_normal"},
        "scheme='he_normal'": {"scheme": "he_normal"},
        "singular_values=1": {"singular_values": 1.0},
    }
    for text, how in starts.items():
        yield f"start with init({text})", layers, how
    for activation, start in (
        ("tanh", "scheme='xavier_normal'"),
        ("relu", "scheme='he_normal'"),
        ("tanh", "singular_values=1"),
    ):
        hidden = [
            x if x.formula is not None else replace(x, activation=activation, options=())
            for x in layers[:-1]
        ]
        text = f"use {activation} in the hidden layers and init({start})"
        yield text, (*hidden, layers[-1]), starts[start]


def _gradient_norms(
    net: Network,
    p: Parameters,
    X: Array | None,
    y: Array | None,
    sample_weight: Array | None,
) -> list[float] | None:
    if X is None or y is None:
        if sample_weight is not None:
            raise DataError(
                "the gradient flow of a network",
                "weights of samples are given and the labels y that a loss needs are not",
                "give y as well, or leave out sample_weight",
            )
        return None
    gradient = net.gradient(p, X, y, sample_weight=sample_weight)
    depth = len(net.model.layers)
    weights = [
        [value for value in gradient.of_layer(number).values() if value.ndim == 2]
        for number in range(1, depth + 1)
    ]
    return [_norm(of) for of in weights]


def _norm(parts: Sequence[Array]) -> float:
    """The norm of all entries, in float64 and scaled, so that no square overflows or vanishes."""
    largest = max((float(np.max(np.abs(part), initial=0.0)) for part in parts), default=0.0)
    if not (0 < largest < np.inf):
        return largest
    squares = sum(float(np.sum((part / largest).astype(np.float64) ** 2)) for part in parts)
    return largest * float(np.sqrt(squares))
