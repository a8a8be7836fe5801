"""Reads index notation back: `D[i,j,k] = 2 Σ_p A[i,p] (B + B')[p,j] δ[i,k] (s + t)^(-1)`.

A formula is a sum of terms; a term is a number, a sum sign with its letters, and factors; a factor
is a name, a call or a parenthesis, with letters and a whole power where it has them. What stands in
a parenthesis is index notation again when it holds letters in brackets, else matrix notation.
Nothing here is shared with what prints the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

#: The value of a text in matrix notation.
Matrix = Callable[[str], np.ndarray]

NUMBER = re.compile(r"\d+(/\d+)?(?= |$|\))")
BOUND = re.compile(r"Σ_([a-z0-9,]+) ")
LETTERS = re.compile(r"\[([a-z0-9,]+)\]")
EXPONENT = re.compile(r"\^\((-?\d+)\)")
NAME = re.compile(r"[^\W\d]\w*")
SIGNS = re.compile(r" ([+-]) ")


@dataclass(frozen=True, slots=True)
class Factor:
    """Matrix notation (`text`), or a sum (`terms`), at `letters`, to a power."""

    text: str
    terms: tuple[Term, ...]
    letters: tuple[str, ...]
    exponent: int


@dataclass(frozen=True, slots=True)
class Term:
    """`coefficient · Σ_bound Π factors`."""

    coefficient: Fraction
    bound: tuple[str, ...]
    factors: tuple[Factor, ...]


def index_value(text: str, shape: tuple[int, ...], matrix: Matrix) -> np.ndarray:
    """The tensor of `shape` that an equation in index notation defines."""
    left, _, right = text.partition(" = ")
    found = LETTERS.search(left)
    letters = tuple(found[1].split(",")) if found else ()
    assert len(letters) == len(shape), (left, shape)
    terms, end = read_sum(right, 0)
    assert end == len(right), right[end:]
    return _sum(terms, letters, dict(zip(letters, shape, strict=True)), matrix)


# Reading ----------------------------------------------------------------------------------------


def read_sum(text: str, place: int) -> tuple[tuple[Term, ...], int]:
    """The terms from a place on, and the place after them."""
    sign = 1
    if text[place] == "-":
        sign, place = -1, place + 1
    terms = []
    while True:
        term, place = _read_term(text, place, sign)
        terms.append(term)
        found = SIGNS.match(text, place)
        if found is None:
            return tuple(terms), place
        sign, place = (1 if found[1] == "+" else -1), found.end()


def _read_term(text: str, place: int, sign: int) -> tuple[Term, int]:
    coefficient = Fraction(sign)
    found = NUMBER.match(text, place)
    if found is not None:
        coefficient *= Fraction(found[0])
        place = found.end() + (text[found.end() : found.end() + 1] == " ")
    bound: tuple[str, ...] = ()
    found = BOUND.match(text, place)
    if found is not None:
        bound, place = tuple(found[1].split(",")), found.end()
    factors = []
    while place < len(text) and text[place] not in ")+-":
        factor, place = _read_factor(text, place)
        factors.append(factor)
        following = place < len(text) and text[place] == " " and not SIGNS.match(text, place)
        place += following
        if not following:
            break
    return Term(coefficient, bound, tuple(factors)), place


def _read_factor(text: str, place: int) -> tuple[Factor, int]:
    start = place
    found = NAME.match(text, place)
    if found is not None:
        place = found.end()
    terms: tuple[Term, ...] = ()
    if text[place : place + 1] == "(":
        end = _closing(text, place)
        if found is None and LETTERS.search(text[place:end]):
            terms, stop = read_sum(text, place + 1)
            assert stop == end - 1, text[stop:end]
        place = end
    body = text[start:place]
    found = LETTERS.match(text, place)
    letters: tuple[str, ...] = ()
    if found is not None:
        letters, place = tuple(found[1].split(",")), found.end()
    found = EXPONENT.match(text, place)
    exponent = 1
    if found is not None:
        exponent, place = int(found[1]), found.end()
    return Factor("" if terms else body, terms, letters, exponent), place


def _closing(text: str, place: int) -> int:
    depth = 0
    for end in range(place, len(text)):
        depth += (text[end] == "(") - (text[end] == ")")
        if depth == 0:
            return end + 1
    raise AssertionError(f"a parenthesis is open: {text[place:]}")


# Evaluating -------------------------------------------------------------------------------------


def _sum(
    terms: tuple[Term, ...], letters: tuple[str, ...], lengths: dict[str, int], matrix: Matrix
) -> np.ndarray:
    total = np.zeros([lengths[letter] for letter in letters])
    for term in terms:
        total = total + _term(term, letters, lengths, matrix)
    return total


def _term(
    term: Term, letters: tuple[str, ...], lengths: dict[str, int], matrix: Matrix
) -> np.ndarray:
    assert not set(term.bound) & set(lengths), "a bound letter is in use around its sum"
    known = dict(lengths)
    for factor in term.factors:
        _measure(factor, frozenset(), known, matrix)
    assert set(term.bound) <= set(known)
    number = {letter: place for place, letter in enumerate(known)}
    inner = dict.fromkeys((*letters, *term.bound))
    operands: list[object] = []
    for factor in term.factors:
        if factor.terms:
            held = tuple(dict.fromkeys(_free(factor.terms)))
            around = {letter: known[letter] for letter in (*inner, *lengths)}
            value = _sum(factor.terms, held, around, matrix)
        elif factor.text == "δ":
            held, value = factor.letters, np.eye(known[factor.letters[0]])
        else:
            held, value = factor.letters, matrix(factor.text)
        operands += [value**factor.exponent, [number[letter] for letter in held]]
    for letter in letters:
        operands += [np.ones(known[letter]), [number[letter]]]
    product: object = 1.0
    if operands:
        # Pairwise: the direct loop over ten letters would take minutes.
        product = np.einsum(*operands, [number[x] for x in letters], optimize="greedy")
    return float(term.coefficient) * np.asarray(product)


def _measure(factor: Factor, bound: frozenset[str], known: dict[str, int], matrix: Matrix) -> None:
    """Note the lengths of the letters that a factor does not bind itself; they must agree."""
    for term in factor.terms:
        for part in term.factors:
            _measure(part, bound | set(term.bound), known, matrix)
    if factor.letters and factor.text not in ("", "δ"):
        for letter, length in zip(factor.letters, matrix(factor.text).shape, strict=True):
            if letter not in bound:
                assert known.setdefault(letter, length) == length, (letter, factor.text)


def _free(terms: tuple[Term, ...]) -> list[str]:
    """The letters of a sum that it does not bind itself."""
    found = []
    for term in terms:
        bound = set(term.bound)
        for factor in term.factors:
            held = _free(factor.terms) if factor.terms else list(factor.letters)
            found += [letter for letter in held if letter not in bound]
    return found
