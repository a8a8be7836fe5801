"""Random typed formulas over a fixed set of symbols with unequal sizes."""

from __future__ import annotations

import random
import re

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
}

#: The sizes of an expression: () for a scalar, one for a column, two for a matrix.
Kind = tuple[str, ...]
KINDS: dict[str, Kind] = {
    name: tuple(w for w in text.split()[1:] if w in "mnk") for name, text in SYMBOLS.items()
}

SMOOTH = ("exp", "tanh", "sigmoid", "sin", "cos", "softplus", "arctan",
          "silu", "gelu", "gelu_tanh", "mish", "softsign", "normcdf", "normpdf", "erf")  # fmt: skip
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

#: Scalars made of determinants, inverses and Kronecker products, with places for scalars (s),
#: columns (n, m) and m x n matrices (M).
CLOSED = (
    "sum({n})",
    "sum({M})",
    "norm1({m})",
    "norm2({n})^2",
    "norm2({m} + u)",
    "logsumexp({m})",
    "log(1 + norm2({n})^2)",
    "sum(sqrt(1 + ({m}).^2))",
    "tr(({M})*A')",
    "tr(B^2)*({s})",
    "logdet(B)",
    "det(P)*({s})",
    "det(B + ({s})*S)",
    "det(P + ({m})*({m})')",
    "logdet(P + ({M})*({M})')",
    "tr(inv(B)*S)",
    "({m})'*inv(P + ({m})*({m})')*y",
    "vec({M})'*vec({M})",
    "vec({M})'*kron({n}, {m})",
    "sum(kron({n}, ({m})'))",
    "tr(kron(B, ({m})*({m})'))",
    "norm2(kron({m}, {n}))^2",
    "sum(exp(-(({M}) - ({n})')))",
    "sum(max({M}, ({M}) .* ({n})'))",
    "mean({n})",
    "mean({M})",
    "sum({M}, axis=0)*({n})",
    "({m})'*mean({M}, axis=1)",
    "sum((({M}) - mean({M}, axis=0)).^2)",
    "sum((({M}) - mean({M}, axis=1)).^2)",
    "logsumexp({M}, axis=0)*({n})",
    "sum(softmax({M}, axis=0) .* ({M}))",
    "({m})'*solve(P + ({m})*({m})', {m})",
    "norm2(solve(B, ({M})'))^2",
    "sum(outer({m}, {n}) .* ({M}))",
)


class Writer:
    """Writes one random formula, biased towards the variable that is differentiated by."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.wrt = self.draw.choice("xyABStCPv")

    def formula(self) -> str:
        """A scalar, vector or matrix expression that holds the variable."""
        for _ in range(50):
            kind = self.draw.choice([(), (), (), ("n",), ("m",), ("m", "n")])
            text = self.write(kind, self.draw.randrange(2, 5))
            if re.search(rf"\b{self.wrt}\b", text):
                return text
        return self.leaf(KINDS[self.wrt])

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
        if chance < 0.5:
            return f"{self.draw.choice(SMOOTH)}({inside})"
        if chance < 0.75:
            return self.draw.choice(KINKED).format(inside)
        return self.draw.choice(ENTRY_POWERS if kind else POWERS).format(inside)

    def combined(self, kind: Kind, depth: int) -> str:
        """Two expressions of one kind, entry by entry."""
        one, other = self.write(kind, depth), self.write(kind, depth)
        if one != other and self.draw.random() < 0.15:
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
        """A scalar from a template; each place in it gets an expression of its own."""
        kinds: dict[str, Kind] = {"s": (), "n": ("n",), "m": ("m",), "M": ("m", "n")}
        template = self.draw.choice(CLOSED)
        return re.sub(
            r"\{(\w)\}", lambda place: f"({self.write(kinds[place[1]], depth)})", template
        )

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
        pick = self.draw.randrange(7)
        if pick == 0:
            return f"diag(({inside})*({inside})')"
        if pick == 1:
            square = {"m": "P", "n": "B"}.get(kind[0], f"eye({kind[0]})")
            matrix = f"{square} + 0.1*({inside})*({inside})'"
            return self.draw.choice([f"inv({matrix})*({inside})", f"solve({matrix}, {inside})"])
        if pick == 2:
            return self.reduced(kind, depth)
        return f"softmax({inside})"

    def reduced(self, kind: Kind, depth: int) -> str:
        """A matrix summed, or the like, along its rows or down its columns."""
        name = self.draw.choice(["sum", "mean", "logsumexp"])
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
        if self.draw.random() < 0.6:
            return f"({self.write(kind[::-1], depth)})'"
        return f"softmax({self.write(kind, depth)}{self.draw.choice(['', ', axis=0'])})"
