"""Layers by formula: `gw.layer`."""

from __future__ import annotations

from gradwright.nn.layer_formula import layer_formula
from gradwright.nn.sequence import FormulaLayer


def layer(text: str, /, *, input: str, **parameters: str) -> FormulaLayer:
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
        parameters: declarations such as W="matrix m n".

    Raises:
        NotationError, ShapeError, SymbolError: the formula cannot be read.
        NetworkError: it does not have one input, or uses a name that layers have.
        UnsupportedError: it has no form in matrices for a batch of samples.
    """
    return FormulaLayer(layer_formula(text, input, parameters))
