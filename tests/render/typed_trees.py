"""Well-typed surface trees: every operator and function in every place of every other.

A kind is (rows, columns); "1" stands for an axis that the notation does not have. The sizes are
all different, so that a factor on the wrong side or a lost transpose is an error.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from gradwright.errors import DomainError
from gradwright.notation.declarations import declare
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Binary, Call, Negate, Number, Symbol, Transpose, Tree, spelling

Kind = tuple[str, str]
SCALAR, COLUMN, ROW = ("1", "1"), ("n", "1"), ("1", "n")
WIDE, TALL, SQUARE = ("m", "n"), ("n", "m"), ("n", "n")
KINDS = (SCALAR, COLUMN, ROW, WIDE, TALL, SQUARE)
SIZES = {"m": 3, "n": 4}

DECLARED = {
    "a": "scalar", "b": "scalar", "σ": "scalar", "x": "vector n", "y1": "vector n",
    "u": "vector m", "A": "matrix m n", "δW12": "matrix m n", "B": "matrix n m",
    "S": "matrix n n", "Q": "matrix n n",
}  # fmt: skip
LEAVES: dict[Kind, tuple[Tree, ...]] = {
    SCALAR: (Symbol("a"), Symbol("b"), Symbol("σ"), Number(Fraction(2)), Number(Fraction(1, 3)),
             Number(Fraction(1, 2)), Symbol("n")),
    COLUMN: (Symbol("x"), Symbol("y1"), Call("ones", (Symbol("n"),))),
    ROW: (Transpose(Symbol("x")), Transpose(Symbol("y1"))),
    WIDE: (Symbol("A"), Symbol("δW12"), Call("ones", (Symbol("m"), Symbol("n")))),
    TALL: (Symbol("B"),),
    SQUARE: (Symbol("S"), Symbol("Q"), Call("eye", (Symbol("n"),))),
}  # fmt: skip

#: One function for each way to print one; the others are printed like exp or relu.
ENTRYWISE = ("exp", "relu", "sqrt", "abs", "sigmoid", "step")
EXPONENTS = (
    Number(Fraction(2)), Number(Fraction(2, 3)), Negate(Number(Fraction(1))),
    Negate(Number(Fraction(5, 2))), Binary("+", Symbol("b"), Number(Fraction(1))),
)  # fmt: skip


@dataclass(frozen=True)
class Template:
    """A node with open places: their kinds, the kind of the whole, and how to build it."""

    name: str
    kind: Kind
    places: tuple[Kind, ...]
    build: Callable[..., Tree]


def binary(operator: str) -> Callable[..., Tree]:
    return lambda left, right: Binary(operator, left, right)


def call(name: str, *options: tuple[str, Fraction]) -> Callable[..., Tree]:
    return lambda *arguments: Call(name, arguments, options)


def _everywhere(kind: Kind) -> Iterator[Template]:
    for operator in ("+", "-", ".*", "./"):
        yield Template(operator, kind, (kind, kind), binary(operator))
    yield Template("minus", kind, (kind,), Negate)
    yield Template("transpose", kind, (kind[::-1],), Transpose)
    yield Template("scalar times", kind, (SCALAR, kind), binary("*"))
    yield Template("times scalar", kind, (kind, SCALAR), binary("*"))
    yield Template("over scalar", kind, (kind, SCALAR), binary("/"))
    for exponent in EXPONENTS:
        yield Template(
            f".^ {spelling(exponent)}",
            kind,
            (kind,),
            lambda base, e=exponent: Binary(".^", base, e),
        )
    for name in ENTRYWISE:
        yield Template(name, kind, (kind,), call(name))
    half, third = ("kink", Fraction(1, 2)), ("slope", Fraction(-1, 3))
    yield Template("step kink", kind, (kind,), call("step", half))
    yield Template("leaky_relu slope", kind, (kind,), call("leaky_relu", third))
    yield Template("max", kind, (kind, kind), call("max"))
    for inner in ("m", "n"):
        left, right = (kind[0], inner), (inner, kind[1])
        if left in KINDS and right in KINDS:
            yield Template("product", kind, (left, right), binary("*"))
    if kind != SCALAR:
        yield Template("softmax", kind, (kind,), call("softmax"))


def _special() -> Iterator[Template]:
    for kind in KINDS:
        for name in ("sum", "norm1", "norm2"):
            yield Template(name, SCALAR, (kind,), call(name))
    yield from _along_an_axis()
    for name in ("tr", "det", "logdet"):
        yield Template(name, SCALAR, (SQUARE,), call(name))
    yield Template("logsumexp", SCALAR, (COLUMN,), call("logsumexp"))
    yield Template("diag", SQUARE, (COLUMN,), call("diag"))
    yield Template("diagonal", COLUMN, (SQUARE,), call("diag"))
    yield Template("inv", SQUARE, (SQUARE,), call("inv"))
    yield Template("outer", SQUARE, (COLUMN, ROW), binary("*"))
    yield Template("outer call", SQUARE, (COLUMN, COLUMN), call("outer"))
    yield Template("solve", COLUMN, (SQUARE, COLUMN), call("solve"))
    yield Template("solve many", TALL, (SQUARE, TALL), call("solve"))
    for power in (Number(Fraction(2)), Number(Fraction(3)), Negate(Number(Fraction(1)))):
        yield Template(
            f"^ {spelling(power)}", SQUARE, (SQUARE,), lambda base, e=power: Binary("^", base, e)
        )
    for exponent in EXPONENTS:
        yield Template(
            f"^ {spelling(exponent)}",
            SCALAR,
            (SCALAR,),
            lambda base, e=exponent: Binary("^", base, e),
        )
    yield Template("to the", SCALAR, (SCALAR, SCALAR), binary("^"))
    # The sizes of a Kronecker product are products: it is closed at once.
    for left, right in ((WIDE, TALL), (SQUARE, WIDE), (COLUMN, WIDE)):
        yield Template("kron", SCALAR, (left, right), lambda p, q: Call("sum", (kron(p, q),)))
        yield Template(
            "kron minus", SCALAR, (left, right), lambda p, q: Call("sum", (Negate(kron(p, q)),))
        )
        yield Template(
            "kron turned",
            SCALAR,
            (left, right),
            lambda p, q: Call("norm2", (Transpose(kron(p, q)),)),
        )
    yield Template("kron vec", SCALAR, (TALL, WIDE), _kron_vec)
    yield Template(
        "kron kron", SCALAR, (COLUMN, WIDE), lambda p, q: Call("sum", (kron(kron(p, q), p),))
    )
    yield Template("vec", SCALAR, (WIDE,), lambda p: Call("sum", (Call("vec", (p,)),)))


def _along_an_axis() -> Iterator[Template]:
    for kind in KINDS:
        yield Template("mean", SCALAR, (kind,), call("mean"))
    for kind in (COLUMN, ROW):
        yield Template("largest", SCALAR, (kind,), call("max"))
        yield Template("hardmax", kind, (kind,), call("hardmax"))
    for name in ("sum", "mean", "logsumexp", "max"):
        for inner in (WIDE, SQUARE):
            down = call(name, ("axis", Fraction(0)))
            yield Template(f"{name} axis=0", ROW, (inner,), down)
        for inner in (TALL, SQUARE):
            along = call(name, ("axis", Fraction(1)))
            yield Template(f"{name} axis=1", COLUMN, (inner,), along)
    for kind in (WIDE, TALL, SQUARE):
        yield Template("softmax axis=0", kind, (kind,), call("softmax", ("axis", Fraction(0))))


def kron(left: Tree, right: Tree) -> Tree:
    return Call("kron", (left, right))


def _kron_vec(left: Tree, right: Tree) -> Tree:
    """-kron(B, A)*vec(B): the columns of both factors line up with the entries of vec(B)."""
    return Call("sum", (Binary("*", Negate(kron(left, right)), Call("vec", (left,))),))


TEMPLATES = tuple(t for kind in KINDS for t in _everywhere(kind)) + tuple(_special())


def leaf(kind: Kind, draw: random.Random) -> Tree:
    return draw.choice(LEAVES[kind])


def filled(template: Template, draw: random.Random) -> Tree:
    """The template over symbols and numbers."""
    return template.build(*(leaf(kind, draw) for kind in template.places))


def pairs(draw: random.Random) -> Iterator[tuple[str, Tree]]:
    """Every template in every place of every template, each for one of the kinds that it fits."""
    seen = set()
    for outer in draw.sample(TEMPLATES, len(TEMPLATES)):
        for place, kind in enumerate(outer.places):
            for inner in draw.sample(TEMPLATES, len(TEMPLATES)):
                case = f"{inner.name} as part {place} of {outer.name}"
                if inner.kind == kind and case not in seen:
                    seen.add(case)
                    parts = [leaf(k, draw) for k in outer.places]
                    parts[place] = filled(inner, draw)
                    yield case, outer.build(*parts)


def random_tree(kind: Kind, depth: int, draw: random.Random) -> Tree:
    """A tree of a kind, at most `depth` templates deep; signs and products are drawn often."""
    if depth == 0 or draw.random() < 0.1:
        return leaf(kind, draw)
    fitting = [t for t in TEMPLATES if t.kind == kind]
    plain = [t for t in fitting if t.name.split()[0] in OFTEN]
    template = draw.choice(plain if plain and draw.random() < 0.6 else fitting)
    return template.build(*(random_tree(k, depth - 1, draw) for k in template.places))


OFTEN = {
    "+", "-", ".*", "./", "minus", "transpose", "scalar", "times", "over", "product", "outer", "^",
    ".^", "inv",
}  # fmt: skip


def values(seed: int) -> dict[str, np.ndarray]:
    """Positive values; the square matrices are far from singular."""
    generator = np.random.default_rng(seed)
    found = {}
    for name, text in DECLARED.items():
        shape = tuple(SIZES[size] for size in text.split()[1:])
        found[name] = generator.uniform(0.3, 0.9, shape)
        if shape == (4, 4):
            found[name] = found[name] + 3 * np.eye(4)
    return found


SYMBOLS = {name: declare(name, text) for name, text in DECLARED.items()}


def scope_of(tree: Tree) -> Scope:
    return infer(tree, SYMBOLS, sizes=frozenset(SIZES))


def value(tree: Tree, given: dict[str, np.ndarray]) -> np.ndarray | None:
    """The value by the notation's own evaluator; None where an inverse does not exist."""
    scope = scope_of(tree)
    known = {**given, **SIZES}
    used = {name: known[name] for name in {*scope.symbols, *scope.sizes} if name in known}
    try:
        return np.asarray(evaluate(tree, used, scope))
    except DomainError:
        return None
