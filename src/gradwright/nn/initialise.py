"""Random starting parameters. All-zero weights would keep every unit of a layer the same."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from gradwright.errors import GradwrightError, NetworkError
from gradwright.nn.layer import Layer
from gradwright.nn.parameters import Parameters
from gradwright.nn.schemes import SCHEMES, gains, with_singular_values

Array = Any

#: What counts as a number; True does not.
REAL = (int, float, np.integer, np.floating)


def initialise(
    layers: Sequence[Layer],
    seed: int = 0,
    scheme: str = "xavier_normal",
    dtype: str = "float64",
    scale: float = 1.0,
    singular_values: float | Sequence[float] | None = None,
) -> Parameters:
    """Parameters drawn by a scheme in float64 and rounded: a seed gives the same numbers in both.

    With `singular_values` each weight matrix has these, falling, or all the same one, between
    random orthogonal directions, and the scheme gives the biases only. `scale` multiplies the
    weights, and so their standard deviation or singular values; "auto" multiplies them by the gain
    of the activation in front of the layer. A seed gives the same network in every layout.

    A layer by formula is drawn parameter by parameter in the order of its declarations: a matrix
    like a weight matrix, its columns being the fan-in and its rows the fan-out as in W*x; vectors
    and scalars like biases.

    Raises:
        NetworkError: an unknown scheme, a seed that is no whole number from 0, a scale that is
            not finite, or singular values that a weight matrix cannot have.
        DataError: a dtype other than float32 and float64.
        LimitError: more parameters than memory holds.
    """
    if scheme not in tuple(SCHEMES):
        raise NetworkError(
            f"the initialisation {scheme!r}",
            f"{scheme!r} is asked for and the schemes are {', '.join(SCHEMES)}",
            "use one of those",
        )
    require_seed(seed)
    chosen = SCHEMES[scheme]
    generator = np.random.default_rng(seed)
    made = Parameters.zeros(layers, dtype)
    _require_scale(scale)
    factors = gains(made.layers) if chosen.by_activation else [1.0] * len(made.layers)
    for number, (layer, factor) in enumerate(zip(made.layers, factors, strict=True), start=1):
        for letter, shape in layer.parameters:
            name = f"{letter}{number}"
            if letter in layer.starts:
                made[name] = np.full(shape, float(layer.starts[letter]))
                continue
            if len(shape) < 2:
                limit = chosen.biases
                made[name] = generator.uniform(-limit, limit, shape) if limit else np.zeros(shape)
                continue
            view = made[name] if layer.weights_by_inputs else made[name].T
            drawn = factor * chosen.draw(generator, view.shape)
            if singular_values is not None:
                values = _fitting(singular_values, view.shape, name)
                drawn = with_singular_values(generator, view.shape, values)
            view[...] = scale * drawn
        for letter, shape in layer.state:
            made[f"{letter}{number}"] = np.full(shape, float(layer.starts[letter]))
    return made


def require_seed(seed: int, error: type[GradwrightError] = NetworkError) -> None:
    """Check that a seed is a whole number from 0.

    Raises:
        GradwrightError: of the class `error`; it is not.
    """
    # True is an int to Python, and no seed to anybody else.
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise error(
            f"the seed {seed!r}",
            f"{seed!r} is given and seeds are whole numbers from 0",
            "use a seed such as 0",
        )


def _require_scale(scale: float) -> None:
    if isinstance(scale, bool) or not isinstance(scale, REAL) or not isfinite(scale):
        raise NetworkError(
            f"the scale {scale!r} of an initialisation",
            f"{scale!r} is given and a finite number is expected",
            "use a scale such as 0.5 or 2",
        )


def _fitting(wanted: float | Sequence[float], shape: tuple[int, ...], name: str) -> Array:
    """Singular values that a matrix of a shape can have."""
    count = min(shape)
    values = np.asarray(wanted)
    numbers = values.dtype.kind in "iuf" and np.all(np.isfinite(values)) and np.all(values >= 0)
    if not numbers or values.shape not in ((), (count,)):
        raise NetworkError(
            f"the singular values of {name}",
            f"{np.size(wanted)} are given ({wanted!r}) and {name} of shape {shape} has {count}, "
            "finite and not negative",
            "give one number for all, or as many as every weight matrix has",
        )
    return values
