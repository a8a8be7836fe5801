"""Whether two nodes are equal, and how that is known."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import combinations
from math import prod
from typing import Any

import numpy as np

from gradwright.core.graph import Graph
from gradwright.core.nodes import (
    Function,
    Node,
    OneHot,
    Power,
    Product,
    Size,
    Variable,
    arguments,
    bare_sizes,
    postorder,
)
from gradwright.core.work import spend
from gradwright.notation.declarations import array_kind
from gradwright.ops import samples
from gradwright.simplify.contracting import PRIME, lengths
from gradwright.simplify.field import evaluate, evaluate_each, evaluate_modular, magnitude
from gradwright.simplify.point_sizes import large_sizes, longer, point_sizes
from gradwright.simplify.residues import Undecided, inverse_and_det, inverse_residue

MODULAR_POINTS = 2
MODULAR_TRIES = 60
REAL_POINTS = 3
REAL_TRIES = 12

#: How many variables are drawn between 0 and 1 at once, where there are few.
MOST_INSIDE = 2
FEW = 4

#: Relative to the largest magnitude met, for points whose condition is ordinary.
REAL_TOLERANCE = 1e-8

#: A difference beyond this, relative to the same, is looked at; rounding explains it where moving
#: the point by a factor so near to 1 explains a hundredth of it.
GROSS_TOLERANCE = 1e-6
NUDGE = 1e-13
#: Values of points of size 1 that are smaller may be the rounding of what cancels, such as the
#: derivative of a sum of softmax.
VANISHING = 1e-9
#: What is left of terms that cancel, relative to what they are when none of them does.
CANCELLED = 1e-14


#: Variables; with one that is indices, the number of places it chooses from.
Inputs = list[tuple[Variable, Size | None]]


class Level(StrEnum):
    """How an equality was established, the strongest first."""

    SAME = "same node"
    MODULAR = "equal modulo a prime"
    REAL = "equal at random points"


def equal(graph: Graph, one: Node, other: Node, *, seed: int = 0) -> Level | None:
    """The level at which two nodes of one graph are equal, or None when they differ."""
    if one is other:
        return Level.SAME
    if one.axes != other.axes:
        return None
    parts = postorder(one, other)
    large = large_sizes(parts)
    if large:
        level = _equal_at(one, other, parts, point_sizes(parts, large), all, seed)
        if level is not None:
            return level
    choices = point_sizes(parts)
    level = _equal_at(one, other, parts, choices, any, seed)
    if level is None and _has_root_of_sizes(parts):
        # sqrt(n - 3) has no point with fewer than three entries.
        return _equal_at(one, other, parts, longer(parts, choices), any, seed)
    return level


def _equal_at(
    one: Node,
    other: Node,
    parts: Sequence[Node],
    choices: Sequence[Mapping[str, int]],
    agreed: Callable[[Iterable[bool]], bool],
    seed: int,
) -> Level | None:
    if not choices:
        return None
    inputs = _inputs(parts)
    proven = agreed(_modular(one, other, inputs, sizes, random.Random(seed)) for sizes in choices)
    if proven and not _has_root(parts):
        return Level.MODULAR
    generator = np.random.default_rng(seed)
    if agreed(_real(one, other, inputs, sizes, generator) for sizes in choices):
        return Level.MODULAR if proven else Level.REAL
    return None


def differ(one: Node, other: Node, *, seed: int = 0) -> bool:
    """Whether two nodes are shown to differ, at random points of unequal lengths.

    They do where no point modulo a prime shows that they agree, and floating point shows by far
    that they do not: functions that are hashes keep only some identities. Where neither has a
    point nothing is shown.
    """
    if one is other:
        return False
    if one.axes != other.axes:
        return True
    parts = postorder(one, other)
    choices = point_sizes(parts, large_sizes(parts))
    inputs = _inputs(parts)
    for sizes in choices:
        if _modular(one, other, inputs, sizes, random.Random(seed), points=1):
            return False
    generator = np.random.default_rng(seed)
    return any(_far_apart(one, other, inputs, sizes, generator) for sizes in choices)


def _far_apart(
    one: Node,
    other: Node,
    inputs: Inputs,
    sizes: Mapping[str, int],
    draw: np.random.Generator,
) -> bool:
    """Whether the values differ at a random point by more than rounding there explains.

    Where a matrix is singular to rounding its inverse is noise. Moving the point by some last
    places shows that; then the point tells nothing.
    """
    for _ in range(REAL_POINTS):
        point = {v.name: _real_value(v, among, sizes, draw) for v, among in inputs}
        near = {n: a if a.dtype.kind in "iu" else a * (1 + NUDGE) for n, a in point.items()}
        try:
            with np.errstate(all="ignore"):
                found = [evaluate(node, at, sizes) for node in (one, other) for at in (point, near)]
        except np.linalg.LinAlgError:
            continue
        scale = max(float(np.max(np.abs(value), initial=0.0)) for value in found)
        if not VANISHING < scale < np.inf:
            continue
        left, left_near, right, right_near = found
        moved = max(
            float(np.max(np.abs(left - left_near), initial=0.0)),
            float(np.max(np.abs(right - right_near), initial=0.0)),
        )
        gap = float(np.max(np.abs(left - right), initial=0.0))
        if gap > GROSS_TOLERANCE * scale and moved < gap / 100:
            return True
    return False


def _has_root(parts: Iterable[Node]) -> bool:
    """Whether a square root is taken: modulo a prime it has no sign, so √(x²) may pass for x."""
    return any(
        (isinstance(part, Power) and part.exponent.denominator != 1)
        or (isinstance(part, Function) and part.operation == "rsqrt")
        for part in parts
    )


def _has_root_of_sizes(parts: Sequence[Node]) -> bool:
    """Whether a function or a root is taken of sizes alone, which has a value at some alone."""
    varying: dict[Node, bool] = {}
    for part in parts:
        varying[part] = isinstance(part, Variable) or any(varying[a] for a in arguments(part))
    limited = [p for p in parts if isinstance(p, Function) or _has_root([p])]
    return any(not varying[p] and any(map(bare_sizes, postorder(p))) for p in limited)


def _inputs(parts: Iterable[Node]) -> Inputs:
    """The variables of nodes; for one that is indices, the number of places it chooses from."""
    among: dict[Variable, Size | None] = {}
    for part in parts:
        if isinstance(part, OneHot):
            among[part.indices] = part.axes[-1]
        elif isinstance(part, Variable):
            among.setdefault(part, None)
    return sorted(among.items(), key=lambda item: item[0].name)


def _modular(
    one: Node,
    other: Node,
    inputs: Inputs,
    sizes: Mapping[str, int],
    draw: random.Random,
    points: int = MODULAR_POINTS,
) -> bool:
    """Whether the values agree modulo a prime at that many points."""
    agreed = 0
    for _ in range(MODULAR_TRIES):
        salt = draw.randrange(PRIME)
        values = {v.name: _modular_value(v, among, sizes, draw) for v, among in inputs}
        try:
            left, right = evaluate_modular((one, other), values, sizes, salt)
        except Undecided:
            continue
        if not np.array_equal(left, right):
            return False
        agreed += 1
        if agreed == points:
            return True
    return False


def _modular_value(
    variable: Variable, among: Size | None, sizes: Mapping[str, int], draw: random.Random
) -> Any:
    shape = lengths(variable.axes, sizes)
    spend(prod(shape))
    if among is not None:
        (places,) = lengths((among,), sizes)
        drawn = [draw.randrange(places) for _ in range(int(np.prod(shape, dtype=int)))]
        return np.array(drawn, dtype=object).reshape(shape)
    facts = variable.facts
    count = int(np.prod(shape, dtype=int))
    if facts & {"binary", "onehot"}:
        entries = [draw.randrange(2) for _ in range(count)]
    elif "signs" in facts:
        entries = [draw.choice((1, PRIME - 1)) for _ in range(count)]
    else:
        entries = [draw.randrange(1, PRIME) for _ in range(count)]
    value = np.array(entries, dtype=object).reshape(shape)
    if "onehot" in facts:
        value = np.zeros(shape, dtype=object)
        for place in np.ndindex(shape[:-1]):
            value[(*place, draw.randrange(shape[-1]))] = 1
    elif "sum1" in facts:
        value[..., -1] = (1 - np.sum(value[..., :-1], axis=-1)) % PRIME
    elif "columns_sum1" in facts:
        value[-1] = (1 - np.sum(value[:-1], axis=0)) % PRIME
    if "diagonal" in facts:
        return np.where(np.eye(len(value), dtype=bool), value, 0)
    if "orthogonal" in facts:
        return _modular_orthogonal(value, "symmetric" in facts)
    if "symmetric" in facts:
        value = (value + value.T) % PRIME
    return value


def _modular_orthogonal(value: Any, symmetric: bool) -> Any:
    """A reflection I - 2uu'/u'u, or the Cayley transform (I - A)⁻¹(I + A) of A' = -A."""
    identity = np.eye(len(value), dtype=int).astype(object)
    if symmetric:
        u = value[:, 0]
        scale = 2 * inverse_residue(int(u @ u)) % PRIME
        return (identity - scale * np.outer(u, u)) % PRIME
    skew = value - value.T
    return inverse_and_det((identity - skew) % PRIME)[0] @ (identity + skew) % PRIME


def _real(
    one: Node,
    other: Node,
    inputs: Inputs,
    sizes: Mapping[str, int],
    draw: np.random.Generator,
) -> bool:
    """Whether the values agree at random points where both are finite."""
    for inside in _choices(inputs):
        decided = 0
        for attempt in range(REAL_TRIES):
            values = {v.name: _real_value(v, among, sizes, draw, inside) for v, among in inputs}
            with np.errstate(all="ignore"):
                left, right = evaluate_each((one, other), values, sizes)
            if np.all(np.isfinite(left)) and np.all(np.isfinite(right)):
                if not _near((one, other), (left, right), values, sizes):
                    return False
                decided += 1
            if decided == REAL_POINTS:
                return True
            if inside is not None and attempt >= REAL_POINTS and not decided:
                break
    return False


def _choices(inputs: Inputs) -> Iterator[frozenset[Variable] | None]:
    """Which variables have entries between 0 and 1, the others being small; None is for all sizes.

    Logarithms and roots may leave no point among numbers of both signs. The fewest variables come
    first: what has one sign alone shows no sign that is wrong.
    """
    yield None
    free = [v for v, among in inputs if among is None and v.facts <= {"positive"}]
    most = MOST_INSIDE if len(free) <= FEW else 1
    for count in range(min(most, len(free)) + 1):
        yield from map(frozenset, combinations(free, count))
    if len(free) > most:
        yield frozenset(free)


def _near(
    nodes: tuple[Node, Node],
    found: tuple[Any, Any],
    values: Mapping[str, Any],
    sizes: Mapping[str, int],
) -> bool:
    """Whether two finite values agree to rounding."""
    scale = max(float(np.max(np.abs(value), initial=0.0)) for value in found)
    gap = float(np.max(np.abs(found[0] - found[1]), initial=0.0))
    rounding = scale <= VANISHING and all(
        scale <= CANCELLED * magnitude(node, values, sizes) for node in nodes
    )
    return gap <= REAL_TOLERANCE * scale or rounding


def _real_value(
    variable: Variable,
    among: Size | None,
    sizes: Mapping[str, int],
    draw: np.random.Generator,
    inside: frozenset[Variable] | None = None,
) -> Any:
    """A random value that honours the declared facts; see `_choices` for `inside`."""
    if among is not None:
        (places,) = lengths((among,), sizes)
        return draw.integers(places, size=lengths(variable.axes, sizes))
    spend(prod(lengths(variable.axes, sizes)) // 50)
    kind, facts = array_kind(variable.order), variable.facts
    if inside is not None and variable in inside:
        facts |= {"unit"}
    value = samples.draw(kind, lengths(variable.axes, sizes), facts, draw)
    return value / 2 if inside is not None and not facts else value


def is_zero(node: Node) -> bool:
    """Whether a node is zero by construction."""
    return isinstance(node, Product) and node.coefficient == 0
