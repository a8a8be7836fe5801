"""A differentiable value as functions, for targets with automatic differentiation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from gradwright.calculus.modes import forward
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Product, Variable, bare_sizes, postorder, variables
from gradwright.core.sizes import names_in
from gradwright.program.build import Builder
from gradwright.program.folding import OWN
from gradwright.program.ir import Function, Ref
from gradwright.program.saving import Choice, Differentiable, Saved, choose, pulled
from gradwright.simplify.centring import centred_twice, softmax_axes
from gradwright.simplify.stable import finished, recognised

COTANGENT = f"{OWN}back"
VALUE = f"{OWN}value"


class Back(Struct, frozen=True):
    """One function: what comes back to `of`, times its derivative, or moves with a tangent of it.

    `function` is given the `cotangent`, or the tangent, and has an output for each of `to`.
    """

    of: Variable
    cotangent: Variable
    to: tuple[Variable, ...]
    function: Function


class SavedValue(Struct, frozen=True):
    """What is saved: the variable that stands for it, and for whose derivatives it is needed.

    `kept` says that the forward pass returns it for that alone.
    """

    variable: Variable
    needed: tuple[Variable, ...]
    kept: bool


class Autograd(Struct, frozen=True):
    """The functions of a value, and what is saved between them.

    `forward` returns the value, then what is kept of it. `gradient` is the pullback of the value;
    `through` has that of each value that is kept, and `second` that of the gradient by each
    variable. `along` has the pushforward by each variable, of the value and of what is kept, and
    `gradient_along` that of the gradient, by the cotangent and by what is saved. `sizes` are sizes
    that the functions other than `forward` are given as numbers.
    """

    made: Differentiable
    choice: Choice
    saved: tuple[SavedValue, ...]
    sizes: tuple[str, ...]
    forward: Function
    gradient: Back
    second: tuple[Back, ...]
    through: tuple[Back, ...]
    along: tuple[Back, ...]
    gradient_along: tuple[Back, ...]

    @property
    def kept(self) -> tuple[Variable, ...]:
        """The values that the forward pass returns besides its own."""
        return tuple(saved.variable for saved in self.saved if saved.kept)


def autograd(made: Differentiable) -> Autograd:
    """The functions of a differentiable value."""
    choice = choose(made)
    return _Parts(made, choice).functions()


class _Draft(Struct, frozen=True):
    """A function of the way back before it is built: of what, from which cotangent, to what."""

    name: str
    of: Variable
    cotangent: Variable
    others: tuple[Variable, ...]
    nodes: Mapping[Variable, Node]


class _Parts:
    def __init__(self, made: Differentiable, choice: Choice) -> None:
        self.made = made
        self.choice = choice
        self.graph: Graph = made.graph
        #: What is saved by its node, in order.
        self.names: dict[Node, Variable] = {}
        self.kept: dict[Node, Variable] = {}
        for saved in choice.saved:
            self.names[saved.node] = self._variable(saved)

    def _variable(self, saved: Saved) -> Variable:
        if isinstance(saved.node, Variable) and saved.is_input:
            return saved.node
        if saved.node is self.made.value:
            return self.graph.variable(VALUE, saved.node.axes)
        made = self.graph.variable(f"{OWN}s{len(self.kept) + 1}", saved.node.axes)
        self.kept[saved.node] = made
        return made

    def functions(self) -> Autograd:
        """All of them."""
        made, graph = self.made, self.graph
        ways = self._ways(made.value, made.cotangent)
        through = [
            (variable, graph.variable(f"{OWN}d{variable.name}", node.axes), node)
            for node, variable in self.kept.items()
        ]
        back = {variable: self._ways(node, d) for variable, d, node in through}
        saved = tuple(
            SavedValue(v, self._needed(v, [ways, *back.values()]), v in self.kept.values())
            for v in self.names.values()
        )
        seconds = [self._second(v, way) for v, way in zip(made.wrt, ways, strict=True)]
        gradients = dict(zip(made.wrt, ways, strict=True))
        drafts = [_Draft("gradient", made.cotangent, made.cotangent, (), gradients)]
        drafts += [
            _Draft(f"second_{v.name}", v, d, (made.cotangent,), nodes)
            for v, (d, nodes) in zip(made.wrt, seconds, strict=True)
        ]
        drafts += [
            _Draft(f"through_{v.name}", v, d, (), dict(zip(made.wrt, back[v], strict=True)))
            for v, d, _ in through
        ]
        moving = self._along(ways, back), self._gradient_along(ways)
        listed = [*drafts, *moving[0], *moving[1]]
        sizes = tuple(sorted(frozenset[str]().union(*map(self._untold, listed))))
        first, *others = [self._back(draft, sizes) for draft in drafts]
        count = len(seconds)
        return Autograd(
            made,
            self.choice,
            saved,
            sizes,
            self._forward(),
            first,
            tuple(others[:count]),
            tuple(others[count:]),
            *(tuple(self._back(draft, sizes) for draft in part) for part in moving),
        )

    # A value that does not move has a tangent of zeros: PyTorch wants one of each.

    def _along(self, ways: Sequence[Node], back: Mapping[Variable, Sequence[Node]]) -> list[_Draft]:
        """What moves with each variable: the value, and what is kept.

        The pullback of the pullback is the pushforward, in terms of the same values.
        """
        graph, made, found = self.graph, self.made, []
        of_value = (graph.variable(VALUE, made.value.axes), made.cotangent, ways)
        kept = [(v, graph.variable(f"{OWN}d{v.name}", v.axes), back[v]) for v in back]
        for place, variable in enumerate(made.wrt):
            tangent = self._tangent(variable)
            nodes = {
                result: pulled(graph, listed[place], (cotangent,), tangent)[0]
                for result, cotangent, listed in (of_value, *kept)
            }
            found.append(_Draft(f"along_{variable.name}", variable, tangent, (), nodes))
        return found

    def _gradient_along(self, ways: Sequence[Node]) -> list[_Draft]:
        """What moves with the cotangent and with each value that is saved: the gradients."""
        graph, made, found = self.graph, self.made, []
        gradients = list(zip(made.wrt, ways, strict=True))
        active = [v for node, v in self.names.items() if self._is_active(node)]
        for variable in (made.cotangent, *active):
            tangent = self._tangent(variable)
            nodes = {
                v: recognised(graph, forward(graph, way, variable, tangent=tangent))
                for v, way in gradients
            }
            name = f"gradient_along_{variable.name}"
            found.append(_Draft(name, variable, tangent, (made.cotangent,), nodes))
        return found

    def _tangent(self, variable: Variable) -> Variable:
        return self.graph.variable(f"{OWN}t{variable.name}", variable.axes)

    def _ways(self, node: Node, cotangent: Variable) -> list[Node]:
        """What comes back to a value, as nodes of what is saved."""
        ways = self.made.back(node, cotangent, self.choice.without)
        return [self.made.folding.opened(way, self.names) for way in ways]

    def _needed(self, variable: Variable, backs: Sequence[Sequence[Node]]) -> tuple[Variable, ...]:
        """The variables whose derivative reads what is saved."""
        return tuple(
            v
            for k, v in enumerate(self.made.wrt)
            if any(variable in variables(ways[k]) for ways in backs)
        )

    def _read(self, draft: _Draft) -> list[Variable]:
        """The tensors that a function of the way back is given."""
        used = frozenset[Variable]().union(*map(variables, draft.nodes.values()))
        rest = [v for v in (*draft.others, *self.names.values()) if v in used]
        return [draft.cotangent, *rest]

    def _untold(self, draft: _Draft) -> frozenset[str]:
        """The sizes that a function needs as numbers; one by several variables needs all so.

        There a tensor that has an axis of a size may be left out.
        """
        many = len(self.made.wrt) > 1
        told = () if many else (size for v in self._read(draft) for size in v.axes)
        return sizes_of(draft.nodes.values()) - set(told)

    def _back(self, draft: _Draft, sizes: Sequence[str]) -> Back:
        wanted = sizes_of(draft.nodes.values())
        given = [*self._read(draft), *(self.graph.variable(s) for s in sizes if s in wanted)]
        builder = Builder(draft.name, given, {})
        nodes = list(draft.nodes.values())
        axes = softmax_axes(self.names)
        if draft.cotangent is self.made.cotangent and self.made.named is not None:
            for variable, node in self.made.shared.items():
                opened = finished(self.graph, self._opened(node))
                (safer,), held = centred_twice(self.graph, [opened], axes)
                builder.hold(held)
                builder.define(variable, safer)
            nodes = [self._opened(node) for node in self.made.named]
        nodes = [finished(self.graph, node) for node in nodes]
        nodes, held = centred_twice(self.graph, nodes, axes)
        builder.share([*held.values(), *nodes])
        builder.hold(held)
        function = builder.function([builder.value(node) for node in nodes])
        return Back(draft.of, draft.cotangent, tuple(draft.nodes), function)

    def _opened(self, node: Node) -> Node:
        """A node of the inputs in terms of what is saved."""
        folded = self.made.folded(node, self.choice.without)
        return self.made.folding.opened(folded, self.names)

    def _forward(self) -> Function:
        builder = Builder("forward", self.made.inputs, {})
        defined: dict[Variable, Node] = {}
        for node, variable in self.kept.items():
            definition = self.made.folding.definition(node)
            before = {n: v for n, v in self.kept.items() if n is not node}
            opened = self.made.folding.opened(definition, before)
            defined[variable] = finished(self.graph, opened)
        value = finished(self.graph, self.made.folding.opened(self.made.value, self.kept))
        builder.share([*defined.values(), value])
        for variable, node in defined.items():
            builder.define(variable, node)
        outputs = [builder.value(value), *(Ref(v.name) for v in self.kept.values())]
        return builder.function(outputs)

    def _second(self, variable: Variable, way: Node) -> tuple[Variable, dict[Variable, Node]]:
        """What comes back to a gradient becomes what comes back to what it is made of."""
        cotangent = self.graph.variable(f"{OWN}d{variable.name}", variable.axes)
        active = [v for node, v in self.names.items() if self._is_active(node)]
        wrt = (self.made.cotangent, *active)
        nodes = pulled(self.graph, way, wrt, cotangent)
        found = zip(wrt, nodes, strict=True)
        return cotangent, {v: node for v, node in found if not _is_zero(node)}

    def _is_active(self, node: Node) -> bool:
        return bool(variables(self.made.folding.raw(node)) & set(self.made.wrt))


def sizes_of(nodes: Iterable[Node]) -> frozenset[str]:
    """The names of sizes that the code of some nodes needs as numbers."""
    parts = [part for part in postorder(*nodes) if bare_sizes(part)]
    axes = names_in(size for part in parts for size in part.axes)
    return frozenset(axes).union(*map(bare_sizes, parts))


def _is_zero(node: Node) -> bool:
    return isinstance(node, Product) and node.coefficient == 0
