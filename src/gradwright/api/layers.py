"""Layers by formula: `gw.layer`."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from gradwright.errors import NetworkError
from gradwright.nn.composite import parallel, residual
from gradwright.nn.embedding import embedding
from gradwright.nn.layer_reading import layer_formula
from gradwright.nn.unplaced_layer import UnplacedLayer

__all__ = ["embedding", "layer", "parallel", "residual"]


def layer(
    text: str,
    /,
    *,
    input: str,
    start: Mapping[str, float] | None = None,
    dropout: Mapping[str, float] | None = None,
    **parameters: str,
) -> UnplacedLayer:
    """A layer from its forward formula for one sample.

    The keywords declare the parameters; the one symbol of the formula that is left is the input,
    which `input` declares. A layer stands in the list of a `Network`, with numbers for those sizes
    that the layer before it does not tell:

    >>> swish = layer("z .* sigmoid(z)", input="vector n")
    >>> dense = layer("tanh(W*x + b)", input="vector n", W="matrix m n", b="vector m")
    >>> dense(m=10)
    layer('tanh(W*x + b)')(m=10)

    Args:
        text: the formula, whose value is a vector.
        input: the declaration of the input, "vector n".
        start: the value from which all entries of a parameter start, by its name, where that is
            not drawn: start={"g": 1}.
        dropout: vectors among the declared ones that are masks, with their rates: dropout={"m":
            0.2}. In training an entry is 0 with that probability, else 1/(1 - rate), drawn anew for
            every sample and step; for prediction it is 1.
        parameters: declarations such as W="matrix m n".

    Raises:
        NotationError, ShapeError, SymbolError: the formula cannot be read.
        NetworkError: it does not have one input, or uses a name that layers have.
        UnsupportedError: it has no form in matrices for a batch of samples.
    """
    starts, rates = _numbers(text, "start", start or {}), _numbers(text, "dropout", dropout or {})
    formula = layer_formula(text, input, parameters, starts, rates)
    return UnplacedLayer(formula, rates=tuple(rates.items()))


def _numbers(text: str, name: str, given: Mapping[str, float]) -> dict[str, Fraction]:
    try:
        return {letter: Fraction(str(value)) for letter, value in given.items()}
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise NetworkError(
            f"the layer {text}",
            f"{name} is {given!r}, and these are finite numbers by the names of parameters",
            f'write {name}={{"g": 0.5}}',
        ) from error
