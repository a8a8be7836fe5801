"""What networks refuse: layers that do not exist in what is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from gradwright.core.sizes import Lengths
from gradwright.errors import NetworkError, UnsupportedError
from gradwright.nn.activations import ACTIVATIONS
from gradwright.nn.layer import Layer
from gradwright.nn.text import LayerGroup
from gradwright.notation.parser import parse
from gradwright.notation.shapes import infer
from gradwright.notation.tree import Call, walk
from gradwright.render.plain import plain_text


def require_single_head(text: str, groups: Sequence[LayerGroup]) -> None:
    """Check that the number of layers with the loss behind them is known: one.

    Raises:
        NetworkError: the last layer is repeated.
    """
    head = groups[-1]
    if head.count != 1:
        raise NetworkError(
            f"the network {text}",
            f"its last layer is repeated {head.count} times, and only one has a loss behind it",
            "write the last layer by itself",
            text=text,
            span=head.span,
        )


def require_choices(text: str, layers: Sequence[Layer | LayerGroup]) -> None:
    """Check that probabilities are shared among two units or more: one alone has all of it.

    Raises:
        NetworkError: a softmax has one entry, as a layer or in the formula of one.
    """
    for layer in layers:
        record = ACTIVATIONS.get(layer.activation)
        found = None
        if record is not None and record.range == "probabilities" and layer.fan_out == 1:
            found = f"a layer has 1 output and the activation {record.name}, whose outputs"
        elif isinstance(layer, Layer) and (inside := _alone(layer)) is not None:
            found = f"{inside} in a layer has 1 entry, and the entries of a softmax"
        if found is not None:
            raise NetworkError(
                f"the network {text}",
                f"{found} sum to 1: its output is 1 whatever the input is",
                'for two classes use "1 sigmoid" with loss="binary_cross_entropy", or "2 softmax"',
                text=text,
                span=layer.span,
            )


def _alone(layer: Layer) -> str | None:
    """A softmax of one entry in the formula of a layer, as text."""
    formula = layer.formula
    if formula is None:
        return None
    # A layer over the batch is written for one sample where it predicts.
    formula = formula if formula.sample or formula.predicted is None else formula.predicted
    lengths = Lengths(layer.sizes)
    for text, known in formula.lines():
        calls = [part for part in walk(parse(text)) if isinstance(part, Call)]
        for call in (part for part in calls if part.function == "softmax" and not part.options):
            scope = infer(call.arguments[0], known, sizes=lengths)
            shape = scope.shape
            entries = shape.rows if shape.kind == "column" else shape.columns
            if prod(map(lengths.length, entries)) == 1:
                return plain_text(call)
    return None


def require_rows(text: str, layers: Sequence[Layer], layout: str) -> None:
    """Check that layers by formula have the samples as rows.

    Raises:
        UnsupportedError: there is one, and the layout is another.
    """
    for layer in layers:
        if layer.formula is not None and layout != "rows":
            raise UnsupportedError(
                f"the layer {layer.formula.text} in the layout {layout}",
                f"the layout {layout} is asked for, and layers by formula exist in "
                "the layout rows only",
                'leave layout out, or use layout="rows"',
                text=text,
                span=layer.span,
            )


def require_dense(text: str, layers: Sequence[Layer], asked: str) -> None:
    """Check that no layer is given by formula.

    Raises:
        UnsupportedError: one is.
    """
    for layer in layers:
        if layer.formula is not None:
            raise UnsupportedError(
                f"the layer {layer.formula.text} in {asked}",
                f"{asked} is asked for, and it is for dense layers",
                "leave it out, or write the layer as a dense one",
                text=text,
                span=layer.span,
            )


def require_code(text: str, layers: Sequence[Layer]) -> None:
    """Check that every layer has code.

    Raises:
        UnsupportedError: one has an abstract function.
    """
    for number, layer in enumerate(layers, start=1):
        if layer.formula is not None and layer.formula.functions:
            raise UnsupportedError(
                f"source for the network {text}",
                f"layer {number} has the abstract function {layer.formula.functions[0].name}, "
                "which has no code",
                "write the function out in the layer's formula",
                text=text,
                span=layer.span,
            )


def require_first(text: str, layers: Sequence[Layer]) -> None:
    """Check that embeddings stand where the inputs of a network are.

    Raises:
        NetworkError: one stands behind another layer.
    """
    for number, layer in enumerate(layers[1:], start=2):
        if layer.codes:
            raise NetworkError(
                f"the network {text}",
                f"layer {number} is an embedding, which takes codes of categories, and the values "
                "of the layer before it are none",
                "put the embedding first; one may have several columns",
                text=text,
                span=layer.span,
            )


def require_no_codes(text: str, layers: Sequence[Layer], asked: str) -> None:
    """Check that no layer is an embedding.

    Raises:
        UnsupportedError: one is.
    """
    if any(layer.codes for layer in layers):
        raise UnsupportedError(
            f"{asked} of {text}",
            "it has an embedding, whose codes have no derivatives, and this is not made for codes",
            "give one column for each category, and a dense layer",
        )
