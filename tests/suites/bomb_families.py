"""Families of expression bombs: for a source of random numbers, words and what to call."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np

import gradwright as gw
from tests.suites import bomb_formulas as formulas
from tests.suites.bomb_formulas import LIST, Bomb, size


def one(call: Callable[[], object]) -> Callable[[], Iterator[object]]:
    """A single call."""

    def calls() -> Iterator[object]:
        yield call()

    return calls


def orders(draw: random.Random) -> Bomb:
    text = draw.choice(("exp(sin(x))", "1/(1 + x^2)", "tanh(x)*exp(x)", "x^x", "log(1 + exp(x))"))
    order = size(draw, 40)

    def call() -> Iterator[object]:
        yield (f := gw.formula(text, x="scalar"))
        for _ in range(order):
            yield (f := f.derived(["x"]))

    return f"order {order} of {text}", call


def equality(draw: random.Random) -> Bomb:
    count = size(draw, 40)
    kind = draw.choice(("scalar", LIST))
    left, right = f"(a + b)^{count}", "*".join(["(b + a)"] * count)
    if draw.random() < 0.5:
        right += " + a"
    return f"{left} = {right[:30]} {kind}", one(lambda: gw.equal(left, right, a=kind, b=kind))


def latex(draw: random.Random) -> Bomb:
    depth = size(draw, 5000)
    start, end = draw.choice(
        (
            (r"\frac{x}{1 + ", "}"),
            (r"\sqrt{", "}"),
            (r"\left(", r"\right)"),
            ("{", "}"),
            (r"\hat{", "}"),
            (r"x^{", "}"),
            (r"\sum_{i=1}^{n} ", ""),
            (r"\mathbf{", "}"),
        )
    )
    text = start * depth + "x" + end * depth + r"\cdot x"
    return f"LaTeX {len(text)} {text[:30]}", one(lambda: gw.gradient(text, "x", x="scalar"))


def equations(draw: random.Random) -> Bomb:
    net = gw.Network("3 -> 4 relu -> 2 softmax")
    count = size(draw, 3000)
    line = draw.choice(
        (
            "dL/dW2 = A1 * dL/dZ2",
            "dL/dW2 = " + "A1' * dL/dZ2 + " * 20 + "0",
            "Z1 = " + "(" * 90,
            "A1 = relu(Z1)",
            "dL/dW1 = X'*(dL/dZ2*W2' .* step(Z1))",
            "x = " + "-" * 99 + "x",
        )
    )
    text = "\n".join([line] * count)
    return f"{count} lines {line[:40]}", one(lambda: gw.check_equations(text, net))


def networks(draw: random.Random) -> Bomb:
    text = draw.choice(
        (
            "{k} -> {k} * {k} relu -> 2 softmax",
            "3 -> {k} * 4 tanh -> 2 softmax",
            "{k} -> {k} relu -> {k} softmax",
            "L -> L * n relu -> 2 softmax",
            "3" + " -> 4 relu" * 900,
            "3 -> " + "9" * 39 + " -> 2",
            "3 -> 4 " + "(" * 4000,
            " -> ".join(map(str, range(3, 900))),
        )
    )
    text = text.format(k=size(draw, 9_999_999))

    def call() -> Iterator[object]:
        loss = "squared_error" if "softmax" not in text else "cross_entropy"
        yield (net := gw.Network(text, loss=loss))
        yield (d := net.backprop())
        yield d.explain()
        yield d.source()

    return f"network {text[:50]}", call


def tracing(draw: random.Random) -> Bomb:
    count = size(draw, 3000)
    way = draw.randrange(4)

    def code(x: object) -> object:
        for k in range(count):
            x = (x * x, np.tanh(x) + k, x + x, x @ x * x)[way]
        return np.sum(x)

    return f"tracing {count} way {way}", one(lambda: gw.gradient(code, "x", x="vector n"))


def values(draw: random.Random) -> Bomb:
    n = size(draw, 200_000)
    text = draw.choice(
        (
            "ones({n})*ones({n})'",
            "kron(eye({n}), eye({n}))",
            "diag(ones({n}))",
            "eye({n})*2",
            "commutation({n}, {n})",
            "vec(eye({n}))'*vec(eye({n}))",
            "sum(eye({n}) + ones({n})')",
        )
    )
    return f"value {text} {n}", one(lambda: gw.formula(text.format(n=n))())


def outer_values(draw: random.Random) -> Bomb:
    n = size(draw, 100_000, 100)
    text = draw.choice(
        (
            "x*x'",
            "x + x'*0 + 1",
            "kron(x, x)",
            "diag(x)",
            "x'*x",
            "sum(x*x' .* (x*x'))",
            "c[i,j,k] = x[i]*x[j]*x[k]",
        )
    )
    return f"value {text} {n}", one(lambda: gw.formula(text, x="vector n")(x=np.ones(n)))


def cases(draw: random.Random) -> Bomb:
    count = size(draw, 60)
    part = draw.choice(
        ("abs(x - {k})", "max(x, {k})", "relu(x + {k})", "max(x, y{k})", "step(x - {k})*x")
    )
    text = draw.choice("+*").join(part.format(k=k + 1) for k in range(count))
    names = {f"y{k + 1}": "scalar" for k in range(count)} if "y" in part else {}

    def call() -> Iterator[object]:
        yield (d := gw.gradient(text, "x", x="scalar", **names))
        yield d.explain("index")

    return f"cases {count} {part}", call


def declarations(draw: random.Random) -> Bomb:
    word = draw.choice(
        (
            "n " * 40_000,
            "9" * 90_000,
            "matrix " * 9000,
            "symmetric " * 9000,
            "a" * 99_999,
            "²" * 50_000,
            "\u0301" * 50_000,
        )
    )
    return f"declaration {word[:20]!r}", one(lambda: gw.formula("x", x="vector " + word))


def linearization(draw: random.Random) -> Bomb:
    depth, n = size(draw, 60), size(draw, 2000)
    text = "tanh(" * depth + "x" + ")" * depth
    return f"linearize {depth} at {n}", one(lambda: str(gw.linearize(text, "x", at=np.zeros(n))))


FAMILIES: dict[str, Callable[[random.Random], Bomb]] = {
    made.__name__: made
    for made in (
        formulas.nested,
        formulas.vectors,
        formulas.tower,
        formulas.exponents,
        formulas.digits,
        formulas.kron,
        formulas.binomials,
        formulas.powers_of_sums,
        formulas.determinants,
        formulas.long_sum,
        formulas.matrix_powers,
        formulas.shapes,
        formulas.symbols,
        formulas.index_sums,
        formulas.deltas,
        formulas.axes,
        formulas.numeric_sizes,
        formulas.abstract,
        formulas.fractions,
        formulas.softmaxes,
        formulas.chains,
        formulas.long_products,
        formulas.wide_sums,
        orders,
        equality,
        latex,
        equations,
        networks,
        tracing,
        values,
        outer_values,
        cases,
        declarations,
        linearization,
    )
}
