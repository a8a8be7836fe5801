"""What a derivative is called: ∂f/∂x, ∂³f/∂x²∂A, (∂f/∂x) tangent; in text, LaTeX and MathML.

A result by several variables in turn has the key "x,A"; so has a product with the derivatives by
several variables at once, which is their sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from msgspec import Struct

from gradwright.render.latex import latex_name
from gradwright.render.mathml import mathml_name
from gradwright.render.mathml import quotient as mathml_quotient
from gradwright.render.unicode import superscript, unicode_name


def joined(names: Iterable[str]) -> str:
    """The key of a result by several variables; no name has a comma."""
    return ",".join(names)


def parted(key: str) -> tuple[str, ...]:
    """The variables of a key."""
    return tuple(key.split(","))


def variables_of(kind: str, key: str) -> tuple[str, ...]:
    """The variables that a result is differentiated by, in turn; a Hessian twice by its one."""
    names = parted(key)
    return names * 2 if kind == "hessian" and len(names) == 1 else names


def tangent_of(name: str, keys: Sequence[str]) -> str:
    """The name of the tangent of a variable: `tangent`, or `tangent_x` beside others."""
    return "tangent" if len(keys) == 1 else f"tangent_{name}"


class Spelling(Struct, frozen=True):
    """How the parts of a left side are written.

    `quotient` takes what is differentiated and each variable with its power; `pairing` is
    ⟨cotangent, f⟩, the sum of the products of all entries.
    """

    name: Callable[[str], str]
    quotient: Callable[[str, Sequence[tuple[str, int]]], str]
    times: Callable[[str, str], str]
    plus: str
    f: str
    pairing: str


def _unicode_quotient(top: str, below: Sequence[tuple[str, int]]) -> str:
    order = sum(power for _, power in below)
    under = "".join(f"∂{name}{superscript(power)}" for name, power in below)
    return f"∂{superscript(order)}{top}/{under}"


def _latex_quotient(top: str, below: Sequence[tuple[str, int]]) -> str:
    def raised(text: str, power: int) -> str:
        return text if power == 1 else f"{text}^{{{power}}}"

    above = raised(r"\partial", sum(power for _, power in below))
    under = " ".join(rf"\partial {raised(name, power)}" for name, power in below)
    return rf"\frac{{{above} {top}}}{{{under}}}"


UNICODE = Spelling(
    unicode_name,
    _unicode_quotient,
    lambda quotient, tangent: f"({quotient}) {tangent}",
    " + ",
    "f",
    "⟨cotangent, f⟩",
)
LATEX = Spelling(
    latex_name,
    _latex_quotient,
    lambda quotient, tangent: f"{quotient} {tangent}",
    " + ",
    "f",
    r"\langle \mathit{cotangent}, f \rangle",
)
MATHML = Spelling(
    mathml_name,
    mathml_quotient,
    lambda quotient, tangent: f"<mrow>{quotient}{tangent}</mrow>",
    "<mo>+</mo>",
    "<mi>f</mi>",
    "<mrow><mo>⟨</mo><mi>cotangent</mi><mo>,</mo><mi>f</mi><mo>⟩</mo></mrow>",
)


def left_side(kind: str, key: str, keys: Sequence[str], spelling: Spelling) -> str:
    """The name of one result of a derivation whose results have the given keys."""
    names = parted(key)
    if kind == "vjp":
        return spelling.quotient(spelling.pairing, [(spelling.name(key), 1)])
    if kind == "jvp":
        terms: list[tuple[tuple[str, ...], str]] = [((n,), tangent_of(n, names)) for n in names]
    elif kind == "hvp":
        terms = [((key, other), tangent_of(other, keys)) for other in keys]
    else:
        return _quotient(variables_of(kind, key), spelling)
    made = [
        spelling.times(_quotient(by, spelling), spelling.name(tangent)) for by, tangent in terms
    ]
    return spelling.plus.join(made)


def step_left_side(kind: str, shown: str, spelling: Spelling) -> str:
    """The name of a derivative by a part of the formula, which is written already."""
    return spelling.quotient(spelling.pairing if kind == "vjp" else spelling.f, [(shown, 1)])


def _quotient(names: Sequence[str], spelling: Spelling) -> str:
    below = [(spelling.name(name), len(list(same))) for name, same in groupby(names)]
    return spelling.quotient(spelling.f, below)
