"""The integers modulo a prime, with functions such as exp as keyed hashes of their argument."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from hashlib import blake2b

import numpy as np

from gradwright.simplify.contracting import PRIME, Array


class Undecided(Exception):
    """The point has no image in this number system, e.g. no square root; take another."""


def residue(value: Fraction) -> int:
    """A rational number as a residue."""
    return value.numerator * pow(value.denominator, -1, PRIME) % PRIME


def _ratio(top: int, bottom: int) -> int:
    return top * inverse_residue(bottom % PRIME) % PRIME


HALF = residue(Fraction(1, 2))


def each(function: Callable[..., int], *arrays: Array) -> Array:
    """A function of residues at every entry."""
    return np.asarray(np.frompyfunc(function, len(arrays), 1)(*arrays), dtype=object)


def inverse_residue(value: int) -> int:
    """1/value; `Undecided` for 0."""
    if value % PRIME == 0:
        raise Undecided
    return pow(int(value), -1, PRIME)


def square_root(value: int) -> int:
    """One of the two roots; `Undecided` where there is none."""
    root = pow(int(value), (PRIME + 1) // 4, PRIME)
    if root * root % PRIME != value % PRIME:
        raise Undecided
    return root


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

    def log_of_absolute(self, value: int) -> int:
        """log|value|, the same for value and -value."""
        return self.log(min(value % PRIME, -value % PRIME))

    def log_of_positive(self, value: int) -> int:
        """log of one of value and -value, of which a draw takes one for the positive one."""
        if value % PRIME > PRIME // 2:
            raise Undecided
        return self.log(value)

    def log1p(self, value: int) -> int:
        return self.log((1 + value) % PRIME)

    def expm1(self, value: int) -> int:
        return self.exp(value) - 1

    def rsqrt(self, value: int) -> int:
        return 0 if value % PRIME == 0 else inverse_residue(square_root(value))

    def sign(self, value: int) -> int:
        value = int(value) % PRIME
        if value == 0:
            return 0
        half = min(value, PRIME - value)
        positive = self.keyed("sign", half) % 2 == 0
        return 1 if positive == (value <= PRIME // 2) else PRIME - 1

    def step(self, value: int) -> int:
        if value % PRIME == 0:
            return residue(self.options.get("kink", Fraction(0)))
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
        slope = residue(self.options["slope"])
        return value * self.step(value) + slope * value * (1 - self.step(value))

    def max(self, one: int, other: int) -> int:
        return other + self.relu(one - other)

    def min(self, one: int, other: int) -> int:
        return other - self.relu(other - one)


class Residues(_Hashed):
    """The same for whole arrays, as the records of operations ask for them."""

    def each(self, function: str, *arrays: Array) -> Array:
        """A function of this class at every entry."""
        return each(getattr(self, function), *arrays)

    def hashed(self, tag: str, array: Array) -> Array:
        """An opaque function at every entry."""
        return each(lambda value: self.keyed(tag, value), array)

    def reciprocal(self, array: Array) -> Array:
        """1 over every entry."""
        return each(inverse_residue, array)

    def mean(self, array: Array) -> Array:
        """The mean along the last axis, which stays."""
        count = inverse_residue(array.shape[-1])
        return np.asarray(np.sum(array, axis=-1, keepdims=True) * count % PRIME, dtype=object)

    def number(self, option: str) -> int:
        """The value of an option."""
        return residue(self.options[option])

    def inverse_and_det(self, matrix: Array) -> tuple[Array, int]:
        """The inverse and the determinant."""
        return inverse_and_det(matrix)


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
        "sinh",
        "cosh",
        "abs",
        "relu",
        "leaky_relu",
        "max",
        "min",
        "rsqrt",
    }
)


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
