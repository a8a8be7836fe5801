"""The functions of one layer kind: forward, loss, backward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradwright.calculus.stage import Definition, Stage
from gradwright.core.nodes import Node, Operation, postorder, variables
from gradwright.program.build import Builder
from gradwright.program.ir import Function, Ref
from gradwright.simplify.rewrite import substitute


@dataclass(frozen=True, slots=True)
class StageProgram:
    """What a layer kind runs.

    `forward` computes every value that later functions need, the activation last in `saved`.
    `loss` is None for a hidden layer. `backward` has a parameter gradient or the input's for
    each name in `gradients`, in order.
    """

    name: str
    forward: Function
    saved: tuple[str, ...]
    loss: Function | None
    backward: Function
    gradients: tuple[str, ...]


def build_stage(stage: Stage) -> StageProgram:
    """Build the functions of a stage; softmax and log-sum-exp share one exp across them."""
    forward = [d for d in stage.forward.definitions if d.variable.order]
    losses = [d for d in stage.forward.definitions if not d.variable.order]
    inputs = [v for v in stage.forward.inputs if v.name != "Y"]
    shared = _shared(stage, forward, losses)
    builder = Builder(f"{stage.name}_forward", inputs, {})
    builder.share([d.node for d in (*forward, *shared)])
    for definition in (*forward, *shared):
        builder.define(definition.variable, definition.node)
    names = [d.variable.name for d in forward]
    extra = [d.variable.name for d in shared]
    saved = (*names[:-1], *extra, names[-1])
    made = builder.function([Ref(name) for name in saved])
    loss = _loss(stage, losses, [*forward, *shared]) if losses else None
    return StageProgram(stage.name, made, saved, loss, _backward(stage), _gradients(stage))


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


def _backward(stage: Stage) -> Function:
    builder = Builder(f"{stage.name}_backward", stage.backward.inputs, {})
    for definition in stage.backward.definitions:
        builder.define(definition.variable, definition.node)
    names = [d.variable.name for d in stage.backward.definitions]
    return builder.function([Ref(name) for name in names])


def _gradients(stage: Stage) -> tuple[str, ...]:
    wanted = ("δW", "δb", "δX")
    return tuple(d.variable.name for d in stage.backward.definitions if d.variable.name in wanted)
