"""The linearization of a formula at a point: f(x₀) + J(x₀)(x − x₀), and what it leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from msgspec.structs import replace

from gradwright.api.checking import LARGE, TRIES, drawn_functions, sample_point
from gradwright.api.derivation import Derivation
from gradwright.api.formula import Formula, formula
from gradwright.api.remainders import Ascent, Remainders, unit
from gradwright.api.symbolic import Expression
from gradwright.core.work import bounded
from gradwright.errors import DomainError, ShapeError, SymbolError, UnsupportedError
from gradwright.explain.lines import renamed
from gradwright.notation.declarations import Declaration, FunctionDeclaration, array_kind
from gradwright.notation.definitions import read
from gradwright.notation.functions import CONSTANTS
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.tree import Binary, Call, Symbol, Tree, walk
from gradwright.render.blocks import beside, is_small, matrix_block, number_text, word
from gradwright.render.latex import latex
from gradwright.render.plain import plain_text
from gradwright.render.unicode import unicode_name, unicode_text

Array = Any

SCHEMA = "gradwright.linearization/1"

#: Steps at which an ordinary function changes by less than this part of its value.
NOISE_STEPS, NOISE = (1e-8, 1e-9, 1e-10), 1e-5

#: Steps of the table, as parts of the size of x₀ where that is below 1.
STEPS = (1e-1, 1e-2, 1e-3, 1e-4)


class Linearization:
    """f(x₀) + J(x₀)(x − x₀).

    Call it with x. `value` is f(x₀), `jacobian` J(x₀) with shape `y.shape + x.shape`, and
    `formula` the whole as a formula in x and x₀.
    """

    def __init__(
        self, f: Formula, wrt: str, at: object, values: Mapping[str, Any], derived: Derivation
    ) -> None:
        self.f = f
        self.variable = wrt
        self._derived = derived
        self._others = dict(values)
        value, jacobian = derived.value_and(**{**values, wrt: at})
        self.value: Array = value
        self.jacobian: Array = jacobian
        self.at: Array = np.asarray(at, dtype=np.result_type(np.asarray(jacobian), np.float32))

    def __call__(self, x: object) -> Array:
        """The linearization at x, a float or an array of the shape of f.

        Raises:
            ShapeError: x has another shape than x₀.
        """
        return self.value + self._along(self._like(x) - self.at)

    def _along(self, change: Array) -> Array:
        return np.tensordot(self.jacobian, change, axes=self.at.ndim)[()]

    def _like(self, x: object) -> Array:
        array = np.asarray(x, dtype=self.at.dtype)
        if array.shape != self.at.shape:
            raise ShapeError(
                f"the linearization of {self.f.text}",
                f"{self.variable} has the shape {array.shape} and was linearized at a point of "
                f"the shape {self.at.shape}",
                f"give {self.variable} that shape",
            )
        return array

    # As a formula -------------------------------------------------------------------------------

    @property
    def start(self) -> str:
        """The name of the point x₀ in the formula."""
        ends_in_digit = self.variable[-1].isdigit()
        return f"{self.variable}_0" if ends_in_digit else f"{self.variable}0"

    @cached_property
    def formula(self) -> Formula:
        """The linearization as a formula in x, x₀ and the other symbols.

        Where J is a matrix, a row or a column it stands before x − x₀; otherwise the formula is
        that of the product with x − x₀, which is never stacked.

        Raises:
            SymbolError: the name of the point is taken.
            UnsupportedError: the values of f are stacked by vec or kron.
        """
        if self.start in self.f.scope.symbols:
            raise SymbolError(
                f"the linearization of {self.f.text} as a formula",
                f"the point is called {self.start}, and the formula has a {self.start} of its own",
                f"rename {self.start} in the formula",
            )
        tree = Binary("+", self._at_start(self.f.tree), self._linear())
        symbols = self.f.scope.symbols
        declared = symbols | {self.start: replace(symbols[self.variable], name=self.start)}
        try:
            # Near x₀ a value need not have the facts declared of it.
            made = formula(plain_text(tree), **declared, **self.f.scope.functions)
            return made.unverified()
        except ShapeError as error:
            raise self._no_formula() from error

    def _at_start(self, tree: Tree) -> Tree:
        return renamed(tree, lambda n: self.start if n == self.variable else n, lambda size: size)

    def _linear(self) -> Tree:
        change = Binary("-", Symbol(self.variable), Symbol(self.start))
        printed = self._derived.printed[self.variable]
        is_matrix = self.f.scope.shape.kind == "row" or self.at.ndim == 2
        if printed.form == "matrix" and not is_matrix:
            return Binary("*", self._at_start(printed.tree), change)
        product = self.f.jvp(self.variable).printed[self.variable].tree
        if product is None:
            raise self._no_formula()
        return _with(self._at_start(product), change)

    def _no_formula(self) -> UnsupportedError:
        return UnsupportedError(
            f"the linearization of {self.f.text} as a formula",
            f"it has the shape {self.f.scope.shape}, and its product with the change of "
            f"{self.variable} has no matrix form",
            "linearize the formula without vec or kron; the numbers are there all the same",
        )

    def _written(self) -> Tree | None:
        """The tree of the formula, where it has a matrix form."""
        try:
            return self.formula.tree
        except UnsupportedError:
            return None

    # What it leaves out -------------------------------------------------------------------------

    def remainders(
        self, direction: object = None, steps: Sequence[float] | None = None, seed: int = 0
    ) -> Remainders:
        """‖f(x₀ + h d) − f(x₀) − h J(x₀) d‖ for each step h, d being the direction of length 1.

        Without a direction a random one is drawn from the seed. The norm is the Euclidean one, of
        matrices the Frobenius norm.

        Raises:
            ShapeError: the direction has another shape than x₀.
            DomainError: the direction is 0, a step is not positive, or f is not defined there.
        """
        d = self._direction(direction, seed)
        size = float(np.max(np.abs(self.at), initial=0.0))
        scale = 10.0 ** np.floor(np.log10(size)) if 0 < size < 1 else 1.0
        chosen = [scale * h for h in STEPS] if steps is None else [float(h) for h in steps]
        if not chosen or not all(h > 0 and np.isfinite(h) for h in chosen):
            raise DomainError(
                "the remainders of a linearization",
                f"the steps are {chosen} and a step is a positive number",
                "give steps such as (0.1, 0.01, 0.001)",
            )
        eps = float(np.finfo(self.at.dtype).eps)
        slope = self._along(d)
        rows = []
        for h in sorted(chosen, reverse=True):
            moved = self._value(self.at + h * d)
            left = float(np.linalg.norm(np.ravel(moved - self.value - h * slope)))
            sizes = (moved, self.value, h * slope)
            noise = 64 * eps * sum(float(np.linalg.norm(np.ravel(part))) for part in sizes)
            rows.append((h, left, noise))
        return Remainders(d, tuple(rows))

    def ascent(self, direction: object = None, length: float = 1e-3, seed: int = 0) -> Ascent:
        """What f gains along a direction, ‖∇f‖ ‖Δx‖ cos θ to first order, with ‖Δx‖ = length.

        Raises:
            ShapeError: f is not a scalar, or the direction has another shape than x₀.
            DomainError: the direction is 0, or f is not defined there.
        """
        if np.ndim(self.value):
            raise ShapeError(
                f"the steepest ascent of {self.f.text}",
                f"the formula has shape {self.f.scope.shape} and only a scalar has a gradient",
                "linearize one entry",
            )
        d = self._direction(direction, seed)
        norm = float(np.linalg.norm(np.ravel(self.jacobian)))
        cosine = float(np.vdot(self.jacobian, d)) / norm if norm else None
        gained = float(self._value(self.at + length * d) - self.value)
        return Ascent(self.jacobian, norm, d, cosine, length, gained)

    def _direction(self, direction: object, seed: int) -> Array:
        if direction is None:
            return unit(np.random.default_rng(seed).normal(size=self.at.shape))
        return unit(self._like(direction))

    def _value(self, x: Array) -> Array:
        with np.errstate(all="ignore"):
            value = np.asarray(self.f.unverified()(**{**self._others, self.variable: x}))
        if not np.all(np.isfinite(value)):
            raise DomainError(
                f"the linearization of {self.f.text}",
                f"the formula is not finite at a distance of "
                f"{np.linalg.norm(np.ravel(x - self.at)):.3g} from the point",
                "give smaller steps, or another direction",
            )
        return value

    # Showing ------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<linearization of {self.f.text!r} at {unicode_name(self.start)}>"

    def __str__(self) -> str:
        x, start = unicode_name(self.variable), unicode_name(self.start)
        tree = self._written()
        written = "(with numbers only: no matrix form)" if tree is None else unicode_text(tree)
        lines = [
            f"f({x}) = {unicode_text(self.f.tree)}",
            f"f({start}) + J({start}) ({x} − {start}) = {written}",
            "",
            *_shown(start, self.at),
            *_shown(f"f({start})", self.value),
            *_shown(f"J({start})", self.jacobian),
            "",
            str(self.remainders()),
        ]
        if not np.ndim(self.value):
            lines += ["", str(self.ascent())]
        return "\n".join(line.rstrip() for line in lines)

    def latex(self) -> str:
        """The linearization as LaTeX mathematics."""
        return latex(self.formula.tree)

    def to_dict(self) -> dict[str, Any]:
        """The linearization in the schema gradwright.linearization/1."""
        tree = self._written()
        return {
            "schema": SCHEMA,
            "formula": self.f.text,
            "variable": self.variable,
            "linearization": None if tree is None else plain_text(tree),
            "latex": None if tree is None else latex(tree),
            "at": self.at.tolist(),
            "value": np.asarray(self.value).tolist(),
            "jacobian": np.asarray(self.jacobian).tolist(),
            "remainders": self.remainders().to_dict(),
            "ascent": None if np.ndim(self.value) else self.ascent().to_dict(),
        }


def _with(tree: Tree, change: Tree) -> Tree:
    """The tree with the change in place of the tangent."""
    return rebuilt(tree, lambda part: change if part == Symbol("tangent") else part)


def _shown(name: str, value: Array) -> list[str]:
    """A small array in full, of a large one its shape and norm."""
    if np.ndim(value) <= 2 and is_small(value):
        return list(beside(word(f"{name} = "), matrix_block(value)).lines)
    shape = " × ".join(map(str, np.shape(value)))
    return [f"{name}: {shape}, norm {number_text(float(np.linalg.norm(np.ravel(value))))}"]


@bounded("linearizing a formula")
def linearize(
    source: str | Expression | Formula, wrt: str, /, *, at: object, **values: Any
) -> Linearization:
    """The linearization of a formula in one variable at a point.

    `values` are those of the other symbols; their shapes declare the symbols of a text. A text
    among them declares a symbol, as in `formula`.

    >>> print(linearize("tanh(W*x)", "x", at=[0.0, 0.0], W=np.eye(2)).formula)
    formula('tanh(W*x0) + diag(1 - tanh(W*x0).^2)*W*(x - x0)')

    Raises:
        NotationError, ShapeError, SymbolError: as `formula`, and when it is called.
        DomainError: f is not defined at the point.
    """
    declared = {
        n: v for n, v in values.items() if isinstance(v, str | Declaration | FunctionDeclaration)
    }
    given = {name: value for name, value in values.items() if name not in declared}
    if isinstance(source, Formula):
        f = source
    else:
        text = plain_text(source.tree) if isinstance(source, Expression) else source
        known = {} if isinstance(source, Expression) else _by_shape(text, {**given, wrt: at})
        f = formula(source, **{**known, **declared})
    return Linearization(f, wrt, at, given, f.jacobian(wrt))


def linearize_at_sample(f: Formula, wrt: str, seed: int = 0) -> Linearization:
    """The linearization at a random point that fits the declarations, as a check draws it.

    Raises:
        SymbolError: `wrt` is no symbol of the formula.
        DomainError: no point was found at which the formula is defined.
    """
    derived = f.jacobian(wrt)
    refused: DomainError | None = None
    for k in range(TRIES):
        for falling in (False, True):
            generator = np.random.default_rng((seed, k))
            point = sample_point(f.scope, generator, derived.free_sizes, falling=falling)
            values = {**point, **drawn_functions(f.scope, point)}
            try:
                made = Linearization(f, wrt, values.pop(wrt), values, derived)
                made.remainders()
                if _is_usable(made):
                    return made
            except DomainError as error:
                refused = error
    raise refused or DomainError(
        f"the linearization of {f.text} at a random point",
        f"the formula or its Jacobian has no ordinary value at any of {2 * TRIES} points",
        "linearize at a point of your own, gw.linearize(..., at=...)",
    )


def _is_usable(made: Linearization) -> bool:
    """Whether values are ordinary numbers, not rounding noise around a singular matrix.

    Noise jumps where the point moves by little; what a wrong Jacobian leaves out does not.
    """
    value, slope = (np.max(np.abs(x), initial=1.0) for x in (made.value, made.jacobian))
    left = [left for k in range(3) for _, left, _ in made.remainders(None, NOISE_STEPS, k).rows]
    return bool(max(value, slope) < LARGE and max(left) < NOISE * value)


def _by_shape(text: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Declarations of the symbols of a text from values for them."""
    tree, _ = read(text)
    names = {part.name for part in walk(tree) if isinstance(part, Symbol)}
    sizes = {
        argument.name
        for part in walk(tree)
        if isinstance(part, Call) and part.function in CONSTANTS
        for argument in part.arguments
        if isinstance(argument, Symbol)
    }
    found = {}
    for name in names - sizes:
        if name not in values or np.asarray(values[name]).dtype.kind not in "biuf":
            continue
        shape = np.shape(values[name])
        found[name] = " ".join([array_kind(len(shape)), *map(str, shape)])
    return found
