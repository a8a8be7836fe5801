"""What is declared of a symbol: its kind, its sizes, its facts."""

from __future__ import annotations

import re
import unicodedata
from difflib import get_close_matches
from typing import Literal

from msgspec import Struct

from gradwright.core.sizes import is_compound, plus
from gradwright.errors import (
    GradwrightError,
    LimitError,
    ShapeError,
    Span,
    SymbolError,
    UnsupportedError,
    require_type,
)
from gradwright.notation.lexer import MAX_DIGITS, canonical_name, is_name

Kind = Literal["scalar", "vector", "row", "matrix", "tensor", "indices"]
Size = int | str

#: How many sizes each kind has; a tensor has any number, from three on.
ORDER: dict[str, int] = {"scalar": 0, "vector": 1, "row": 1, "matrix": 2}
KINDS = (*ORDER, "tensor", "indices")
#: How many of the axes are rows: a vector is a column. The first axis of a tensor counts as one.
ROWS: dict[str, int] = {"scalar": 0, "vector": 1, "row": 0, "matrix": 1, "tensor": 1}
#: Facts about a square matrix as a whole; a declaration may start with one.
SQUARE_FACTS = ("symmetric", "posdef", "invertible", "diagonal", "orthogonal")
#: Facts about the entries of a vector, or of each row of a matrix.
ROW_FACTS = ("onehot", "sum1")
#: Facts about the entries of each column of a matrix.
COLUMN_FACTS = ("columns_sum1",)
#: Facts about single entries.
ENTRY_FACTS = ("positive", "unit", "signs", "binary")
FACTS = (*SQUARE_FACTS, *ROW_FACTS, *COLUMN_FACTS, *ENTRY_FACTS)
IMPLIED = {
    "posdef": frozenset({"symmetric", "invertible"}),
    "diagonal": frozenset({"symmetric"}),
    "orthogonal": frozenset({"invertible"}),
}
#: Kinds of abstract functions.
FUNCTION_KINDS = ("elementwise", "map")
#: Largest size that may be declared as a number.
MAX_SIZE = 10**9


#: Greek letters in Latin spelling.
GREEK_NAMES = frozenset({
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda",
    "mu", "nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "varphi", "chi",
    "psi", "omega",
})  # fmt: skip


class Declaration(Struct, frozen=True):
    """A symbol: `sizes` has an entry for each axis.

    A scalar has none, a vector or row one, a matrix two, a tensor more. A size is a positive
    integer or a name. `facts` holds what is declared and what that implies. Indices are whole
    numbers from 0 that choose `among` so many places.
    """

    name: str
    kind: Kind
    sizes: tuple[Size, ...] = ()
    facts: frozenset[str] = frozenset()
    among: Size | None = None

    def __str__(self) -> str:
        among = () if self.among is None else (self.among,)
        return " ".join([self.kind, *map(str, (*self.sizes, *among)), *sorted(self.facts)])


def array_kind(order: int) -> Kind:
    """The kind of an array with so many axes, one of them being a column."""
    kinds: tuple[Kind, ...] = ("scalar", "vector", "matrix")
    return kinds[order] if order < len(kinds) else "tensor"


class FunctionDeclaration(Struct, frozen=True):
    """An abstract function.

    "elementwise" acts on each entry and has no sizes. A "map" has the sizes of its arguments,
    which are vectors, and last that of its value; the size 1 makes the value a number.
    """

    name: str
    kind: Literal["elementwise", "map"]
    sizes: tuple[Size, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.kind, *map(str, self.sizes)])

    @property
    def is_scalar(self) -> bool:
        """Whether a map's value is a number."""
        return self.sizes[-1:] == (1,)


#: What may be declared of a name.
AnyDeclaration = Declaration | FunctionDeclaration


def function_kind(name: str) -> Literal["elementwise", "map"]:
    """The kind of an undeclared function: elementwise by a Greek name, a map by any other."""
    return "elementwise" if name in GREEK_NAMES or _is_greek(name[0]) else "map"


def _is_greek(character: str) -> bool:
    return "GREEK" in unicodedata.name(character, "")


def by_convention(name: str) -> Kind:
    """The kind of an undeclared symbol by its first letter.

    a to g are scalars, other small letters and Greek ones vectors, capitals matrices.
    """
    first = name[0]
    if _is_greek(first):
        return "vector"
    if first.isupper():
        return "matrix"
    return "scalar" if "a" <= first <= "g" else "vector"


def declare_any(name: str, text: str) -> AnyDeclaration:
    """The declaration of a symbol or of an abstract function.

    >>> declare_any("phi", "elementwise"), str(declare_any("f", "map n m"))
    (FunctionDeclaration(name='phi', kind='elementwise', sizes=()), 'map n m')

    Raises:
        SymbolError, ShapeError, UnsupportedError: as `declare`.
    """
    instead = 'write it as in A="matrix m n"'
    expected = "declarations are text"
    require_type(SymbolError, f"the declaration of {name}", text, str, expected, instead)
    words = text.split()
    if words[:1] and words[0] in FUNCTION_KINDS:
        return _Reader(name, text).function()
    return declare(name, text)


def declare(name: str, text: str) -> Declaration:
    """A declaration of a symbol from its text.

    >>> declare("A", "matrix m n").sizes
    ('m', 'n')
    >>> sorted(declare("K", "posdef n n").facts)
    ['invertible', 'posdef', 'symmetric']

    Raises:
        SymbolError: the name is no name, or the text no declaration.
        ShapeError: the sizes do not fit the kind or a fact.
    """
    reader = _Reader(name, text)
    kind, words = reader.kind()
    sizes: list[Size] = []
    facts: list[tuple[str, Span]] = []
    for word, span in words:
        if word in FACTS:
            facts.append((word, span))
        elif facts and len(sizes) == ORDER.get(kind, len(sizes)):
            raise reader.unknown_fact(word, span)
        else:
            sizes.append(reader.size(word, span))
    reader.check_order(kind, sizes)
    if kind == "tensor":
        kind = array_kind(len(sizes))
    if kind == "indices":
        return Declaration(reader.name, kind, tuple(sizes[:-1]), among=sizes[-1])
    for fact, span in facts:
        reader.check_fact(fact, kind, sizes, span)
    held = frozenset(fact for fact, _ in facts)
    implied = frozenset().union(*(IMPLIED.get(fact, frozenset()) for fact in held))
    return Declaration(reader.name, kind, tuple(sizes), held | implied)


class _Reader:
    """The words of one declaration, and the errors that point into it."""

    def __init__(self, name: str, text: str) -> None:
        instead = 'write the name in quotes, as in "x"'
        require_type(SymbolError, "a declaration", name, str, "names are text", instead)
        self.name = canonical_name(name)
        self.text = text
        if not is_name(self.name):
            raise SymbolError(
                f"the declaration {name}={text!r}",
                f"{name!r} is no name: names start with a letter and go on with letters and digits",
                "rename the symbol",
            )
        self.words: list[tuple[str, Span]] = []
        place = 0
        for word in text.split():
            start = text.index(word, place)
            place = start + len(word)
            self.words.append((word, Span(start, place)))

    def kind(self) -> tuple[Kind, list[tuple[str, Span]]]:
        """The kind, and the words that follow it; a leading fact of square matrices stays one."""
        if not self.words:
            raise self._error(SymbolError, "the text is empty", "write scalar, vector n, …")
        first, span = self.words[0]
        if first in SQUARE_FACTS:
            rest = self.words[1:]
            if rest and rest[0][0] in KINDS:
                clash = f"{first} stands first, and so does {rest[0][0]}"
                raise self._error(
                    SymbolError, clash, f"write {self._reordered()}", span.to(rest[0][1])
                )
            return "matrix", [*rest, self.words[0]]
        match first:
            case "scalar" | "vector" | "row" | "matrix" | "tensor" | "indices":
                return first, self.words[1:]
        if first in FUNCTION_KINDS:
            clash = f"{first} declares a function, and {self.name} is declared as a symbol here"
            raise self._error(UnsupportedError, clash, "use gw.function for it", span)
        raise self._error(
            SymbolError,
            f"{first} is none of {', '.join((*KINDS, *SQUARE_FACTS))}",
            "start with scalar, vector n, row n, matrix m n, symmetric n n, elementwise or map n m",
            span,
        )

    def _reordered(self) -> str:
        first, second, *rest = (word for word, _ in self.words)
        return " ".join([second, *rest, first])

    def function(self) -> FunctionDeclaration:
        """An abstract function."""
        (first, _), *rest = self.words
        sizes = tuple(self.size(word, span) for word, span in rest)
        if first == "elementwise" and not sizes:
            return FunctionDeclaration(self.name, "elementwise")
        if first == "map" and len(sizes) >= 2:
            return FunctionDeclaration(self.name, "map", sizes)
        wanted = "no size" if first == "elementwise" else "the sizes of arguments and value"
        shown = " ".join(map(str, sizes)) or "none"
        example = "elementwise" if first == "elementwise" else "map n m"
        clash = f"{first} has {wanted}, and given are: {shown}"
        raise self._error(ShapeError, clash, f"write {example}")

    def size(self, word: str, span: Span) -> Size:
        """A size: a positive integer or a name."""
        if word.isascii() and word.isdigit():
            if len(word) > MAX_DIGITS or int(word) > MAX_SIZE:
                clash = f"the size has {len(word)} digits and the largest is {MAX_SIZE}"
                raise self._error(LimitError, clash, "declare it by a name", span)
            if int(word) == 0:
                raise self._error(ShapeError, "a size is 0", "sizes are 1 or more", span)
            return int(word)
        if is_compound(word):
            parts = re.split(r"[-+*]", word)
            if all(is_name(p) or (p.isascii() and p.isdigit() and len(p) < 10) for p in parts):
                return plus(word)
        name = canonical_name(word)
        if not is_name(name):
            clash = f"{word!r} is no size: sizes are positive integers or names"
            raise self._error(
                SymbolError, clash, "separate sizes by spaces, as in matrix m n", span
            )
        return name

    def check_order(self, kind: Kind, sizes: list[Size]) -> None:
        """A kind has so many sizes; a word too many is a misspelt fact."""
        if kind == "tensor" and not sizes:
            clash = "a tensor has a size for each axis and none is given"
            raise self._error(ShapeError, clash, "write tensor b n d")
        if kind == "indices" and len(sizes) < 2:
            clash = "indices have their sizes and last the number of places they choose from"
            raise self._error(ShapeError, clash, "write indices n v, or indices b n v")
        if kind == "indices" and len(sizes) + 1 < len(self.words):
            word, span = self.words[-1]
            clash = f"indices have no facts, and {word} is one"
            raise self._error(SymbolError, clash, f"drop {word}", span)
        if kind in ("tensor", "indices"):
            for word, span in self.words[1:]:
                if word not in FACTS and get_close_matches(word, FACTS, n=1, cutoff=0.8):
                    raise self.unknown_fact(word, span)
            return
        wanted = ORDER[kind]
        if len(sizes) > wanted and all(word not in FACTS for word, _ in self.words[wanted + 1 :]):
            word, span = self.words[wanted + 1]
            if len(word) > 2 and not word.isdigit():
                raise self.unknown_fact(word, span)
        if len(sizes) != wanted:
            shown = " ".join(map(str, sizes)) or "none"
            noun = "size" if wanted == 1 else "sizes"
            examples = {"scalar": "scalar", "matrix": "matrix m n"}
            raise self._error(
                ShapeError,
                f"a {kind} has {wanted} {noun} and {len(sizes)} are given: {shown}",
                f"write {examples.get(kind, kind + ' n')}",
                Span(0, len(self.text)),
            )

    def check_fact(self, fact: str, kind: Kind, sizes: list[Size], span: Span) -> None:
        """Square facts need a square matrix, facts about rows a row."""
        if fact in SQUARE_FACTS and kind != "matrix":
            clash = f"{fact} is a fact about square matrices and {self.name} is a {kind}"
            raise self._error(SymbolError, clash, f"drop {fact}, or declare a matrix", span)
        if fact in SQUARE_FACTS and sizes[0] != sizes[1]:
            rows, columns = sizes
            raise self._error(
                ShapeError,
                f"{fact} needs a square matrix and {self.name} has {rows} rows and {columns} "
                "columns",
                f"write {fact} {rows} {rows}",
                span,
            )
        if fact in ROW_FACTS and kind == "scalar":
            clash = f"{fact} is a fact about vectors and rows, and {self.name} is a scalar"
            raise self._error(SymbolError, clash, f"drop {fact}, or declare a vector", span)

        if fact in COLUMN_FACTS and kind != "matrix":
            clash = f"{fact} is a fact about matrices, and {self.name} is a {kind}"
            instead = "write sum1 for a vector" if kind == "vector" else f"drop {fact}"
            raise self._error(SymbolError, clash, instead, span)

    def unknown_fact(self, word: str, span: Span) -> GradwrightError:
        """A word that is no fact."""
        clash = f"{word} is none of {', '.join(FACTS)}"
        return self._error(SymbolError, clash, "use one of these facts, or drop the word", span)

    def _error(
        self, error: type[GradwrightError], clash: str, instead: str, span: Span | None = None
    ) -> GradwrightError:
        asked = f"the declaration of {self.name}"
        return error(asked, clash, instead, text=self.text, span=span or Span(0, len(self.text)))
