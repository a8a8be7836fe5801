"""The check of a formula's derivative: sample values, the oracle, the comparison.

The oracle differentiates the notation's own evaluator by complex step, so it shares no code with
lowering, the calculus, the simplifier or the emitted program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gradwright.api.drawn import drawn_value
from gradwright.api.tangents import TangentSet
from gradwright.errors import GradwrightError
from gradwright.notation.function_values import Smooth, drawn
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Tree
from gradwright.simplify.equal import unequal_sizes
from gradwright.simplify.readable import Printed
from gradwright.verification.check import check_derivative
from gradwright.verification.report import CheckReport

Array = Any

#: A value beyond this at a sample point comes from a matrix that is singular but for rounding.
LARGE = 1e12

#: The step along a tangent; no symbol is called so.
STEP = "step along the tangent"

#: Sample points that are tried until the formula is defined at one.
TRIES = 24


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


def sample_sizes(scope: Scope, *, falling: bool = False) -> dict[str, int]:
    """Unequal lengths for the named sizes of a scope, in rising or falling order of names."""
    names = {size for d in scope.symbols.values() for size in d.sizes if isinstance(size, str)}
    return unequal_sizes(sorted(names | scope.sizes, reverse=falling))


def sample_point(
    scope: Scope,
    generator: np.random.Generator,
    free_sizes: Sequence[str] = (),
    *,
    falling: bool = False,
) -> dict[str, Array]:
    """A value for every symbol, by its declared facts, with unequal sizes."""
    sizes = sample_sizes(scope, falling=falling)
    point: dict[str, Array] = {name: sizes[name] for name in free_sizes}
    for name, declared in sorted(scope.symbols.items()):
        point[name] = drawn_value(declared, sizes, generator)
    return point


def check_formula(derivation: Checkable, seed: int) -> CheckReport:
    """Compare every output of a derivation with the oracle at a seeded random point."""
    scope = derivation.scope
    compared = _compared(derivation)

    def drawn(again: np.random.Generator, falling: bool) -> dict[str, Array]:
        point = sample_point(scope, again, derivation.free_sizes, falling=falling)
        return {**compared.steps(point), **point}

    def largest(point: dict[str, Array]) -> float:
        claims = compared.claimed(point).values()
        values = [np.asarray(compared.function(point)), *map(np.asarray, claims)]
        return max(float(np.max(np.abs(value), initial=0.0)) for value in values)

    # logdet(X'*X) needs X to have at least as many rows as columns, whatever their names.
    tries = [(falling, k) for k in range(TRIES) for falling in (False, True)]
    falling, generator = False, np.random.default_rng(seed)
    for falling, k in tries:
        generator = np.random.default_rng((seed, k))
        if _is_usable(largest, drawn(np.random.default_rng((seed, k)), falling)):
            break

    return check_derivative(
        compared.claimed,
        compared.function,
        drawn(generator, falling),
        compared.blocks,
        seed=seed,
        oracle=compared.oracle,
        kink_distance=derivation.kink_distance(),
        redraw=lambda again: drawn(again, falling),
    )


def _is_usable(largest: Callable[[dict[str, Array]], float], point: dict[str, Array]) -> bool:
    """Whether values are ordinary numbers, not rounding noise around a singular matrix."""
    try:
        with np.errstate(all="ignore"):
            return largest(point) < LARGE
    except GradwrightError:
        return False


def _lengths(scope: Scope, point: Mapping[str, Array]) -> dict[str, int]:
    """The lengths that the values of a point give to named sizes, drawn ones for the others."""
    shown = {
        size: length
        for name, declared in scope.symbols.items()
        if name in point
        for size, length in zip(declared.sizes, np.shape(point[name]), strict=True)
        if isinstance(size, str)
    }
    return sample_sizes(scope) | shown


@dataclass(frozen=True, slots=True)
class _Compared:
    """What the oracle differentiates, by which blocks, and the derivative that is claimed."""

    function: Callable[[dict[str, Array]], Array]
    oracle: str
    blocks: list[str]
    claimed: Callable[[dict[str, Array]], Mapping[str, Array]]
    steps: Callable[[dict[str, Array]], dict[str, Array]] = lambda point: {}


def _compared(derivation: Checkable) -> _Compared:
    """A product with a vector is the derivative of another function.

    With a cotangent that is the sum of cotangent times value; with a tangent, the value at
    x + step · tangent as a function of the number `step`, at 0.
    """
    function, oracle = _differentiated(derivation)
    names = list(derivation.printed)
    kind = derivation.kind
    derivative = derivation.unverified()

    def claimed(point: dict[str, Array]) -> Mapping[str, Array]:
        values = {name: value for name, value in point.items() if name != STEP}
        result = derivative(**values, **drawn_functions(derivation.scope, values))
        if kind in ("jvp", "hvp"):
            return {STEP: result}
        return {names[0]: result} if len(names) == 1 else dict(result)

    def weighted(point: dict[str, Array]) -> Array:
        return np.sum(point["cotangent"] * function(point))

    def moved(point: dict[str, Array]) -> Array:
        here = point[names[0]] + point[STEP] * point["tangent"]
        return function({**point, names[0]: here})

    if kind == "vjp":
        return _Compared(weighted, oracle, names, claimed)
    if kind in ("jvp", "hvp"):
        return _Compared(moved, oracle, [STEP], claimed, lambda point: {STEP: np.zeros(())})
    if set(derivation.constraints.values()) != {"none"}:
        return _within(derivation, _Compared(function, oracle, names, claimed))
    return _Compared(function, oracle, names, claimed)


def _within(derivation: Checkable, free: _Compared) -> _Compared:
    """The same for variables that move within their sets, by steps that are zero at the point."""
    sets = {
        name: TangentSet.of(derivation.scope.symbols[name], constraint)
        for name, constraint in derivation.constraints.items()
    }
    steps = {name: f"a step of {name} that keeps the declared facts" for name in sets}
    second = derivation.differentiated is not None

    def parted(point: dict[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
        rest = {name: value for name, value in point.items() if name not in steps.values()}
        return rest, {**rest, **{n: s.moved(rest[n], point[steps[n]]) for n, s in sets.items()}}

    def function(point: dict[str, Array]) -> Array:
        here = parted(point)[1]
        value = free.function(here)
        return sets[free.blocks[0]].gathered(value) if second else value

    def claimed(point: dict[str, Array]) -> Mapping[str, Array]:
        return {steps[name]: value for name, value in free.claimed(parted(point)[0]).items()}

    def zeros(point: dict[str, Array]) -> dict[str, Array]:
        return {steps[name]: np.zeros(np.shape(point[name])) for name in sets}

    return _Compared(function, free.oracle, list(steps.values()), claimed, zeros)


def drawn_functions(scope: Scope, point: Mapping[str, Array]) -> dict[str, Smooth]:
    """A smooth function in place of each abstract one."""
    sizes = _lengths(scope, point)
    return {name: drawn(declared, sizes) for name, declared in scope.functions.items()}


def _differentiated(derivation: Checkable) -> tuple[Callable[[dict[str, Array]], Array], str]:
    """What the derivation is the derivative of, and the oracle that can differentiate it.

    A Hessian is checked as the derivative of the gradient's printed text, which has its own check
    against the formula.
    """
    gradient = derivation.differentiated
    scope, expression = derivation.scope, derivation.tree
    if gradient is not None:
        (printed,) = gradient.printed.values()
        expression = printed.tree
        axes = printed.node.axes if printed.form == "index" else None
        scope = infer(expression, scope.known, sizes=scope.sizes, axes=axes)

    def function(point: dict[str, Array]) -> Array:
        known = {**_lengths(derivation.scope, point), **point}
        used = {name: known[name] for name in {*scope.symbols, *scope.sizes} if name in known}
        functions = drawn_functions(scope, point)
        return evaluate(expression, used | {name: f.call for name, f in functions.items()}, scope)

    return function, "complex step"
