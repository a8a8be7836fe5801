"""The schemes that starting weights are drawn by: one record each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import sqrt
from types import MappingProxyType
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.nn.activations import ACTIVATIONS, Options
from gradwright.nn.layer import Layer
from gradwright.nn.slopes import Slopes, is_elementwise

Array = Any
#: Draws a weight matrix with the axes (fan-in, fan-out).
Draw = Callable[[np.random.Generator, tuple[int, int]], Array]


class Scheme(Struct, frozen=True):
    """How weight matrices are drawn.

    With `by_activation` the weights of a layer are multiplied by the gain of the activation in
    front of it. `biases` says on which interval around 0 biases are uniform.
    """

    name: str
    draw: Draw
    source: str
    by_activation: bool = False
    biases: float = 0.0


def _normal(variance: Callable[[int, int], float]) -> Draw:
    """Normal numbers whose variance follows from fan-in and fan-out."""
    return lambda generator, shape: generator.normal(0.0, sqrt(variance(*shape)), shape)


def _uniform(variance: Callable[[int, int], float]) -> Draw:
    """Uniform numbers on [-√(3 v), √(3 v)], whose variance is v."""

    def draw(generator: np.random.Generator, shape: tuple[int, int]) -> Array:
        limit = sqrt(3 * variance(*shape))
        return generator.uniform(-limit, limit, shape)

    return draw


def _xavier(fan_in: int, fan_out: int) -> float:
    return 2 / (fan_in + fan_out)


def _he(fan_in: int, fan_out: int) -> float:
    return 2 / fan_in


def _lecun(fan_in: int, fan_out: int) -> float:
    return 1 / fan_in


def _orthogonal(generator: np.random.Generator, shape: tuple[int, int]) -> Array:
    return with_singular_values(generator, shape, 1.0)


def with_singular_values(
    generator: np.random.Generator, shape: tuple[int, int], values: float | Array
) -> Array:
    """U diag(σ) Vᵀ with U and V random, uniform over the orthogonal matrices."""
    left, right = (_orthonormal(generator, size, min(shape)) for size in shape)
    return (left * np.asarray(values)) @ right.T


def _orthonormal(generator: np.random.Generator, rows: int, columns: int) -> Array:
    # The signs of R make Q uniform (Mezzadri, Notices of the AMS 54, 2007).
    basis, triangle = np.linalg.qr(generator.standard_normal((rows, columns)))
    return basis * np.sign(np.diagonal(triangle))


GLOROT = "Glorot and Bengio, AISTATS 2010, eq. 12 and 16"
HE = "He, Zhang, Ren and Sun, ICCV 2015, eq. 10"
LECUN = "LeCun, Bottou, Orr and Müller, Efficient BackProp (1998), section 4.6"

SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        record.name: record
        for record in (
            Scheme("xavier_normal", _normal(_xavier), GLOROT),
            Scheme("xavier_uniform", _uniform(_xavier), GLOROT),
            Scheme("he_normal", _normal(_he), HE),
            Scheme("he_uniform", _uniform(_he), HE),
            Scheme("lecun_normal", _normal(_lecun), LECUN),
            Scheme("lecun_uniform", _uniform(_lecun), LECUN),
            Scheme("auto", _normal(_lecun), f"{HE}, for any activation", by_activation=True),
            Scheme("orthogonal", _orthogonal, "Saxe, McClelland and Ganguli, ICLR 2014, section 3"),
            Scheme(
                "uniform",
                lambda generator, shape: generator.uniform(-0.1, 0.1, shape),
                "weights and biases on [-0.1, 0.1]",
                biases=0.1,
            ),
            Scheme(
                "zeros",
                lambda generator, shape: np.zeros(shape),
                "to be looked at: the units of a layer never learn to differ",
            ),
        )
    }
)


def gains(layers: Sequence[Layer]) -> list[float]:
    """For each layer the gain of the activation in front of it; 1 for the inputs."""
    return [1.0, *(gain(layer.activation, layer.options) for layer in layers[:-1])]


@lru_cache(maxsize=256)
def gain(activation: str, options: Options = ()) -> float:
    """1/√E[φ(z)²] for standard normal z, so that φ(z) times it has the mean square 1.

    √2 for relu. 1 for softmax, which acts on a layer as a whole, and for layers by formula.

    >>> round(gain("relu"), 6), gain("identity")
    (1.414214, 1.0)
    """
    if activation not in ACTIVATIONS or activation == "identity" or not is_elementwise(activation):
        return 1.0
    # The trapezoidal rule: exact to rounding for smooth functions, to 1e-6 across a kink.
    z = np.linspace(-12, 12, 24_001)
    weights = np.exp(-z * z / 2)
    values = Slopes(activation, options).values(z[:, None])[:, 0]
    return sqrt(float(np.sum(weights)) / float(np.sum(weights * values**2)))
