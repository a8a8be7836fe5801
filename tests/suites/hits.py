"""Which operations, functions and rules took part in one derivation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import force_setattr

from gradwright.api.derivation import Derivation
from gradwright.core.graph import Graph
from gradwright.core.nodes import Function, Node, Operation, postorder
from gradwright.notation.functions import FUNCTIONS
from gradwright.ops.table import OPERATIONS
from gradwright.simplify.rewrite import Rule
from tests.suites.focused import rules


@contextmanager
def counted_rules() -> Iterator[set[str]]:
    """The names of the rules that fired since the set was last cleared."""
    fired: set[str] = set()

    def counting(rule: Rule):
        apply = rule.apply

        def counted(graph: Graph, node: Node) -> Node | None:
            after = apply(graph, node)
            if after is not None and after is not node:
                fired.add(f"rule {rule.name}")
            return after

        return counted

    held = [(rule, rule.apply) for rule in rules().values()]
    for rule, _ in held:
        force_setattr(rule, "apply", counting(rule))
    try:
        yield fired
    finally:
        for rule, apply in held:
            force_setattr(rule, "apply", apply)


def operations_in(derived: Derivation) -> set[str]:
    """The operations of the formula, its derivative and the code, and the functions written."""
    made = derived._program._planner
    nodes = postorder(made.value, *made.chosen.nodes, *(o.node for o in derived._outputs))
    found = {f"operation {n.operation}" for n in nodes if isinstance(n, Function | Operation)}
    written = set(re.findall(r"(\w+)\(", derived.formula))
    spelled = {f"function {name}" for name in written & set(FUNCTIONS) if name not in OPERATIONS}
    return {name for name in found if name.split(" ", 1)[1] in OPERATIONS} | spelled
