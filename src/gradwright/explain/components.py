"""What stands behind the matrix notation: sums over indices, cases, the proofs of operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Function, Node, Operation, Power, Product, postorder
from gradwright.explain.lines import Line
from gradwright.notation.declarations import AnyDeclaration
from gradwright.notation.lower import lower
from gradwright.notation.parser import parse
from gradwright.notation.raising.index import IndexRaiser, Names, opened
from gradwright.notation.raising.raiser import Raiser
from gradwright.notation.shapes import Scope, infer
from gradwright.ops.record import Record, Structured
from gradwright.ops.table import OPERATIONS
from gradwright.render.equation import text_block
from gradwright.render.unicode import unicode_text


def in_components(
    kind: str, value: Node, results: Mapping[str, Node], raiser: Raiser, scope: Scope
) -> list[str]:
    """A section: a formula and its derivatives by variables, each with its indices."""
    taken = {*scope.known, *scope.sizes, *raiser.indices}
    writer = IndexRaiser(opened(raiser), taken)
    lines = _components([("f", value.order)], value, raiser.graph, writer)
    for name, node in results.items():
        names = _derivative(kind, name, value.order, node.order)
        lines += _components(names, node, raiser.graph, writer)
    return ["", "In components", *(f"  {line}" for line in lines)]


def _derivative(kind: str, name: str, of: int, order: int) -> Names:
    """The names on the left side of a derivative, with the axes of each."""
    match kind:
        case "gradient" | "jacobian":
            return [("f", of), (name, order - of)]
        case "hessian":
            return [("f", 0), (name, order // 2), (name, order // 2)]
        case _:
            return [(kind, order)]


def _components(names: Names, node: Node, graph: Graph, writer: IndexRaiser) -> list[str]:
    """`f[i,j] = Σ …`, and where an identity makes a difference the two cases."""
    equation = writer.equation(_spread(graph, node), names)
    lines = [unicode_text(equation)]
    cases = _cases(graph, _spread(graph, node))
    if cases is not None:
        one, other = equation.left.indices
        for sign, case in zip("=≠", cases, strict=True):
            made = writer.equation(_factored(graph, _spread(graph, case)), [("f", case.order)])
            lines.append(f"  {one} {sign} {other}: {unicode_text(made.right)}")
    return lines


def _factored(graph: Graph, node: Node) -> Node:
    """A sum of entrywise products with their common factor before it: a - a² as a (1 - a)."""
    labels = tuple(range(node.order))
    if isinstance(node, Product) and [at for _, at in node.factors] == [labels] == [node.out]:
        inner = _factored(graph, node.factors[0][0])
        return graph.scale(node.coefficient, inner)
    if not isinstance(node, Add):
        return node
    common: set[Node] | None = None
    for _, term in node.terms:
        factors = term.factors if isinstance(term, Product) else ((term, labels),)
        held = {
            factor.base if isinstance(factor, Power) and factor.exponent > 1 else factor
            for factor, at in factors
            if at == labels
        }
        entrywise = not isinstance(term, Product) or term.out == labels
        common = (held if common is None else common & held) if entrywise else set()
    for factor in sorted(common or (), key=lambda part: part.key):
        inverse = graph.power(factor, -1)
        rest = [(c, graph.hadamard(term, inverse)) for c, term in node.terms]
        return graph.hadamard(factor, graph.add(rest, node.axes))
    return node


def _spread(graph: Graph, node: Node) -> Node:
    """A number times a sum as a sum."""
    if isinstance(node, Product) and len(node.factors) == 1:
        ((inner, labels),) = node.factors
        if isinstance(inner, Add) and labels == node.out:
            return graph.add([(node.coefficient * c, t) for c, t in inner.terms], node.axes)
    return node


def _cases(graph: Graph, node: Node) -> tuple[Node, Node] | None:
    """A matrix where its indices agree (a vector of such entries), and where they differ."""
    terms = node.terms if isinstance(node, Add) else ((Fraction(1), node),)
    tied = [isinstance(t, Product) and t.order == 2 and t.out[0] == t.out[1] for _, t in terms]
    if node.order != 2 or not any(tied) or all(tied):
        return None
    diagonal = [(c, graph.product([(term, (0, 0))], (0,))) for c, term in terms]
    rest = [part for part, same in zip(terms, tied, strict=True) if not same]
    return graph.add(diagonal, node.axes[:1]), graph.add(rest, node.axes)


def line_components(lines: Iterable[Line], letters: Mapping[str, AnyDeclaration]) -> list[str]:
    """The last form of each line of a layer kind with its indices, in the letters of the kind."""
    found = []
    for line in lines:
        graph = Graph()
        scope = infer(line.tree, letters, sizes=("n", "p", "q"))
        node = lower(line.tree, scope, graph).value.node
        raiser = Raiser(graph, {})
        writer = IndexRaiser(opened(raiser), {*letters, "n", "p", "q"})
        made = writer.equation(_spread(graph, node), _defined(line.name, node.order))
        found.append(unicode_text(made))
    return found


def _defined(name: str, order: int) -> Names:
    """δZ is the derivative of the loss by Z."""
    stem = name.removeprefix("δ")
    return [(name, order)] if stem == name else [("L", 0), (stem, order)]


# Proofs ------------------------------------------------------------------------------------------


def operations_of(*nodes: Node) -> list[Record]:
    """The operations of the table that nodes use, each once."""
    names = {
        part.operation: None
        for part in postorder(*nodes)
        if isinstance(part, Function | Operation) and part.operation in OPERATIONS
    }
    return [OPERATIONS[name] for name in names]


def proof_lines(record: Record) -> list[str]:
    """The definition of an operation, and the steps to its derivative with the rule of each."""
    argument = record.argument if isinstance(record, Structured) else "x"
    definition = unicode_text(parse(record.definition))
    left = f"∂{record.name}/∂{argument}"
    rows = [
        (left if place == 0 else "", unicode_text(parse(line.expression)), line.rule)
        for place, line in enumerate(record.proof)
    ]
    return [f"{record.name}({argument}) = {definition}", *text_block(rows), f"({record.source})"]


def proof_section(records: Iterable[Record]) -> list[str]:
    """The proofs of some operations under a heading, or nothing."""
    found = [proof_lines(record) for record in records if record.proof]
    if not found:
        return []
    lines = [f"  {line}".rstrip() for proof in found for line in (*proof, "")]
    return ["", "The operations", *lines[:-1]]
