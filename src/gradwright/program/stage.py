"""The functions of one layer kind: forward, loss, backward."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from msgspec import Struct

from gradwright.calculus.pullback import adjoint_name
from gradwright.calculus.stage import Block, Definition, Stage
from gradwright.core.nodes import Function as FunctionNode
from gradwright.core.nodes import Node, Operation, Variable, bare_sizes, postorder, variables
from gradwright.program.build import Builder
from gradwright.program.ir import Function, Ref
from gradwright.simplify.centring import centred_twice, softmax_axes
from gradwright.simplify.rewrite import substitute

#: What code says where it does so.
TWICE = "the mean is subtracted twice, for the digits where softmax is nearly 1"


class StageProgram(Struct, frozen=True):
    """What a layer kind runs.

    `forward` computes the values in `saved`: those that later functions need, the activation last.
    `loss` is None for a hidden layer. `backward` has a parameter gradient or the input's for
    each name in `gradients`, in order. `remarks` says, as formulas, where a function computes
    something else than the derivation writes. `drawn` are inputs of `forward` that stand first in
    `saved`. `update` returns new values of the layer's state. `weights` names the weights of the
    samples among the inputs, where they have some.
    """

    name: str
    forward: Function
    saved: tuple[str, ...]
    loss: Function | None
    backward: Function
    gradients: tuple[str, ...]
    remarks: tuple[str, ...]
    drawn: tuple[str, ...] = ()
    update: Function | None = None
    weights: str = ""

    @property
    def passes(self) -> tuple[Function, Function]:
        """Forward and backward."""
        return self.forward, self.backward

    @property
    def functions(self) -> tuple[Function, ...]:
        """Those that there are."""
        held = (self.forward, self.loss, self.backward, self.update)
        return tuple(function for function in held if function is not None)


def build_stage(stage: Stage) -> StageProgram:
    """Build the functions of a stage; softmax and log-sum-exp share one exp across them."""
    forward = [d for d in stage.forward.definitions if d.variable.order]
    losses = [d for d in stage.forward.definitions if not d.variable.order]
    inputs = list(stage.layer_inputs)
    shared = _shared(stage, forward, losses)
    builder = Builder(f"{stage.name}_forward", inputs, {})
    builder.share([d.node for d in (*forward, *shared)])
    for definition in (*forward, *shared):
        builder.define(definition.variable, definition.node)
    names = [d.variable.name for d in forward]
    extra = [d.variable.name for d in shared]
    loss = _loss(stage, losses, [*forward, *shared]) if losses else None
    backward, remarks = _backward(stage, forward)
    read = {*backward.inputs, *(loss.inputs if loss else ())}
    read |= {v.name for v in stage.update.inputs} if stage.update else set()
    saved = (*stage.drawn, *(x for x in (*names[:-1], *extra) if x in read), names[-1])
    made = builder.function([Ref(name) for name in saved])
    gradients = _gradients(stage)
    update = None if stage.update is None else _update(stage.name, stage.update)
    end = (gradients, remarks, stage.drawn, update, stage.weights)
    return StageProgram(stage.name, made, saved, loss, backward, *end)


def _update(name: str, block: Block) -> Function:
    builder = Builder(f"{name}_update", list(block.inputs), {})
    for definition in block.definitions:
        builder.define(definition.variable, definition.node)
    return builder.function([Ref(d.variable.name) for d in block.definitions])


def _shared(
    stage: Stage, forward: Sequence[Definition], losses: Sequence[Definition]
) -> list[Definition]:
    """Log-sum-exps of the loss whose softmax the forward pass computes anyway."""
    softmaxes = {
        part.arguments[0]
        for d in forward
        for part in postorder(d.node)
        if isinstance(part, Operation) and part.operation == "softmax"
    }
    found: dict[Node, Definition] = {}
    for part in postorder(*(d.node for d in losses)):
        if (
            isinstance(part, Operation)
            and part.operation == "logsumexp"
            and part.arguments[0] in softmaxes
        ):
            variable = stage.graph.variable("logsumexp_Z", part.axes)
            found[part] = Definition(variable, part)
    return list(found.values())


def _loss(stage: Stage, losses: Sequence[Definition], known: Sequence[Definition]) -> Function:
    names: dict[Node, Node] = {d.node: d.variable for d in known}
    node = substitute(stage.graph, losses[-1].node, names)
    used = variables(node)
    candidates = [*stage.forward.inputs, *(d.variable for d in known)]
    builder = Builder(f"{stage.name}_loss", [v for v in candidates if v in used], {})
    return builder.function([builder.value(node)])


def _backward(stage: Stage, forward: Sequence[Definition]) -> tuple[Function, tuple[str, ...]]:
    """The way back and remarks on it."""
    nodes = {d.variable: d.node for d in stage.backward.definitions}
    remarks = []
    for definition in forward:
        replacement = _sign(stage, definition)
        changed = {v: substitute(stage.graph, n, replacement) for v, n in nodes.items()}
        if changed != nodes:
            nodes = changed
            remarks += [f"{_text(old)} = {_text(new)}" for old, new in replacement.items()]
    used = frozenset[Variable]().union(*map(variables, nodes.values()))
    along = softmax_axes({d.node: d.variable for d in forward})
    order = [*stage.forward.inputs, *(d.variable for d in forward), *stage.backward.inputs]
    read = [v for v in dict.fromkeys(order) if v in used and v not in nodes]
    read += that_tell_sizes(nodes.values(), read, stage.forward.inputs)
    builder = Builder(f"{stage.name}_backward", read, {})
    for variable, node in nodes.items():
        (safer,), held = centred_twice(stage.graph, [node], along)
        builder.hold(held)
        builder.define(variable, safer)
        remarks += [f"{variable.name}: {TWICE}"] if held else []
    return builder.function([Ref(v.name) for v in nodes]), tuple(remarks)


def that_tell_sizes(
    nodes: Iterable[Node], read: Sequence[Variable], inputs: Sequence[Variable]
) -> list[Variable]:
    """Inputs that are read for the length of an axis alone."""
    told = {size for variable in read for size in variable.axes}
    wanted = frozenset[str]().union(*(bare_sizes(part) for part in postorder(*nodes)))
    found: list[Variable] = []
    for size in sorted(wanted - told):
        if any(size in variable.axes for variable in found):
            continue
        found.append(next(variable for variable in inputs if size in variable.axes))
    return found


def _sign(stage: Stage, definition: Definition) -> dict[Node, Node]:
    """step(Z): step(A) where A = relu(Z) keeps the sign, so that A may overwrite Z."""
    node = definition.node
    if not (isinstance(node, FunctionNode) and node.operation == "relu"):
        return {}
    at_zero = (("kink", Fraction(0)),)
    of_argument = stage.graph.function("step", *node.arguments, options=at_zero)
    of_result = stage.graph.function("step", definition.variable, options=at_zero)
    return {of_argument: of_result}


def _text(step: Node) -> str:
    return f"step({', '.join(sorted(variable.name for variable in variables(step)))})"


def _gradients(stage: Stage) -> tuple[str, ...]:
    wanted = {adjoint_name(v.name) for v in stage.layer_inputs}
    return tuple(d.variable.name for d in stage.backward.definitions if d.variable.name in wanted)
