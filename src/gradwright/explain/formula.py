"""The derivation of a formula's derivative: one line for each use of the chain rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gradwright.calculus.modes import Contribution
from gradwright.core.nodes import Add, Function, Node, Operation, Power, Product, Variable
from gradwright.explain.cases import CasesOf
from gradwright.explain.left_sides import (
    UNICODE,
    joined,
    left_side,
    step_left_side,
    variables_of,
)
from gradwright.notation.declarations import FunctionDeclaration
from gradwright.notation.definitions import Definitions
from gradwright.notation.raising.contract import NotMatrix
from gradwright.notation.raising.raiser import Raiser
from gradwright.notation.shapes import Scope
from gradwright.notation.tree import Binary, Call, Equation, Left, Symbol, Tree
from gradwright.render.equation import text_block
from gradwright.render.unicode import unicode_name, unicode_text
from gradwright.simplify.equal import is_zero
from gradwright.simplify.readable import Printed, Printer


class Step(Struct, frozen=True):
    """One line: what is differentiated by what, what it equals, and the rule used.

    `of` is the sub-expression whose derivative the line gives; `before` and `after` are equal.
    """

    rule: str
    of: Tree
    after: Tree


def chain_rule_steps(
    contributions: Sequence[Contribution], printer: Printer, raiser: Raiser
) -> list[Step]:
    """The contributions that have a matrix form, each verified, in the order of the sweep."""
    steps = []
    for contribution in contributions:
        argument = contribution.argument
        if contribution.result.order > 2 or is_zero(contribution.result):
            continue
        try:
            of = raiser.tree(argument)
        except NotMatrix:
            continue
        printed = printer.printed(contribution.result)
        if printed.form == "index":
            continue
        rule = rule_name(contribution.node, argument)
        steps.append(Step(rule, of, printed.tree))
    return steps


def rule_name(node: Node, argument: Node) -> str:
    """The textbook name of differentiating `node` by one of its arguments."""
    match node:
        case Product(factors=factors):
            varying = sum(1 for factor, _ in factors if not _is_constant(factor))
            return "product rule" if varying > 1 else "linear"
        case Add():
            return "sum rule"
        case Power(exponent=exponent):
            return f"power rule, exponent {exponent}"
        case Function(operation=name) | Operation(operation=name):
            return f"chain rule through {name}"
        case _:
            raise AssertionError(f"{node} has no argument {argument}")


def _is_constant(node: Node) -> bool:
    return isinstance(node, Product) and not node.factors and not isinstance(node, Variable)


def named_f(tree: Tree) -> Equation:
    """`f = …`, or `f[i,j] = …` for an equation, in the place of its own left side."""
    if isinstance(tree, Equation):
        return Equation(Left((("f", tree.left.indices),)), tree.right)
    return Equation(Left((("f", ()),)), tree)


def result_in_indices(kind: str, key: str, scope: Scope, tree: Tree) -> Tree:
    """A result in index form with the derivative as its left side, `∂f[i]/∂W[j,k] = …`.

    Products with vectors keep the left side that they have.
    """
    if not isinstance(tree, Equation) or kind in ("vjp", "jvp", "hvp"):
        return tree
    indices = tree.left.indices
    parts: list[tuple[str, tuple[str, ...]]] = []
    for name in reversed(variables_of(kind, key)):
        cut = len(indices) - len(scope.symbols[name].sizes)
        parts.insert(0, (name, indices[cut:]))
        indices = indices[:cut]
    return Equation(Left((("f", indices), *parts)), tree.right)


def formula_text(
    kind: str,
    tree: Tree,
    scope: Scope,
    printed: Mapping[str, Printed],
    steps: Sequence[Step],
    assumptions: Sequence[str],
    cases: Mapping[str, Sequence[CasesOf]],
    products: Mapping[str, tuple[str, Printed]],
) -> str:
    """The whole derivation as text; `products` are those of results in index form with vectors."""
    names = scope.definitions
    lines = [f"{unicode_text(d.left)} = {unicode_text(d.value)}" for d in names.listed]
    lines += [unicode_text(named_f(names.folded(tree))), "    " + declared_text(scope)]
    if steps:
        lines += ["", "Chain rule, from the result backwards"]
        lines += [f"  {line}" for line in text_block(_rows(kind, steps, names.folded))]
    lines += ["", "Result"]
    for key, result in printed.items():
        left = left_side(kind, key, list(printed), UNICODE)
        shown = names.folded(result.tree)
        if result.form == "index":
            lines.append(f"  {unicode_text(result_in_indices(kind, key, scope, shown))}")
        else:
            lines += _result(kind, left, replace(result, tree=shown), key, scope)
        if key in products:
            name, product = products[key]
            lines.append(f"  {name} = {unicode_text(names.folded(product.tree))}")
        lines += [f"  {part.text(left)}" for part in cases[key]]
    if assumptions:
        lines += ["", "Assumed"]
        lines += [f"  {text}" for text in assumptions]
    return "\n".join(lines)


def numbered(steps: Sequence[Step]) -> list[tuple[Step, str]]:
    """Each step with its rule; the parts of a sum over several paths are numbered."""
    paths = Counter(step.of for step in steps)
    seen: Counter[Tree] = Counter()
    found = []
    for step in steps:
        seen[step.of] += 1
        part = f", part {seen[step.of]} of {paths[step.of]}" if paths[step.of] > 1 else ""
        found.append((step, step.rule + part))
    return found


def _rows(
    kind: str, steps: Sequence[Step], folded: Callable[[Tree], Tree]
) -> list[tuple[str, str, str]]:
    rows = []
    paths = Counter(step.of for step in steps)
    earlier: dict[Tree, Tree] = {}
    for step, rule in numbered(steps):
        named = folded(step.of)
        of = unicode_text(named)
        shown = of if isinstance(named, Symbol) else f"({of})"
        left = step_left_side(kind, shown, UNICODE)
        after = folded(step.after)
        rows.append((left, unicode_text(Definitions(written=earlier).folded(after)), rule))
        # The derivative by a part with a name is called so in the lines that follow.
        whole = paths[step.of] == 1 and isinstance(after, Binary | Call)
        if whole and isinstance(named, Symbol) and named != step.of:
            earlier[after] = Symbol(left)
    return rows


def declared_text(scope: Scope) -> str:
    """The symbols with their sizes and facts, the functions with theirs, on one line."""
    parts = []
    for name, declared in sorted(scope.symbols.items()):
        size = " × ".join(str(s) for s in declared.sizes) or "scalar"
        facts = "".join(f", {fact}" for fact in sorted(declared.facts))
        parts.append(f"{unicode_name(name)}: {size}{facts}")
    for name, function in sorted(scope.functions.items()):
        parts.append(f"{unicode_name(name)}: {_function(function)}")
    return ";  ".join(parts)


def _function(declared: FunctionDeclaration) -> str:
    if declared.kind == "elementwise":
        return "an abstract function of each entry"
    *inputs, output = map(str, declared.sizes)
    return f"an abstract function, {', '.join(inputs)} to {output} entries"


def _result(kind: str, left: str, result: Printed, key: str, scope: Scope) -> list[str]:
    """A result, the rules that lead to it, how it is stacked."""
    lines = [f"  {left} = {unicode_text(result.tree)}"]
    rules = dict.fromkeys(step.rule.statement for step in result.steps)
    lines += [f"      by {statement}" for statement in rules]
    if result.form == "kronecker":
        lines.append(f"      as {stacking(kind, key, scope, result)}, columns stacked")
    return lines


def stacking(kind: str, key: str, scope: Scope, result: Printed) -> str:
    """Which derivative of vecs a Kronecker form is: d vec(f)/d vec(X)ᵀ."""
    *before, last = variables_of(kind, key)
    columns = len(scope.symbols[last].sizes)
    name = unicode_name(last)
    above = left_side("gradient", joined(before), (), UNICODE) if before else "f"
    stacked = result.node.order - columns > 1
    rows = f"vec({above})" if stacked else f"({above})" if before else above
    return f"d {rows}/d {f'vec({name})' if columns > 1 else name}ᵀ"
