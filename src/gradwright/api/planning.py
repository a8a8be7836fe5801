"""Which mode of the chain rule runs: the programs of all modes are built and counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, partial

from msgspec import Struct

from gradwright.api.cost import CostReport, ModeCost
from gradwright.api.modes import Way, assumed_lengths
from gradwright.api.outputs import Choice
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Product, SizeOf, Variable, postorder
from gradwright.core.sizes import names_in
from gradwright.core.work import within
from gradwright.errors import InternalError
from gradwright.program.bracketing import Bracketing
from gradwright.program.build import build_function
from gradwright.program.cost import cost
from gradwright.program.ir import Function
from gradwright.simplify.centring import centred_twice
from gradwright.simplify.equal import differ
from gradwright.simplify.factor import COMMON_FACTOR
from gradwright.simplify.rewrite import Budget, Step, rewrite
from gradwright.simplify.rules import DIAGONALS
from gradwright.simplify.stable import finished, recognised

#: What makes sums cheaper to run: fewer products, of smaller arrays.
CHEAPER = (COMMON_FACTOR, DIAGONALS)

#: The share of a call's work that another way than the one asked for may take.
OTHER_WAY = 0.1

#: The share of a call's work that comparing what runs with what is printed may take.
COMPARING = 0.1


class Plan(Struct, frozen=True):
    """An order of the chain rule, its results made stable, and the multiplications it takes."""

    mode: str
    order: str
    nodes: tuple[Node, ...]
    bracketing: Bracketing
    multiplications: int


class Planner:
    """Builds and counts the programs of one derivation.

    `nodes` are the results to make safe and run, `printed` those that are shown.
    """

    def __init__(
        self,
        graph: Graph,
        inputs: Sequence[Variable],
        value: Node,
        names: Sequence[str],
        nodes: Sequence[Node],
        printed: Sequence[Node],
        choice: Choice,
        sizes: Iterable[str],
    ) -> None:
        self.graph = graph
        self.inputs = inputs
        self.names = names
        self.choice = choice
        self._stable: dict[Node, tuple[Node, list[Step]]] = {}
        self._shown = (value, *printed)
        self.value = self._made_stable(value)
        self._given = frozenset(postorder(self.value))
        self._nodes = tuple(map(self._made_stable, nodes))
        self._counted: dict[tuple[tuple[Node, ...], Bracketing], int] = {}
        self.lengths = assumed_lengths(_sizes(self.value, *nodes), choice.sizes, sizes)

    @cached_property
    def plans(self) -> tuple[Plan, ...]:
        """The cheapest plan of each mode, by the order of the modes."""
        return self._cheapest(self._ways)

    def _cheapest(self, ways: Iterable[Way]) -> tuple[Plan, ...]:
        """The cheapest plan of each mode among some ways.

        A way that is much work is left out, unless its mode is the one that was asked for.
        """
        best: dict[str, Plan] = {}
        for way in ways:
            needed = way.mode in (self.choice.mode, "reverse") and way.mode not in best
            plan = self._plan(way) if needed else within(OTHER_WAY, partial(self._plan, way))
            held = best.get(way.mode)
            if plan and (held is None or plan.multiplications < held.multiplications):
                best[way.mode] = plan
        return tuple(best.values())

    @property
    def _ways(self) -> Iterable[Way]:
        chain = self.choice.chain
        if chain is not None:
            return chain.ways(self.lengths)
        return [Way(self.choice.mode, "as derived", Bracketing.CHEAPEST, lambda: self._nodes)]

    @cached_property
    def chosen(self) -> Plan:
        """The plan whose program is emitted; of equally cheap ones the first."""
        if self.choice.mode == "auto":
            plan = min(self.plans, key=lambda plan: plan.multiplications)
        else:
            (plan,) = self._cheapest(way for way in self._ways if way.mode == self.choice.mode)
        self._require_equal(plan)
        return plan

    def _require_equal(self, plan: Plan) -> None:
        """Compare what runs with what is printed, if that is not too much work.

        Raises:
            InternalError: they differ.
        """
        names = ("the formula", *self.names)
        for name, shown, runs in zip(names, self._shown, (self.value, *plan.nodes), strict=True):
            if within(COMPARING, partial(differ, shown, runs)):
                raise InternalError(
                    f"the code of a derivative ({name})",
                    f"what {plan.mode} mode, {plan.order}, computes is not what is printed",
                    "take another mode, and report the formula",
                )

    def report(self, subject: str) -> CostReport:
        """All modes with their counts."""
        rows = [ModeCost(p.mode, p.multiplications, p.order) for p in self.plans]
        mode = self.chosen.mode
        return CostReport(subject, self.lengths, tuple(rows), self.choice.mode, mode)

    def function(self, name: str, plan: Plan, merged: Sequence[Sequence[int]] = ()) -> Function:
        """The program of a plan."""
        return self._built(name, plan.nodes, plan.bracketing, [], merged)

    def with_value(self, name: str, plan: Plan, merged: Sequence[Sequence[int]] = ()) -> Function:
        """The same with the formula's value as its first output."""
        value = [("value", self.value)]
        return self._built(name, plan.nodes, plan.bracketing, value, merged)

    def _built(
        self,
        name: str,
        nodes: Sequence[Node],
        bracketing: Bracketing,
        before: Sequence[tuple[str, Node]] = (),
        merged: Sequence[Sequence[int]] = (),
    ) -> Function:
        safer, held = centred_twice(self.graph, nodes, {})
        return build_function(
            name,
            self.inputs,
            [*before, *zip(self.names, safer, strict=True)],
            self.lengths,
            merged=merged,
            bracketing=bracketing,
            given=self._given,
            held=held,
        )

    def _plan(self, way: Way) -> Plan | None:
        nodes = tuple(map(self._made_stable, way.make()))
        if not nodes:
            return None
        bracketing = way.bracketing if self._is_bracketed(nodes) else Bracketing.CHEAPEST
        key = (nodes, bracketing)
        if key not in self._counted:
            made = self._built("counted", nodes, bracketing)
            self._counted[key] = cost(made, self.lengths).multiplications
        return Plan(way.mode, way.order, nodes, bracketing, self._counted[key])

    def _is_bracketed(self, nodes: Sequence[Node]) -> bool:
        """Whether a product of the chain rule has three factors, so that their order matters."""
        return any(
            isinstance(part, Product)
            and part not in self._given
            and sum(bool(labels) for _, labels in part.factors) > 2
            for part in postorder(*nodes)
        )

    def _made_stable(self, node: Node) -> Node:
        if node not in self._stable:
            steps: list[Step] = []
            safer = recognised(self.graph, node, steps)
            shared = rewrite(self.graph, safer, CHEAPER, budget=Budget())
            self._stable[node] = finished(self.graph, shared, steps), steps
        return self._stable[node][0]

    @property
    def steps(self) -> list[Step]:
        """How the value, and the results of the plan that is chosen, were made stable."""
        shortest: dict[Node, list[Step]] = {}
        for node, steps in self._stable.values():
            if node not in shortest or len(steps) < len(shortest[node]):
                shortest[node] = steps
        wanted = (self.value, *self.chosen.nodes)
        return [step for node in dict.fromkeys(wanted) for step in shortest[node]]


def _sizes(*nodes: Node) -> list[str]:
    """The named sizes of some nodes."""
    found: set[str] = set()
    for part in postorder(*nodes):
        found |= names_in(part.axes)
        if isinstance(part, SizeOf):
            found.add(part.size)
    return sorted(found)
