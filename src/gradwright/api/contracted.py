"""A derivative with more axes than a matrix, multiplied with vectors until it has those of one.

What has no matrix form is written with indices; the product that is needed in its place, with a
cotangent of the formula and with tangents of all variables but the last, has one.
"""

from __future__ import annotations

from msgspec.structs import replace

from gradwright.core.graph import Graph
from gradwright.core.nodes import Labels, Node
from gradwright.core.work import within
from gradwright.explain.left_sides import UNICODE, left_side, variables_of
from gradwright.notation.declarations import Declaration, array_kind
from gradwright.notation.lowered import Lowering
from gradwright.notation.raising.raiser import Raiser
from gradwright.notation.shapes import Scope
from gradwright.simplify.readable import Printed, Printer

#: The share of a call's work that a product may take.
SHARE = 0.3


def contracted(
    graph: Graph, scope: Scope, lowering: Lowering, kind: str, key: str, node: Node
) -> tuple[str, Printed] | None:
    """The name of the product and its matrix form; None where there is none.

    The direction of the i-th variable is called `tangent_i`, as in (∂²f/∂x²)(tangent_1, ·).
    """
    names = variables_of(kind, key)
    sizes = [len(scope.symbols[name].sizes) for name in names]
    ends = [node.order - sum(sizes[k:]) for k in range(len(sizes))]
    parts = {"cotangent": tuple(range(ends[0]))} if ends[0] else {}
    for k, start in enumerate(ends[:-1]):
        parts[f"tangent_{k + 1}"] = tuple(range(start, ends[k + 1]))
    if not parts or any(name in scope.symbols or name in scope.sizes for name in parts):
        return None

    def made() -> Printed:
        wider = dict(scope.symbols)
        factors: list[tuple[Node, Labels]] = [(node, tuple(range(node.order)))]
        for name, labels in parts.items():
            axes = tuple(node.axes[k] for k in labels)
            wider[name] = Declaration(name, array_kind(len(axes)), axes)
            factors.append((graph.variable(name, axes), labels))
        product = graph.product(factors, tuple(range(ends[-1], node.order)))
        printer = Printer(graph, replace(scope, symbols=wider), Raiser(graph, lowering.said))
        return printer.printed(product)

    printed = within(SHARE, made)
    if printed is None or printed.form != "matrix":
        return None
    return _called(kind, key, list(parts)), printed


def _called(kind: str, key: str, parts: list[str]) -> str:
    """⟨cotangent, (∂²f/∂x²)(tangent_1, ·)⟩, or ∂⟨cotangent, f⟩/∂x."""
    names = variables_of(kind, key)
    if parts == ["cotangent"]:
        return left_side("vjp", names[-1], names, UNICODE)
    tangents = [UNICODE.name(part) for part in parts if part != "cotangent"]
    along = f"({left_side(kind, key, (), UNICODE)})({', '.join([*tangents, '·'])})"
    return f"⟨cotangent, {along}⟩" if "cotangent" in parts else along
