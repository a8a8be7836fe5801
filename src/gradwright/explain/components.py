"""What stands behind the matrix notation: sums over indices, cases, the proofs of operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Function, Node, Operation, Product, postorder
from gradwright.explain.lines import Line
from gradwright.notation.declarations import Declaration
from gradwright.notation.lower import lower
from gradwright.notation.parser import parse
from gradwright.notation.raising.contract import NotMatrix
from gradwright.notation.raising.index import TextOf, index_text
from gradwright.notation.raising.raiser import Raiser
from gradwright.notation.shapes import infer
from gradwright.ops.record import Record, Structured
from gradwright.ops.table import OPERATIONS
from gradwright.render.equation import text_block
from gradwright.render.unicode import unicode_name, unicode_text


def components(name: str, node: Node, raiser: Raiser) -> list[str]:
    """`name[i,j] = Σ …`, and where an identity makes a difference the two cases."""
    shown = _whole(raiser)
    node = _spread(raiser.graph, node)
    lines = [index_text(node, name, shown)]
    cases = _cases(raiser.graph, node)
    if cases is not None:
        same, other = (_spread(raiser.graph, case) for case in cases)
        lines.append(f"  i = j: {_right(index_text(same, name, shown))}")
        lines.append(f"  i ≠ j: {_right(index_text(other, name, shown))}")
    return lines


def _spread(graph: Graph, node: Node) -> Node:
    """A number times a sum as a sum."""
    if isinstance(node, Product) and len(node.factors) == 1:
        ((inner, labels),) = node.factors
        if isinstance(inner, Add) and labels == node.out:
            return graph.add([(node.coefficient * c, t) for c, t in inner.terms], node.axes)
    return node


def _right(equation: str) -> str:
    return equation.partition(" = ")[2]


def _whole(raiser: Raiser) -> TextOf:
    """Unicode texts of nodes, contractions and sums left to the indices."""

    def text(node: Node) -> str | None:
        if isinstance(node, Add) or (isinstance(node, Product) and node.summed):
            return None
        try:
            return unicode_text(raiser.tree(node))
        except NotMatrix:
            return None

    return text


def _cases(graph: Graph, node: Node) -> tuple[Node, Node] | None:
    """A matrix where its indices agree (a vector of such entries), and where they differ."""
    terms = node.terms if isinstance(node, Add) else ((Fraction(1), node),)
    tied = [isinstance(t, Product) and t.order == 2 and t.out[0] == t.out[1] for _, t in terms]
    if node.order != 2 or not any(tied) or all(tied):
        return None
    diagonal = [(c, graph.product([(term, (0, 0))], (0,))) for c, term in terms]
    rest = [part for part, same in zip(terms, tied, strict=True) if not same]
    return graph.add(diagonal, node.axes[:1]), graph.add(rest, node.axes)


def line_components(lines: Iterable[Line], letters: Mapping[str, Declaration]) -> list[str]:
    """The last form of each line of a layer kind with its indices, in the letters of the kind."""
    found = []
    for line in lines:
        graph = Graph()
        scope = infer(line.tree, letters, sizes=("n", "p", "q"))
        node = lower(line.tree, scope, graph).value.node
        raiser = Raiser(graph, {})
        found.append(index_text(_spread(graph, node), _shown(line.name), _whole(raiser)))
    return found


def _shown(name: str) -> str:
    stem = name.removeprefix("δ")
    return f"∂L/∂{unicode_name(stem)}" if stem != name else unicode_name(name)


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
