"""What the module of a network for PyTorch saves in its forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gradwright.core.nodes import Node, Product, Size, Variable
from gradwright.core.sizes import renamed_size
from gradwright.emit.torch_network import KindCode, LayersCode
from gradwright.nn.layer import Layer
from gradwright.program.folding import OWN
from gradwright.program.saving import SavedTensor
from gradwright.program.structure import only_turned


def saved_tensors(code: LayersCode, layers: Sequence[Layer]) -> tuple[SavedTensor, ...]:
    """What the loss keeps for the gradient by the parameters, each tensor once, in order.

    What a layer gets is the value of the one before it: kept by both, it is one tensor.
    """
    kinds = (*code.kinds[:-1], code.head)
    found: dict[str, SavedTensor] = {}
    for number, (kind, layer) in enumerate(zip(kinds, layers, strict=True), start=1):
        for tensor in _of_layer(kind, layer, number):
            found.setdefault(tensor.name, tensor)
    return tuple(found.values())


def _of_layer(kind: KindCode, layer: Layer, number: int) -> Iterator[SavedTensor]:
    sizes = _sizes(kind, layer)
    for saved, chosen in zip(kind.parts.saved, kind.parts.choice.saved, strict=True):
        # Nobody derives by the input of the first layer.
        if number > 1 or any(v.name != "X" for v in saved.needed):
            listed = [renamed_size(s, lambda x: sizes.get(x, x)) for s in saved.variable.axes]
            name = _name(kind, saved.variable, chosen.node, number)
            yield SavedTensor(name, tuple(listed), chosen.why)


def _name(kind: KindCode, variable: Variable, node: Node, number: int) -> str:
    """As in the derivation; values that the code alone has are s1, s2, … of their layer."""
    if variable.name == "X":
        return f"A{number - 1}" if number > 1 else "X"
    if _is_value(node, kind.parts.made.value):
        return f"A{number}"
    if variable.name.startswith(OWN):
        return f"{variable.name.removeprefix(OWN)} of layer {number}"
    numbered = variable.name in (*kind.letters, *kind.drawn, *kind.codes)
    return f"{variable.name}{number}" if numbered else variable.name


def _is_value(node: Node, value: Node) -> bool:
    """Whether a node is the value of its layer, or what that is a view of."""
    if isinstance(value, Product) and only_turned(value) and value.coefficient == 1:
        return node in (value, value.factors[0][0])
    return node is value


def _sizes(kind: KindCode, layer: Layer) -> Mapping[str, Size]:
    """The numbers of a layer for the sizes of its kind; that of the samples stays n."""
    shapes = dict(layer.parameters) | dict(layer.state)
    found: dict[str, Size] = dict(layer.sizes)
    made = kind.parts.made
    for variable in (*made.inputs, made.value):
        widths = [size for size in variable.axes if size != "n"]
        shape: Sequence[int] = shapes.get(getattr(variable, "name", ""), ())
        if getattr(variable, "name", "") == "X":
            shape = (layer.fan_in,)
        elif variable is made.value and not kind.is_head:
            shape = (layer.fan_out,)
        if len(shape) == len(widths):
            found |= {s: k for s, k in zip(widths, shape, strict=True) if isinstance(s, str)}
    return found
