"""The PyTorch code of a network: a `torch.autograd.Function` for each layer kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from gradwright.calculus.stage import Block, Definition
from gradwright.core.nodes import Node, Variable, variables
from gradwright.core.work import separate
from gradwright.emit.torch_network import KindCode, LayersCode, NetworkCode, network_module
from gradwright.errors import UnsupportedError
from gradwright.nn.derive import DerivedKind, derive_kind
from gradwright.nn.kinds import Kind
from gradwright.nn.layer import Layer
from gradwright.nn.layouts import LAYOUTS
from gradwright.nn.target_kinds import SIGNS
from gradwright.nn.targets import target_kind
from gradwright.program.autograd import COTANGENT, Autograd, autograd
from gradwright.program.ir import Function
from gradwright.program.saving import Differentiable
from gradwright.program.stage import build_stage
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
    kind = derived.kind
    read = frozenset[Variable]().union(*(variables(d.node) for d in stage.forward.definitions))
    # The formula of training does not read the state that it moves.
    inputs = [v for v in stage.forward.inputs if v in read or v.name not in kind.state]
    wrt = [v for v in inputs if v.name not in ("Y", kind.weights, *kind.drawn, *kind.state)]
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
    return autograd(Differentiable(graph, inputs, wrt, value, cotangent, gradients, shared))


def layers_code(kinds: Sequence[Kind], derived: Mapping[Kind, DerivedKind]) -> LayersCode:
    """The functions of layers; the last kind includes the loss."""
    head = replace(kinds[-1], loss=None, reduction="mean", loss_formula=None, weights="")
    codes = {}
    for kind in dict.fromkeys((*kinds[:-1], head, kinds[-1])):
        codes[kind] = _kind_code(derived[kind] if kind in derived else derive_kind(kind))
    return LayersCode([codes[kind] for kind in (*kinds[:-1], head)], codes[kinds[-1]])


def _kind_code(derived: DerivedKind) -> KindCode:
    kind = derived.kind
    # As for its derivation, each name in its formula may take the work of one call.
    with separate(f"the code for PyTorch of the layer {kind.described}", len(derived.forward)):
        parts = kind_autograd(derived)
    others = ("X", "Y", kind.weights, *kind.drawn)
    codes = () if kind.formula is None else tuple(x.name for x in kind.formula.codes)
    letters = [v.name for v in parts.made.inputs if v.name not in others]
    update = None if derived.stage.update is None else _update(derived)
    return KindCode(
        kind.name,
        parts,
        derived.formulas(),
        bool(kind.loss),
        tuple(letters),
        tuple(x for x in kind.drawn if x not in codes),
        codes,
        kind.state,
        update,
    )


def _update(derived: DerivedKind) -> Function:
    """What makes the new state of a layer, from its input and parameters alone.

    Raises:
        UnsupportedError: it depends on masks, which the layer's own function draws.
    """
    stage, kind = derived.stage, derived.kind
    assert stage.update is not None
    known: dict[Node, Node] = {}
    for definition in stage.forward.definitions:
        known[definition.variable] = substitute(stage.graph, definition.node, known)
    made = [
        Definition(moved.variable, substitute(stage.graph, moved.node, known))
        for moved in stage.update.definitions
    ]
    read = {v for definition in made for v in variables(definition.node)}
    if {v.name for v in read} & set(kind.drawn):
        raise UnsupportedError(
            f"code for PyTorch of the layer {kind.described}",
            "it has a dropout mask in front of batch_norm, and its running statistics would need "
            "the mask that its function draws",
            "put the two behind each other in the network, outside of a block",
        )
    order = [v for v in stage.forward.inputs if v in read]
    order.sort(key=lambda v: (v.name != "X", v.name not in kind.state))
    block = Block(tuple(order), tuple(made))
    function = build_stage(replace(stage, update=block)).update
    assert function is not None
    return function


def torch_source(
    training: LayersCode,
    predicting: LayersCode,
    layers: Sequence[Layer],
    head: Kind,
    text: str,
    note: str,
    forward_mode: bool,
) -> str:
    """The source of a network as a module of PyTorch.

    Args:
        training: the functions of the layers in a step of training.
        predicting: those for prediction; the same object where they are the same.
        layers: the layers.
        head: the kind of the last one, with the loss.
        text: the network as the user wrote it.
        note: what to say of the loss.
        forward_mode: whether it has forward mode besides reverse mode.
    """
    numbered = list(enumerate(layers, start=1))
    shapes, state = (
        {f"{letter}{number}": shape for number, listed in held for letter, shape in listed}
        for held in (
            [(number, layer.parameters) for number, layer in numbered],
            [(number, layer.state) for number, layer in numbered],
        )
    )
    starts = {f"{x}{k}": float(v) for k, layer in numbered for x, v in layer.starts.items()}
    code = NetworkCode(
        training=training,
        predicting=predicting,
        shapes=shapes,
        inputs=layers[0].fan_in,
        outputs=layers[-1].fan_out,
        text=text,
        note=note,
        row_samples=LAYOUTS[head.layout].row_samples,
        signs=target_kind(head.loss or "") is SIGNS,
        weighted=bool(head.weights),
        state=state,
        starts=starts,
        masks={number - 1: layer.masks for number, layer in numbered if layer.masks},
        codes={
            number - 1: tuple((codes.column, codes.count) for codes in layer.codes)
            for number, layer in numbered
            if layer.codes
        },
        forward_mode=forward_mode,
    )
    return network_module(code)
