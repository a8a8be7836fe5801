"""What stands behind the matrix notation: sums over indices, cases, the proofs of operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Node, Power, Product, Variable
from gradwright.explain.left_sides import variables_of
from gradwright.explain.lines import Line
from gradwright.explain.product_rule import product_rule
from gradwright.notation.declarations import AnyDeclaration, Declaration
from gradwright.notation.lower import lower
from gradwright.notation.parser import parse
from gradwright.notation.raising.index import IndexRaiser, Names, opened, terms_of
from gradwright.notation.raising.raiser import Raiser
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Tree
from gradwright.render.equation import text_block
from gradwright.render.unicode import left_text, unicode_name, unicode_text
from gradwright.simplify.readable import Printed


def in_components(
    kind: str, value: Node, results: Mapping[str, Printed], raiser: Raiser, scope: Scope
) -> list[str]:
    """A section: a formula and its derivatives by variables, each with its indices.

    Where the formula is a sum of products, the product rule leads from one to the other.
    """
    taken = {*scope.known, *scope.sizes, *raiser.indices}
    writer = IndexRaiser(opened(raiser), taken)
    lines = _components([("f", value.order)], value, raiser.graph, writer)
    for name, printed in results.items():
        node = printed.node
        names = _derivative(kind, name, value.order, node.order, scope)
        lines += _components(names, node, raiser.graph, writer)
        if kind in ("gradient", "jacobian"):
            declared = scope.symbols[name]
            variable = raiser.graph.variable(name, declared.sizes, declared.facts)
            shown = printed.tree if printed.form == "matrix" else None
            lines += product_rule_lines("f", value, variable, writer, shown)
    return ["", "In components", *(f"  {line}" for line in lines)]


def product_rule_lines(
    name: str, value: Node, variable: Variable, writer: IndexRaiser, result: Tree | None
) -> list[str]:
    """The lines of the product rule with indices, or nothing."""
    steps = product_rule(name, value, variable, writer, result)
    if steps is None:
        return []
    left = left_text(steps.left, unicode_name)
    rows = [
        (left if place == 0 else "", unicode_text(tree), rule)
        for place, (tree, rule) in enumerate(steps.lines)
    ]
    return [f"  {line}" for line in text_block(rows)]


def affine_components(product: str, letters: Mapping[str, Declaration]) -> list[str]:
    """A section: z = W x + b of one sample by W and x, and the loss by them, by the product rule.

    `product` is W x in notation; `letters` declares W, x and δz, which is ∂L/∂z: by the chain rule
    L has the derivatives of Σ δz z with δz held fixed.
    """
    lines = [
        "",
        "The affine map of one sample, by the product rule",
        f"  z = {unicode_text(parse(product))} + b",
        "  ∂L/∂W and ∂L/∂x are those of Σ_i δz[i] z[i] with δz = ∂L/∂z held fixed (chain rule)",
    ]
    for name, formula in (("z", product), ("L", f"δz'*({product})")):
        graph = Graph()
        tree = parse(formula)
        value = lower(tree, infer(tree, letters), graph).value.node
        writer = IndexRaiser(opened(Raiser(graph, {})), {*letters, "n", "p", "q"})
        for wrt in ("W", "x"):
            variable = graph.variable(wrt, letters[wrt].sizes)
            lines += product_rule_lines(name, value, variable, writer, None)
    return lines


def _derivative(kind: str, key: str, of: int, order: int, scope: Scope) -> Names:
    """The names on the left side of a derivative, with the axes of each."""
    if kind in ("vjp", "jvp", "hvp"):
        return [(kind, order)]
    names = variables_of(kind, key)
    return [("f", of), *((name, len(scope.symbols[name].sizes)) for name in names)]


def _components(names: Names, node: Node, graph: Graph, writer: IndexRaiser) -> list[str]:
    """`f[i,j] = Σ …`, and where an identity makes a difference the two cases."""
    equation = writer.equation(node, names)
    lines = [unicode_text(equation)]
    cases = _cases(graph, node)
    if cases is not None:
        one, other = equation.left.indices
        for sign, case in zip("=≠", cases, strict=True):
            made = writer.equation(_factored(graph, case), [("f", case.order)])
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


def _cases(graph: Graph, node: Node) -> tuple[Node, Node] | None:
    """A matrix where its indices agree (a vector of such entries), and where they differ."""
    terms = terms_of(node)
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
        made = writer.equation(node, _defined(line.name, node.order))
        found.append(unicode_text(made))
    return found


def _defined(name: str, order: int) -> Names:
    """δZ is the derivative of the loss by Z."""
    stem = name.removeprefix("δ")
    return [(name, order)] if stem == name else [("L", 0), (stem, order)]
