"""The figures of a report: the network, activations, Jacobians and what they do to directions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from gradwright.gradientflow.report import ChainFlow, LayerFlow
from gradwright.nn.activations import activation_text, derivative_bound
from gradwright.nn.layer import Layer
from gradwright.nn.slopes import Slopes
from gradwright.report.svg import (
    FAINT,
    FIRST,
    INK,
    SECOND,
    Axes,
    circle,
    figure,
    image,
    line,
    path,
    rectangle,
    text,
    ticks,
)

Array = Any

#: Units of a layer that are drawn; of a wider one the first and last with dots between.
DRAWN = 5
#: Layers that are drawn; of a deeper network the first and the last ones.
COLUMNS = 6


def network_diagram(layers: Sequence[Layer]) -> str:
    """The layers from left to right with w, b, z, a and the sizes."""
    widths = [layers[0].fan_in, *(layer.fan_out for layer in layers)]
    shown = list(range(len(widths)))
    if len(shown) > COLUMNS:
        shown = [*shown[: COLUMNS // 2], *shown[-(COLUMNS // 2) :]]
    height, step = 250.0, 130.0
    places = {number: 50 + step * column for column, number in enumerate(shown)}
    parts: list[str] = []
    for one, other in pairwise(shown):
        x1, x2 = places[one], places[other]
        if other != one + 1:
            parts.append(text((x1 + x2) / 2, 110, "⋯", size=22))
            continue
        for y1 in _heights(widths[one]):
            parts += [line(x1 + 9, y1, x2 - 9, y2, FAINT) for y2 in _heights(widths[other])]
        layer = layers[other - 1]
        weights = [(letter, shape) for letter, shape in layer.parameters if len(shape) == 2]
        others = [letter for letter, shape in layer.parameters if len(shape) < 2]
        for letter, shape in weights[:1]:
            parts.append(text((x1 + x2) / 2, 22, f"{letter}_{other}"))
            parts.append(text((x1 + x2) / 2, 38, f"{shape[0]} × {shape[1]}", size=11))
        names = [letter for letter, _ in weights[1:]] + others
        if names:
            shown_names = ", ".join(f"{letter}_{other}" for letter in names)
            parts.append(text((x1 + x2) / 2, height - 38, shown_names))
    for number in shown:
        x = places[number]
        parts += [circle(x, y, 9, "var(--paper)") for y in _heights(widths[number])]
        if widths[number] > DRAWN:
            parts.append(text(x, 117, "⋮", size=18))
        if number == 0:
            parts += [text(x, height - 22, "x = a_0"), text(x, height - 6, f"{widths[0]}", size=11)]
        else:
            parts += [
                text(x - 12, height - 22, f"z_{number}"),
                text(x + 12, height - 22, f"a_{number}"),
            ]
            made = layers[number - 1]
            kind = made.activation if made.formula is None else made.formula.text
            label = f"{kind}, {widths[number]}"
            parts.append(text(x, height - 6, label, size=11))
    width = 100 + step * (len(shown) - 1)
    return figure(width, height, "The layers of the network and their sizes", parts)


def _heights(units: int) -> list[float]:
    count = min(units, DRAWN)
    places = [112 + 30 * (k - (count - 1) / 2) for k in range(count)]
    if units > DRAWN:
        del places[count // 2]
    return places


def activation_curves(activation: str, options: Sequence[Any] = ()) -> str:
    """An elementwise activation and its derivative, with the derivative's bound."""
    kind = Slopes(activation, tuple(options))
    x = np.linspace(-6, 6, 241)
    values = kind.values(x[:, None])[:, 0]
    slopes = kind.at(x[:, None])[0][:, 0]
    low, high = float(min(values.min(), slopes.min())), float(max(slopes.max(), 1.0))
    high = min(max(high, float(values.max())), 2.0)
    axes = Axes(44, 14, 320, 180, (-6, 6), (max(low, -1.2), high))
    bound = float(derivative_bound(activation, tuple(options)))
    inside = [k for k in range(len(x)) if axes.y_range[0] <= values[k] <= high]
    name = activation_text(activation, tuple(options), argument="z")
    parts = [
        *axes.frame([-6, -3, 0, 3, 6], ticks(*axes.y_range, 4)),
        path([axes.at(x[k], values[k]) for k in inside], FIRST),
        path([axes.at(a, b) for a, b in zip(x, slopes, strict=True)], SECOND, dashed=True),
        line(*axes.at(-6, bound), *axes.at(6, bound), SECOND, 0.8),
        text(52, 228, name.replace("_", " "), "start", 12, FIRST),
        text(180, 228, f"derivative, at most {bound:g}", "start", 12, SECOND),
    ]
    return figure(380, 238, f"{name} and its derivative, which is at most {bound:g}", parts)


def heat_map(matrix: Array, title: str) -> str:
    """A matrix as coloured cells, blue below and red above zero, white at zero."""
    rows, columns = matrix.shape
    largest = float(np.max(np.abs(matrix), initial=0.0)) or 1.0
    cell = min(24.0, 300 / max(rows, columns))
    width, height = cell * columns, cell * rows
    parts = [image(10, 10, width, height, _colours(matrix / largest))]
    frame = f' fill-opacity="0" stroke="{INK}"'
    parts.append(rectangle(10, 10, width, height, "none", frame))
    caption = f"{title}, ±{largest:.3g}"
    parts.append(text(10, 28 + cell * rows, caption, "start", 12))
    return figure(max(20 + cell * columns, 230), 40 + cell * rows, caption, parts)


def _colours(shares: Array) -> Array:
    """Red above zero and blue below, the more opaque the larger: (rows, columns, 4) bytes."""
    red, blue = np.array([214, 69, 56]), np.array([60, 120, 216])
    colours = np.where(shares[..., None] > 0, red, blue)
    opacity = np.round(255 * np.minimum(np.abs(shares), 1.0))
    return np.concatenate([colours, opacity[..., None]], axis=2).astype(np.uint8)


def singular_values(layers: Sequence[LayerFlow]) -> str:
    """The singular values of each layer's Jacobian on a logarithmic axis."""
    columns = [np.log10(np.maximum(layer.singular_values, 1e-16)) for layer in layers]
    low, high = (float(f([c.min() if f is min else c.max() for c in columns])) for f in (min, max))
    axes = Axes(
        50, 14, max(260, 22 * len(layers)), 190, (0.5, len(layers) + 0.5), (low - 0.2, high + 0.2)
    )
    every = max(1, len(layers) // 12)
    numbers = [k for k in range(1, len(layers) + 1) if (k - 1) % every == 0]
    parts = axes.frame(numbers, ticks(*axes.y_range))
    if axes.y_range[0] < 0 < axes.y_range[1]:
        parts.append(line(*axes.at(0.5, 0), *axes.at(len(layers) + 0.5, 0), INK, 0.8))
    for number, values in enumerate(columns, start=1):
        parts += [circle(*axes.at(number, float(v)), 2.2, FIRST, FIRST) for v in values[:64]]
    parts.append(text(axes.left, 236, "log₁₀ of the singular values, by layer", "start", 12))
    return figure(
        axes.left + axes.width + 14, 246, "Singular values of each layer's Jacobian", parts
    )


def chain_singular_values(chains: Sequence[ChainFlow]) -> str:
    """The singular values of the product from each layer to the output, as logarithms."""
    columns = [
        (c.first, [float(v) for v in c.log_singular_values if np.isfinite(v)]) for c in chains
    ]
    finite = [value for _, values in columns for value in values] or [0.0]
    last = max(number for number, _ in columns)
    spread = max(0.3, 0.05 * (max(finite) - min(finite)))
    span = (min(finite) - spread, max(finite) + spread)
    axes = Axes(50, 14, max(260, 22 * min(len(columns), 40)), 190, (0.5, last + 0.5), span)
    every = max(1, last // 12)
    parts = axes.frame(list(range(1, last + 1, every)), ticks(*axes.y_range))
    for number, values in columns:
        parts += [circle(*axes.at(number, v), 2.2, SECOND, SECOND) for v in values[:64]]
    caption = "log₁₀ of the singular values of the product from a layer to the output"
    parts.append(text(8, 236, caption, "start", 12))
    width = max(axes.left + axes.width + 14, 440)
    return figure(width, 246, "Singular values of the chain of Jacobians", parts)


def chain_norms(chains: Sequence[ChainFlow], depth: int) -> str:
    """The norm of the product to the output beside the product of norms and of bounds."""
    curves = [
        ("norm of the product", FIRST, [c.log_norm for c in chains]),
        ("product of the norms", SECOND, [c.log_product for c in chains]),
        ("product of the bounds", INK, [c.log_bound for c in chains]),
    ]
    finite = [v for _, _, values in curves for v in values if np.isfinite(v)] or [0.0]
    axes = Axes(50, 14, 320, 190, (1, max(depth, 2)), (min(finite) - 0.3, max(finite) + 0.3))
    parts = axes.frame(ticks(*axes.x_range, 6), ticks(*axes.y_range))
    for place, (name, colour, values) in enumerate(curves):
        points = [
            axes.at(chain.first, value)
            for chain, value in zip(chains, values, strict=True)
            if np.isfinite(value)
        ]
        parts.append(path(points, colour, dashed=place > 0))
        parts.append(
            text(
                50,
                240 + 16 * place,
                f"{name}, log₁₀, from a layer to the output",
                "start",
                12,
                colour,
            )
        )
    return figure(384, 280, "The norm of the chain of Jacobians and its bounds", parts)


def circle_to_ellipse(jacobian: Array) -> str:
    """What a layer of two units does to a circle: the axes are the singular values."""
    angles = np.linspace(0, 2 * np.pi, 121)
    around = np.stack([np.cos(angles), np.sin(angles)])
    ellipse = jacobian @ around
    reach = 1.15 * max(1.0, float(np.max(np.abs(ellipse))))
    axes = Axes(20, 10, 220, 220, (-reach, reach), (-reach, reach))
    left, values, _ = np.linalg.svd(jacobian)
    parts = [
        line(*axes.at(-reach, 0), *axes.at(reach, 0), FAINT),
        line(*axes.at(0, -reach), *axes.at(0, reach), FAINT),
        path([axes.at(a, b) for a, b in around.T], INK, dashed=True),
        path([axes.at(a, b) for a, b in ellipse.T], FIRST),
    ]
    for k, value in enumerate(values):
        parts.append(line(*axes.at(0, 0), *axes.at(*(value * left[:, k])), SECOND, 1.6))
    shown = " and ".join(f"{value:.3g}" for value in values)
    parts.append(text(20, 248, f"axes {shown}", "start", 12, SECOND))
    return figure(260, 258, f"The unit circle becomes an ellipse with axes {shown}", parts)


def training_curve(losses: Sequence[float]) -> str:
    """The loss of each epoch."""
    values = [value for value in losses if np.isfinite(value)]
    axes = Axes(56, 14, 320, 170, (1, max(2, len(values))), (0, 1.05 * max([*values, 1e-12])))
    parts = axes.frame(ticks(*axes.x_range, 6), ticks(*axes.y_range))
    parts.append(path([axes.at(k, v) for k, v in enumerate(values, start=1)], FIRST))
    parts.append(text(56, 216, "loss by epoch", "start", 12))
    return figure(390, 226, "The loss of each epoch", parts)
