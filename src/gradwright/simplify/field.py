"""Two number systems to evaluate nodes in: floating point, and the integers modulo a prime.

Modulo a prime, rational operations are exact, and functions such as exp are keyed hashes of their
argument that keep the identities they are known by. Two nodes that agree at random points are
equal up to a chance of about degree/prime; two that differ are different only when no hashed
function took part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from hashlib import blake2b
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
from gradwright.ops.table import OPERATIONS, record
from gradwright.simplify.contracting import PRIME, Array, contract, lengths


class Undecided(Exception):
    """The point has no image in this number system, e.g. no square root; take another."""


def evaluate(node: Node, values: Mapping[str, Array], sizes: Mapping[str, int]) -> Array:
    """The value of a node in floating point."""
    return _evaluate(node, values, sizes, _real_power, _real_call, float)


def evaluate_modular(
    node: Node, values: Mapping[str, Array], sizes: Mapping[str, int], salt: int
) -> Array:
    """The value of a node modulo `PRIME`; `values` are object arrays of residues.

    Raises:
        Undecided: a division by zero or a square root of a non-residue.
    """

    def call(node: Function | Operation, arguments: list[Array], shape: tuple[int, ...]) -> Array:
        if isinstance(node, Operation) and node.operation not in OPERATIONS:
            return _modular_map(node, arguments, shape, salt)
        return _modular_call(node.operation, arguments, options_of(node), salt)

    return _evaluate(node, values, sizes, _modular_power, call, _residue)


def _evaluate(
    node: Node,
    values: Mapping[str, Array],
    sizes: Mapping[str, int],
    power: Callable[[Array, Fraction], Array],
    call: Callable[[Function | Operation, list[Array], tuple[int, ...]], Array],
    number: Callable[[Fraction], Any],
) -> Array:
    done: dict[Node, Array] = {}
    exact = number is not float
    for part in postorder(node):
        spend(_price(part, sizes, exact))
        match part:
            case Variable(name=name):
                value = values[name]
            case SizeOf(size=size):
                value = number(Fraction(sizes[size]))
            case Unit(place=place):
                entries = range(1, lengths(part.axes, sizes)[0] + 1)
                value = np.array([number(Fraction(k == place)) for k in entries])
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
    return done[node]


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


def _residue(value: Fraction) -> int:
    return value.numerator * pow(value.denominator, -1, PRIME) % PRIME


def _ratio(top: int, bottom: int) -> int:
    return top * inverse_residue(bottom % PRIME) % PRIME


HALF = _residue(Fraction(1, 2))


def _each(function: Callable[..., int], *arrays: Array) -> Array:
    return np.asarray(np.frompyfunc(function, len(arrays), 1)(*arrays), dtype=object)


def inverse_residue(value: int) -> int:
    """1/value; `Undecided` for 0."""
    if value % PRIME == 0:
        raise Undecided
    return pow(int(value), -1, PRIME)


def _root(value: int) -> int:
    root = pow(int(value), (PRIME + 1) // 4, PRIME)
    if root * root % PRIME != value % PRIME:
        raise Undecided
    return root


def _modular_power(base: Array, exponent: Fraction) -> Array:
    if exponent.denominator not in (1, 2):
        raise Undecided
    value = base if exponent.denominator == 1 else _each(_root, base)
    if exponent < 0:
        value = _each(inverse_residue, value)
    count = abs(exponent.numerator)
    return _each(lambda x: pow(int(x), count, PRIME), value)


class _Hashed:
    """Functions as keyed hashes that keep their usual identities; `salt` makes a new draw."""

    def __init__(self, salt: int, options: dict[str, Fraction]) -> None:
        self.salt = salt
        self.options = options

    def keyed(self, tag: str, *values: int) -> int:
        text = f"{self.salt}:{tag}:{','.join(str(int(v) % PRIME) for v in values)}"
        return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) % (PRIME - 2) + 1

    def exp(self, value: int) -> int:
        value = int(value) % PRIME
        if value > PRIME // 2:
            return inverse_residue(self.keyed("exp", PRIME - value))
        return self.keyed("exp", value)

    def log(self, value: int) -> int:
        value = int(value) % PRIME
        if value == 1:
            return 0
        other = inverse_residue(value)
        return self.keyed("log", value) if value <= other else PRIME - self.keyed("log", other)

    def log1p(self, value: int) -> int:
        return self.log((1 + value) % PRIME)

    def expm1(self, value: int) -> int:
        return self.exp(value) - 1

    def rsqrt(self, value: int) -> int:
        return 0 if value % PRIME == 0 else inverse_residue(_root(value))

    def sign(self, value: int) -> int:
        value = int(value) % PRIME
        if value == 0:
            return 0
        half = min(value, PRIME - value)
        positive = self.keyed("sign", half) % 2 == 0
        return 1 if positive == (value <= PRIME // 2) else PRIME - 1

    def step(self, value: int) -> int:
        if value % PRIME == 0:
            return _residue(self.options.get("kink", Fraction(0)))
        return (1 + self.sign(value)) * HALF % PRIME

    def tanh(self, value: int) -> int:
        square = pow(self.exp(value), 2, PRIME)
        return _ratio(square - 1, square + 1)

    def _half_angle(self, value: int) -> int:
        value = int(value) % PRIME
        half = self.keyed("angle", min(value, PRIME - value))
        return half if value <= PRIME // 2 else PRIME - half

    def sin(self, value: int) -> int:
        t = self._half_angle(value)
        return _ratio(2 * t, 1 + t * t)

    def cos(self, value: int) -> int:
        t = self._half_angle(value)
        return _ratio(1 - t * t, 1 + t * t)

    def tan(self, value: int) -> int:
        return _ratio(self.sin(value), self.cos(value))

    def sigmoid(self, value: int) -> int:
        return inverse_residue((1 + self.exp(-value)) % PRIME)

    def softplus(self, value: int) -> int:
        return self.log((1 + self.exp(value)) % PRIME)

    def sinh(self, value: int) -> int:
        return (self.exp(value) - self.exp(-value)) * HALF

    def cosh(self, value: int) -> int:
        return (self.exp(value) + self.exp(-value)) * HALF

    def abs(self, value: int) -> int:
        return value * self.sign(value)

    def relu(self, value: int) -> int:
        return value * (1 + self.sign(value)) * HALF

    def leaky_relu(self, value: int) -> int:
        slope = _residue(self.options["slope"])
        return value * self.step(value) + slope * value * (1 - self.step(value))

    def max(self, one: int, other: int) -> int:
        return other + self.relu(one - other)

    def min(self, one: int, other: int) -> int:
        return other - self.relu(other - one)


#: Functions of `_Hashed` by name; any other elementwise function is an opaque hash.
HASHED = frozenset(
    {
        "exp",
        "log",
        "log1p",
        "expm1",
        "sign",
        "step",
        "tanh",
        "sin",
        "cos",
        "tan",
        "sigmoid",
        "softplus",
    }
    | {"softplus", "sinh", "cosh", "abs", "relu", "leaky_relu", "max", "min", "rsqrt"}
)


def _modular_call(
    name: str, arguments: list[Array], options: dict[str, Fraction], salt: int
) -> Array:
    hashed = _Hashed(salt, options)
    match name:
        case "softmax":
            weights = _each(hashed.exp, arguments[0])
            return weights * _each(inverse_residue, np.sum(weights, axis=-1, keepdims=True) % PRIME)
        case "logsumexp":
            return _each(hashed.log, np.sum(_each(hashed.exp, arguments[0]), axis=-1) % PRIME)
        case "layernorm" | "rmsnorm" | "std" | "rms":
            return _modular_standardised(name, arguments[0], hashed)
        case "largest" | "hardmax":
            # There is no order modulo a prime.
            raise Undecided
        case "inv":
            return inverse_and_det(arguments[0])[0]
        case "det":
            return np.asarray(inverse_and_det(arguments[0])[1], dtype=object)
        case "logdet":
            det = inverse_and_det(arguments[0])[1]
            return np.asarray(hashed.log(min(det, PRIME - det)), dtype=object)
        case _ if name in HASHED:
            return _each(getattr(hashed, name), *arguments)
    tag = f"{name}{sorted(options.items())}"
    return _each(lambda *values: hashed.keyed(tag, *values), *arguments)


def _modular_standardised(name: str, array: Array, hashed: _Hashed) -> Array:
    """The length is a hash of its square; its root would need a square of every row."""
    count = inverse_residue(array.shape[-1])
    total = np.sum(array, axis=-1, keepdims=True)
    centred = array - total * count if name in ("layernorm", "std") else array
    eps = _residue(hashed.options["eps"])
    squares = np.sum(centred * centred, axis=-1, keepdims=True) * count + eps
    kind = "std" if name in ("layernorm", "std") else "rms"
    length = _each(lambda value: hashed.keyed(kind, value), squares)
    if name in ("std", "rms"):
        return np.asarray(length[..., 0], dtype=object)
    return np.asarray(centred * _each(inverse_residue, length), dtype=object)


def _modular_map(
    node: Operation, arguments: list[Array], shape: tuple[int, ...], salt: int
) -> Array:
    """An abstract map as a hash of all entries of its arguments and the place in its result.

    Second derivatives by one argument are symmetric.
    """
    hashed = _Hashed(salt, {})
    entries = [int(value) for argument in arguments for value in argument.tolist()]
    _, by = map_parts(node.operation, len(arguments))
    outputs = len(shape) - len(by)
    found = np.empty(shape, dtype=object)
    for place in np.ndindex(*shape):
        pairs = sorted(zip(by, place[outputs:], strict=True))
        tag = f"{node.operation}{place[:outputs]}{pairs}"
        found[place] = hashed.keyed(tag, *entries)
    return found


def inverse_and_det(matrix: Array) -> tuple[Array, int]:
    """Gauss-Jordan elimination modulo the prime.

    Raises:
        Undecided: the matrix is singular there.
    """
    n = matrix.shape[0]
    work = [
        [int(v) % PRIME for v in row] + [int(i == j) for j in range(n)]
        for i, row in enumerate(matrix.tolist())
    ]
    det = 1
    for column in range(n):
        pivot = next((r for r in range(column, n) if work[r][column]), None)
        if pivot is None:
            raise Undecided
        if pivot != column:
            work[column], work[pivot], det = work[pivot], work[column], -det
        det = det * work[column][column] % PRIME
        scale = inverse_residue(work[column][column])
        work[column] = [v * scale % PRIME for v in work[column]]
        for row in range(n):
            if row != column and work[row][column]:
                factor = work[row][column]
                work[row] = [
                    (v - factor * w) % PRIME for v, w in zip(work[row], work[column], strict=True)
                ]
    return np.array([row[n:] for row in work], dtype=object), det % PRIME
