r"""An independent reader of printed LaTeX, back into a surface tree.

It shares nothing with the printer but the nodes of the tree, and reads as a strict person does:
one superscript on a symbol, and no product that mixes juxtaposition with \odot.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

from gradwright.notation.ranges import Range
from gradwright.notation.tree import (
    Binary,
    Call,
    Entry,
    Equation,
    Identity,
    Index,
    IndexArray,
    IndexSum,
    Left,
    Negate,
    Number,
    Part,
    Symbol,
    Transpose,
    Tree,
)

TOKEN = re.compile(r"\\[A-Za-z]+|\\_|\\\\|[0-9]+(?:\.[0-9]+)?|\S")
FUNCTIONS = {
    "exp", "log", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "det",
    "max", "min",
}  # fmt: skip
FAMILIES = {r"\odot": ".*", r"\oslash": "./", r"\otimes": "kron", r"\cdot": "*"}
LETTERS = {"varepsilon": "EPSILON", "varphi": "PHI", "varsigma": "FINAL SIGMA", "lambda": "LAMDA"}


class Unreadable(Exception):
    """The LaTeX is invalid or has more than one reading."""


def read_latex(text: str) -> Tree:
    """The tree of a formula."""
    left, equals, right = text.partition(" = ")
    if equals and r"\left(" not in left:
        return Equation(read_left(left), read_latex(right))
    reader = _Reader(TOKEN.findall(text))
    tree = reader.sum()
    if reader.peek() != "":
        raise Unreadable(f"{reader.peek()!r} is left over in {text}")
    return tree


def read_left(text: str) -> Left:
    """The left side of an equation."""
    reader = _Reader(TOKEN.findall(text))
    if not reader.accept(r"\frac"):
        return Left((reader.named(),))
    reader.expect("{", r"\partial")
    order = 2 if reader.accept("^", "{", "2", "}") else 1
    names = [reader.named()]
    reader.expect("}", "{")
    while reader.accept(r"\partial"):
        names.append(reader.named())
        if reader.accept("^", "{", "2", "}"):
            names.append(names[-1])
    reader.expect("}")
    if len(names) != order + 1:
        raise Unreadable(f"{len(names) - 1} variables below an order of {order}")
    return Left(tuple(names))


def greek(command: str) -> str | None:
    """The letter of a command without its backslash, or None."""
    kind = "CAPITAL" if command[:1].isupper() else "SMALL"
    try:
        name = LETTERS.get(command.lower(), command.upper())
        return unicodedata.lookup(f"GREEK {kind} LETTER {name}")
    except KeyError:
        return None


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0

    def peek(self, ahead: int = 0) -> str:
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else ""

    def next(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1] if self.at <= len(self.tokens) else ""

    def accept(self, *tokens: str) -> bool:
        if all(self.peek(k) == token for k, token in enumerate(tokens)):
            self.at += len(tokens)
            return True
        return False

    def expect(self, *tokens: str) -> None:
        if not self.accept(*tokens):
            raise Unreadable(f"{tokens} expected and {self.tokens[self.at :][:4]} found")

    # Sums and products -------------------------------------------------------------------------

    def sum(self) -> Tree:
        negative = self.accept("-")
        tree = Negate(self.product()) if negative else self.product()
        while self.peek() in ("+", "-"):
            operator = self.next()
            tree = Binary(operator, tree, self.product())
        return tree

    def product(self) -> Tree:
        tree = self.factor()
        seen: set[str] = set()
        while self.starts_factor() or self.peek() in FAMILIES:
            if self.peek()[0].isdigit():
                raise Unreadable("a number without a dot before it")
            operator = FAMILIES[self.next()] if self.peek() in FAMILIES else "*"
            seen.add({"./": ".*"}.get(operator, operator))
            if len(seen) > 1:
                raise Unreadable(f"one product has {sorted(seen)}")
            other = self.factor()
            if operator == "kron":
                tree = Call("kron", (tree, other))
            else:
                tree = Binary(operator, tree, other)
        return tree

    def starts_factor(self) -> bool:
        token = self.peek()
        if token in (r"\right", r"\times", r"\rrbracket", "\\\\", r"\end"):
            return False
        return token[:1].isalnum() or token == "{" or (token[:1] == "\\" and token not in FAMILIES)

    def factor(self) -> Tree:
        """A power, or a sum over indices, which takes the rest of the product."""
        if not self.accept(r"\sum", "_"):
            return self.power()
        indices = self.indices()
        return IndexSum(tuple(str(index) for index in indices), self.product())

    def indices(self) -> tuple[Index, ...]:
        self.expect("{")
        found: list[Index] = []
        while True:
            found.append(self.place())  # type: ignore[arg-type]
            if not self.accept(","):
                break
        self.expect("}")
        return tuple(found)

    def place(self) -> Index | Range:
        """An index, or a range between two sizes."""
        text = ""
        ahead = 0
        while self.peek(ahead) not in (",", "}", "", "_"):
            ahead += 1
        if ":" not in self.tokens[self.at : self.at + ahead]:
            return int(self.next()) if self.peek().isdigit() else self.word()
        for _ in range(ahead):
            text += self.next()
        first, last = (int(end) if end.isdigit() else end or None for end in text.split(":"))
        return Range(first, last)

    def word(self) -> str:
        """An index by name: a stem with digits."""
        stem = self.stem()
        if self.accept("_", "{"):
            stem += self.next()
            self.expect("}")
        return stem

    def named(self) -> tuple[str, tuple[str, ...]]:
        """A name on a left side, with its indices."""
        base = self.grouped() if self.peek() == "{" else Symbol(self.name())
        assert isinstance(base, Symbol)
        indices = self.indices() if self.accept("_") else ()
        return base.name, tuple(str(index) for index in indices)

    def grouped(self) -> Tree:
        """What stands in braces, so that it can have another subscript."""
        self.expect("{")
        tree = self.atom()
        self.expect("}")
        return tree

    def power(self) -> Tree:
        tree = self.atom()
        while self.accept("_"):
            indices = self.indices()
            if any(isinstance(index, Range) for index in indices):
                tree = Part(tree, indices)  # type: ignore[arg-type]
            elif tree == Symbol("δ") and len(indices) == 2:
                tree = Identity((indices[0], indices[1]))
            else:
                tree = Entry(tree, indices)
        if self.accept("^"):
            self.expect("{")
            tree = self.superscript(tree)
            self.expect("}")
            if self.peek() == "^":
                raise Unreadable("a double superscript")
        return tree

    def superscript(self, base: Tree) -> Tree:
        if self.accept(r"\top"):
            return Transpose(base)
        if self.accept("-", r"\top"):
            return Transpose(Call("inv", (base,)))
        if self.accept(r"\odot"):
            return Binary(".^", base, self.sum())
        return Binary("^", base, self.sum())

    # Atoms -------------------------------------------------------------------------------------

    def atom(self) -> Tree:
        token = self.peek()
        if token == "{":
            return self.grouped()
        if token[:1].isdigit():
            return Number(Fraction(self.next()))
        if self.accept(r"\left", "("):
            tree = self.sum()
            self.expect(r"\right", ")")
            return tree
        if token in (r"\frac", r"\tfrac"):
            self.next()
            return Binary("/", self.group(), self.group())
        if self.accept(r"\sqrt"):
            return Call("sqrt", (self.group(),))
        if self.accept(r"\left", r"\lVert"):
            inside = self.sum()
            self.expect(r"\right", r"\rVert")
            return Call("norm1" if self.accept("_", "{", "1", "}") else "norm2", (inside,))
        if self.accept(r"\left", r"\lvert"):
            inside = self.sum()
            self.expect(r"\right", r"\rvert")
            return Call("abs", (inside,))
        if self.accept(r"\llbracket"):
            inside = self.sum()
            self.expect(">", "0", r"\rrbracket")
            return Call("step", (inside,))
        if self.accept(r"\begin", "{"):
            return self.matrix()
        if self.accept(r"\mathbf", "{"):
            return self.constant()
        return self.applied_or_name()

    def matrix(self) -> Tree:
        """Rows of parts, each with as many."""
        self.expect(*"bmatrix", "}")
        rows = [[self.sum()]]
        while not self.accept(r"\end", "{"):
            if self.accept("\\\\"):
                rows.append([])
            else:
                self.expect("&")
            rows[-1].append(self.sum())
        self.expect(*"bmatrix", "}")
        if len({len(row) for row in rows}) > 1:
            raise Unreadable("rows with different numbers of parts")
        parts = tuple(part for row in rows for part in row)
        return Call("[;]", parts, (("columns", Fraction(len(rows[0]))),))

    def group(self) -> Tree:
        self.expect("{")
        tree = self.sum()
        self.expect("}")
        return tree

    def constant(self) -> Tree:
        function = {"1": "ones", "0": "zeros", "I": "eye", "K": "commutation"}[self.next()]
        self.expect("}", "_", "{")
        sizes = [self.atom()]
        while self.accept(r"\times") or self.accept(","):
            sizes.append(self.atom())
        self.expect("}")
        return Call(function, tuple(sizes))

    def applied_or_name(self) -> Tree:
        token = self.peek()
        if self.accept(r"\operatorname", "{"):
            name = self.letters()
            if name == "array" and self.accept("_"):
                indices = tuple(str(index) for index in self.indices())
                return IndexArray(indices, self.applied(name).arguments[0])
            return self.applied(name)
        if token[1:] in FUNCTIONS and token[0] == "\\":
            self.next()
            return self.applied(token[1:])
        if token == r"\sigma" and self.peek(1) == r"\left" and self.peek(2) == "(":
            self.next()
            return self.applied("sigmoid")
        return Symbol(self.name())

    def applied(self, function: str) -> Call:
        self.expect(r"\left", "(")
        arguments: list[Tree] = []
        options: list[tuple[str, Fraction]] = []
        while True:
            start = self.at
            name = self.letters() if self.accept(r"\mathit", "{") else ""
            if name and self.accept("="):
                options.append((name, self.fraction()))
            else:
                self.at = start
                arguments.append(self.sum())
            if not self.accept(","):
                break
        self.expect(r"\right", ")")
        return Call(function, tuple(arguments), tuple(options))

    def fraction(self) -> Fraction:
        sign = -1 if self.accept("-") else 1
        value = Fraction(self.next())
        return sign * (value / Fraction(self.next()) if self.accept("/") else value)

    # Names -------------------------------------------------------------------------------------

    def name(self, inside: bool = False) -> str:
        stem = self.stem()
        if self.peek() != "_" or not (inside or self.is_name_part()):
            return stem
        self.expect("_", "{")
        if unicodedata.name(stem[0]).startswith("GREEK") and not self.peek()[0].isdigit():
            index = self.name(inside=True)
        else:
            index = ""
            while self.peek() != "}":
                index += self.next()
            index = index if index.isdigit() else f"[{index}]"
        self.expect("}")
        return stem + index

    def is_name_part(self) -> bool:
        """Whether a subscript is a number, a Greek letter's symbol, or the index of a layer."""
        end = self.tokens.index("}", self.at)
        inside = self.tokens[self.at + 2 : end]
        if len(inside) == 1 and inside[0].isdigit():
            return True
        greek_stem = self.tokens[self.at - 1].startswith("\\")
        if ":" in inside:
            return False
        return "+" in inside or "-" in inside or (greek_stem and "," not in inside)

    def stem(self) -> str:
        token = self.next()
        if token in (r"\mathit", r"\textit"):
            self.expect("{")
            return self.letters()
        if token == r"\mathrm":
            self.expect("{")
            kind = "SMALL" if self.peek() == "o" else "CAPITAL"
            names = {"A": "ALPHA", "B": "BETA", "E": "EPSILON", "Z": "ZETA", "H": "ETA",
                     "I": "IOTA", "K": "KAPPA", "M": "MU", "N": "NU", "O": "OMICRON",
                     "o": "OMICRON", "P": "RHO", "T": "TAU", "X": "CHI"}  # fmt: skip
            found = unicodedata.lookup(f"GREEK {kind} LETTER {names[self.next()]}")
            self.expect("}")
            return found
        letter = greek(token[1:]) if token[:1] == "\\" else token
        if letter is None or not letter.isalpha():
            raise Unreadable(f"{token!r} is no symbol")
        if token[:1] != "\\" and not token.isascii():
            raise Unreadable(f"{token!r} is no letter of mathematics")
        return letter

    def letters(self) -> str:
        """Letters up to the closing brace, which is read too."""
        found = ""
        while not self.accept("}"):
            token = self.next()
            if token in ("{", "$"):
                inner = self.next()
                found += greek(inner[1:]) or ""
                self.expect({"{": "}", "$": "$"}[token])
            elif token == "":
                raise Unreadable("a brace stays open")
            else:
                found += "_" if token == r"\_" else token
        return found
