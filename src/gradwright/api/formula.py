"""A formula as users hold it: text in, derivations out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from gradwright.api import differentiation, products
from gradwright.api.derivation import Derivation
from gradwright.api.facts import verify_all
from gradwright.api.sources import Source, read_source
from gradwright.core.work import bounded
from gradwright.errors import SymbolError
from gradwright.notation.declarations import (
    AnyDeclaration,
    FunctionDeclaration,
    declare_any,
)
from gradwright.notation.definitions import read
from gradwright.notation.function_values import supplied
from gradwright.notation.named_sizes import with_named_sizes
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Tree


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
    def __call__(self, /, **values: Any) -> Any:
        """The value of the formula, by the notation's own evaluator: a number or an array.

        >>> float(formula("x'*A*x", A="matrix n n")(x=[1.0, 2.0], A=[[1.0, 0.0], [3.0, 1.0]]))
        11.0

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
        """The names of its symbols, sorted.

        >>> formula("r = A*x - b; r'*r", b="vector m").variables
        ('A', 'b', 'x')
        """
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
        """The gradient of a scalar formula by one variable, as a formula again.

        >>> formula("sum((A*x - b).^2)", b="vector m").derived(["x"])
        formula("2*A'*(A*x - b)")

        Raises:
            ShapeError, SymbolError: as `gradient`.
        """
        (name,) = by
        text = self.gradient(name).text()
        tree, _ = read(text, self.scope.known)
        scope = infer(tree, self.scope.known, text)
        return Formula(text, tree, replace(scope, symbols=self.scope.symbols))

    @bounded("the gradient of a formula")
    def gradient(
        self,
        *wrt: str,
        constraint: str = "none",
        mode: str = "auto",
        sizes: Mapping[str, int] | None = None,
    ) -> Derivation:
        """The gradient of a scalar formula, with the shape of the variable.

        Several names give several outputs that share work; calling the derivation then returns
        a dict. `constraint` says how entries vary that a declared fact ties to each other: each
        alone ("none"), together, which projects the gradient onto the directions within the
        declared set ("projected"), or as the free entries of the matrix ("free"); see
        `calculus.constraint`. `mode` and `sizes` are as in `jacobian`.

        >>> S = formula("tr(A*S)", A="matrix n n", S="symmetric n n")
        >>> [str(S.gradient("S", constraint=c)) for c in ("none", "projected")]
        ['Aᵀ', '0.5 (A + Aᵀ)']

        Raises:
            ShapeError: the formula is neither scalar nor are all variables scalars.
            SymbolError: a name is not a symbol of the formula, or has no fact that ties entries;
                there is no such mode.
        """
        return differentiation.gradient(self, wrt, constraint, mode, sizes or {})

    @bounded("the Jacobian of a formula")
    def jacobian(
        self, *wrt: str, mode: str = "auto", sizes: Mapping[str, int] | None = None
    ) -> Derivation:
        """The Jacobian J[i, j] = ∂y_i/∂x_j, with axes `y.shape + x.shape`.

        Several names give several outputs that share work, as a dict.

        `mode` is the order in which the products of the chain rule are formed when it runs:
        "reverse" from the output, "forward" from the variable, "cross_country" in the cheapest
        order that is found, or "auto", whichever of these has the fewest multiplications.
        `sizes` gives lengths of named sizes to count with; `d.cost` tells the counts.

        >>> print(formula("tanh(W*x)").jacobian("x"))
        diag(1 − tanh(W x)⊙²) W

        Raises:
            SymbolError: a name is not a symbol of the formula, or there is no such mode.
        """
        return differentiation.jacobian(self, wrt, mode, sizes or {})

    @bounded("the Hessian of a formula")
    def hessian(
        self,
        *wrt: str,
        constraint: str = "none",
        mode: str = "auto",
        sizes: Mapping[str, int] | None = None,
    ) -> Derivation:
        """The Hessian of a scalar formula, with axes `x.shape + x.shape`.

        Several names give the blocks ∂²f/∂x∂y of all pairs, as a dict by pairs. `constraint` is
        that of `gradient`, along both sets of axes; `mode` and `sizes` are as in `jacobian`, for
        the derivative of the gradient.

        >>> print(formula("sum((A*x - b).^2)", b="vector m").hessian("x"))
        2 Aᵀ A

        Raises:
            ShapeError: the formula is no scalar.
            SymbolError: as `gradient`.
            UnsupportedError: a constraint whose set is curved.
        """
        return differentiation.hessian(self, wrt, constraint, mode, sizes or {})

    @bounded("a derivative of a formula")
    def derivative(
        self, *wrt: str, mode: str = "auto", sizes: Mapping[str, int] | None = None
    ) -> Derivation:
        """The derivative by one variable after the other: of any order, of anything by anything.

        `f.derivative("x", "A")` has axes `y.shape + x.shape + A.shape` and the entries
        ∂²y/∂x∂A; a name may be repeated. What is no matrix is written in Kronecker form or with
        indices. `mode` and `sizes` are as in `jacobian`, for the last variable.

        >>> print(formula("x'*A*x", A="matrix n n").derivative("x", "x"))
        A + Aᵀ

        Raises:
            SymbolError: a name is not a symbol of the formula, or there is no such mode.
        """
        return differentiation.derivative(self, wrt, mode, sizes or {})

    @bounded("a vector-Jacobian product")
    def vjp(self, *wrt: str) -> Derivation:
        """The vector-Jacobian product Σ_i cotangent_i ∂y_i/∂x, with the shape of x.

        The derivation has one more input, `cotangent`, with the shape of the formula. The Jacobian
        is never formed. Several names give several outputs that share work, as a dict.

        >>> print(formula("A*x").vjp("x"))
        Aᵀ cotangent

        Raises:
            SymbolError: a name is not a symbol of the formula, or `cotangent` is one.
        """
        return products.vjp(self, wrt)

    @bounded("a Jacobian-vector product")
    def jvp(self, *wrt: str) -> Derivation:
        """The Jacobian-vector product Σ_j ∂y/∂x_j tangent_j, with the shape of the formula.

        The derivation has one more input, `tangent`, with the shape of x. The Jacobian is never
        formed. By several variables it is the sum, with an input `tangent_x` for each variable x.

        >>> print(formula("tanh(W*x)").jvp("x"))
        (W tangent) ⊙ (1 − tanh(W x)⊙²)

        Raises:
            SymbolError: a name is not a symbol of the formula, or the tangent's is one.
        """
        return products.jvp(self, wrt)

    @bounded("a Hessian-vector product")
    def hvp(self, *wrt: str) -> Derivation:
        """The Hessian of a scalar formula times `tangent`, one more input with the shape of x.

        By several variables the tangents are `tangent_x` for each variable x, and the result is a
        dict: the whole Hessian times all of them.

        >>> print(formula("sum((A*x - b).^2)", b="vector m").hvp("x"))
        2 Aᵀ A tangent

        Raises:
            ShapeError: the formula is no scalar.
            SymbolError: a name is not a symbol of the formula, or the tangent's is one.
        """
        return products.hvp(self, wrt)


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
    tree, scope = with_named_sizes(tree, scope)
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
        name: given if isinstance(given, AnyDeclaration) else declare_any(name, given)
        for name, given in declarations.items()
    }


@bounded("the gradient of a formula")
def gradient(source: Source, /, *wrt: str, **declarations: str) -> Derivation:
    """Shorthand for `formula(source, ...).gradient(*wrt)`.

    >>> print(gradient("x'*A*x", "x", A="matrix n n"))
    (A + Aᵀ) x
    """
    return formula(source, **declarations).gradient(*wrt)


@bounded("the Jacobian of a formula")
def jacobian(source: Source, /, *wrt: str, **declarations: str) -> Derivation:
    """Shorthand for `formula(source, ...).jacobian(*wrt)`.

    >>> print(jacobian("A*x", "x"))
    A
    """
    return formula(source, **declarations).jacobian(*wrt)


@bounded("the Hessian of a formula")
def hessian(source: Source, /, *wrt: str, **declarations: str) -> Derivation:
    """Shorthand for `formula(source, ...).hessian(*wrt)`.

    >>> print(hessian("x'*A*x", "x", A="symmetric n n"))
    2 A
    """
    return formula(source, **declarations).hessian(*wrt)
