"""Derivatives by cases: what a result is on each side of the places where it jumps.

A result jumps where a function of `ops` with `levels` does, such as step and sign. Put the level
below, at and above zero in its place, and the three cases are there. Their conditions are solved
for the variable where what is compared is affine in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from msgspec import Struct

from gradwright.calculus.modes import reverse
from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Function, Node, Product, arguments, postorder, variables
from gradwright.notation.lowered import number_value
from gradwright.notation.raising.build import number_tree
from gradwright.notation.raising.contract import NotMatrix
from gradwright.notation.tree import Tree
from gradwright.ops.record import options_of
from gradwright.ops.table import elementwise
from gradwright.render.cases import Cases, Comparison
from gradwright.render.latex import latex
from gradwright.render.unicode import unicode_text
from gradwright.simplify.readable import Printer, simplified
from gradwright.simplify.rewrite import substitute

ZERO = number_tree(Fraction(0))

#: Levels below, at and above zero, or trees for them.
Levels = tuple[Fraction, Fraction, Fraction]


class Jumps(Struct, frozen=True):
    """All functions of a result that jump where one node is zero, with their levels."""

    argument: Node
    levels: Mapping[Node, Levels]


class CasesOf(Struct, frozen=True):
    """The cases of a whole result (`of` is None), or of a function in it."""

    of: Tree | None
    cases: Cases

    def text(self, left: str) -> str:
        """On one line, with `left` as the name of the result."""
        return self.cases.text(left if self.of is None else unicode_text(self.of))

    def latex(self, left: str) -> str:
        """As LaTeX mathematics, with `left` as the name of the result."""
        return self.cases.latex(left if self.of is None else latex(self.of))

    def to_dict(self) -> dict[str, object]:
        """As plain values; `of` is null for the cases of the result."""
        of = None if self.of is None else unicode_text(self.of)
        return {"of": of, **self.cases.to_dict()}


def cases_of(node: Node, variable: str, printer: Printer) -> tuple[CasesOf, ...]:
    """The cases of a derivative by the variable of that name; nothing where there is no jump.

    One place to jump, at which whole entries of the result change, gives the cases of the result.
    Otherwise each function that jumps is given by its own cases.
    """
    jumps = _jumps(printer.graph, node)
    if len(jumps) == 1 and _entry_by_entry(node, jumps[0]):
        found = _of_result(node, jumps[0], variable, printer)
        return () if found is None else (CasesOf(None, found),)
    each = []
    for jump in jumps:
        for function, levels in jump.levels.items():
            of = _tree(function, printer)
            values = tuple(number_tree(level) for level in levels)
            compared = _compared(jump.argument, printer)
            if of is not None and compared is not None:
                cases = _cases(values, *compared, entrywise=bool(function.order))
                each.append(CasesOf(of, cases))
    return tuple(each)


def _jumps(graph: Graph, node: Node) -> list[Jumps]:
    """The places of a result where it jumps; u = 0 and -u = 0 are one place."""
    found: dict[Node, dict[Node, Levels]] = {}
    for part in postorder(node):
        if not isinstance(part, Function) or not elementwise(part).levels:
            continue
        levels = _levels(part)
        argument = part.arguments[0]
        mirrored = graph.scale(-1, argument)
        if mirrored in found:
            argument, levels = mirrored, (levels[2], levels[1], levels[0])
        found.setdefault(argument, {})[part] = levels
    return [Jumps(argument, levels) for argument, levels in found.items()]


def _levels(node: Function) -> Levels:
    options = {name: str(value) for name, value in options_of(node).items()}
    below, at, above = (Fraction(level.format(**options)) for level in elementwise(node).levels)
    return below, at, above


def _entry_by_entry(node: Node, jump: Jumps) -> bool:
    """Whether an entry of the result depends on no more than one entry of what jumps."""
    touched = set(jump.levels)
    if not jump.argument.order:
        return not any(part in touched for part in postorder(jump.argument))
    for part in postorder(node):
        inside = [argument for argument in arguments(part) if argument in touched]
        if part in touched or not inside:
            continue
        if part.axes != jump.argument.axes:
            return False
        if isinstance(part, Product) and any(
            factor in touched and (labels != part.out or len(set(labels)) < len(labels))
            for factor, labels in part.factors
        ):
            return False
        touched.add(part)
    return jump.argument not in touched and node.axes == jump.argument.axes


# The cases of a result -----------------------------------------------------------------------


def _of_result(node: Node, jump: Jumps, variable: str, printer: Printer) -> Cases | None:
    values = []
    for place in range(3):
        level = {f: printer.graph.number(x[place], f.axes) for f, x in jump.levels.items()}
        tree = _value(substitute(printer.graph, node, level), printer)
        if tree is None:
            return None
        values.append(tree)
    if not jump.argument.order:
        solved = _solved(jump.argument, variable, values, printer)
        if solved is not None:
            return solved
    compared = _compared(jump.argument, printer)
    return (
        None if compared is None else _cases(values, *compared, entrywise=bool(jump.argument.order))
    )


def _cases(values: Sequence[Tree], left: Tree, right: Tree, entrywise: bool = False) -> Cases:
    """Cases by the sign of left - right; neighbours with one value become one case."""
    below, at, above = values
    relations: list[tuple[Tree, str]] = [(below, "<"), (at, "="), (above, ">")]
    if below == at:
        relations = [(below, "≤"), (above, ">")]
    elif at == above:
        relations = [(below, "<"), (above, "≥")]
    whole = tuple((value, Comparison(left, sign, right)) for value, sign in relations)
    return Cases(whole, entrywise=entrywise)


def _solved(
    argument: Node, variable: str, values: Sequence[Tree], printer: Printer
) -> Cases | None:
    """Cases in terms of a scalar variable, where what is compared is affine in it: s·x + t."""
    graph = printer.graph
    x = next((v for v in variables(argument) if v.name == variable), None)
    if x is None or x.order:
        return None
    slope = simplified(graph, reverse(graph, argument, [x])[x])
    if x in postorder(slope):
        return None
    rest = simplified(graph, substitute(graph, argument, {x: graph.number(0)}))
    border = _value(graph.times(graph.power(slope, -1), graph.scale(-1, rest)), printer)
    here = _tree(x, printer)
    known = number_value(slope)
    if border is None or here is None or known == 0:
        return None
    if known is not None:
        return _cases(values if known > 0 else values[::-1], here, border)
    condition = _sign_condition(slope, printer)
    if condition is None:
        return None
    given, sign = condition
    below, at, above = values if sign > 0 else values[::-1]
    relations = [(below, "<"), (at, "="), (above, ">")]
    whole = tuple((value, Comparison(here, relation, border)) for value, relation in relations)
    return Cases(whole, given)


def _sign_condition(slope: Node, printer: Printer) -> tuple[Comparison, int] | None:
    """A comparison, and the sign that the slope has where it holds."""
    terms = _signed_terms(slope)
    constants = [(c, t) for c, t in terms if _constant(t) is not None]
    others = [(c, t) for c, t in terms if _constant(t) is None]
    if len(others) == 1 and len(constants) == 1:
        (factor, term), (scale, constant) = others[0], constants[0]
        value = _constant(constant)
        assert value is not None
        left = _tree(term, printer)
        if left is not None:
            limit = number_tree(-scale * value / factor)
            return Comparison(left, "<", limit), -1 if factor > 0 else 1
    shown = _value(slope, printer)
    return None if shown is None else (Comparison(shown, ">", ZERO), 1)


# Trees -----------------------------------------------------------------------------------------


def _signed_terms(node: Node) -> list[tuple[Fraction, Node]]:
    """The terms of a sum, up to a positive factor of the whole; nothing for what is no sum."""
    if isinstance(node, Add):
        return list(node.terms)
    if isinstance(node, Product) and len(node.factors) == 1:
        ((inner, labels),) = node.factors
        if isinstance(inner, Add) and labels == node.out:
            sign = 1 if node.coefficient > 0 else -1
            return [(sign * c, term) for c, term in inner.terms]
    return []


def _constant(node: Node) -> Fraction | None:
    """The number that every entry of a node is, else None."""
    if isinstance(node, Product) and not node.factors and len(set(node.out)) == len(node.out):
        return node.coefficient
    return None


def _value(node: Node, printer: Printer) -> Tree | None:
    """A case's value; an entry of a vector of one number is that number."""
    constant = _constant(simplified(printer.graph, node))
    if constant is not None:
        return number_tree(constant)
    printed = printer.printed(node)
    return None if printed.form == "index" else printed.tree


def _tree(node: Node, printer: Printer) -> Tree | None:
    try:
        return printer.raiser.tree(node)
    except NotMatrix:
        return None


def _compared(node: Node, printer: Printer) -> tuple[Tree, Tree] | None:
    """What is compared with what: a - b by its two parts, anything else with zero."""
    graph = printer.graph
    terms = sorted(_signed_terms(node), key=lambda term: -term[0])
    if len(terms) == 2 and terms[1][0] < 0 < terms[0][0]:
        (one, first), (other, second) = terms
        left = _value(graph.scale(one, first), printer)
        right = _value(graph.scale(-other, second), printer)
        return None if left is None or right is None else (left, right)
    shown = _value(node, printer)
    return None if shown is None else (shown, ZERO)
