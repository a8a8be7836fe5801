"""What is printed means what was meant: every printer's text is read again and evaluated.

Plain and Unicode text by the parser, LaTeX by an independent reader; values by the notation's
reference evaluator on random points.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from gradwright.notation import latex as latex_input
from gradwright.notation.declarations import declare
from gradwright.notation.definitions import read
from gradwright.notation.informal import formal
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import infer
from gradwright.notation.tree import Binary, Call, Negate, Number, Symbol, Transpose, Tree, children
from gradwright.render.latex import latex
from gradwright.render.plain import plain_text
from gradwright.render.unicode import unicode_text
from tests.notation import random_text
from tests.render.latex_reader import read_latex
from tests.suites import random_formulas

READERS: dict[str, Callable[[Tree], Tree]] = {
    "plain": lambda tree: parse(plain_text(tree)),
    "unicode": lambda tree: parse(unicode_text(tree)),
    "latex": lambda tree: read_latex(latex(tree)),
    "latex as input": lambda tree: parse(formal(latex_input.read_latex(latex(tree))).text),
}
TEXTS = {"plain": plain_text, "unicode": unicode_text, "latex": latex, "latex as input": latex}
COUNT = 200


def gap(found: object, expected: object) -> float:
    """The largest difference, over the largest entry; where one is nan or inf both must be."""
    a, b = np.asarray(found), np.asarray(expected)
    assert a.shape == b.shape
    finite = np.isfinite(b)
    np.testing.assert_array_equal(a[~finite], b[~finite])
    if not np.any(finite):
        return 0.0
    return float(np.max(np.abs(a[finite] - b[finite])) / max(1e-300, np.max(np.abs(b[finite]))))


def tolerance(tree: Tree) -> float:
    """The texts differ from the tree in the order of products and signs alone.

    That reorders sums of at most 64 products per node: 64 half-ulps for each of the tree's nodes,
    times 2¹⁰ for cancellation.
    """
    count, stack = 0, [tree]
    while stack:
        count += 1
        stack.extend(children(stack.pop()))
    return 64 * count * 2.0**-53 * 2**10


def assert_same(tree: Tree, printer: str, declared: dict[str, str], values: dict) -> None:
    symbols = {name: declare(name, text) for name, text in declared.items()}
    sizes = frozenset(random_text.SIZES)
    shown = TEXTS[printer](tree)
    again = READERS[printer](tree)

    def value(of: Tree) -> object:
        scope = infer(of, symbols, sizes=sizes)
        known = {**random_text.SIZES, **values}
        return evaluate(of, {k: known[k] for k in {*scope.symbols, *scope.sizes}}, scope)

    assert gap(value(again), value(tree)) <= tolerance(tree), shown


@pytest.mark.parametrize("printer", READERS)
def test_random_formulas_with_rows_and_columns(printer: str, rng: np.random.Generator) -> None:
    values = random_text.values(rng)
    writer = random_text.Writer(rng, values)
    for _ in range(COUNT):
        want = [("s",), ("c", "n"), ("r", "m"), ("m", "n", "k")][rng.integers(4)]
        text, _ = writer.write(want, int(rng.integers(1, 5)))
        assert_same(parse(text), printer, random_text.DECLARED, values)


@pytest.mark.parametrize("printer", READERS)
def test_random_formulas_of_the_suite(printer: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    declared = {}
    for name, text in random_formulas.SYMBOLS.items():
        kind, *rest = text.split()
        known = kind if kind in ("scalar", "vector") else "matrix"
        declared[name] = " ".join([known, *(word for word in rest if word in "mnk")])
    values = {
        name: np.abs(generator.uniform(0.5, 2, [random_text.SIZES[w] for w in text.split()[1:]]))
        for name, text in declared.items()
    }
    for number in range(COUNT):
        tree, _ = read(random_formulas.Writer(seed + number).formula())
        assert_same(tree, printer, declared, values)


class Trees:
    """Random trees of scalars, also those that no text has: they come from derivation."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def tree(self, depth: int) -> Tree:
        if depth == 0:
            return self.draw.choice([Symbol("a"), Symbol("σ"), Symbol("c1"), self.number()])
        one = self.tree(depth - 1)
        match self.draw.randrange(8):
            case 0:
                return Negate(one)
            case 1:
                return Transpose(one)
            case 2:
                return Call(self.draw.choice(["sigmoid", "abs", "norm2", "norm1", "tanh"]), (one,))
            case 3:
                exponent = self.draw.choice([Number(2), Number(3), Negate(Number(1)), Symbol("a")])
                return Binary(self.draw.choice(["^", ".^"]), Call("sigmoid", (one,)), exponent)
        other = self.tree(self.draw.randrange(depth))
        return Binary(self.draw.choice(["+", "-", "*", "/", ".*", "./"]), one, other)

    def number(self) -> Tree:
        return Number(Fraction(self.draw.choice(["2", "10", "0.5", "1/3", "7/2"])))


@pytest.mark.parametrize("printer", READERS)
def test_random_trees_of_scalars(printer: str, seed: int) -> None:
    # Irrational and of one size, so that a wrong grouping changes the value.
    values = {"a": 1.2360679, "σ": 0.7071067, "c1": 1.6449340}
    declared = dict.fromkeys(values, "scalar")
    trees = Trees(seed)
    for _ in range(2 * COUNT):
        assert_same(trees.tree(trees.draw.randrange(1, 6)), printer, declared, values)


#: Formulas that a careless printer gets wrong; x has a zero, where a kink shows.
AWKWARD = [
    "ones(m, n)'*u", "zeros(m, n)'*u + x", "A + zeros(m, n)", "A.*ones(m, n)",
    "(A.*D)*ones(n, k)", "ones(m)*ones(n)'*x", "eye(n)'*x",
    "eye(4)*ones(4)", "step(x, kink=1)", "step(x)'*y", "leaky_relu(x, 1/3)",
    "leaky_relu(x, slope=0.2, kink=-1/3)", "2*3^a", "2*0.5", "(a*2)*3", "x*2*x'", "2*(3/7)*x",
    "σ*(a + b)", "-σ*(a + b)", "a*σ*(a + b)", "sigmoid(a + b)", "σ*sigmoid(σ)",
    "(S')^2", "(S^2)'", "inv(S)'", "inv(S')", "inv(S)^2", "inv(inv(S))", "inv(S*S)", "S^(-1)*x",
    "-(A*x).*u", "-(u.*u)'*u", "(-x'*y)*x", "-(x'*y)*x", "-(a/b)*x", "-kron(S, C)*kron(x, u)",
    "kron(A + D, v')", "kron(kron(v, v), v)", "x'*y*x'*y", "(x'*y)/(y'*y)*x", "a/b/3", "a/(b/3)",
    "a/(b*3)", "a/b*3", "a - (b - 3)", "a - (-b)", "-(-a)", "-a^2", "(-a)^2", "(a^2)^b", "a^(2^b)",
    "x.^2.*y", "(x.*y).^2", "(x.^2).^3", "(x./(2 + y.^2))./(3 + y)", "x.*(y.*x)", "2.^x",
    "2./(3 + x)", "norm2(norm1(x)*y)", "norm1(norm1(x)*norm2(y)*x)", "norm2(x)*norm2(y)",
    "2*norm2(x)", "norm2(x)^2", "abs(abs(a) - b)", "sqrt(2 + a)/3", "exp(-(a + b))", "max(x, 0)'*y",
    "abs(x).^2",
]  # fmt: skip


@pytest.mark.parametrize("printer", READERS)
@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_formulas(text: str, printer: str) -> None:
    values = {**random_text.values(np.random.default_rng(5)), "σ": 0.7071067}
    values["a"], values["b"] = 1.2360679, 1.6449340
    values["x"] = np.array([0.0, 1.5, -0.7, 0.2])
    declared = {**random_text.DECLARED, "σ": "scalar"}
    assert_same(parse(text), printer, declared, values)
