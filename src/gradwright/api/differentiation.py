"""Formulas differentiated: the formula on a graph of its own, and each kind of derivative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gradwright.api.constrained import under_constraint
from gradwright.api.derivation import Derivation
from gradwright.api.entrywise import TYING, Entrywise, entrywise
from gradwright.api.modes import Chain, require_mode
from gradwright.api.outputs import Choice, Output
from gradwright.calculus.modes import Contribution, forward, reverse
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Variable
from gradwright.errors import ShapeError, SymbolError, UnsupportedError
from gradwright.notation.declarations import Declaration, array_kind
from gradwright.notation.shapes import Scope
from gradwright.simplify.readable import away_from_zero, simplified

if TYPE_CHECKING:
    from gradwright.api.formula import Formula

#: Lengths of named sizes that were given.
Sizes = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Subject:
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

    def smooth_gradient(self, variable: Variable) -> Node:
        """The gradient to differentiate again: where a norm is 0 it has no derivative."""
        gradient = reverse(self.graph, self.node, [variable])[variable]
        return simplified(self.graph, away_from_zero(self.graph, gradient))

    def tied(self, output: Output, constraint: str, times: int = 1) -> Output:
        """A derivative under a constraint on the entries of its variable."""
        declared = self.formula.scope.symbols[output.name]
        return under_constraint(self.graph, declared, output, constraint, times)

    def beside(self, name: str, like: Node) -> tuple[Variable, Scope]:
        """A variable with the axes of a node, and the scope with it."""
        formula = self.formula
        if name in formula.scope.symbols or name in formula.scope.sizes:
            raise SymbolError(
                f"a product with the derivative of {formula.text}",
                f"the vector is called {name}, and the formula has a {name} of its own",
                f"rename {name} in the formula",
                text=formula.text,
            )
        value = self.made.lowering.value
        stacked = max(value.rows, value.node.order - value.rows) > 1
        if like is self.node and stacked and formula.scope.shape.kind != "tensor":
            raise UnsupportedError(
                f"a product with the derivative of {formula.text}",
                f"the formula has the shape {formula.scope.shape}, and a {name} has sizes that "
                "are no products",
                "differentiate the formula without vec or kron",
                text=formula.text,
            )
        declared = Declaration(name, array_kind(like.order), like.axes)
        scope = replace(formula.scope, symbols={**formula.scope.symbols, name: declared})
        return self.graph.variable(name, like.axes), scope

    def derivation(
        self,
        kind: str,
        outputs: tuple[Output, ...],
        contributions: list[Contribution],
        choice: Choice,
        gradient: Derivation | None = None,
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
            [c.renamed(self.made.restore) for c in contributions],
            choice,
            gradient,
        )


def subject(formula: Formula, names: tuple[str, ...]) -> Subject:
    """The formula on a graph of its own, and the variables to differentiate by.

    Raises:
        SymbolError: there is no name, or one that is no symbol of the formula.
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
    made, variables = entrywise(formula.tree, formula.scope, formula.text, names)
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

    def output(place: int, node: Node) -> Output:
        made = Output(of.variables[place].name, of.made.restore(node), as_row=False)
        return of.tied(made, constraint)

    outputs = tuple(output(place, found[v]) for place, v in enumerate(of.variables))
    chain = Chain(of.graph, ((of.node, of.variables),), lambda k, node: output(k, node).node)
    return of.derivation("gradient", outputs, contributions, Choice(chain, mode, sizes))


def jacobian(formula: Formula, wrt: str, mode: str, sizes: Sizes) -> Derivation:
    """The Jacobian, with axes `y.shape + x.shape`."""
    require_mode(mode, f"the Jacobian of {formula.text}")
    of = subject(formula, (wrt,))
    (variable,) = of.variables
    contributions: list[Contribution] = []
    found = reverse(of.graph, of.node, [variable], record=contributions.append)[variable]
    restore, rows = of.made.restore, of.node.order
    others = of.made.otherwise(of.node, variable)
    output = Output(wrt, restore(found), as_row=not rows, others=others, rows=rows)
    chain = Chain(of.graph, ((of.node, (variable,)),), lambda k, node: restore(node))
    return of.derivation("jacobian", (output,), contributions, Choice(chain, mode, sizes))


def hessian(formula: Formula, wrt: str, constraint: str, mode: str, sizes: Sizes) -> Derivation:
    """The Hessian of a scalar formula, with axes `x.shape + x.shape`."""
    require_mode(mode, f"the Hessian of {formula.text}")
    of = subject(formula, (wrt,))
    (variable,) = of.variables
    _require_scalar(of, wrt, "Hessian")
    slope = of.smooth_gradient(variable)
    contributions: list[Contribution] = []
    found = reverse(of.graph, slope, [variable], record=contributions.append)[variable]
    restore = of.made.restore

    def output(node: Node, others: tuple[Node, ...] = ()) -> Output:
        made = Output(wrt, restore(node), as_row=False, others=others, rows=variable.order)
        return of.tied(made, constraint, times=2)

    outputs = (output(found, of.made.otherwise(slope, variable)),)
    chain = Chain(of.graph, ((slope, (variable,)),), lambda k, node: output(node).node)
    choice = Choice(chain, mode, sizes)
    return of.derivation("hessian", outputs, contributions, choice, _entrywise(formula, wrt))


def vjp(formula: Formula, wrt: str) -> Derivation:
    """The vector-Jacobian product, with the shape of x."""
    of = subject(formula, (wrt,))
    (variable,) = of.variables
    cotangent, scope = of.beside("cotangent", of.node)
    contributions: list[Contribution] = []
    found = reverse(of.graph, of.node, [variable], cotangent=cotangent, record=contributions.append)
    output = Output(wrt, of.made.restore(found[variable]), as_row=False)
    return of.derivation("vjp", (output,), contributions, Choice(None, "reverse"), scope=scope)


def jvp(formula: Formula, wrt: str) -> Derivation:
    """The Jacobian-vector product, with the shape of the formula."""
    of = subject(formula, (wrt,))
    (variable,) = of.variables
    tangent, scope = of.beside("tangent", variable)
    node = of.made.restore(forward(of.graph, of.node, variable, tangent=tangent))
    output = Output(wrt, node, as_row=of.made.lowering.value.rows == 0)
    return of.derivation("jvp", (output,), [], Choice(None, "forward"), scope=scope)


def hvp(formula: Formula, wrt: str) -> Derivation:
    """The Hessian of a scalar formula times a tangent, with the shape of x."""
    of = subject(formula, (wrt,))
    (variable,) = of.variables
    _require_scalar(of, wrt, "Hessian")
    tangent, scope = of.beside("tangent", variable)
    slope = of.smooth_gradient(variable)
    node = of.made.restore(forward(of.graph, slope, variable, tangent=tangent))
    output = Output(wrt, node, as_row=False)
    gradient = _entrywise(formula, wrt)
    return of.derivation("hvp", (output,), [], Choice(None, "forward"), gradient, scope)


def _entrywise(formula: Formula, wrt: str) -> Derivation:
    """The gradient as it is for values without the facts that tie entries.

    Its text is differentiated again by the check of a Hessian, so it may not use them.
    """
    declared = formula.scope.symbols[wrt]
    untied = replace(declared, facts=declared.facts - TYING)
    scope = replace(formula.scope, symbols={**formula.scope.symbols, wrt: untied})
    return type(formula)(formula.text, formula.tree, scope).gradient(wrt)


def _require_scalar(of: Subject, wrt: str, what: str) -> None:
    if of.node.order:
        formula = of.formula
        raise ShapeError(
            f"the {what} of {formula.text}",
            f"the formula has shape {formula.scope.shape} and a {what} needs a scalar",
            f"differentiate one entry, or ask for f.jacobian({wrt!r})",
            text=formula.text,
        )
