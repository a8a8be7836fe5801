"""The check of a formula's derivative: sample values, the oracle, the comparison.

The oracle differentiates the notation's own evaluator by complex step, so it shares no code with
lowering, the calculus, the simplifier or the emitted program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from msgspec import Struct

from gradwright.api.drawn import drawn_value
from gradwright.api.tangents import TangentSet
from gradwright.core.sizes import Lengths, names_in
from gradwright.core.work import spend
from gradwright.errors import DataError, GradwrightError, UnsupportedError
from gradwright.explain.left_sides import parted, tangent_of, variables_of
from gradwright.nn.initialise import require_seed
from gradwright.notation.function_values import Smooth, drawn
from gradwright.notation.reference import Evaluator
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Tree
from gradwright.simplify.point_sizes import LONGER, unequal_sizes
from gradwright.simplify.readable import Printed
from gradwright.verification.check import check_derivative
from gradwright.verification.report import CheckReport

Array = Any

#: A value beyond this at a sample point comes from a matrix that is singular but for rounding.
LARGE = 1e12

#: Sample values times this are the same but for some digits, and move values by at most so much.
NUDGE = 1 + 2.0**-40
MOVED = 1e-4

#: The step along a tangent; no symbol is called so.
STEP = "step along the tangent"

#: Sample points that are tried until the formula is defined at one.
TRIES = 24

#: Units of work of one evaluation, besides those of its values and operations.
EVALUATED = 30


class Checkable(Protocol):
    """What a check uses of a derivation."""

    kind: str
    scope: Scope
    tree: Tree
    printed: dict[str, Printed]

    @property
    def constraints(self) -> dict[str, str]:
        """How the entries of each variable were taken to vary."""

    @property
    def free_sizes(self) -> tuple[str, ...]:
        """Sizes that no symbol has an axis of."""

    @property
    def differentiated(self) -> Checkable | None:
        """For a Hessian, the gradient that it is the derivative of."""

    def kink_distance(self) -> Callable[[Mapping[str, Any]], float] | None:
        """How far a point is from the nearest kink."""

    def unverified(self) -> Callable[..., Any]:
        """The derivative at values that need not have their facts, such as those near a point."""


def sample_sizes(scope: Scope, *, falling: bool = False, more: int = 0) -> dict[str, int]:
    """Unequal lengths for the named sizes of a scope, in rising or falling order of names.

    The smallest there are, or all of them longer by `more`.
    """
    names = names_in(size for d in scope.symbols.values() for size in d.sizes) | scope.sizes
    ordered = (*scope.ordered, *((least, size) for size, least in scope.least.items()))
    found = unequal_sizes(sorted(names, reverse=falling), ordered)
    if found is None:
        listed = ", ".join(f"{one} <= {other}" for one, other in ordered)
        raise UnsupportedError(
            "drawing values for the symbols",
            f"the parts of the formula ask for {listed}, and no small lengths are so",
            "give values yourself",
        )
    return Lengths({size: length + more for size, length in found.items()})


def sample_point(
    scope: Scope,
    generator: np.random.Generator,
    free_sizes: Sequence[str] = (),
    *,
    falling: bool = False,
    more: int = 0,
) -> dict[str, Array]:
    """A value for every symbol, by its declared facts, with unequal sizes."""
    sizes = sample_sizes(scope, falling=falling, more=more)
    point: dict[str, Array] = {name: sizes[name] for name in free_sizes}
    for name, declared in sorted(scope.symbols.items()):
        point[name] = drawn_value(declared, sizes, generator)
    return point


def check_formula(derivation: Checkable, seed: int) -> CheckReport:
    """Compare every output of a derivation with the oracle at a seeded random point."""
    require_seed(seed, DataError)
    scope = derivation.scope
    compared = _compared(derivation)
    counted = _counted(compared.function)

    def drawn(again: np.random.Generator, falling: bool, more: int) -> dict[str, Array]:
        point = sample_point(scope, again, derivation.free_sizes, falling=falling, more=more)
        return {**compared.steps(point), **point}

    def values(point: dict[str, Array]) -> list[Array]:
        claims = compared.claimed(point).values()
        return [np.asarray(compared.function(point)), *map(np.asarray, claims)]

    # logdet(X'*X) needs X to have at least as many rows as columns, whatever their names.
    tries = [(falling, 0, k) for k in range(TRIES) for falling in (False, True)]
    # sqrt(n - 3) has a value for longer axes alone.
    tries += [(falling, more, k) for more in LONGER for k in range(2) for falling in (False, True)]
    falling, more, generator = False, 0, np.random.default_rng(seed)
    for falling, more, k in tries:
        generator = np.random.default_rng((seed, k))
        if _is_usable(values, drawn(np.random.default_rng((seed, k)), falling, more)):
            break

    return check_derivative(
        compared.claimed,
        counted,
        drawn(generator, falling, more),
        compared.blocks,
        seed=seed,
        oracle=compared.oracle,
        kink_distance=derivation.kink_distance(),
        redraw=lambda again: drawn(again, falling, more),
    )


def _counted(function: Callable[[dict[str, Array]], Array]) -> Callable[[dict[str, Array]], Array]:
    """A function whose evaluations are work; an oracle evaluates it once for each entry."""

    def evaluated(point: dict[str, Array]) -> Array:
        # Copies of the values, and products of matrices: k × k has (k²)^1.5 multiplications.
        sizes = [np.size(value) for value in point.values()]
        spend(EVALUATED + sum(size // 50 + int(size**1.5) // 5000 for size in sizes))
        return function(point)

    return evaluated


def _is_usable(values: Callable[[dict[str, Array]], list[Array]], point: dict[str, Array]) -> bool:
    """Whether values are ordinary numbers, not rounding noise around a singular matrix.

    Noise may be small, as that of X inv(X'X) X' for a wide X: it is another a rounding further on.
    """
    near = {x: v * NUDGE if np.asarray(v).dtype.kind == "f" else v for x, v in point.items()}
    try:
        with np.errstate(all="ignore"):
            for one, other in zip(values(point), values(near), strict=True):
                size = float(np.max(np.abs(one), initial=0.0))
                moved = float(np.max(np.abs(one - other), initial=0.0))
                if not (size < LARGE and moved <= MOVED * max(size, 1.0)):
                    return False
    except GradwrightError:
        return False
    return True


def _lengths(scope: Scope, point: Mapping[str, Array]) -> dict[str, int]:
    """The lengths that the values of a point give to named sizes, drawn ones for the others."""
    shown = {
        size: length
        for name, declared in scope.symbols.items()
        if name in point
        for size, length in zip(declared.sizes, np.shape(point[name]), strict=True)
        if isinstance(size, str)
    }
    return Lengths(sample_sizes(scope) | shown)


class _Compared(Struct, frozen=True):
    """What the oracle differentiates, by which blocks, and the derivative that is claimed."""

    function: Callable[[dict[str, Array]], Array]
    oracle: str
    blocks: list[str]
    claimed: Callable[[dict[str, Array]], Mapping[str, Array]]
    steps: Callable[[dict[str, Array]], dict[str, Array]] = lambda point: {}


def _compared(derivation: Checkable) -> _Compared:
    """A product with a vector is the derivative of another function.

    With a cotangent that is the sum of cotangent times value; with tangents, the value at
    x + step · tangent as a function of the number `step`, at 0. Several results that are
    differentiated by one variable stand one above the other.
    """
    function, oracle = _differentiated(derivation)
    keys = list(derivation.printed)
    kind = derivation.kind
    last = {key: variables_of(kind, key)[-1] for key in keys}
    derivative = derivation.unverified()

    def claimed(point: dict[str, Array]) -> Mapping[str, Array]:
        values = {name: value for name, value in point.items() if name != STEP}
        result = derivative(**values, **drawn_functions(derivation.scope, values))
        results = [result] if len(keys) == 1 else list(result.values())
        if kind in ("jvp", "hvp"):
            return {STEP: _stacked(results, ())}
        return {
            name: _stacked(
                [r for k, r in zip(keys, results, strict=True) if last[k] == name], shape
            )
            for name, shape in {n: np.shape(point[n]) for n in last.values()}.items()
        }

    def weighted(point: dict[str, Array]) -> Array:
        return np.sum(point["cotangent"] * function(point))

    def moved(point: dict[str, Array]) -> Array:
        names = parted(keys[0]) if kind == "jvp" else keys
        here = {n: point[n] + point[STEP] * point[tangent_of(n, names)] for n in names}
        return function({**point, **here})

    blocks = list(dict.fromkeys(last.values()))
    if kind == "vjp":
        return _Compared(weighted, oracle, blocks, claimed)
    if kind in ("jvp", "hvp"):
        return _Compared(moved, oracle, [STEP], claimed, lambda point: {STEP: np.zeros(())})
    if set(derivation.constraints.values()) != {"none"}:
        return _within(derivation, _Compared(function, oracle, blocks, claimed))
    return _Compared(function, oracle, blocks, claimed)


def _stacked(results: Sequence[Array], columns: tuple[int, ...]) -> Array:
    """One array of several with the same last axes; a single one as it is."""
    if len(results) == 1:
        return results[0]
    return np.concatenate([np.reshape(result, (-1, *columns)) for result in results])


def _within(derivation: Checkable, free: _Compared) -> _Compared:
    """The same for variables that move within their sets, by steps that are zero at the point."""
    sets = {
        name: TangentSet.of(derivation.scope.symbols[name], constraint)
        for name, constraint in derivation.constraints.items()
    }
    steps = {name: f"a step of {name} that keeps the declared facts" for name in sets}
    second = derivation.differentiated is not None

    def apart(point: dict[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
        rest = {name: value for name, value in point.items() if name not in steps.values()}
        return rest, {**rest, **{n: s.moved(rest[n], point[steps[n]]) for n, s in sets.items()}}

    def function(point: dict[str, Array]) -> Array:
        here = apart(point)[1]
        value = free.function(here)
        return sets[free.blocks[0]].gathered(value) if second else value

    def claimed(point: dict[str, Array]) -> Mapping[str, Array]:
        return {steps[name]: value for name, value in free.claimed(apart(point)[0]).items()}

    def zeros(point: dict[str, Array]) -> dict[str, Array]:
        return {steps[name]: np.zeros(np.shape(point[name])) for name in sets}

    return _Compared(function, free.oracle, list(steps.values()), claimed, zeros)


def drawn_functions(scope: Scope, point: Mapping[str, Array]) -> dict[str, Smooth]:
    """A smooth function in place of each abstract one."""
    sizes = _lengths(scope, point)
    return {name: drawn(declared, sizes) for name, declared in scope.functions.items()}


def _differentiated(derivation: Checkable) -> tuple[Callable[[dict[str, Array]], Array], str]:
    """What the derivation is the derivative of, and the oracle that can differentiate it.

    A derivative of higher order is checked as that of the printed text of the one before, which
    has its own check. Several texts stand one above the other.
    """
    before = derivation.differentiated
    if before is None:
        return _evaluator(derivation, derivation.tree, derivation.scope), "complex step"
    texts = [_text(derivation, before, key) for key in before.printed]

    def function(point: dict[str, Array]) -> Array:
        return _stacked([text(point) for text in texts], ())

    return function, "complex step"


def _text(
    derivation: Checkable, before: Checkable, key: str
) -> Callable[[dict[str, Array]], Array]:
    """What is printed for one result, with the axes of the derivative."""
    printed = before.printed[key]
    scope = derivation.scope
    axes = printed.node.axes if printed.form == "index" else None
    inside = infer(printed.tree, scope.known, sizes=scope.sizes, axes=axes)
    value = _evaluator(derivation, printed.tree, inside)
    if printed.form != "kronecker":
        return value
    columns = len(scope.symbols[variables_of(before.kind, key)[-1]].sizes)
    order = vec_order(printed.node.order, columns)

    def unstacked(point: dict[str, Array]) -> Array:
        known = _lengths(derivation.scope, point)
        shape = [known[a] if isinstance(a, str) else a for a in printed.node.axes]
        turned = value(point).reshape([shape[axis] for axis in order])
        return turned.transpose(np.argsort(order))

    return unstacked


def vec_order(order: int, columns: int) -> tuple[int, ...]:
    """The axes of a derivative in the order of a matrix whose rows and columns are stacked.

    The last `columns` axes are those of the variable. Columns are stacked, so the second axis of
    a matrix is the outer one.
    """
    rows = order - columns
    return (*reversed(range(rows)), *reversed(range(rows, order)))


def _evaluator(
    derivation: Checkable, expression: Tree, scope: Scope
) -> Callable[[dict[str, Array]], Array]:
    """A tree as a function of a point, by the notation's own evaluator."""
    evaluate = Evaluator(expression, scope)

    def function(point: dict[str, Array]) -> Array:
        known = {**_lengths(derivation.scope, point), **point}
        used = {name: known[name] for name in {*scope.symbols, *scope.sizes} if name in known}
        functions = drawn_functions(scope, point)
        return evaluate(used | {name: f.call for name, f in functions.items()})

    return function
