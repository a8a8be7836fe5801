"""Random networks with data that fits them, widths unequal."""

from __future__ import annotations

from typing import Any

import numpy as np

HIDDEN = ("sigmoid", "tanh", "relu", "leaky_relu", "leaky_relu(0.3)", "", "softmax")
HEADS = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid", "squared_error": ""}


def random_network(rng: np.random.Generator) -> tuple[str, str, Any, Any]:
    """(text, loss, X, y): one to four layers of one to nine units."""
    depth = int(rng.integers(1, 5))
    widths = rng.choice(np.arange(2, 10), depth + 1, replace=False)
    loss = str(rng.choice(list(HEADS)))
    parts = [str(widths[0])]
    for width in widths[1:-1]:
        repeat = f"{rng.integers(2, 4)} * " if rng.random() < 0.2 else ""
        bias = " no_bias" if rng.random() < 0.25 else ""
        parts.append(f"{repeat}{width} {rng.choice(HIDDEN)}{bias}")
    head = HEADS[loss] or str(rng.choice(list(HIDDEN)))
    parts.append(f"{widths[-1]} {head}")
    samples = int(rng.integers(1, 12))
    X = rng.standard_normal((samples, widths[0]))
    shape = (samples, widths[-1])
    match loss:
        case "cross_entropy":
            y = np.eye(shape[1])[rng.integers(shape[1], size=samples)]
        case "binary_cross_entropy":
            y = rng.integers(2, size=shape).astype(float)
        case _:
            y = rng.standard_normal(shape)
    return " -> ".join(parts), loss, X, y
