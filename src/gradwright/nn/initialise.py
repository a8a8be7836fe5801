"""Random starting parameters. All-zero weights would keep every unit of a layer the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any

import numpy as np

from gradwright.errors import NetworkError
from gradwright.nn.layer import Layer
from gradwright.nn.parameters import Parameters

Array = Any
Draw = Callable[[np.random.Generator, Layer, tuple[int, ...]], Array]


def _uniform(generator: np.random.Generator, layer: Layer, shape: tuple[int, ...]) -> Array:
    """Uniform on [-0.1, 0.1], weights and biases."""
    return generator.uniform(-0.1, 0.1, shape)


def _xavier(generator: np.random.Generator, layer: Layer, shape: tuple[int, ...]) -> Array:
    """Normal weights, standard deviation √(2/(fan-in + fan-out)); Glorot and Bengio (2010)."""
    if len(shape) == 1:
        return np.zeros(shape)
    return generator.normal(0.0, sqrt(2 / (layer.fan_in + layer.fan_out)), shape)


def _he(generator: np.random.Generator, layer: Layer, shape: tuple[int, ...]) -> Array:
    """Normal weights, standard deviation √(2/fan-in); He et al. (2015), eq. 10."""
    if len(shape) == 1:
        return np.zeros(shape)
    return generator.normal(0.0, sqrt(2 / layer.fan_in), shape)


SCHEMES: dict[str, Draw] = {"uniform": _uniform, "xavier_normal": _xavier, "he_normal": _he}


def initialise(
    layers: Sequence[Layer],
    seed: int = 0,
    scheme: str = "xavier_normal",
    dtype: str = "float64",
) -> Parameters:
    """Parameters drawn by a scheme in float64 and rounded: a seed gives the same numbers in both.

    Raises:
        NetworkError: an unknown scheme, or a seed that is no whole number from 0.
        DataError: a dtype other than float32 and float64.
        LimitError: more parameters than memory holds.
    """
    if scheme not in tuple(SCHEMES):
        raise NetworkError(
            f"the initialisation {scheme!r}",
            f"{scheme!r} is asked for and the schemes are {', '.join(SCHEMES)}",
            "use one of those",
        )
    # True is an int to Python, and no seed to anybody else.
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise NetworkError(
            f"the seed {seed!r}",
            f"{seed!r} is given and seeds are whole numbers from 0",
            "use a seed such as 0",
        )
    generator = np.random.default_rng(seed)
    made = Parameters.zeros(layers, dtype)
    for name, view in made.items():
        view[...] = SCHEMES[scheme](generator, made.layers[int(name[1:]) - 1], view.shape)
    return made
