"""The PyTorch code of a network: a `torch.autograd.Function` for each layer kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gradwright.core.nodes import Node, Variable
from gradwright.emit.torch_network import KindCode, NetworkCode
from gradwright.nn.derive import DerivedKind, derive_kind
from gradwright.nn.kinds import Kind
from gradwright.nn.layer import Layer
from gradwright.nn.layouts import LAYOUTS
from gradwright.nn.target_kinds import SIGNS
from gradwright.nn.targets import target_kind
from gradwright.program.autograd import COTANGENT, Autograd, autograd
from gradwright.program.saving import Differentiable
from gradwright.simplify.rewrite import substitute


def kind_autograd(derived: DerivedKind) -> Autograd:
    """The functions of a layer kind, with the way back that was derived for it.

    The value is that of the layer, or for the last kind the loss.
    """
    stage = derived.stage
    graph = stage.graph
    known: dict[Node, Node] = {}
    for definition in stage.forward.definitions:
        known[definition.variable] = substitute(graph, definition.node, known)
    last = stage.forward.definitions[-1].variable
    cotangent = graph.variable(COTANGENT if derived.kind.loss else f"δ{last.name}", last.axes)
    wrt = [v for v in stage.forward.inputs if v.name != "Y"]
    results = {graph.variable(f"δ{v.name}", v.axes): v for v in wrt}
    gradients: dict[Variable, Node] = {}
    shared: dict[Variable, Node] = {}
    for definition in stage.backward.definitions:
        node = substitute(graph, definition.node, known)
        if definition.variable in results:
            gradients[results[definition.variable]] = node
            continue
        # As a value of the code it is dZ, like what comes back to a value.
        name = graph.variable(definition.variable.name.replace("δ", "d"), definition.variable.axes)
        known[definition.variable] = name
        shared[name] = substitute(graph, node, dict[Node, Node](shared.items()))
    if derived.kind.loss:
        gradients = {v: graph.times(cotangent, node) for v, node in gradients.items()}
    value = known[last]
    return autograd(
        Differentiable(graph, stage.forward.inputs, wrt, value, cotangent, gradients, shared)
    )


def torch_code(
    kinds: Sequence[Kind],
    layers: Sequence[Layer],
    derived: Mapping[Kind, DerivedKind],
    text: str,
    note: str,
) -> NetworkCode:
    """What the module of a network is written from.

    Args:
        kinds: the kind of each layer; the last one includes the loss.
        layers: the layers.
        derived: each kind, derived.
        text: the network as the user wrote it.
        note: what to say of the loss.
    """
    head = replace(kinds[-1], loss=None, reduction="mean", loss_formula=None)
    listed = dict.fromkeys((*kinds[:-1], head, kinds[-1]))
    codes = {}
    for kind in listed:
        made = derived[kind] if kind in derived else derive_kind(kind)
        parts = kind_autograd(made)
        codes[kind] = KindCode(kind.name, parts, made.formulas(), bool(kind.loss), kind.parameters)
    shapes = {
        f"{letter}{number}": shape
        for number, layer in enumerate(layers, start=1)
        for letter, shape in layer.parameters
    }
    layout = LAYOUTS[kinds[-1].layout]
    return NetworkCode(
        kinds=[codes[kind] for kind in (*kinds[:-1], head)],
        head=codes[kinds[-1]],
        shapes=shapes,
        inputs=layers[0].fan_in,
        outputs=layers[-1].fan_out,
        text=text,
        note=note,
        row_samples=layout.row_samples,
        signs=target_kind(kinds[-1].loss or "") is SIGNS,
    )
