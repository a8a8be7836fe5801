"""Reads index notation: `D[i,j,k] = 2 Σ_p A[i,p] (B + B')[p,j] δ[i,k]/(s + t)`.

A text is worked out while it is read, on arrays with a named axis for each letter, so nothing here
is shared with what prints it or with what the product reads it by. What stands before brackets with
letters is matrix notation, and so is a parenthesis that holds no letters in brackets; both are left
to the caller. Lengths of letters are found in a first pass over the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradwright.ops.table import OPERATIONS

#: The value of a text in matrix notation.
Matrix = Callable[[str], np.ndarray]

TOKEN = re.compile(
    r"\s*(?:(?P<sum>[Σ∑]_[^\W_]+(?:,[^\W_]+)*|sum\[[^\]]*\])|(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?)"
    r"|(?P<raised>[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)|(?P<name>[^\W\d][^\W⁰¹²³⁴⁵⁶⁷⁸⁹]*'?)|(?P<sign>.))"
)
LETTERS = re.compile(r"\[([^\W_][\w,]*)\]")
OPTION = re.compile(r"\s*\w+=")
RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
FUNCTIONS = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "tanh": np.tanh, "sin": np.sin, "cos": np.cos,
    "abs": np.abs, "sign": np.sign, "relu": lambda z: np.maximum(z, 0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)), "σ": lambda z: 1 / (1 + np.exp(-z)),
    "softplus": lambda z: np.logaddexp(z, 0), "step": lambda z: np.heaviside(z, 0),
    "arctan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "max": np.maximum, "min": np.minimum,
    "rsqrt": lambda z: 1 / np.sqrt(z), "tan": np.tan, "arcsin": np.arcsin, "arccos": np.arccos,
}  # fmt: skip


def function(name: str) -> Callable[..., np.ndarray]:
    """A function of entries; those that are not listed as their records compute them."""
    return FUNCTIONS[name] if name in FUNCTIONS else OPERATIONS[name].value


@dataclass(frozen=True, slots=True)
class Named:
    """An array and the letter of each of its axes."""

    array: np.ndarray
    letters: tuple[str, ...] = ()

    def laid(self, letters: tuple[str, ...]) -> np.ndarray:
        """The array over more letters, of length 1 where it has none."""
        order = sorted(range(len(self.letters)), key=lambda k: letters.index(self.letters[k]))
        shape = iter(np.transpose(self.array, order).shape)
        held = [next(shape) if letter in self.letters else 1 for letter in letters]
        return np.transpose(self.array, order).reshape(held)


def index_value(text: str, shape: tuple[int, ...], matrix: Matrix) -> np.ndarray:
    """The tensor of `shape` that an equation in index notation defines."""
    left, _, right = text.partition(" = ")
    letters = tuple(x for found in LETTERS.findall(left) for x in found.split(","))
    assert len(letters) == len(shape), (left, shape)
    reader = _Reader(right, matrix, dict(zip(letters, shape, strict=True)))
    value = reader.sum()
    assert reader.place == len(right), right[reader.place :]
    assert set(value.letters) == set(letters), f"{left} has other letters than {right}"
    return value.laid(letters)


def together(function: Callable[..., np.ndarray], *values: Named) -> Named:
    """A function of entries."""
    letters = tuple(dict.fromkeys(x for value in values for x in value.letters))
    return Named(np.asarray(function(*(value.laid(letters) for value in values))), letters)


class _Reader:
    def __init__(self, text: str, matrix: Matrix, lengths: dict[str, int]) -> None:
        self.text = text
        self.matrix = matrix
        self.lengths = lengths
        self.place = 0

    def token(self) -> tuple[str, str]:
        """Kind and text of the next token; nothing at the end."""
        found = TOKEN.match(self.text, self.place)
        if found is None or found.lastgroup is None:
            return "", ""
        return found.lastgroup, found[found.lastgroup]

    def take(self) -> str:
        found = TOKEN.match(self.text, self.place)
        assert found is not None and found.lastgroup is not None
        self.place = found.end()
        return found[found.lastgroup]

    # Sums and products ------------------------------------------------------------------------

    def sum(self, sums: tuple[str, ...] = ()) -> Named:
        """Terms; each is summed over the letters by itself, or all would be held at every index."""
        negative = self.token()[1] in ("-", "−")
        if negative:
            self.take()
        total = self.product(sums)
        if negative:
            total = Named(-total.array, total.letters)
        while self.token()[1] in ("+", "-", "−"):
            sign = np.add if self.take() == "+" else np.subtract
            total = together(sign, total, self.product(sums))
        return total

    def product(self, sums: tuple[str, ...] = ()) -> Named:
        """Factors that are multiplied two at a time; `sums` are the letters to sum them over."""
        over = [self.power()]
        while True:
            kind, token = self.token()
            if token in ("*", "·"):
                self.take()
                over.append(self.power())
            elif token == "/":
                self.take()
                below = self.power()
                over.append(Named(1 / below.array, below.letters))
            elif kind in ("sum", "name", "number") or token in ("(", "‖"):
                over.append(self.power())
            else:
                break
        held = {letter for value in over for letter in value.letters}
        # Where a term has not the letter, it is added to itself as often as the letter counts.
        over += [Named(np.asarray(float(self.length(x)))) for x in sums if x not in held]
        return contracted(over, tuple(x for x in sums if x in held))

    def power(self) -> Named:
        kind, token = self.token()
        base = self.indexed_sum() if kind == "sum" else self.atom()
        if kind == "sum" and not token.startswith("sum"):
            return base
        kind, token = self.token()
        while token == "'":
            # The transpose of a number.
            self.take()
            kind, token = self.token()
        if kind == "raised":
            return Named(base.array ** float(self.take().translate(RAISED)), base.letters)
        if token == "^":
            self.take()
            return together(np.power, base, self.power())
        return base

    def indexed_sum(self) -> Named:
        sign = self.take()
        letters = tuple(re.sub(r"^[Σ∑]_|^sum\[|\]$", "", sign).split(","))
        assert not set(letters) & set(self.lengths), "a bound letter is in use around its sum"
        if sign.startswith("sum"):
            assert self.take() == "("
            made = self.sum(letters)
            assert self.take() == ")"
        else:
            made = self.product(letters)
        for letter in letters:
            del self.lengths[letter]
        return made

    # Atoms ------------------------------------------------------------------------------------

    def atom(self) -> Named:
        kind, token = self.token()
        start = self.place + len(self.text[self.place :]) - len(self.text[self.place :].lstrip())
        if kind == "number":
            return Named(np.asarray(float(self.take())))
        if token == "‖":
            self.place = self.text.index("‖", self.text.index("‖", self.place) + 1) + 1
            self.place += self.text[self.place : self.place + 1] == "₁"
            return self.entry(start)
        self.place = start
        name = self.take() if kind == "name" else ""
        if self.text[self.place : self.place + 1] == "(":
            return self.bracketed(name, start)
        if name in ("δ", "delta") and self.text[self.place] == "[":
            return self.identity()
        assert name, self.text[self.place :]
        return self.entry(start)

    def bracketed(self, name: str, start: int) -> Named:
        opening, end = self.place, closing(self.text, self.place)
        while self.text[end : end + 1] == "'":
            end += 1
        if LETTERS.match(self.text, end) or not LETTERS.search(self.text, opening, end):
            self.place = end
            return self.entry(start)
        self.place = opening + 1
        parts = [self.sum()]
        while self.token()[1] == ",":
            self.take()
            parts.append(self.sum())
        assert self.take() == ")"
        return together(function(name), *parts) if name else parts[0]

    def entry(self, start: int) -> Named:
        """Matrix notation from `start` to here, at the letters in brackets that follow."""
        value = np.asarray(self.matrix(self.text[start : self.place]))
        found = LETTERS.match(self.text, self.place)
        if found is None:
            assert value.ndim == 0, self.text[start : self.place]
            return Named(value)
        self.place = found.end()
        return self.at(value, found[1].split(","))

    def at(self, value: np.ndarray, letters: list[str]) -> Named:
        assert value.ndim == len(letters), letters
        for axis in reversed(range(value.ndim)):
            if letters[axis].isdigit():
                value = np.take(value, int(letters[axis]) - 1, axis=axis)
        held = [letter for letter in letters if not letter.isdigit()]
        for letter, length in zip(held, value.shape, strict=True):
            assert self.lengths.setdefault(letter, length) == length, letter
        distinct = tuple(dict.fromkeys(held))
        places = [distinct.index(letter) for letter in held]
        return Named(np.einsum(value, places, list(range(len(distinct)))), distinct)

    def identity(self) -> Named:
        found = LETTERS.match(self.text, self.place)
        assert found is not None
        letters = found[1].split(",")
        self.place = found.end()
        length = next(self.length(x) for x in letters if not x.isdigit())
        return self.at(np.eye(length), letters)

    def length(self, letter: str) -> int:
        """How far a letter counts: as known, or by the first entry behind this place."""
        if letter not in self.lengths:
            ahead = _Reader(self.text, self.matrix, self.lengths)
            ahead.place = self.place
            while letter not in self.lengths:
                is_option = OPTION.match(self.text, ahead.place) is not None
                names = ahead.token()[0] == "name" and ahead.token()[1] not in ("δ", "delta")
                if names and not is_option:
                    ahead.atom()
                else:
                    ahead.take()
        return self.lengths[letter]


def contracted(values: list[Named], sums: tuple[str, ...]) -> Named:
    """The sum of a product over letters, which every one of them must hold."""
    number: dict[str, int] = {}
    operands: list[object] = []
    for value in values:
        places = [number.setdefault(letter, len(number)) for letter in value.letters]
        operands += [value.array, places]
    assert set(sums) <= set(number), sums
    kept = tuple(letter for letter in number if letter not in sums)
    made = np.einsum(*operands, [number[x] for x in kept], optimize="greedy")
    return Named(np.asarray(made), kept)


def closing(text: str, place: int) -> int:
    """The place after the parenthesis that closes the one at `place`."""
    depth = 0
    for end in range(place, len(text)):
        depth += (text[end] == "(") - (text[end] == ")")
        if depth == 0:
            return end + 1
    raise AssertionError(f"a parenthesis is open: {text[place:]}")
