"""Two number systems to evaluate nodes in: floating point, and the integers modulo a prime.

Modulo a prime, rational operations are exact, and functions such as exp are keyed hashes of their
argument that keep the identities they are known by. Two nodes that agree at random points are
equal up to a chance of about degree/prime; two that differ are different only when no hashed
function took part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from gradwright.core.nodes import (
    Add,
    Function,
    Node,
    OneHot,
    Operation,
    Power,
    Product,
    Select,
    SizeOf,
    Unit,
    Variable,
    postorder,
)
from gradwright.core.work import spend
from gradwright.ops.abstract import map_parts, map_value
from gradwright.ops.record import options_of
from gradwright.ops.table import OPERATIONS, record, structured
from gradwright.simplify.contracting import PRIME, Array, contract, lengths
from gradwright.simplify.residues import (
    HASHED,
    Residues,
    Undecided,
    each,
    inverse_residue,
    residue,
    square_root,
)


def evaluate(node: Node, values: Mapping[str, Array], sizes: Mapping[str, int]) -> Array:
    """The value of a node in floating point."""
    return evaluate_each((node,), values, sizes)[0]


def evaluate_each(
    nodes: Sequence[Node], values: Mapping[str, Array], sizes: Mapping[str, int]
) -> list[Array]:
    """The values of nodes of one graph in floating point; what they share is evaluated once."""
    return _evaluate(nodes, values, sizes, _real_power, _real_call, float)


def magnitude(node: Node, values: Mapping[str, Array], sizes: Mapping[str, int]) -> float:
    """The largest entry that a node would have if its terms did not cancel, as |a| + |b| for a - b.

    Rounding changes the value by about 1e-16 of that.
    """
    parts = postorder(node)
    found = dict(zip(parts, evaluate_each(parts, values, sizes), strict=True))
    wide: dict[Node, Array] = {}
    for part in parts:
        match part:
            case Product(coefficient=c):
                wide[part] = contract(part, wide, sizes, abs(float(c)), False)
            case Add(terms=terms):
                wide[part] = np.asarray(sum(abs(float(c)) * wide[t] for c, t in terms))
            case _:
                wide[part] = np.abs(found[part])
    return float(np.max(wide[node], initial=0.0))


def evaluate_modular(
    nodes: Sequence[Node], values: Mapping[str, Array], sizes: Mapping[str, int], salt: int
) -> list[Array]:
    """The values of nodes of one graph modulo `PRIME`; `values` are object arrays of residues.

    What the nodes share is evaluated once.

    Raises:
        Undecided: a division by zero or a square root of a non-residue.
    """

    def call(node: Function | Operation, arguments: list[Array], shape: tuple[int, ...]) -> Array:
        if isinstance(node, Operation) and node.operation not in OPERATIONS:
            return _modular_map(node, arguments, shape, salt)
        return _modular_call(node, arguments, options_of(node), salt)

    return _evaluate(nodes, values, sizes, _modular_power, call, residue)


def _evaluate(
    nodes: Sequence[Node],
    values: Mapping[str, Array],
    sizes: Mapping[str, int],
    power: Callable[[Array, Fraction], Array],
    call: Callable[[Function | Operation, list[Array], tuple[int, ...]], Array],
    number: Callable[[Fraction], Any],
) -> list[Array]:
    done: dict[Node, Array] = {}
    exact = number is not float
    for part in postorder(*nodes):
        spend(_price(part, sizes, exact))
        match part:
            case Variable(name=name):
                value = values[name]
            case SizeOf(size=size):
                value = number(Fraction(sizes[size]))
            case Unit(place=place):
                length, chosen = lengths((*part.axes, place), sizes)
                entries = range(1, length + 1)
                value = np.array([number(Fraction(k == chosen)) for k in entries])
            case Select(start=start, steps=steps):
                *parts, whole = lengths(part.axes, sizes)
                begin, *strides = lengths((start, *steps), sizes)
                grid = np.indices(parts).reshape(len(parts), *parts)
                places = begin + np.tensordot(strides, grid, 1)
                chosen = np.expand_dims(places, -1) == np.arange(whole)
                value = chosen.astype(object if exact else float) * 1
            case OneHot(indices=indices):
                places = np.arange(lengths(part.axes, sizes)[-1])
                value = (done[indices][..., None] == places).astype(object if exact else float)
                # Python's own whole numbers, which do not overflow.
                value = value * 1
            case Product():
                value = contract(part, done, sizes, number(part.coefficient), exact)
            case Add(terms=terms):
                value = sum(number(c) * done[t] for c, t in terms)
            case Power(base=base, exponent=exponent):
                value = power(done[base], exponent)
            case Function(arguments=parts) | Operation(arguments=parts):
                value = call(part, [done[p] for p in parts], lengths(part.axes, sizes))
            case _:
                raise AssertionError(type(part))
        # Arithmetic on arrays without axes gives plain numbers, which NumPy would make int64.
        done[part] = np.asarray(value % PRIME, dtype=object) if exact else np.asarray(value)
    return [done[node] for node in nodes]


def _price(node: Node, sizes: Mapping[str, int], exact: bool) -> int:
    """Units of work to evaluate one node whose parts are known; a contraction adds its pairs."""
    entries = prod(lengths(node.axes, sizes))
    if not exact:
        return 4 + entries // 200
    hashed = isinstance(node, Function | Operation)
    return 4 + (4 * entries if hashed else entries)


# Floating point ---------------------------------------------------------------------------------


def _real_power(base: Array, exponent: Fraction) -> Array:
    return np.power(base, float(exponent))


def _real_call(node: Function | Operation, arguments: list[Array], shape: tuple[int, ...]) -> Array:
    if isinstance(node, Operation) and node.operation not in OPERATIONS:
        _, by = map_parts(node.operation, len(arguments))
        return map_value(node.operation, arguments, shape[: len(shape) - len(by)])
    given = {key: float(value) for key, value in options_of(node).items()}
    return record(node).value(*arguments, **given)


# Modulo a prime ---------------------------------------------------------------------------------


def _modular_power(base: Array, exponent: Fraction) -> Array:
    if exponent.denominator not in (1, 2):
        raise Undecided
    value = base if exponent.denominator == 1 else each(square_root, base)
    if exponent < 0:
        value = each(inverse_residue, value)
    count = abs(exponent.numerator)
    return each(lambda x: pow(int(x), count, PRIME), value)


def _modular_call(
    node: Function | Operation, arguments: list[Array], options: dict[str, Fraction], salt: int
) -> Array:
    name, numbers = node.operation, Residues(salt, options)
    if isinstance(node, Operation):
        modular = structured(node).modular
        if modular is None:
            raise Undecided
        return np.asarray(modular(numbers, *arguments), dtype=object)
    if name in HASHED:
        return numbers.each(name, *arguments)
    tag = f"{name}{sorted(options.items())}"
    return each(lambda *values: numbers.keyed(tag, *values), *arguments)


def _modular_map(
    node: Operation, arguments: list[Array], shape: tuple[int, ...], salt: int
) -> Array:
    """An abstract map as a hash of all entries of its arguments and the place in its result.

    Second derivatives by one argument are symmetric.
    """
    hashed = Residues(salt, {})
    entries = [int(value) for argument in arguments for value in argument.tolist()]
    _, by = map_parts(node.operation, len(arguments))
    outputs = len(shape) - len(by)
    found = np.empty(shape, dtype=object)
    for place in np.ndindex(*shape):
        pairs = sorted(zip(by, place[outputs:], strict=True))
        tag = f"{node.operation}{place[:outputs]}{pairs}"
        found[place] = hashed.keyed(tag, *entries)
    return found
