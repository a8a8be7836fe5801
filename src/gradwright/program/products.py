"""The functions of a layer kind for products with second derivatives."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from gradwright.calculus.stage import Definition
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Variable, variables
from gradwright.program.build import Builder
from gradwright.program.ir import Function, Ref
from gradwright.program.stage import that_tell_sizes
from gradwright.simplify.rewrite import substitute


class Part(Struct, frozen=True):
    """Definitions that one function computes, and the names that it returns whoever asks.

    What else it defines is returned where another part reads it.
    """

    name: str
    definitions: Sequence[Definition]
    results: Sequence[str]


def plain(name: str) -> str:
    """The name of a value in code: δZ is dZ."""
    return name.replace("δ", "d")


def build_parts(
    prefix: str, graph: Graph, parts: Sequence[Part], inputs: Sequence[Variable]
) -> dict[str, Function]:
    """One function for each part, by its name; later parts read what earlier ones return.

    `inputs` tell sizes that nothing else tells. Values are named as in code.
    """
    made: dict[str, Function] = {}
    read: set[str] = set()
    for part in reversed(parts):
        names = {d.variable.name: d for d in part.definitions}
        wanted = [n for n in names if plain(n) in read or n in part.results]
        kept = _needed(part.definitions, wanted)
        function = _function(f"{prefix}_{part.name}", graph, kept, wanted, inputs)
        made[part.name] = function
        read |= set(function.inputs)
    return {part.name: made[part.name] for part in parts}


def _needed(definitions: Sequence[Definition], wanted: Sequence[str]) -> list[Definition]:
    """Those of the definitions that the wanted ones are made of."""
    names = set(wanted)
    kept = []
    for definition in reversed(definitions):
        if definition.variable.name in names:
            names |= {variable.name for variable in variables(definition.node)}
            kept.append(definition)
    return kept[::-1]


def _function(
    name: str,
    graph: Graph,
    definitions: Sequence[Definition],
    wanted: Sequence[str],
    inputs: Sequence[Variable],
) -> Function:
    made = {d.variable for d in definitions}
    used = frozenset[Variable]().union(*(variables(d.node) for d in definitions)) - made
    order = {variable.name: place for place, variable in enumerate(inputs)}
    read = sorted(used, key=lambda v: (v.name not in order, order.get(v.name, 0), v.name))
    read += that_tell_sizes([d.node for d in definitions], read, inputs)
    names: dict[Node, Node] = {
        v: graph.variable(plain(v.name), v.axes, v.facts) for v in {*read, *made}
    }
    builder = Builder(name, [_variable(names[v]) for v in read], {})
    for definition in definitions:
        node = substitute(graph, definition.node, names)
        builder.define(_variable(names[definition.variable]), node)
    return builder.function([Ref(plain(result)) for result in wanted])


def _variable(node: Node) -> Variable:
    assert isinstance(node, Variable)
    return node
