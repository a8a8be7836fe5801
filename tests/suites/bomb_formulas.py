"""Expression bombs that are one formula: nested, long, of high powers, of many symbols."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import pairwise

import gradwright as gw

#: In words, and public calls to make one after the other: each is measured by itself.
Bomb = tuple[str, Callable[[], Iterator[object]]]

FUNCTIONS = ("sin", "tanh", "exp", "sigmoid", "relu", "abs", "log", "softplus", "sqrt")
KINDS = ("gradient", "jacobian", "hessian", "vjp", "jvp", "hvp")
LIST = "matrix n n"


def size(draw: random.Random, most: int, least: int = 2) -> int:
    """Small, middle and large sizes alike."""
    return round(least * (most / least) ** draw.random())


def asked(draw: random.Random, text: str, by: str, scalar: bool = True, **declared: str) -> Bomb:
    """A derivative of a text, and something done with it."""
    kind = draw.choice(KINDS if scalar else ("jacobian", "vjp", "jvp"))
    then = draw.choice(("", "", "", "explain", "source", "latex", "mathml", "to_dict", "html"))

    def call() -> Iterator[object]:
        yield (f := gw.formula(text, **declared))
        yield (d := getattr(f, kind)(by))
        yield getattr(d, then)() if then else str(d)

    return f"{kind} {then} of {len(text)} characters {text[:40]}", call


def nested(draw: random.Random) -> Bomb:
    depth = size(draw, 199)
    names = [draw.choice(FUNCTIONS) for _ in range(depth)]
    if draw.random() < 0.5:
        return asked(draw, "".join(f"{n}(" for n in names) + "x" + ")" * depth, "x", x="scalar")
    inner = "".join(f"{n}(W*" for n in names) + "x" + ")" * depth
    return asked(draw, f"sum({inner})", draw.choice(("x", "W")), W=LIST)


def vectors(draw: random.Random) -> Bomb:
    depth = size(draw, 150)
    names = [draw.choice(("tanh", "softmax", "sin", "relu")) for _ in range(depth)]
    middle = draw.choice(("", "W*", "x .* ", "x + "))
    text = "".join(f"{n}({middle}" for n in names) + "x" + ")" * depth
    return asked(draw, text, "x", scalar=False, W=LIST)


def tower(draw: random.Random) -> Bomb:
    depth = size(draw, 190)
    base = draw.choice(("x", "(x + 1)", "2", "(x*y)", "sin(x)"))
    return asked(draw, "^(".join([base] * depth) + ")" * (depth - 1) + " + x", "x", x="scalar")


def exponents(draw: random.Random) -> Bomb:
    text = draw.choice(("x", "(x + y)", "(x*y*3)", "(2*x)", "(x/7 + 1/3)"))
    for _ in range(size(draw, 60, 1)):
        power = draw.choice(("9", "99", "1e12", "(-300)", "(1/3)", "0.123456789", "1e-12", "300"))
        text = f"({text})^{power}"
    return asked(draw, text, "x", x="scalar", y="scalar")


def digits(draw: random.Random) -> Bomb:
    count = size(draw, 3000, 1)
    numbers = ["".join(draw.choices("123456789", k=draw.randint(1, 50))) for _ in range(count)]
    operator = draw.choice(("*", "/", "+", "^", ".*"))
    return asked(draw, "x*" + operator.join(numbers), "x", x="scalar")


def kron(draw: random.Random) -> Bomb:
    depth = size(draw, 120)
    text = "A"
    for _ in range(depth):
        other = draw.choice(("A", "B", "A'", "eye(n)"))
        text = f"kron({text}, {other})" if draw.random() < 0.5 else f"kron({other}, {text})"
    text = draw.choice((text, f"tr({text})", f"sum({text})"))
    return asked(
        draw, text, "A", scalar=text[0] != "k", A=LIST, B="matrix m k" if "tr" not in text else LIST
    )


def binomials(draw: random.Random) -> Bomb:
    count = size(draw, 3000)
    sign = draw.choice("+-")
    terms = ("y", "2*y", "x*y", "{k}", "{k}*y")
    parts = [f"(x {sign} {draw.choice(terms)})".format(k=k + 1) for k in range(count)]
    return asked(draw, draw.choice(("*", "/")).join(parts), "x", x="scalar", y="scalar")


def powers_of_sums(draw: random.Random) -> Bomb:
    terms = "+".join(f"x{k}" for k in range(size(draw, 60)))
    declared = dict.fromkeys(terms.split("+"), "scalar")
    text = f"({terms})^{size(draw, 40)}"
    for _ in range(draw.randrange(3)):
        text = f"({text} + x1)^{draw.randint(2, 9)}"
    return asked(draw, text, "x0", **declared)


def determinants(draw: random.Random) -> Bomb:
    text = "A"
    for _ in range(size(draw, 100)):
        text = draw.choice(("{}*A", "{}*B", "inv({})", "({} + B)", "B'*{}*B", "{}'")).format(text)
        text = f"({text})" if "*" in text else text
    text = f"{draw.choice(('det', 'logdet', 'tr', 'sum'))}({text})"
    return asked(draw, text, "A", A=LIST, B=LIST)


def long_sum(draw: random.Random) -> Bomb:
    count = size(draw, 9000)
    part = draw.choice(("x", "exp({k}*x)", "x^{k}", "sin(x + {k})", "{k}*x*y", "x/(x + {k})"))
    text = draw.choice("+-").join(part.format(k=k + 1) for k in range(count))
    return asked(draw, text, "x", x="scalar", y="scalar")


def matrix_powers(draw: random.Random) -> Bomb:
    text = f"A^{size(draw, 64)}"
    if draw.random() < 0.5:
        text = f"({text})^{size(draw, 64)}"
    if draw.random() < 0.3:
        text = f"(A + B)^{size(draw, 64)}"
    return asked(draw, f"tr({text}*B)", "A", A=LIST, B=LIST)


def shapes(draw: random.Random) -> Bomb:
    text = "A"
    for _ in range(size(draw, 190)):
        text = draw.choice(
            ("({} + B)'", "-({})", "({}')'", "diag(diag({}))", "vec({})*vec(B)'")
        ).format(text)
        if "vec" in text:
            text = "A + " + text[:10] if len(text) > 3000 else text
    return asked(draw, f"sum({text})", "A", A=LIST, B=LIST)


def symbols(draw: random.Random) -> Bomb:
    names = [f"x{k}" for k in range(size(draw, 2500))]
    whole = "+".join(names)
    text = draw.choice((f"({whole})'*({whole})", f"sum(({whole}).^2)", f"exp(norm2({whole}))"))
    return asked(draw, text, draw.choice(names))


def index_sums(draw: random.Random) -> Bomb:
    letters = "ijklmnopqrst"[: size(draw, 12)]
    entries = [f"A[{draw.choice(letters)},{draw.choice(letters)}]" for _ in range(size(draw, 60))]
    text = f"sum[{','.join(letters)}]({'*'.join(entries)})"
    if draw.random() < 0.3:
        text = "*".join([text] * draw.randint(2, 5))
    return asked(draw, text, "A", A=LIST)


def deltas(draw: random.Random) -> Bomb:
    letters = [f"i{k}" for k in range(size(draw, 20))]
    chain = "*".join(f"δ[{a},{b}]" for a, b in pairwise(letters))
    text = f"sum[{','.join(letters)}](x[{letters[0]}]*x[{letters[-1]}]*{chain or 'x[i0]'})"
    return asked(draw, text, "x", x="vector n")


def axes(draw: random.Random) -> Bomb:
    letters = "ijklmnopqr"[: size(draw, 10)]
    product = "*".join(f"x[{letter}]" for letter in letters)
    return asked(draw, f"c[{','.join(letters)}] = {product}", "x", scalar=False, x="vector n")


def numeric_sizes(draw: random.Random) -> Bomb:
    n = size(draw, 999_999)
    text = draw.choice(
        (
            "x'*A*x",
            "sum(tanh(A*x))",
            "sum(ones(100000)*ones(100000)'*3)*x'*x",
            "norm2(A*x)^2",
            "logdet(A)",
            "sum(softmax(A*x).^2)",
            f"sum(ones({n})*ones({n})')*x'*x",
        )
    )
    return (
        asked(draw, text, "x", x=f"vector {n}", A=f"matrix {n} {n}")
        if "A" in text
        else asked(draw, text, "x", x=f"vector {n}")
    )


def abstract(draw: random.Random) -> Bomb:
    depth = size(draw, 150)
    if draw.random() < 0.5:
        return asked(draw, "f(" * depth + "x" + ")" * depth, "x", scalar=False, f="map n n")
    return asked(
        draw,
        f"phi{chr(39) * size(draw, 90)}(" + "phi(" * depth + "x" + ")" * (depth + 1),
        "x",
        scalar=False,
    )


def fractions(draw: random.Random) -> Bomb:
    text = "x"
    for k in range(size(draw, 190)):
        text = draw.choice(("x/(1 + {})", "({k} + x)/({})", "1/({} + {k}*x)")).format(text, k=k + 1)
    return asked(draw, text, "x", x="scalar")


def softmaxes(draw: random.Random) -> Bomb:
    depth = size(draw, 60)
    text = "x"
    for _ in range(depth):
        text = draw.choice(("softmax({})", "x .* ({})", "{}/norm2({})", "x*logsumexp({})")).replace(
            "{}", text
        )
        if len(text) > 90_000:
            break
    return asked(draw, f"sum({text})", "x")


# Second and third derivatives --------------------------------------------------------------------


def again(draw: random.Random, text: str, **declared: str) -> Bomb:
    """The second or the third derivative of a text by x."""
    times = draw.choice((2, 3))

    def call() -> Iterator[object]:
        yield (f := gw.formula(text, **declared))
        yield (d := f.derivative(*["x"] * times))
        yield str(d)

    return f"derivative {times} of {len(text)} characters {text[:40]}", call


def chains(draw: random.Random) -> Bomb:
    """Functions of functions, of one kind or of two in turns."""
    depth, middle = size(draw, 190), draw.choice(("", "", "W*", "x .* "))
    names = draw.sample(FUNCTIONS, draw.choice((1, 2)))
    inner = "".join(f"{names[k % len(names)]}({middle}" for k in range(depth)) + "x" + ")" * depth
    if not middle and draw.random() < 0.5:
        return again(draw, inner, x="scalar")
    return again(draw, f"sum({inner})", x="vector n", W=LIST)


def long_products(draw: random.Random) -> Bomb:
    """Factors that all differ, and so do the terms of their derivatives."""
    count = size(draw, 1000)
    part = draw.choice(("sin(x + {k})", "sigmoid(x - {k})", "tanh({k}*x)", "(x + {k}*y)", "x^{k}"))
    text = draw.choice("*/").join(part.format(k=k + 1) for k in range(count))
    return again(draw, text, x="scalar", y="scalar")


def wide_sums(draw: random.Random) -> Bomb:
    """Terms that all differ, of a number or of vectors."""
    count = size(draw, 2000)
    if draw.random() < 0.5:
        part = draw.choice(
            ("norm2(x - {k}*y)", "(x'*y + {k})^2", "exp(x'*y/{k})", "sum(tanh({k}*x))")
        )
        return again(draw, "+".join(part.format(k=k + 1) for k in range(count)), x="vector n")
    part = draw.choice(("exp({k}*x)", "softplus({k}*x)", "x^2*sin({k}*x)", "sqrt(x + {k})"))
    return again(draw, "+".join(part.format(k=k + 1) for k in range(count)), x="scalar")
