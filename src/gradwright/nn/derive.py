"""Deriving a layer kind, once: forward, local Jacobians, the pullback and its printed form.

The formulas are those of the layout. Sizes are the names n (samples), p (fan-in) and q (fan-out).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gradwright.calculus.modes import reverse
from gradwright.calculus.pullback import Adjoint, adjoint_name, pullback
from gradwright.calculus.stage import Block, Definition, Stage
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
from gradwright.explain.assumptions import is_norm
from gradwright.explain.lines import Form, Line, renamed
from gradwright.nn.activations import activation_text
from gradwright.nn.kinds import Kind
from gradwright.nn.layer_formula import LayerFormula
from gradwright.nn.layouts import LAYOUTS
from gradwright.nn.losses import loss_text, target_facts
from gradwright.notation.declarations import Declaration, declare
from gradwright.notation.lower import lower
from gradwright.notation.parser import parse
from gradwright.notation.raising.raiser import Raiser, without_spans
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.shapes import Scope, Shape, infer
from gradwright.notation.tree import Symbol, Transpose, Tree
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS
from gradwright.render.plain import plain_text
from gradwright.simplify.expand import EXPAND, QUOTIENTS
from gradwright.simplify.readable import Printed, Printer, with_zero
from gradwright.simplify.rewrite import Budget, rewrite, substitute
from gradwright.simplify.rules import BASIC
from gradwright.simplify.stable import STABLE

#: Outputs and targets, with an axis of samples.
SAMPLES = (Symbol("A"), Symbol("Y"))


@dataclass(frozen=True, slots=True)
class DerivedKind:
    """What is derived of a kind: lines to read, and a stage to run."""

    kind: Kind
    forward: tuple[Line, ...]
    local: tuple[Line, ...]
    adjoints: tuple[Line, ...]
    stage: Stage
    kinks: tuple[str, ...]

    def formulas(self) -> tuple[str, ...]:
        """The forward and backward formulas as text, for the documentation of emitted code."""
        lines = (*self.forward, *self.adjoints)
        return tuple(f"{line.name} = {plain_text(line.tree)}" for line in lines)


def letters_of(kind: Kind) -> dict[str, Declaration]:
    """The letters of a kind with their types."""
    declared = _own_letters(kind)
    facts = {"A": _batch_facts(kind, ("sum1",) if kind.activation == "softmax" else ())}
    if kind.loss is not None:
        declared |= {"Y": declared["A"], "L": "scalar"}
        by_name = kind.loss_formula is None
        facts["Y"] = _batch_facts(kind, target_facts(kind.loss) if by_name else ())
    adjoints = {adjoint_name(name): text for name, text in declared.items()}
    typed = {name: text + facts.get(name, "") for name, text in declared.items()} | adjoints
    return {name: declare(name, text) for name, text in typed.items()}


def _batch_facts(kind: Kind, facts: Sequence[str]) -> str:
    """Facts about samples, as words of a declaration: of rows, or of columns."""
    rows = LAYOUTS[kind.layout].row_samples
    return "".join(f" {fact}" if rows else f" columns_{fact}" for fact in facts)


def _own_letters(kind: Kind) -> dict[str, str]:
    """Input, parameters, pre-activation and activation."""
    if kind.formula is not None:
        formula = kind.formula
        outputs = f"matrix n {formula.outputs}"
        parameters = {declared.name: str(declared) for declared in formula.parameters}
        return {"X": f"matrix n {formula.inputs}", **parameters, "Z": outputs, "A": outputs}
    layout = LAYOUTS[kind.layout]
    inputs, outputs = ("n p", "n q") if layout.row_samples else ("p n", "q n")
    weights = "p q" if layout.row_inputs else "q p"
    declared = {"X": inputs, "W": weights, "Z": outputs, "A": outputs}
    declared = {name: f"matrix {sizes}" for name, sizes in declared.items()}
    return {**declared, "b": "vector q"} if kind.bias else declared


def defining_texts(kind: Kind) -> list[tuple[str, str]]:
    """The defining formulas of a kind in notation, in order of computation."""
    layout = LAYOUTS[kind.layout]
    affine = layout.affine(kind.bias)
    if kind.formula is not None:
        lines = list(kind.formula.batch)
    elif kind.activation == "identity":
        lines = [("A", affine)]
    else:
        lines = [("Z", affine), ("A", _activation(kind))]
    if kind.loss is not None:
        lines.append(("L", _loss(kind.loss, kind)))
    return lines


def _loss(name: str, kind: Kind) -> str:
    """The loss in the letters of its kind: samples and sizes as they are there."""
    if kind.loss_formula is None:
        return loss_text(name, kind.reduction)
    outputs = "q" if kind.formula is None else kind.formula.outputs
    tree = renamed(parse(kind.loss_formula.batch), str, lambda s: outputs if s == "q" else s)
    if not LAYOUTS[kind.layout].row_samples:
        tree = rebuilt(tree, lambda part: Transpose(part) if part in SAMPLES else part)
    text = plain_text(tree)
    return f"({text})/n" if kind.reduction == "mean" else text


def _activation(kind: Kind) -> str:
    """A in notation; softmax is of rows, so columns are turned for it."""
    if kind.activation == "softmax" and not LAYOUTS[kind.layout].row_samples:
        return activation_text(kind.activation, kind.options, argument="Z'") + "'"
    return activation_text(kind.activation, kind.options)


class _Letters:
    """The graph, the declared letters and the definitions of one kind."""

    def __init__(self, kind: Kind) -> None:
        self.graph = Graph()
        self.kind = kind
        self.symbols = letters_of(kind)
        held = {size for declared in self.symbols.values() for size in declared.sizes}
        sizes = frozenset(size for size in held if isinstance(size, str))
        self.scope = Scope(self.symbols, sizes, Shape("scalar", (), ()))
        self.definitions: list[Definition] = []
        self.trees: dict[Variable, Tree] = {}
        self.said: dict[Node, tuple[Tree, int]] = {}
        for name, text in defining_texts(kind):
            self._define(name, text)

    def variable(self, name: str) -> Variable:
        declared = self.symbols[name]
        return self.graph.variable(name, declared.sizes, declared.facts)

    def _define(self, name: str, text: str) -> None:
        tree = parse(text)
        scope = infer(tree, self.symbols, text)
        lowering = lower(tree, scope, self.graph, text=text)
        variable = self.variable(name)
        self.definitions.append(Definition(variable, lowering.value.node))
        self.trees[variable] = without_spans(tree)
        self.said = lowering.said | self.said

    def folded(self, node: Node) -> Node:
        """Expressions that have a name are written by it."""
        names: dict[Node, Node] = {}
        for definition in self.definitions:
            if not definition.node.order:
                continue
            names[definition.node] = definition.variable
            turned = turned_factor(definition.node)
            if turned is not None:
                # softmax(Z')' has the name A, so softmax(Z') is A'.
                factor, order = turned
                names[factor] = self.graph.permute(definition.variable, order)
        return substitute(self.graph, node, names)


def derive_kind(kind: Kind) -> DerivedKind:
    """Derive one kind."""
    letters = _Letters(kind)
    graph = letters.graph
    wrt = [letters.variable(name) for name in (*kind.parameters, "X")]
    last = letters.definitions[-1].variable
    given = {} if kind.loss else {last: letters.variable(adjoint_name(last.name))}
    adjoints = [
        Adjoint(a.of, a.variable, letters.folded(a.node))
        for a in pullback(graph, letters.definitions, wrt, given=given)
    ]
    printer = Printer(graph, letters.scope, Raiser(graph, letters.said))
    lines, chosen = _opened(letters, adjoints, printer)
    stage = _stage(letters, chosen, wrt)
    forward = tuple(
        Line(d.variable.name, d.variable.axes, (Form(letters.trees[d.variable]),))
        for d in letters.definitions
    )
    kinks = _kinks(d.node for d in letters.definitions)
    return DerivedKind(kind, forward, _local_lines(kind), tuple(lines), stage, kinks)


def _kinks(nodes: Iterable[Node]) -> tuple[str, ...]:
    """The conventions at the kinks of functions of entries."""
    found = []
    for part in postorder(*nodes):
        if is_norm(part):
            found.append("norm2'(0) = 0")
        record = OPERATIONS.get(part.operation) if isinstance(part, Function) else None
        if isinstance(part, Function) and isinstance(record, Elementwise) and record.kink:
            if part.operation in ("sign", "step"):
                continue
            options = dict(record.options) | dict(part.options)
            values = {name: float(value) for name, value in options.items()}
            found.append(record.kink.format(**values))
    return tuple(dict.fromkeys(found))


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
        forms = [(plain, "")]
        best = plain
        opened = substitute(graph, adjoint.node, elementwise)
        if opened is not adjoint.node:
            inserted = printer.printed(_cancelled(letters, opened))
            if inserted.cost <= plain.cost:
                best = inserted
                forms.append((inserted, _reason(letters, adjoint)))
        if not any(isinstance(p, Product) and p.summed for p in postorder(best.node)):
            elementwise[adjoint.variable] = best.node
        lines.append(_line(adjoint, forms))
        assert best.tree is not None
        # What is printed is what runs: (A - Y)/n, not A/n - Y/n.
        node = printer.read(plain_text(best.tree)).node
        if any(isinstance(p, Function) and p.operation == "rsqrt" for p in postorder(adjoint.node)):
            node = with_zero(graph, node)
        chosen.append(Adjoint(adjoint.of, adjoint.variable, node))
    return lines, chosen


def _cancelled(letters: _Letters, node: Node) -> Node:
    rules = (QUOTIENTS, EXPAND, *BASIC)
    return letters.folded(rewrite(letters.graph, node, rules, budget=Budget()))


def _reason(letters: _Letters, adjoint: Adjoint) -> str:
    facts = letters.symbols["Y"].facts if "Y" in letters.symbols else frozenset()
    text = "insert the line above and cancel"
    if facts & {"sum1", "columns_sum1"} and letters.kind.activation == "softmax":
        text += f"; the {LAYOUTS[letters.kind.layout].batch_axes} of Y sum to 1"
    return text


def _line(adjoint: Adjoint, forms: Sequence[tuple[Printed, str]]) -> Line:
    made = []
    for printed, rule in forms:
        assert printed.tree is not None
        made.append(Form(printed.tree, rule))
    meaning = f"∂L/∂{adjoint.of.name}"
    return Line(adjoint.variable.name, adjoint.variable.axes, tuple(made), meaning)


# Local Jacobians ---------------------------------------------------------------------------------


def _local_lines(kind: Kind) -> tuple[Line, ...]:
    """Jacobians for one sample, all vectors as columns: of the affine map and the activation."""
    if kind.formula is not None:
        return _local_lines_of(kind.formula)
    layout = LAYOUTS[kind.layout]
    affine = f"{layout.sample} + b" if kind.bias else layout.sample
    declared = {
        "x": "vector p",
        "W": "matrix p q" if layout.row_inputs else "matrix q p",
        "b": "vector q",
        "z": "vector q",
        "a": "vector q",
    }
    symbols = {name: declare(name, text) for name, text in declared.items()}
    lines = [_jacobian_line("∂z/∂x", affine, "x", symbols)]
    if kind.activation != "identity":
        text = activation_text(kind.activation, kind.options, argument="z")
        lines.append(_jacobian_line("∂a/∂z", text, "z", symbols))
    return tuple(lines)


def _local_lines_of(formula: LayerFormula) -> tuple[Line, ...]:
    """The same for a layer by formula: of its value by its input, through z where it has one."""
    symbols = {d.name: d for d in formula.parameters}
    source = Declaration(formula.input, "vector", (formula.inputs,))
    lines = []
    for name, text in formula.sample:
        known = {**symbols, source.name: source}
        lines.append(_jacobian_line(f"∂{name}/∂{source.name}", text, source.name, known))
        symbols, source = {}, Declaration(name, "vector", (formula.outputs,))
    return tuple(lines)


def _jacobian_line(name: str, text: str, wrt: str, symbols: Mapping[str, Declaration]) -> Line:
    graph = Graph()
    tree = parse(text)
    lowering = lower(tree, infer(tree, symbols, text), graph)
    declared = symbols[wrt]
    variable = graph.variable(wrt, declared.sizes, declared.facts)
    jacobian = reverse(graph, lowering.value.node, [variable])[variable]
    held = {size for d in symbols.values() for size in d.sizes}
    sizes = frozenset(size for size in held if isinstance(size, str))
    scope = Scope(dict(symbols), sizes, Shape("scalar", (), ()))
    printed = Printer(graph, scope, Raiser(graph, lowering.said)).printed(jacobian)
    assert printed.tree is not None
    return Line(name, jacobian.axes, (Form(printed.tree),))


# The stage to run --------------------------------------------------------------------------------


def _stage(letters: _Letters, adjoints: Sequence[Adjoint], wrt: Sequence[Variable]) -> Stage:
    """Forward with a stable loss, backward with only the adjoints that something needs."""
    graph = letters.graph
    kind = letters.kind
    definitions = list(letters.definitions)
    if kind.loss is not None:
        loss = definitions[-1]
        definitions[-1] = Definition(loss.variable, _stable_loss(letters, loss.node))
    needed = set(wrt)
    kept: list[Definition] = []
    for adjoint in reversed(adjoints):
        if adjoint.of in needed or any(adjoint.variable in variables(d.node) for d in kept):
            kept.append(Definition(adjoint.variable, adjoint.node))
    kept.reverse()
    order = {name: place for place, name in enumerate(("X", *kind.parameters, "Y"))}
    inputs = [letters.variable(name) for name in order if name in letters.symbols]
    used = {v for d in kept for v in variables(d.node)} - {d.variable for d in kept}
    given = sorted(used, key=lambda v: (v.name not in order, order.get(v.name, 0), v.name))
    backward = Block(tuple(given), tuple(kept))
    return Stage(kind.name, graph, Block(tuple(inputs), tuple(definitions)), backward)


def _stable_loss(letters: _Letters, loss: Node) -> Node:
    """The loss through Z where log meets an exponential, so that log never sees a zero."""
    graph = letters.graph
    activation = next(d for d in letters.definitions if d.variable.name == "A")
    opened = substitute(graph, loss, {activation.variable: activation.node})
    stable = rewrite(graph, opened, STABLE, budget=Budget())
    if stable is opened:
        return loss
    return letters.folded(rewrite(graph, stable, BASIC, budget=Budget()))
