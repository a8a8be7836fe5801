"""The local Jacobians of a layer kind, for one sample, as lines of a derivation."""

from __future__ import annotations

from collections.abc import Mapping

from gradwright.calculus.modes import reverse
from gradwright.core.graph import Graph
from gradwright.explain.lines import Form, Line
from gradwright.nn.activations import activation_text
from gradwright.nn.kinds import Kind
from gradwright.nn.layer_formula import LayerFormula
from gradwright.nn.layouts import LAYOUTS
from gradwright.nn.letters import open_scope
from gradwright.notation.declarations import AnyDeclaration, Declaration, declare
from gradwright.notation.lower import lower
from gradwright.notation.parser import parse
from gradwright.notation.raising.raiser import Raiser
from gradwright.notation.shapes import infer
from gradwright.simplify.readable import Printer


def local_lines(kind: Kind) -> tuple[Line, ...]:
    """Jacobians for one sample, all vectors as columns: of the affine map and the activation."""
    if kind.formula is not None:
        return _local_lines_of(kind.formula)
    layout = LAYOUTS[kind.layout]
    affine = layout.affine(kind.bias, one_sample=True).replace("X", "x")
    declared = {
        "x": "vector p",
        "W": layout.weights,
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
    functions: dict[str, AnyDeclaration] = {d.name: d for d in formula.functions}
    symbols = {d.name: d for d in (*formula.parameters, *formula.masks, *formula.state)}
    source = Declaration(formula.input, "vector", (formula.inputs,))
    lines = []
    for name, text in formula.sample:
        known = {**functions, **symbols, source.name: source}
        wrt = [source.name]
        if not formula.batch:
            # The Jacobian of a map by a parameter has a name, like that by the input.
            wrt += [d.name for d in symbols.values() if d.kind == "vector"]
        lines += [_jacobian_line(f"∂{name}/∂{x}", text, x, known) for x in wrt]
        symbols, source = {}, Declaration(name, "vector", (formula.outputs,))
    return tuple(lines)


def _jacobian_line(name: str, text: str, wrt: str, symbols: Mapping[str, AnyDeclaration]) -> Line:
    graph = Graph()
    tree = parse(text)
    lowering = lower(tree, infer(tree, symbols, text), graph)
    declared = symbols[wrt]
    assert isinstance(declared, Declaration)
    variable = graph.variable(wrt, declared.sizes, declared.facts)
    jacobian = reverse(graph, lowering.value.node, [variable])[variable]
    printer = Printer(graph, open_scope(symbols), Raiser(graph, lowering.said))
    printed = printer.printed(jacobian)
    return Line(name, jacobian.axes, (Form(printed.tree),))
