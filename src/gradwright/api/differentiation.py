"""Formulas differentiated: the formula on a graph of its own, and each kind of derivative."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from gradwright.api.constrained import under_constraint
from gradwright.api.derivation import Derivation
from gradwright.api.entrywise import TYING, Entrywise, entrywise
from gradwright.api.modes import Chain, require_mode
from gradwright.api.outputs import Choice, Output
from gradwright.calculus.modes import Contribution, reverse
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Variable
from gradwright.errors import ShapeError, SymbolError, UnsupportedError
from gradwright.explain.domains import require_finite_numbers
from gradwright.explain.left_sides import joined
from gradwright.notation.shapes import Scope
from gradwright.simplify.readable import away_from_zero, simplified

if TYPE_CHECKING:
    from gradwright.api.formula import Formula

#: Lengths of named sizes that were given.
Sizes = Mapping[str, int]


class Subject(Struct, frozen=True):
    """A formula on a graph of its own, and the variables that it is differentiated by."""

    formula: Formula
    made: Entrywise
    variables: tuple[Variable, ...]

    @property
    def graph(self) -> Graph:
        """The graph of this derivation alone."""
        return self.made.graph

    @property
    def node(self) -> Node:
        """What is differentiated."""
        return self.made.node

    @property
    def recognised(self) -> Node:
        """What is differentiated for code; it is equal to `node`."""
        return self.made.recognised

    def smooth_gradient(self, node: Node, variable: Variable) -> Node:
        """A gradient to differentiate again: where a norm is 0 it has no derivative."""
        gradient = reverse(self.graph, node, [variable])[variable]
        return simplified(self.graph, away_from_zero(self.graph, gradient))

    def tied(self, output: Output, constraint: str, times: int = 1) -> Output:
        """A derivative under a constraint on the entries of its variable."""
        declared = self.formula.scope.symbols[output.name]
        return under_constraint(self.graph, declared, output, constraint, times)

    def derivation(
        self,
        kind: str,
        outputs: tuple[Output, ...],
        contributions: list[Contribution],
        choice: Choice,
        before: Callable[[], Derivation] | None = None,
        scope: Scope | None = None,
    ) -> Derivation:
        """What the user holds."""
        return Derivation(
            kind,
            self.formula.text,
            self.formula.tree,
            scope or self.formula.scope,
            self.graph,
            self.made.lowering,
            outputs,
            contributions
            if not self.made.restored
            else [c.renamed(self.made.restore) for c in contributions],
            choice,
            before,
        )


def subject(formula: Formula, names: tuple[str, ...], *, repeated: bool = False) -> Subject:
    """The formula on a graph of its own, and the variables to differentiate by.

    Raises:
        SymbolError: there is no name, or one that is no symbol of the formula, or one twice where
            it may not be repeated.
        DomainError: a number in the text is none.
    """
    known = ", ".join(sorted(formula.scope.symbols))
    if not names:
        raise SymbolError(
            f"a derivative of {formula.text}",
            "no variable is named to differentiate by",
            f"name one of {known}",
        )
    for name in names:
        if name not in formula.scope.symbols:
            raise SymbolError(
                f"a derivative by {name}",
                f"{name} is asked for and the formula's symbols are {known}",
                "name a symbol of the formula",
                text=formula.text,
            )
        if formula.scope.symbols[name].among is not None:
            raise SymbolError(
                f"a derivative by {name}",
                f"{name} is declared as {formula.scope.symbols[name]}, and a function of whole "
                "numbers has no derivative",
                "differentiate by what it chooses from",
                text=formula.text,
            )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None and not repeated:
        raise SymbolError(
            f"derivatives by {', '.join(names)}",
            f"{twice} is named twice, and each variable has one result",
            f"name it once; a derivative of higher order is f.derivative({twice!r}, {twice!r})",
            text=formula.text,
        )
    made, variables = entrywise(formula.tree, formula.scope, formula.text, names)
    require_finite_numbers(made.lowering, formula.text)
    return Subject(formula, made, tuple(variables))


def gradient(
    formula: Formula, names: tuple[str, ...], constraint: str, mode: str, sizes: Sizes
) -> Derivation:
    """The gradient of a scalar formula."""
    require_mode(mode, f"the gradient of {formula.text}")
    of = subject(formula, names)
    if of.node.order and any(variable.order for variable in of.variables):
        raise ShapeError(
            f"the gradient of {formula.text}",
            f"the formula has shape {formula.scope.shape} and a gradient needs a scalar",
            f"ask for the jacobian, f.jacobian({names[0]!r})",
            text=formula.text,
        )
    contributions: list[Contribution] = []
    found = reverse(of.graph, of.node, of.variables, record=contributions.append)

    def output(place: int, node: Node, others: tuple[Node, ...] = ()) -> Output:
        name = of.variables[place].name
        return of.tied(Output(name, of.made.restore(node), as_row=False, others=others), constraint)

    again = {} if of.recognised is of.node else reverse(of.graph, of.recognised, of.variables)
    outputs = tuple(
        output(k, found[v], (of.made.restore(again[v]),) if again else ())
        for k, v in enumerate(of.variables)
    )
    chain = Chain(of.graph, ((of.recognised, of.variables),), lambda k, node: output(k, node).node)
    return of.derivation("gradient", outputs, contributions, Choice(chain, mode, sizes))


def jacobian(formula: Formula, names: tuple[str, ...], mode: str, sizes: Sizes) -> Derivation:
    """The Jacobians, each with axes `y.shape + x.shape`."""
    require_mode(mode, f"the Jacobian of {formula.text}")
    of = subject(formula, names)
    contributions: list[Contribution] = []
    found = reverse(of.graph, of.node, of.variables, record=contributions.append)
    restore, rows = of.made.restore, of.node.order
    outputs = tuple(
        Output(
            variable.name,
            restore(found[variable]),
            as_row=not rows,
            others=of.made.otherwise(of.node, variable, of.recognised),
            rows=rows,
        )
        for variable in of.variables
    )
    chain = Chain(of.graph, ((of.recognised, of.variables),), lambda k, node: restore(node))
    return of.derivation("jacobian", outputs, contributions, Choice(chain, mode, sizes))


def hessian(
    formula: Formula, names: tuple[str, ...], constraint: str, mode: str, sizes: Sizes
) -> Derivation:
    """The Hessian of a scalar formula, or its blocks, with axes `x.shape + y.shape`."""
    require_mode(mode, f"the Hessian of {formula.text}")
    of = subject(formula, names)
    require_scalar(of, names[0], "Hessian")
    if len(names) > 1 and constraint != "none":
        raise UnsupportedError(
            f"the Hessian of {formula.text} by {', '.join(names)} with constraint={constraint!r}",
            f"{len(names)} variables are named, and a constraint is that of one",
            "ask for the Hessian by one variable",
            text=formula.text,
        )
    contributions: list[Contribution] = []
    slopes = tuple((of.smooth_gradient(of.node, v), of.variables) for v in of.variables)
    safer = slopes
    if of.recognised is not of.node:
        safer = tuple((of.smooth_gradient(of.recognised, v), of.variables) for v in of.variables)
    record = contributions.append
    found = [(s, reverse(of.graph, s, by, record=record)) for s, by in slopes]

    def output(place: int, node: Node, others: tuple[Node, ...] = ()) -> Output:
        row, column = divmod(place, len(names))
        name = names[0] if len(names) == 1 else joined((names[row], names[column]))
        rows = of.variables[row].order
        made = Output(name, of.made.restore(node), as_row=False, others=others, rows=rows)
        return of.tied(made, constraint, times=2) if len(names) == 1 else made

    outputs = tuple(
        output(row * len(names) + column, block[v], of.made.otherwise(slope, v, safer[row][0]))
        for row, (slope, block) in enumerate(found)
        for column, v in enumerate(of.variables)
    )
    chain = Chain(of.graph, safer, lambda k, node: output(k, node).node)
    gradient = partial(untied(formula, names).gradient, *names)
    return of.derivation("hessian", outputs, contributions, Choice(chain, mode, sizes), gradient)


def derivative(formula: Formula, names: tuple[str, ...], mode: str, sizes: Sizes) -> Derivation:
    """The derivative by one variable after the other, with axes `y.shape + x.shape + …`."""
    asked = f"the derivative of {formula.text}"
    require_mode(mode, asked)
    of = subject(formula, names, repeated=True)
    if len(names) == 1 and of.node.order:
        return jacobian(formula, names, mode, sizes)
    if len(names) == 1:
        return gradient(formula, names, "none", mode, sizes)
    if len(names) == 2 and names[0] == names[1] and not of.node.order:
        return hessian(formula, names[:1], "none", mode, sizes)
    node, safer = of.node, of.recognised
    for variable in of.variables[:-1]:
        same = safer is node
        node = of.smooth_gradient(node, variable)
        safer = node if same else of.smooth_gradient(safer, variable)
    last = of.variables[-1]
    contributions: list[Contribution] = []
    found = reverse(of.graph, node, [last], record=contributions.append)[last]
    restore = of.made.restore
    others = of.made.otherwise(node, last, safer)
    output = Output(joined(names), restore(found), False, others=others, rows=node.order)
    chain = Chain(of.graph, ((safer, (last,)),), lambda k, node: restore(node))
    before = partial(untied(formula, names).derivative, *names[:-1])
    choice = Choice(chain, mode, sizes)
    return of.derivation("derivative", (output,), contributions, choice, before)


def untied(formula: Formula, names: tuple[str, ...]) -> Formula:
    """The formula for values without the facts that tie entries of some variables.

    The text of a derivative is differentiated again by the check of the next one, so it may not
    use them.
    """
    symbols = dict(formula.scope.symbols)
    for name in names:
        symbols[name] = replace(symbols[name], facts=symbols[name].facts - TYING)
    return type(formula)(formula.text, formula.tree, replace(formula.scope, symbols=symbols))


def require_scalar(of: Subject, wrt: str, what: str) -> None:
    """Refuse a formula that is no scalar.

    Raises:
        ShapeError: it has axes.
    """
    if of.node.order:
        formula = of.formula
        raise ShapeError(
            f"the {what} of {formula.text}",
            f"the formula has shape {formula.scope.shape} and a {what} needs a scalar",
            f"differentiate one entry, or ask for f.jacobian({wrt!r}) or f.derivative({wrt!r}, "
            f"{wrt!r})",
            text=formula.text,
        )
