"""Deriving a layer kind, once: forward, local Jacobians, the pullback and its printed form.

The formulas are those of the layout. Sizes are the names n (samples), p (fan-in) and q (fan-out).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from gradwright.calculus.pullback import Adjoint, adjoint_name, pullback
from gradwright.calculus.stage import NEXT, Block, Definition, Stage
from gradwright.core.graph import Graph
from gradwright.core.nodes import (
    Function,
    Node,
    Product,
    Variable,
    postorder,
    turned_factor,
    variables,
)
from gradwright.core.work import separate
from gradwright.errors import UnsupportedError
from gradwright.explain.lines import Form, Line
from gradwright.explain.network import LayerLines
from gradwright.explain.rows import as_row, with_rows
from gradwright.nn.kinds import Kind
from gradwright.nn.kinks import kinks_of
from gradwright.nn.layouts import LAYOUTS
from gradwright.nn.letters import defining_texts, letters_of, names_of, open_scope
from gradwright.nn.local_jacobians import local_lines
from gradwright.nn.stable_loss import meets_zero, reached, stable_loss
from gradwright.notation.lower import lower
from gradwright.notation.parser import parse
from gradwright.notation.raising.raiser import Raiser, without_spans
from gradwright.notation.shapes import infer
from gradwright.notation.tree import Tree
from gradwright.render.plain import plain_text
from gradwright.simplify.equal import equal
from gradwright.simplify.expand import EXPAND, QUOTIENTS
from gradwright.simplify.readable import Printed, Printer, with_zero
from gradwright.simplify.rewrite import Budget, rewrite, substitute
from gradwright.simplify.rules import BASIC


class DerivedKind(Struct, frozen=True, dict=True):
    """What is derived of a kind: lines to read, and a stage to run.

    `run` has the adjoints as trees to evaluate, with the conventions at kinks.
    """

    kind: Kind
    forward: tuple[Line, ...]
    adjoints: tuple[Line, ...]
    stage: Stage
    kinks: tuple[str, ...]
    run: tuple[tuple[str, Tree], ...] = ()

    @cached_property
    def local(self) -> tuple[Line, ...]:
        """The Jacobians for one sample."""
        with separate(f"the local Jacobians of the layer {self.kind.described}"):
            return local_lines(self.kind)

    def formulas(self) -> tuple[str, ...]:
        """The forward and backward formulas as text, for the documentation of emitted code."""
        lines = (*self.forward, *self.adjoints)
        return tuple(f"{line.name} = {plain_text(line.tree)}" for line in lines)


class _Letters:
    """The graph, the declared letters and the definitions of one kind."""

    def __init__(self, kind: Kind, one_sample: bool = False) -> None:
        self.graph = Graph()
        self.kind = kind
        self.one_sample = one_sample
        self.symbols = letters_of(kind, one_sample)
        self.names = names_of(kind, one_sample)
        self.scope = open_scope(self.names)
        self.definitions: list[Definition] = []
        self.forms: dict[Variable, tuple[Form, ...]] = {}
        self.said: dict[Node, tuple[Tree, int]] = {}
        for name, text in defining_texts(kind, one_sample):
            self._define(name, text)

    def variable(self, name: str) -> Variable:
        declared = self.symbols[name]
        return self.graph.variable(name, declared.sizes, declared.facts)

    def _define(self, name: str, text: str) -> None:
        tree = parse(text)
        scope = infer(tree, self.names, text)
        lowering = lower(tree, scope, self.graph, text=text)
        variable = self.variable(name)
        self.definitions.append(Definition(variable, lowering.value.node))
        self.forms[variable] = (Form(without_spans(tree)),)
        self.said = lowering.said | self.said

    @property
    def parameters(self) -> list[Variable]:
        """What the loss is derived by: the parameters, and the input."""
        return [self.variable(name) for name in (*self.kind.parameters, "X")]

    @property
    def forward(self) -> tuple[Line, ...]:
        """The definitions as lines."""
        return tuple(
            Line(d.variable.name, d.variable.axes, self.forms[d.variable]) for d in self.definitions
        )

    @cached_property
    def printer(self) -> Printer:
        """Prints in these letters."""
        return Printer(self.graph, self.scope, Raiser(self.graph, self.said))

    def folded(self, node: Node) -> Node:
        """Expressions that have a name are written by it."""
        return folded(self.graph, self.definitions, node)


def folded(graph: Graph, definitions: Sequence[Definition], node: Node) -> Node:
    """A node in which what is defined, other than a number, stands by its name."""
    names: dict[Node, Node] = {}
    for definition in definitions:
        if not definition.node.order:
            continue
        names[definition.node] = definition.variable
        turned = turned_factor(definition.node)
        if turned is not None:
            # softmax(Z')' has the name A, so softmax(Z') is A'.
            factor, order = turned
            names[factor] = graph.permute(definition.variable, order)
    return substitute(graph, node, names)


def derive_kind(kind: Kind, one_sample: bool = False) -> DerivedKind:
    """Derive one kind, for a batch or for one sample as a column.

    Each name in its formula may take the work of one call.
    """
    definitions = len(defining_texts(kind, one_sample))
    with separate(f"the derivation of the layer {kind.described}", definitions):
        return _derived(kind, one_sample)


def _derived(kind: Kind, one_sample: bool) -> DerivedKind:
    letters = _Letters(kind, one_sample)
    lines, chosen = _pulled_back(letters)
    stage = _stage(letters, chosen)
    kinks = kinks_of(d.node for d in letters.definitions)
    pairs = zip(lines, chosen, strict=True)
    run = tuple(_tree_to_run(line, adjoint, letters.printer) for line, adjoint in pairs)
    return DerivedKind(kind, letters.forward, lines, stage, kinks, run)


def _tree_to_run(line: Line, adjoint: Adjoint, printer: Printer) -> tuple[str, Tree]:
    """The printed form, or where it has a norm that may be 0 one that says what is then."""
    if any(isinstance(p, Function) and p.operation == "rsqrt" for p in postorder(adjoint.node)):
        tree = printer.raiser.tree(adjoint.node)
        if printer.verified(tree, adjoint.node) is not None:
            return line.name, tree
    return line.name, line.tree


def one_sample_lines(kind: Kind, row_gradients: bool) -> LayerLines:
    """The lines of a kind for one sample, all values being columns.

    With `row_gradients` the derivatives by values of the layer are rows; those by W and b have the
    shapes of W and b.
    """
    letters = _Letters(kind, one_sample=True)
    adjoints, _ = _pulled_back(letters)
    if row_gradients:
        adjoints = tuple(_as_rows(letters, line) for line in adjoints)
    return LayerLines(letters.forward, local_lines(kind), adjoints, kind.activation)


def _pulled_back(letters: _Letters) -> tuple[tuple[Line, ...], list[Adjoint]]:
    """The pullback from the loss as it is written, or from its stable form where zeros may be met.

    With softmax and cross-entropy both cancel to A - Y, and nothing divides by A.
    """
    lines, chosen = _adjoint_lines(letters)
    if letters.kind.loss is None or not meets_zero(a.node for a in _needed(letters, chosen)):
        return lines, chosen
    loss = letters.definitions[-1]
    stable = stable_loss(letters.graph, letters.definitions, letters.folded)
    if stable is loss.node:
        return lines, chosen
    letters.definitions[-1] = Definition(loss.variable, stable)
    shown = Form(letters.printer.printed(stable).tree, "log(A) through Z")
    letters.forms[loss.variable] += (shown,)
    return _adjoint_lines(letters)


def _adjoint_lines(letters: _Letters) -> tuple[tuple[Line, ...], list[Adjoint]]:
    """The pullback of a kind as lines, and the adjoints as they are to be run."""
    graph = letters.graph
    last = letters.definitions[-1].variable
    given = {} if letters.kind.loss else {last: letters.variable(adjoint_name(last.name))}
    adjoints = [
        Adjoint(a.of, a.variable, letters.folded(a.node))
        for a in pullback(graph, reached(letters.definitions), letters.parameters, given=given)
    ]
    lines, chosen = _opened(letters, adjoints, letters.printer)
    return tuple(lines), chosen


def _as_rows(letters: _Letters, line: Line) -> Line:
    """A line in which the derivatives by Z, A and X are rows, verified by reading it back."""
    rows = {name for name in ("δZ", "δA", "δX") if name in letters.symbols}
    turned = line.name in rows
    as_rows = {name: replace(letters.symbols[name], kind="row") for name in rows}
    scope = replace(letters.scope, symbols=letters.symbols | as_rows)
    reader = Printer(letters.graph, scope, letters.printer.raiser)

    def is_scalar(tree: Tree) -> bool:
        return infer(tree, letters.symbols, sizes=letters.scope.sizes).shape.kind == "scalar"

    forms = []
    for form in line.forms:
        tree = as_row(form.tree, rows, is_scalar) if turned else with_rows(form.tree, rows)
        read, column = reader.read(plain_text(tree)), letters.printer.read(plain_text(form.tree))
        if equal(letters.graph, read.node, column.node) is None or (turned and read.rows):
            raise AssertionError(f"{plain_text(tree)} is not {plain_text(form.tree)} as a row")
        forms.append(Form(tree, form.rule))
    return replace(line, forms=tuple(forms), axes=(1, *line.axes) if turned else line.axes)


def _opened(
    letters: _Letters, adjoints: Sequence[Adjoint], printer: Printer
) -> tuple[list[Line], list[Adjoint]]:
    """Print each adjoint; where opening an elementwise adjoint cancels, show and use that."""
    graph = letters.graph
    lines: list[Line] = []
    chosen: list[Adjoint] = []
    elementwise: dict[Node, Node] = {}
    for adjoint in adjoints:
        plain = printer.printed(adjoint.node)
        if plain.form == "index":
            raise UnsupportedError(
                f"the way back through the layer {letters.kind.described}",
                f"the derivative by {adjoint.of.name} has no form in matrices",
                "write the layer as two layers, or with fewer products of products",
            )
        forms = [(plain, "")]
        best = plain
        opened = substitute(graph, adjoint.node, elementwise)
        if opened is not adjoint.node:
            inserted = _written(printer, _cancelled(letters, opened))
            if inserted is not None and inserted.cost <= plain.cost:
                best = inserted
                forms.append((inserted, _reason(letters, adjoint)))
        if not any(isinstance(p, Product) and p.summed for p in postorder(best.node)):
            elementwise[adjoint.variable] = best.node
        lines.append(_line(adjoint, forms))
        # What is printed is what runs: (A - Y)/n, not A/n - Y/n.
        node = printer.read(plain_text(best.tree)).node
        if any(isinstance(p, Function) and p.operation == "rsqrt" for p in postorder(adjoint.node)):
            node = with_zero(graph, node)
        chosen.append(Adjoint(adjoint.of, adjoint.variable, node))
    return lines, chosen


def _written(printer: Printer, node: Node) -> Printed | None:
    """A node as text, unless no form of it reads back."""
    try:
        return printer.printed(node)
    except UnsupportedError:
        return None


def _cancelled(letters: _Letters, node: Node) -> Node:
    made = rewrite(letters.graph, node, (QUOTIENTS, EXPAND), BASIC, budget=Budget())
    return letters.folded(made)


def _reason(letters: _Letters, adjoint: Adjoint) -> str:
    facts = letters.symbols["Y"].facts if "Y" in letters.symbols else frozenset()
    text = "insert the line above and cancel"
    if facts & {"sum1", "columns_sum1"} and letters.kind.activation == "softmax":
        axes = LAYOUTS[letters.kind.layout].batch_axes
        text += "; the target sums to 1" if letters.one_sample else f"; the {axes} of Y sum to 1"
    return text


def _line(adjoint: Adjoint, forms: Sequence[tuple[Printed, str]]) -> Line:
    made = []
    for printed, rule in forms:
        made.append(Form(printed.tree, rule))
    meaning = f"∂L/∂{adjoint.of.name}"
    return Line(adjoint.variable.name, adjoint.variable.axes, tuple(made), meaning)


# The stage to run --------------------------------------------------------------------------------


def _needed(letters: _Letters, adjoints: Sequence[Adjoint]) -> list[Adjoint]:
    """The adjoints that the gradients need."""
    wanted = set(letters.parameters)
    kept: list[Adjoint] = []
    for adjoint in reversed(adjoints):
        if adjoint.of in wanted or any(adjoint.variable in variables(a.node) for a in kept):
            kept.append(adjoint)
    return kept[::-1]


def _stage(letters: _Letters, adjoints: Sequence[Adjoint]) -> Stage:
    """Forward with a stable loss, backward with only the adjoints that something needs."""
    graph = letters.graph
    kind = letters.kind
    definitions = list(letters.definitions)
    if kind.loss is not None:
        stable = stable_loss(graph, definitions, letters.folded)
        definitions[-1] = Definition(definitions[-1].variable, stable)
    kept = [Definition(a.variable, a.node) for a in _needed(letters, adjoints)]
    order = {
        name: place
        for place, name in enumerate(
            ("X", *kind.parameters, *kind.drawn, *kind.state, "Y", kind.weights)
        )
    }
    inputs = [letters.variable(name) for name in order if name in letters.symbols]
    used = {v for d in kept for v in variables(d.node)} - {d.variable for d in kept}
    given = sorted(used, key=lambda v: (v.name not in order, order.get(v.name, 0), v.name))
    backward = Block(tuple(given), tuple(kept))
    forward = Block(tuple(inputs), tuple(definitions))
    update = _update(letters)
    return Stage(kind.name, graph, forward, backward, kind.drawn, update, kind.weights)


def _update(letters: _Letters) -> Block | None:
    """What a step of training makes of the state of a layer, in the order of the state."""
    formula = letters.kind.formula
    if formula is None or not formula.updates:
        return None
    made = []
    for name, text in formula.updates:
        tree = parse(text)
        node = lower(tree, infer(tree, letters.names, text), letters.graph, text=text).value.node
        new = letters.graph.variable(f"{NEXT}{name}", node.axes)
        made.append(Definition(new, node))
    read = {v for d in made for v in variables(d.node)}
    order = ("X", *letters.kind.state, *letters.kind.parts)
    inputs = [v for v in map(letters.variable, order) if v in read]
    return Block(tuple(inputs), tuple(made))
