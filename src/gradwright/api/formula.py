"""A formula as users hold it: text in, derivations out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gradwright.api.constrained import under_constraint
from gradwright.api.derivation import Derivation
from gradwright.api.entrywise import TYING, Entrywise, entrywise
from gradwright.api.facts import verify_all
from gradwright.api.outputs import Output
from gradwright.api.sources import Source, read_source
from gradwright.calculus.modes import Contribution, forward, reverse
from gradwright.core.nodes import Node, Variable
from gradwright.core.work import bounded
from gradwright.errors import ShapeError, SymbolError, UnsupportedError
from gradwright.notation.declarations import (
    AnyDeclaration,
    Declaration,
    FunctionDeclaration,
    array_kind,
    declare_any,
)
from gradwright.notation.definitions import read
from gradwright.notation.function_values import supplied
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Tree
from gradwright.simplify.readable import away_from_zero, simplified


class Formula:
    """A formula with typed symbols.

    Made by `formula`. Immutable; every derivation is computed on a graph of its own, so formulas
    and derivations may be shared between threads.
    """

    def __init__(self, text: str, tree: Tree, scope: Scope) -> None:
        self.text = text
        self.tree = tree
        self.scope = scope

    def __repr__(self) -> str:
        return f"formula({self.text!r})"

    @bounded("evaluating a formula")
    def __call__(self, **values: Any) -> Any:
        """The value of the formula, by the notation's own evaluator.

        Raises:
            SymbolError, ShapeError, DomainError: values that do not fit the declarations.
        """
        asked = f"the value of {self.text}"
        if self.scope.verify_facts:
            verify_all(self.scope.symbols, values, asked)
        functions = {
            name: supplied(declared, values[name], asked)
            for name, declared in self.scope.functions.items()
            if name in values
        }
        return evaluate(self.tree, values | functions, self.scope)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of its symbols."""
        return tuple(sorted(self.scope.symbols))

    def unverified(self) -> Formula:
        """The same formula for values that are not compared with the facts declared of them.

        >>> f = formula("x'*S*x", S="symmetric n n").unverified()
        >>> float(f(x=[1.0, 1.0], S=[[0.0, 1.0], [0.0, 0.0]]))
        1.0
        """
        return Formula(self.text, self.tree, replace(self.scope, verify_facts=False))

    @bounded("differentiating a formula")
    def derived(self, by: Sequence[str]) -> Formula:
        """The gradient of a scalar formula by one variable, as a formula again."""
        (name,) = by
        text = self.gradient(name).text()
        tree, _ = read(text, self.scope.known)
        scope = infer(tree, self.scope.known, text)
        return Formula(text, tree, replace(scope, symbols=self.scope.symbols))

    @bounded("the gradient of a formula")
    def gradient(self, *wrt: str, constraint: str = "none") -> Derivation:
        """The gradient of a scalar formula, with the shape of the variable.

        Several names give several outputs that share work; calling the derivation then returns
        a dict. `constraint` says how entries vary that a declared fact ties to each other: each
        alone ("none"), together, which projects the gradient onto the directions within the
        declared set ("projected"), or as the free entries of the matrix ("free"); see
        `calculus.constraint`.

        >>> S = formula("tr(A*S)", A="matrix n n", S="symmetric n n")
        >>> [str(S.gradient("S", constraint=c)) for c in ("none", "projected")]
        ['Aᵀ', '0.5 (A + Aᵀ)']

        Raises:
            ShapeError: the formula is neither scalar nor are all variables scalars.
            SymbolError: a name is not a symbol of the formula, or has no fact that ties entries.
        """
        made, variables = self._lower(wrt)
        if made.node.order and any(variable.order for variable in variables):
            raise ShapeError(
                f"the gradient of {self.text}",
                f"the formula has shape {self.scope.shape} and a gradient needs a scalar",
                f"ask for the jacobian, f.jacobian({wrt[0]!r})",
                text=self.text,
            )
        contributions: list[Contribution] = []
        record = contributions.append
        found = reverse(made.graph, made.node, variables, record=record)
        outputs = [Output(v.name, made.restore(found[v]), as_row=False) for v in variables]
        tied = tuple(
            under_constraint(made.graph, self.scope.symbols[output.name], output, constraint)
            for output in outputs
        )
        return self._derivation("gradient", made, tied, contributions)

    @bounded("the Jacobian of a formula")
    def jacobian(self, wrt: str, mode: str = "auto") -> Derivation:
        """The Jacobian J[i, j] = ∂y_i/∂x_j, with axes `y.shape + x.shape`.

        `mode` is "reverse", "forward" or "auto" (whichever has fewer seeds).
        """
        made, (variable,) = self._lower((wrt,))
        contributions: list[Contribution] = []
        if mode not in ("auto", "reverse", "forward"):
            raise SymbolError(
                f"the Jacobian in mode {mode!r}",
                f"{mode!r} is asked for and the modes are auto, reverse and forward",
                "leave mode out, or name one of the three",
            )
        if mode == "forward":
            node = forward(made.graph, made.node, variable)
        else:
            record = contributions.append
            node = reverse(made.graph, made.node, [variable], record=record)[variable]
        node = made.restore(node)
        others = () if mode == "forward" else made.otherwise(made.node, variable)
        as_row = made.node.order == 0
        output = Output(variable.name, node, as_row=as_row, others=others, rows=made.node.order)
        return self._derivation("jacobian", made, (output,), contributions)

    @bounded("the Hessian of a formula")
    def hessian(self, wrt: str, *, constraint: str = "none") -> Derivation:
        """The Hessian of a scalar formula, with axes `x.shape + x.shape`.

        `constraint` is that of `gradient`, along both sets of axes.

        Raises:
            ShapeError: the formula is no scalar.
            SymbolError: as `gradient`.
            UnsupportedError: a constraint whose set is curved.
        """
        made, (variable,) = self._lower((wrt,))
        self._require_scalar(made, wrt, "Hessian")
        gradient = _smooth_gradient(made, variable)
        contributions: list[Contribution] = []
        record = contributions.append
        node = reverse(made.graph, gradient, [variable], record=record)[variable]
        node, others = made.restore(node), made.otherwise(gradient, variable)
        output = Output(variable.name, node, as_row=False, others=others, rows=variable.order)
        tied = under_constraint(made.graph, self.scope.symbols[wrt], output, constraint, times=2)
        return self._derivation("hessian", made, (tied,), contributions, self._entrywise(wrt))

    def _entrywise(self, wrt: str) -> Derivation:
        """The gradient as it is for values without the facts that tie entries.

        Its text is differentiated again by the check of a Hessian, so it may not use them.
        """
        declared = self.scope.symbols[wrt]
        untied = replace(declared, facts=declared.facts - TYING)
        scope = replace(self.scope, symbols={**self.scope.symbols, wrt: untied})
        return Formula(self.text, self.tree, scope).gradient(wrt)

    @bounded("a vector-Jacobian product")
    def vjp(self, wrt: str) -> Derivation:
        """The vector-Jacobian product Σ_i cotangent_i ∂y_i/∂x, with the shape of x.

        The derivation has one more input, `cotangent`, with the shape of the formula. The Jacobian
        is never formed.
        """
        made, (variable,) = self._lower((wrt,))
        cotangent, scope = self._beside("cotangent", made, made.node)
        contributions: list[Contribution] = []
        found = reverse(
            made.graph,
            made.node,
            [variable],
            cotangent=cotangent,
            record=contributions.append,
        )
        output = Output(variable.name, made.restore(found[variable]), as_row=False)
        return self._derivation("vjp", made, (output,), contributions, scope=scope)

    @bounded("a Jacobian-vector product")
    def jvp(self, wrt: str) -> Derivation:
        """The Jacobian-vector product Σ_j ∂y/∂x_j tangent_j, with the shape of the formula.

        The derivation has one more input, `tangent`, with the shape of x. The Jacobian is never
        formed.
        """
        made, (variable,) = self._lower((wrt,))
        tangent, scope = self._beside("tangent", made, variable)
        node = made.restore(forward(made.graph, made.node, variable, tangent=tangent))
        output = Output(variable.name, node, as_row=made.lowering.value.rows == 0)
        return self._derivation("jvp", made, (output,), [], scope=scope)

    @bounded("a Hessian-vector product")
    def hvp(self, wrt: str) -> Derivation:
        """The Hessian of a scalar formula times `tangent`, one more input with the shape of x."""
        made, (variable,) = self._lower((wrt,))
        self._require_scalar(made, wrt, "Hessian")
        tangent, scope = self._beside("tangent", made, variable)
        gradient = _smooth_gradient(made, variable)
        node = made.restore(forward(made.graph, gradient, variable, tangent=tangent))
        output = Output(variable.name, node, as_row=False)
        return self._derivation("hvp", made, (output,), [], self._entrywise(wrt), scope)

    def _beside(self, name: str, made: Entrywise, like: Node) -> tuple[Variable, Scope]:
        """A variable with the axes of a node, and the scope with it."""
        if name in self.scope.symbols or name in self.scope.sizes:
            raise SymbolError(
                f"a product with the derivative of {self.text}",
                f"the vector is called {name}, and the formula has a {name} of its own",
                f"rename {name} in the formula",
                text=self.text,
            )
        value = made.lowering.value
        stacked = max(value.rows, value.node.order - value.rows) > 1
        if like is made.node and stacked and self.scope.shape.kind != "tensor":
            raise UnsupportedError(
                f"a product with the derivative of {self.text}",
                f"the formula has the shape {self.scope.shape}, and a {name} has sizes that are "
                "no products",
                "differentiate the formula without vec or kron",
                text=self.text,
            )
        declared = Declaration(name, array_kind(like.order), like.axes)
        scope = replace(self.scope, symbols={**self.scope.symbols, name: declared})
        return made.graph.variable(name, like.axes), scope

    def _require_scalar(self, made: Entrywise, wrt: str, what: str) -> None:
        if made.node.order:
            raise ShapeError(
                f"the {what} of {self.text}",
                f"the formula has shape {self.scope.shape} and a {what} needs a scalar",
                f"differentiate one entry, or ask for f.jacobian({wrt!r})",
                text=self.text,
            )

    def _lower(self, wrt: tuple[str, ...]) -> tuple[Entrywise, list[Variable]]:
        self._require(wrt)
        return entrywise(self.tree, self.scope, self.text, wrt)

    def _require(self, wrt: tuple[str, ...]) -> None:
        if not wrt:
            raise SymbolError(
                f"a derivative of {self.text}",
                "no variable is named to differentiate by",
                f"name one of {', '.join(sorted(self.scope.symbols))}",
            )
        for name in wrt:
            if name not in self.scope.symbols:
                raise SymbolError(
                    f"a derivative by {name}",
                    f"{name} is asked for and the formula's symbols are "
                    f"{', '.join(sorted(self.scope.symbols))}",
                    "name a symbol of the formula",
                    text=self.text,
                )

    def _derivation(
        self,
        kind: str,
        made: Entrywise,
        outputs: tuple[Output, ...],
        contributions: list[Contribution],
        gradient: Derivation | None = None,
        scope: Scope | None = None,
    ) -> Derivation:
        return Derivation(
            kind,
            self.text,
            self.tree,
            scope or self.scope,
            made.graph,
            made.lowering,
            outputs,
            [c.renamed(made.restore) for c in contributions],
            gradient,
        )


def _smooth_gradient(made: Entrywise, variable: Variable) -> Node:
    """The gradient to differentiate again: where a norm is 0 it has no derivative."""
    gradient = reverse(made.graph, made.node, [variable])[variable]
    return simplified(made.graph, away_from_zero(made.graph, gradient))


@bounded("reading a formula")
def formula(source: Source, /, **declarations: str | AnyDeclaration) -> Formula:
    """A formula from its text, from an expression, or from a function written for NumPy.

    A text with a command of LaTeX in it is read as LaTeX. Definitions may stand before the
    formula, each followed by `;` or the end of its line: `r = A*x - b; r'*r`. Keywords declare
    symbols; those of a function are its parameters, and each is declared.

    >>> formula("x'*A*x", A="matrix n n", x="vector n")
    formula("x'*A*x")
    >>> formula(lambda A, x: x @ A @ x, A="matrix n n", x="vector n")
    formula("x'*A*x")
    >>> print(formula("r = A*x - b; r'*r", b="vector m").gradient("x"))
    r = A x − b; 2 Aᵀ r

    Raises:
        NotationError: the text cannot be read.
        ShapeError: kinds or sizes clash.
        SymbolError: a name is unknown or declared as something it cannot be.
        UnsupportedError: the function does what no formula says.
    """
    text, declared = read_source(source, declared_symbols(declarations))
    tree, definitions = read(text, declared)
    scope = replace(infer(tree, declared, text), definitions=definitions)
    return Formula(text, tree, scope)


def function(name: str, kind: str) -> FunctionDeclaration:
    """An abstract function, to be given where a declaration is: "elementwise" or "map n m".

    >>> phi = function("phi", "elementwise")
    >>> print(formula("phi(W*x)", phi=phi).jacobian("x"))
    diag(phi'(W x)) W

    Raises:
        SymbolError: the kind is neither, or the name is no name.
        ShapeError: a map without the sizes of its arguments and its value.
    """
    made = declare_any(name, kind)
    if not isinstance(made, FunctionDeclaration):
        raise SymbolError(
            f"the function {name}",
            f"it is declared as {kind!r}, and a function is elementwise or a map",
            "write elementwise, or map n m",
        )
    return made


def declared_symbols(
    declarations: Mapping[str, str | AnyDeclaration],
) -> dict[str, AnyDeclaration]:
    """Declarations from their texts."""
    return {
        name: declare_any(name, given) if isinstance(given, str) else given
        for name, given in declarations.items()
    }


@bounded("the gradient of a formula")
def gradient(source: Source, /, *wrt: str, **declarations: str) -> Derivation:
    """Shorthand for `formula(source, ...).gradient(*wrt)`."""
    return formula(source, **declarations).gradient(*wrt)


@bounded("the Jacobian of a formula")
def jacobian(source: Source, wrt: str, /, **declarations: str) -> Derivation:
    """Shorthand for `formula(source, ...).jacobian(wrt)`."""
    return formula(source, **declarations).jacobian(wrt)


@bounded("the Hessian of a formula")
def hessian(source: Source, wrt: str, /, **declarations: str) -> Derivation:
    """Shorthand for `formula(source, ...).hessian(wrt)`."""
    return formula(source, **declarations).hessian(wrt)
