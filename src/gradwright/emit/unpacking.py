"""How an emitted network module finds the parameters of a layer in the flat vector.

Where all layers are dense these are lists of weights and biases, otherwise for each layer a
dictionary of its parameters by letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from msgspec import Struct

from gradwright.core.sizes import Lengths

#: The shapes of a layer's parameters by letter, in the order of the flat vector.
Shapes = Mapping[str, tuple[int, ...]]


class LayerSizes(Struct, frozen=True):
    """The units before and behind a layer, its parameters, and numbers for its kind's sizes.

    `masks` has rate and number of entries for each dropout mask, `state` the shapes of what
    training carries from step to step, by letter, `codes` the column and the count of whole numbers
    that choose rows of parameters.
    """

    fan_in: int
    fan_out: int
    shapes: Shapes
    sizes: Lengths
    masks: tuple[tuple[float, int], ...] = ()
    state: Shapes = {}
    codes: tuple[tuple[int, int], ...] = ()


DENSE = '''
BIASES = {biases}
PARAMETERS = sum(p * q + q * b for p, q, b in zip(WIDTHS[:-1], WIDTHS[1:], BIASES))


def unpack(parameters):
    """Views into the flat vector: lists of weights and biases (None for a layer without)."""
    weights, biases, start = [], [], 0
    for p, q, has_bias in zip(WIDTHS[:-1], WIDTHS[1:], BIASES):
        weights.append(parameters[start : start + p * q].reshape({p_q}))
        start += p * q
        biases.append(parameters[start : start + q] if has_bias else None)
        start += q if has_bias else 0
    return weights, biases
'''

BY_FORMULA = '''
SHAPES = {shapes}
PARAMETERS = sum(math.prod(shape) for shapes in SHAPES for shape in shapes.values())


def unpack(parameters):
    """Views into the flat vector: for each layer a dictionary of its parameters."""
    layers, start = [], 0
    for shapes in SHAPES:
        views = {{}}
        for name, shape in shapes.items():
            size = math.prod(shape)
            views[name] = parameters[start : start + size].reshape(shape)
            start += size
        layers.append(views)
{state}    return layers
'''

#: The state lies behind all parameters.
STATE = """\
    # A direction in the parameters alone has none.
    for layer, shapes in STATE.items() if start < len(parameters) else ():
        for name, shape in shapes.items():
            size = math.prod(shape)
            layers[layer][name] = parameters[start : start + size].reshape(shape)
            start += size
"""


class Unpacking(Struct, frozen=True):
    """The text of `unpack`, and how the rest of the module writes what it returns.

    `values` and `gradients` are the targets of an assignment, `argument` what a call is given.
    """

    text: str
    described: str
    imports: str
    values: str
    gradients: str
    argument: str
    dense: bool

    def of_layer(self, letter: str, layer: str) -> str:
        """A parameter of a layer, counted from 0."""
        if self.dense:
            return f"{'weights' if letter == 'W' else 'biases'}[{layer}]"
        return f'layers[{layer}]["{letter}"]'

    def gradient(self, letter: str, layer: str) -> str:
        """The gradient by a parameter of a layer."""
        if self.dense:
            return f"d_{self.of_layer(letter, layer)}"
        return f'd_layers[{layer}]["{letter}"]'


#: What lies where in the flat vector of layers by formula.
BY_FORMULA_ORDER = "the parameters of each layer's formula, layer by layer, in C order"


def dense_order(row_inputs: bool) -> str:
    """What lies where in the flat vector of dense layers."""
    shape = "(fan-in, fan-out)" if row_inputs else "(fan-out, fan-in)"
    return f"W1, b1, W2, b2, ... in C order, W of shape {shape}"


def dense_unpacking(biases: str, row_inputs: bool) -> Unpacking:
    """For dense layers.

    `biases` is a tuple as source that says which have one; `row_inputs` whether W has a row for
    each input, or a column.
    """
    return Unpacking(
        text=DENSE.format(biases=biases, p_q="p, q" if row_inputs else "q, p"),
        described=dense_order(row_inputs),
        imports="",
        values="weights, biases",
        gradients="d_weights, d_biases",
        argument="*unpack(parameters)",
        dense=True,
    )


def formula_unpacking(shapes: Sequence[Shapes], states: Sequence[Shapes] = ()) -> Unpacking:
    """For layers by formula, with the shapes of each layer's parameters and of its state."""
    held = {place: dict(state) for place, state in enumerate(states) if state}
    text = BY_FORMULA.format(shapes=_shapes(shapes), state=STATE if held else "")
    if held:
        said = "# For each layer, counted from 0, its state, which lies behind all parameters."
        text = text.replace("\n\n\ndef", f"\n\n{said}\nSTATE = {held}\n\n\ndef", 1)
    return Unpacking(
        text=text,
        described=f"{BY_FORMULA_ORDER}, as in SHAPES",
        imports="import math\n\n",
        values="layers",
        gradients="d_layers",
        argument="unpack(parameters)",
        dense=False,
    )


def _shapes(shapes: Sequence[Shapes]) -> str:
    """A tuple of dictionaries as source, equal ones in a row as one line."""
    lines = []
    for value, members in groupby(map(_dictionary, shapes)):
        count = sum(1 for _ in members)
        lines.append(f"    {value}," if count == 1 else f"    *({value},) * {count},")
    return "\n".join(["(", *lines, ")"])


def _dictionary(shapes: Shapes) -> str:
    return "{" + ", ".join(f'"{name}": {shape}' for name, shape in shapes.items()) + "}"
