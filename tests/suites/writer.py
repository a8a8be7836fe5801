"""Random typed formulas over a fixed set of symbols with unequal sizes."""

from __future__ import annotations

import random
import re

from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS
from tests.suites.focused import focuses

#: Every symbol with its declaration; m, n and k are drawn unequal.
SYMBOLS = {
    "t": "scalar positive",
    "s": "scalar",
    "x": "vector n",
    "v": "vector n",
    "y": "vector m",
    "u": "vector m positive",
    "A": "matrix m n",
    "B": "matrix n n invertible",
    "S": "matrix n n symmetric",
    "C": "matrix m k",
    "P": "posdef m m",
    "b1": "vector n binary",
    "h1": "vector m signs",
    "p1": "vector n sum1",
    "Q": "orthogonal n n",
    "D": "diagonal n n",
    "E": "diagonal n n",
}

#: The sizes of an expression: () for a scalar, one for a column, two for a matrix.
Kind = tuple[str, ...]
KINDS: dict[str, Kind] = {
    name: tuple(w for w in text.split()[1:] if w in "mnk")
    for name, text in SYMBOLS.items()
    if name not in ("b1", "h1")
}

#: Elementwise functions of one argument that are defined and smooth everywhere.
SMOOTH = tuple(
    name
    for name, record in OPERATIONS.items()
    if isinstance(record, Elementwise)
    and record.arity == 1
    and not (record.domain or record.kink or record.options)
)
KINKED = (
    "relu({})",
    "abs({})",
    "leaky_relu({})",
    "leaky_relu({}, 0.25)",
    "leaky_relu({}, slope=0.2, kink=1)",
    "elu({})",
    "elu({}, alpha=0.5)",
    "selu({})",
    "hard_tanh({})",
    "step({})",
    "step({}, kink=1)",
    "sign({})",
    "max({}, 0)",
    "min({}, 0.5)",
)
#: Powers that are defined for every real base.
POWERS = ("({})^2", "({})^3", "(1 + ({})^2)^0.5", "1/(2 + ({})^2)", "t^(sin({}))")
ENTRY_POWERS = ("({}).^2", "({}).^3", "(1 + ({}).^2).^0.5", "1 ./ (2 + ({}).^2)")

#: Scalars that no single function makes.
MIXED = (
    "log(1 + norm2({n})^2)",
    "tr(B^2)*({s})",
    "det(P + ({m})*({m})')",
    "({m})'*inv(P + ({m})*({m})')*y",
    "tr(kron(B, ({m})*({m})'))",
    "sum(exp(-(({M}) - ({n})')))",
    "sum(max({M}, ({M}) .* ({n})'))",
    "softmax_cross_entropy({m}, u)",
    "softmax_cross_entropy({M}, {M})",
    "sigmoid_cross_entropy({n}, v)",
    "sum(attention({M}, A, {M}) .* A)",
    "sum(attention(A, {M}, A, P) .* ({M}))",
    "sum((({M}) - mean({M}, axis=0)).^2)",
    "sum((({M}) - mean({M}, axis=1)).^2)",
)

FOCUSES = focuses()
NAMES = tuple(FOCUSES)
SCALARS = [form for forms in FOCUSES.values() for form in forms if form[0] != "="]
CLOSED = (*MIXED, *SCALARS)

#: What formulas are differentiated by.
WRT = "xyABStCPv"

#: The share of formulas that are written around one operation, function or rule.
FOCUSED = 0.7

#: The share of formulas whose operations are all rational.
RATIONAL = 0.12

#: How many operations lie above each other at most, with their shares.
DEPTHS = (1, 1, 2, 2, 2, 2, 3, 3, 4)

#: Scalars without roots and functions such as exp.
RATIONAL_FORMS = (
    "sum({n})",
    "tr(({M})*A')",
    "tr(B^2)*({s})",
    "det(P)*({s})",
    "det(B + ({s})*S)",
    "tr(inv(B)*S)*({s})",
    "({m})'*inv(P + ({m})*({m})')*y",
    "({n})'*solve(B, {n})",
    "vec({M})'*kron({n}, {m})",
    "norm2({n})^2",
    "mean({M})",
    "sum(outer({m}, {n}) .* ({M}))",
    "max({n})*({s})",
    "min({m})",
    "({m})'*max({M}, axis=1)",
    "sum(min({M}, axis=0).^2)",
    "hardmax({n})'*({n})",
    "log(sum(exp({n} - max({n})))) + max({n})",
)


def seed_for(number: int, focus: str) -> int:
    """The seed next to a number whose formula is written around a focus, if around any."""
    return number - number % len(NAMES) + NAMES.index(focus)


class Writer:
    """Writes one random formula, biased towards the variable that is differentiated by.

    The seed alone says everything, also what the formula is written around (`seed_for`).
    """

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.focus = NAMES[seed % len(NAMES)]
        self.wrt = self.draw.choice(WRT)
        self.rational = self.draw.random() < RATIONAL

    def formula(self) -> str:
        """A scalar, vector or matrix expression that holds the variable."""
        forms = None
        if not self.rational and self.draw.random() < FOCUSED:
            forms = FOCUSES[self.focus]
        for _ in range(8):
            text = self.around(self.draw.choice(forms)) if forms else self.any_kind()
            held = [name for name in WRT if re.search(rf"\b{name}\b", text)]
            if self.wrt in held:
                return text
        if held:
            self.wrt = self.draw.choice(held)
            return text
        return self.wrt

    def any_kind(self) -> str:
        """An expression of a random kind."""
        kind = self.draw.choice([(), (), (), ("n",), ("m",), ("m", "n")])
        return self.write(kind, self.draw.choice(DEPTHS))

    def around(self, form: str) -> str:
        """A form with small expressions in its places, now and then inside something else."""
        text = self.filled(form.removeprefix("= "), self.draw.randrange(2))
        if form.startswith("= "):
            return text
        outer = self.draw.randrange(4)
        if outer == 0:
            return f"({text})*({self.write(('n',), 1)})"
        return f"({text}) + ({self.write((), 1)})" if outer == 1 else text

    def filled(self, template: str, depth: int) -> str:
        """A template with an expression of its own in each place."""
        kinds: dict[str, Kind] = {"s": (), "n": ("n",), "m": ("m",), "M": ("m", "n")}
        return re.sub(
            r"\{(\w)\}", lambda place: f"({self.write(kinds[place[1]], depth)})", template
        )

    def leaf(self, kind: Kind) -> str:
        """A symbol, a number or ones."""
        fitting = [name for name, held in KINDS.items() if held == kind]
        if self.wrt in fitting and self.draw.random() < 0.7:
            return self.wrt
        if kind == () and self.draw.random() < 0.3:
            return self.draw.choice(["2", "0.5", "3"])
        if fitting:
            return self.draw.choice(fitting)
        return self.outer(kind, 0) if len(kind) == 2 else f"ones({kind[0]})"

    def write(self, kind: Kind, depth: int) -> str:
        """An expression of a kind, at most `depth` operations deep but for closed forms."""
        if depth <= 0:
            return self.leaf(kind)
        choices = [self.entries, self.entries, self.combined, self.scaled]
        if kind == ():
            choices += [self.closed, self.closed, self.inner, self.quotient]
        elif len(kind) == 1:
            choices += [self.product, self.product, self.vector_function]
        else:
            choices += [self.product, self.matrix_function, self.outer, self.spread]
        return self.draw.choice(choices)(kind, depth - 1)

    def entries(self, kind: Kind, depth: int) -> str:
        """A function or power of every entry."""
        inside = self.write(kind, depth)
        chance = self.draw.random()
        if self.rational:
            forms = (ENTRY_POWERS[:2], POWERS[:2])[not kind]
            return self.draw.choice(forms).format(inside)
        if chance < 0.5:
            return f"{self.draw.choice(SMOOTH)}({inside})"
        if chance < 0.75:
            return self.draw.choice(KINKED).format(inside)
        return self.draw.choice(ENTRY_POWERS if kind else POWERS).format(inside)

    def combined(self, kind: Kind, depth: int) -> str:
        """Two expressions of one kind, entry by entry."""
        one, other = self.write(kind, depth), self.write(kind, depth)
        if one != other and not self.rational and self.draw.random() < 0.15:
            return f"{self.draw.choice(['max', 'min'])}({one}, {other})"
        return f"({one}) {self.draw.choice(['.*', '.*', '+', '+', '-'])} ({other})"

    def scaled(self, kind: Kind, depth: int) -> str:
        """A scalar times an expression."""
        return f"({self.write((), depth)})*({self.write(kind, depth)})"

    def quotient(self, kind: Kind, depth: int) -> str:
        """A quotient whose denominator has no zero."""
        return f"({self.write((), depth)})/(1 + ({self.write((), depth)})^2)"

    def inner(self, kind: Kind, depth: int) -> str:
        """An inner product."""
        one = self.draw.choice([("n",), ("m",)])
        return f"({self.write(one, depth)})'*({self.write(one, depth)})"

    def closed(self, kind: Kind, depth: int) -> str:
        """A scalar from a template."""
        return self.filled(self.draw.choice(RATIONAL_FORMS if self.rational else CLOSED), depth)

    def product(self, kind: Kind, depth: int) -> str:
        """A matrix product."""
        inner = self.draw.choice("mnk" if len(kind) == 2 else "mn")
        left = self.write((kind[0], inner), depth)
        return f"({left})*({self.write((inner, *kind[1:]), depth)})"

    def outer(self, kind: Kind, depth: int) -> str:
        """A column times a row."""
        one, other = self.write(kind[:1], depth), self.write(kind[1:], depth)
        return self.draw.choice([f"({one})*({other})'", f"outer({one}, {other})"])

    def spread(self, kind: Kind, depth: int) -> str:
        """A matrix with a row, a column or a scalar repeated over it."""
        row, column = self.write(kind[1:], depth), self.write(kind[:1], depth)
        repeated = self.draw.choice([f"({row})'", f"({row})'", f"({column})", "s"])
        return f"({self.write(kind, depth)}) {self.draw.choice(['+', '-', '.*'])} {repeated}"

    def vector_function(self, kind: Kind, depth: int) -> str:
        """A function of a column as a whole."""
        inside = self.write(kind, depth)
        pick = self.draw.randrange(9)
        if pick == 0:
            return f"diag(({inside})*({inside})')"
        if pick == 1:
            square = {"m": "P", "n": "B"}.get(kind[0], f"eye({kind[0]})")
            matrix = f"{square} + 0.1*({inside})*({inside})'"
            return self.draw.choice([f"inv({matrix})*({inside})", f"solve({matrix}, {inside})"])
        if pick == 2:
            return self.reduced(kind, depth)
        if pick == 3 and not self.rational:
            other = self.write(kind, depth)
            names = ["layernorm({}, eps=0.1)", "rmsnorm({}, eps=0.1)", "log_softmax({})"]
            names += ["log_sigmoid({})", f"swiglu({{}}, {other})"]
            return self.draw.choice(names).format(inside)
        return f"({inside}) .* ({inside})" if self.rational else f"softmax({inside})"

    def reduced(self, kind: Kind, depth: int) -> str:
        """A matrix summed, or the like, along its rows or down its columns."""
        name = self.draw.choice(["sum", "mean", "sum" if self.rational else "logsumexp"])
        if self.draw.random() < 0.5:
            return f"({name}({self.write(('k', kind[0]), depth)}, axis=0))'"
        option = "" if name == "logsumexp" and self.draw.random() < 0.5 else ", axis=1"
        return f"{name}({self.write((kind[0], 'k'), depth)}{option})"

    def matrix_function(self, kind: Kind, depth: int) -> str:
        """A function of a matrix as a whole."""
        if kind[0] == kind[1] and self.draw.random() < 0.5:
            forms = [f"diag({self.write(kind[:1], depth)})"]
            forms += {"n": ["inv(B)", "B^2", "inv(B)^2"], "m": ["inv(P)", "P^3"]}.get(kind[0], [])
            return self.draw.choice(forms)
        if self.rational or self.draw.random() < 0.6:
            return f"({self.write(kind[::-1], depth)})'"
        names = ["softmax({})", "softmax({}, axis=0)", "softmax({})", "batchnorm({}, eps=0.1)"]
        names += ["layernorm({}, eps=0.1)", "rmsnorm({}, axis=0, eps=0.1)", "log_softmax({})"]
        return self.draw.choice(names).format(self.write(kind, depth))
