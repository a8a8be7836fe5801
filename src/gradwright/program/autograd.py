"""A differentiable value as four kinds of functions, for targets with automatic differentiation.

`forward` computes the value and what is saved, `gradient` the pullback of the value from what is
saved, `second` the pullback of `gradient`, and each of `through` the pullback of a saved value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Variable, bare_sizes, postorder, variables
from gradwright.program.build import Builder, build_function
from gradwright.program.folding import OWN
from gradwright.program.ir import Function, Ref
from gradwright.program.saving import Choice, Differentiable, Saved, choose, pulled
from gradwright.simplify.stable import recognised

COTANGENT = f"{OWN}back"
VALUE = f"{OWN}value"


@dataclass(frozen=True, slots=True)
class Autograd:
    """The functions of a value, and what is saved between them.

    `saved` has a variable for each tensor, in order: an input, or one of `through`, whose names
    begin with `OWN`. `second` has outputs for the cotangent and for each of `active`, the saved
    tensors that depend on what the value is derived by. `cotangents` are the names of what comes
    back to each saved value, and of what comes back to each gradient.
    """

    made: Differentiable
    choice: Choice
    saved: tuple[Variable, ...]
    kept: tuple[Variable, ...]
    active: tuple[Variable, ...]
    sizes: tuple[str, ...]
    forward: Function
    gradient: Function
    second: Function
    through: tuple[Function, ...]


def autograd(made: Differentiable) -> Autograd:
    """The functions of a differentiable value."""
    choice = choose(made)
    return _Parts(made, choice).functions()


class _Parts:
    def __init__(self, made: Differentiable, choice: Choice) -> None:
        self.made = made
        self.choice = choice
        self.graph: Graph = made.graph
        #: What is saved by its node, in order.
        self.names: dict[Node, Variable] = {}
        for saved in choice.saved:
            self.names[saved.node] = self._variable(saved)
        self.kept = {n: v for n, v in self.names.items() if v.name.startswith(f"{OWN}s")}

    def _variable(self, saved: Saved) -> Variable:
        if isinstance(saved.node, Variable) and saved.is_input:
            return saved.node
        made_here = sum(v.name != VALUE and v.name.startswith(OWN) for v in self.names.values())
        name = VALUE if saved.node is self.made.value else f"{OWN}s{made_here + 1}"
        return self.graph.variable(name, saved.node.axes)

    def functions(self) -> Autograd:
        """All of them."""
        made, graph = self.made, self.graph
        without = self.choice.without
        gradients = made.back(made.value, made.cotangent, without)
        ways = [self._from_saved(node) for node in gradients]
        backs = [graph.variable(f"{OWN}d{v.name}", v.axes) for v in made.wrt]
        active = [v for node, v in self.names.items() if self._is_active(node)]
        products = self._second(ways, backs, (made.cotangent, *active))
        through = {}
        for node, variable in self.kept.items():
            cotangent = graph.variable(f"{OWN}d{variable.name}", node.axes)
            nodes = [self._from_saved(way) for way in made.back(node, cotangent, without)]
            through[variable] = (cotangent, nodes)
        every = [*ways, *products, *(n for _, nodes in through.values() for n in nodes)]
        sizes = self._untold(every)
        given = [*self.names.values(), *map(graph.variable, sizes)]
        return Autograd(
            made,
            self.choice,
            tuple(self.names.values()),
            tuple(self.kept.values()),
            tuple(active),
            sizes,
            self._forward(),
            build_function("gradient", [made.cotangent, *given], _named(made.wrt, ways)),
            build_function(
                "second",
                [*backs, made.cotangent, *given],
                _named((made.cotangent, *active), products),
            ),
            tuple(
                build_function(f"through_{v.name}", [cotangent, *given], _named(made.wrt, nodes))
                for v, (cotangent, nodes) in through.items()
            ),
        )

    def _forward(self) -> Function:
        builder = Builder("forward", self.made.inputs, {})
        for node, variable in self.kept.items():
            definition = self.made.folding.definitions.get(node, node)  # type: ignore[call-overload]
            before = {n: v for n, v in self.kept.items() if n is not node}
            builder.define(variable, self.made.folding.opened(definition, before))
        value = self.made.folding.opened(self.made.value, self.kept)
        outputs = [builder.value(value), *(Ref(v.name) for v in self.kept.values())]
        return builder.function(outputs)

    def _is_active(self, node: Node) -> bool:
        return bool(variables(self.made.folding.raw(node)) & set(self.made.wrt))

    def _from_saved(self, node: Node) -> Node:
        """A node of the way back in terms of what is saved."""
        return self.made.folding.opened(node, self.names)

    def _second(
        self, ways: Sequence[Node], backs: Sequence[Variable], wrt: Sequence[Variable]
    ) -> list[Node]:
        """What comes back to the gradients becomes what comes back to their inputs."""
        parts = [pulled(self.graph, way, wrt, back) for way, back in zip(ways, backs, strict=True)]
        return [
            recognised(self.graph, self.graph.add([(1, part) for part in column], v.axes))
            for v, column in zip(wrt, zip(*parts, strict=True), strict=True)
        ]

    def _untold(self, nodes: Iterable[Node]) -> tuple[str, ...]:
        """The sizes that no saved tensor has an axis of."""
        told = {size for v in self.names.values() for size in v.axes}
        wanted = frozenset[str]().union(*map(bare_sizes, postorder(*nodes)))
        return tuple(sorted(wanted - told))


def _named(names: Sequence[Variable], nodes: Sequence[Node]) -> list[tuple[str, Node]]:
    return [(v.name, node) for v, node in zip(names, nodes, strict=True)]
