"""What a forward pass saves for the way back: the fewest numbers, nothing dear computed twice.

The candidates are the inputs and the values of the forward pass. What is saved has to be enough
for the pullback of the result, and also for that of every value that is saved: a second derivative
comes back through those. Matrix products, inverses and determinants of the forward pass are not
computed again; what is elementwise, a sum, a softmax or a standardisation is computed again where
that saves memory. The choice is a minimum cut between what the forward pass knows and what the way
back needs, as in Chen et al., arXiv:1604.06174 (2016), for the question, and as min-cut
rematerialisation for the method. Named sizes without a hint count as one length.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from math import prod

from msgspec import Struct

from gradwright.calculus.modes import reverse
from gradwright.core.graph import Graph
from gradwright.core.nodes import (
    Function,
    Node,
    Operation,
    Product,
    Size,
    Variable,
    arguments,
    postorder,
    variables,
)
from gradwright.core.sizes import expected_length, names_in
from gradwright.program.contraction import DEFAULT_LENGTH
from gradwright.program.folding import OWN, Folding
from gradwright.program.minimum_cut import Cut
from gradwright.program.structure import only_turned
from gradwright.simplify.rewrite import substitute
from gradwright.simplify.stable import recognised

#: Operations that cost little more than reading their argument.
CHEAP_OPERATIONS = ("softmax", "logsumexp", "layernorm", "rmsnorm", "std", "rms")

#: Functions that keep the sign of their argument, so that a step can be taken of their value.
KEEP_SIGN = ("relu", "leaky_relu")


class Differentiable:
    """A value with its way back: what a cotangent of the value becomes for each of `wrt`.

    `value` and `gradients` are in terms of the inputs, the cotangent, and the contractions of the
    value, which `folding` defines. `gradients` are what the cotangent of the value becomes, where
    that is derived already, in terms also of the variables in `shared`, which it defines.
    """

    def __init__(
        self,
        graph: Graph,
        inputs: Sequence[Variable],
        wrt: Sequence[Variable],
        value: Node,
        cotangent: Variable,
        gradients: Mapping[Variable, Node] | None = None,
        shared: Mapping[Variable, Node] | None = None,
    ) -> None:
        self.graph = graph
        self.inputs = tuple(inputs)
        self.wrt = tuple(wrt)
        self.cotangent = cotangent
        raw = recognised(graph, value)
        self._signs = signs_of_values(graph, raw)
        self.folding = Folding(graph, raw)
        self.value = self.folding.value
        self._pulled: dict[tuple[Node, Variable], tuple[Node, ...]] = {}
        self.shared: dict[Variable, Node] = dict(shared or {})
        self.named = None if gradients is None else tuple(gradients[v] for v in self.wrt)
        if self.named is not None:
            opened = dict[Node, Node](self.shared.items())
            ways = [recognised(graph, substitute(graph, n, opened)) for n in self.named]
            self._pulled[self.value, cotangent] = self._signed(ways)

    def back(
        self, node: Node, cotangent: Variable, without: Collection[Variable] = ()
    ) -> tuple[Node, ...]:
        """What a cotangent of a value of the forward pass becomes for each of `wrt`.

        The definitions in `without` are written out.
        """
        if (node, cotangent) not in self._pulled:
            found = pulled(self.graph, self.folding.raw(node), self.wrt, cotangent)
            self._pulled[node, cotangent] = self._signed(found)
        return tuple(self.folding.fold(n, without) for n in self._pulled[node, cotangent])

    def folded(self, node: Node, without: Collection[Variable] = ()) -> Node:
        """A node in terms of the contractions of the value."""
        (signed,) = self._signed([recognised(self.graph, node)])
        return self.folding.fold(signed, without)

    def _signed(self, nodes: Iterable[Node]) -> tuple[Node, ...]:
        return tuple(substitute(self.graph, node, self._signs) for node in nodes)


class Saved(Struct, frozen=True):
    """One tensor that is saved: an input, or a value of the forward pass, and why it is."""

    node: Node
    why: str
    is_input: bool


class SavedTensor(Struct, frozen=True):
    """A tensor that code for PyTorch saves in its forward pass for the way back.

    `name` is that of the emitted code, `axes` the sizes of its axes, and `why` says whether it is
    an input or a value of the forward pass, and why that is kept.
    """

    name: str
    axes: tuple[Size, ...]
    why: str


class Choice(Struct, frozen=True):
    """What is saved, and which values of the forward pass are computed again.

    `without` are definitions that the way back is better written out without.
    """

    saved: tuple[Saved, ...]
    again: tuple[Node, ...]
    without: frozenset[Variable]

    def numbers(self, hints: Mapping[str, int]) -> int:
        """How many numbers are saved at some sizes."""
        return sum(held_numbers(saved.node, hints) for saved in self.saved)


def pulled(
    graph: Graph, node: Node, wrt: Sequence[Variable], cotangent: Variable
) -> tuple[Node, ...]:
    """What a cotangent of a node becomes for each of `wrt`."""
    if node.order:
        found = reverse(graph, node, wrt, cotangent=cotangent)
        return tuple(recognised(graph, found[v]) for v in wrt)
    found = reverse(graph, node, wrt)
    return tuple(graph.times(cotangent, recognised(graph, found[v])) for v in wrt)


def signs_of_values(graph: Graph, value: Node) -> dict[Node, Node]:
    """step(z) as step(relu(z)), which needs the value and not its argument."""
    found: dict[Node, Node] = {}
    at_zero = (("kink", Fraction(0)),)
    for part in postorder(value):
        if isinstance(part, Function) and part.operation in KEEP_SIGN:
            if any(name == "slope" and slope <= 0 for name, slope in part.options):
                continue
            for options in (at_zero, *(_kinks(part))):
                of_argument = graph.function("step", *part.arguments, options=options)
                found[of_argument] = graph.function("step", part, options=options)
    return found


def _kinks(part: Function) -> list[tuple[tuple[str, Fraction], ...]]:
    return [(("kink", value),) for name, value in part.options if name == "kink"]


def choose(made: Differentiable, hints: Mapping[str, int] | None = None) -> Choice:
    """The cheapest set that is enough for the way back, at the sizes of `hints`."""
    known = hints or {}
    best = _Chooser(made, known, frozenset()).choice()
    for saved in best.saved:
        # V'a need not be known for dy'V'a = (V dy)'a.
        if isinstance(saved.node, Variable) and not saved.is_input:
            other = _Chooser(made, known, best.without | {saved.node}).choice()
            best = other if _saves_less(other, best, known) else best
    return best


def _saves_less(one: Choice, other: Choice, hints: Mapping[str, int]) -> bool:
    """Whether one choice saves fewer numbers than the other, and not more at other sizes."""
    nodes = [saved.node for choice in (one, other) for saved in choice.saved]
    open_sizes = names_in(s for node in nodes for s in node.axes) - set(hints)
    settings = [{**hints, size: length} for size in sorted(open_sizes) for length in (2, 4096)]
    return one.numbers(hints) < other.numbers(hints) and all(
        one.numbers(lengths) <= other.numbers(lengths) for lengths in settings
    )


class _Chooser:
    def __init__(
        self, made: Differentiable, hints: Mapping[str, int], without: frozenset[Variable]
    ) -> None:
        self.made = made
        self.hints = hints
        self.without = without
        self._cut = Cut()
        self._placed: dict[Node, None] = {}
        #: Values of the forward pass that can be saved, in order.
        self.values = dict.fromkeys(n for n in self._below([made.value]) if self._is_value(n))

    def _parts(self, node: Node) -> tuple[Node, ...]:
        """What a node is made of; a definition of what it is defined by."""
        if isinstance(node, Variable):
            defined = self.made.folding.definitions.get(node)
            return () if defined is None else self._parts(defined)
        return tuple(part for part in arguments(node) if variables(part))

    def _below(self, roots: Iterable[Node]) -> list[Node]:
        """The nodes below some, through definitions, what they are made of before them."""
        done: dict[Node, None] = {}
        stack = [(root, False) for root in roots]
        while stack:
            node, expanded = stack.pop()
            if node in done:
                continue
            if expanded:
                done[node] = None
                continue
            stack.append((node, True))
            stack += [(part, False) for part in reversed(self._parts(node))]
        return list(done)

    def _is_input(self, node: Node) -> bool:
        return isinstance(node, Variable) and node not in self.made.folding.definitions

    def _is_value(self, node: Node) -> bool:
        turned = isinstance(node, Product) and only_turned(node)
        return not self._is_input(node) and (not turned or node is self.made.value)

    def choice(self) -> Choice:
        """The minimum cut as a choice."""
        needed = frontier(
            self.made.back(self.made.value, self.made.cotangent, self.without), self.made.cotangent
        )
        for node in needed:
            self._cut.edge(("out", node), "backward")
        self._place(needed)
        for node in self.values:
            self._come_back_through(node)
        known = self._cut.sink_side("forward", "backward")
        order = dict.fromkeys((*self.made.inputs, *self.values))
        available = [node for node in order if ("out", node) in known]
        saved = [node for node in available if ("in", node) not in known]
        read = self._read(needed, set(saved))
        return Choice(
            tuple(Saved(node, self._why(node), self._is_input(node)) for node in saved),
            tuple(node for node in available if node in read and node not in saved),
            self.without,
        )

    def _read(self, needed: Iterable[Node], saved: set[Node]) -> set[Node]:
        """What the way back of the value reads, down to what is saved."""
        found, waiting = set[Node](), list(needed)
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += [] if node in saved else self._parts(node)
        return found

    def _place(self, roots: Iterable[Node]) -> None:
        """The edges of everything below some nodes."""
        for node in self._below(roots):
            if node in self._placed:
                continue
            self._placed[node] = None
            inside, outside = ("in", node), ("out", node)
            can_be_saved = self._is_input(node) or node in self.values
            self._cut.edge(inside, outside, *([self._price(node)] if can_be_saved else []))
            if self._is_input(node) or (node in self.values and self._is_dear(node)):
                self._cut.edge("forward", inside)
            for part in self._parts(node):
                self._cut.edge(("out", part), inside)

    def _come_back_through(self, node: Node) -> None:
        """If a value is known on the way back, what its own way back reads is."""
        if node not in self._placed:
            return
        cotangent = self.made.graph.variable(f"{OWN}through", node.axes)
        needs = frontier(self.made.back(node, cotangent, self.without), cotangent)
        self._place(needs)
        for need in needs:
            self._cut.edge(("out", need), ("out", node))

    def _price(self, node: Node) -> int:
        """The numbers that a tensor holds; of equal sets the one with most inputs is taken."""
        there_anyway = self._is_input(node) or node is self.made.value
        return 64 * held_numbers(node, self.hints) + (1 if there_anyway else 2)

    def _is_dear(self, node: Node) -> bool:
        """Whether a value costs much more than reading what it is made of."""
        if isinstance(node, Variable):
            node = self.made.folding.definitions[node]
        if isinstance(node, Operation):
            return node.operation not in CHEAP_OPERATIONS
        if not isinstance(node, Product):
            return False
        arrays = [labels for factor, labels in node.factors if factor.order]
        return len(arrays) > 1 and bool(node.summed) and len(set().union(*arrays)) > 1

    def _why(self, node: Node) -> str:
        if self._is_input(node):
            return "input"
        if node is self.made.value:
            return "the value itself"
        if self._is_dear(node):
            return "product or factorisation, not computed twice"
        return "value of the forward pass, not computed twice"


def held_numbers(node: Node, hints: Mapping[str, int]) -> int:
    """How many numbers an array holds."""
    return prod(expected_length(s, hints, DEFAULT_LENGTH) for s in node.axes)


def frontier(roots: Iterable[Node], cotangent: Variable) -> list[Node]:
    """The largest parts of some nodes without the cotangent that depend on an input."""
    listed = list(roots)
    depends: set[Node] = set()
    found: dict[Node, None] = {}
    for node in postorder(*listed):
        if node is cotangent or any(part in depends for part in arguments(node)):
            depends.add(node)
    for node in postorder(*listed):
        if node in depends:
            found |= dict.fromkeys(p for p in arguments(node) if p not in depends)
    found |= dict.fromkeys(node for node in listed if node not in depends)
    return [node for node in found if variables(node)]
