"""A derivative by a variable with tied entries: what was asked for, and how it is said."""

from __future__ import annotations

from msgspec.structs import replace

from gradwright.api.outputs import Output
from gradwright.calculus.constraint import CONSTRAINTS, constrained, tied
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node
from gradwright.errors import SymbolError, UnsupportedError
from gradwright.notation.declarations import Declaration

#: How the entries of {0}, one of the {1}, vary; {2} is made of the unconstrained {3} G.
SAID = {
    "projected": "{0} varies within the {1}: {2}, where G is the unconstrained {3}",
    "free": "{0} varies by its free entries within the {1}: {2}, where G is the unconstrained {3}",
}


def under_constraint(
    graph: Graph, declared: Declaration, output: Output, constraint: str, times: int = 1
) -> Output:
    """A derivative under a constraint, with the convention that it follows; twice for a Hessian.

    Raises:
        SymbolError: there is no such constraint, or the declaration has none of that sort.
        UnsupportedError: a Hessian within a curved set.
    """
    asked = f"a derivative by {declared.name} with constraint={constraint!r}"
    if constraint not in CONSTRAINTS:
        known = ", ".join(CONSTRAINTS)
        raise SymbolError(
            asked, f"{constraint!r} is asked for and the constraints are {known}", "name one"
        )
    if constraint == "none":
        return output
    found = tied(declared.facts)
    along = None if found is None else found.along(constraint)
    if found is None or along is None:
        facts = ", ".join(sorted(declared.facts)) or "without a fact"
        raise SymbolError(
            asked,
            f"{declared.name} is declared {facts}, and that gives no {constraint} derivative",
            "leave constraint out, or declare a fact such as symmetric",
        )
    if found.curved and times > 1:
        raise UnsupportedError(
            asked,
            f"the {found.name} are a curved set, where a second derivative depends on the curve",
            "leave constraint out, or ask for the gradient",
        )
    variable = graph.variable(declared.name, declared.sizes, declared.facts)

    def mapped(node: Node) -> Node:
        return constrained(graph, node, variable, along, times)

    text = found.text(constraint).format(declared.name)
    kind = "Hessian, in both pairs of axes" if times > 1 else "gradient"
    return replace(
        output,
        node=mapped(output.node),
        others=tuple(map(mapped, output.others)),
        safer=None if output.safer is None else mapped(output.safer),
        constraint=constraint,
        convention=SAID[constraint].format(declared.name, found.name, text, kind),
    )
