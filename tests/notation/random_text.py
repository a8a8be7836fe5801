"""Random well-typed formulas as text, each with its value computed directly by NumPy.

The value is worked out while the text is written, on arrays of one and two axes, so nothing here
reads a formula. Sizes are m, n, k = 3, 4, 2: all different.
"""

from __future__ import annotations

import numpy as np

SIZES = {"m": 3, "n": 4, "k": 2}
DECLARED = {
    "a": "scalar",
    "b": "scalar",
    "x": "vector n",
    "y": "vector n",
    "u": "vector m",
    "v": "vector k",
    "A": "matrix m n",
    "B": "matrix n k",
    "C": "matrix k m",
    "D": "matrix m n",
    "S": "matrix n n",
}
BOUNDED = {
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "abs": np.abs,
    "relu": lambda z: np.maximum(z, 0),
    "arctan": np.arctan,
}


def values(generator):
    """A value for every symbol."""
    found = {}
    for name, text in DECLARED.items():
        shape = tuple(SIZES[size] for size in text.split()[1:])
        found[name] = generator.uniform(-1, 1, shape)
    return found


class Writer:
    """Writes formulas of a wanted kind: (kind, sizes...) with kind s, c, r or m."""

    def __init__(self, generator, given):
        self.generator = generator
        self.given = given

    def pick(self, *options):
        return options[self.generator.integers(len(options))]

    def write(self, want, depth):
        """(text, value); the value of a row or column has one axis."""
        if depth <= 0:
            return self.leaf(want)
        kind = want[0]
        makers = {"s": self.scalar, "c": self.vector, "r": self.vector, "m": self.matrix}
        return self.pick(self.leaf, self.common, makers[kind], makers[kind])(want, depth - 1)

    def leaf(self, want, depth=0):
        kind, *sizes = want
        if kind == "s":
            name = self.pick("a", "b", "0.5", "3", "n")
            fixed = {"0.5": 0.5, "3": 3.0, "n": 4.0}
            return name, fixed.get(name, self.given.get(name))
        if kind == "r":
            text, value = self.leaf(("c", *sizes))
            return f"{text}'", value
        fitting = [n for n, text in DECLARED.items() if text.split()[1:] == sizes]
        if fitting:
            name = self.pick(*fitting)
            return name, self.given[name]
        turned = [n for n, text in DECLARED.items() if text.split()[1:] == sizes[::-1]]
        if turned:
            name = self.pick(*turned)
            return f"{name}'", self.given[name].T
        shape = tuple(SIZES[size] for size in sizes)
        return f"ones({', '.join(sizes)})", np.ones(shape)

    def common(self, want, depth):
        """What every kind can be: sums, elementwise operations, scalings, signs."""
        one, first = self.write(want, depth)
        match self.pick(
            "+", "-", ".*", "./", "scale", "over", "neg", "call", "power", "max", "spread"
        ):
            case "+" | "-" | ".*" | "./" as sign:
                other, second = self.write(want, depth)
                if sign == "./":
                    return f"({one} ./ (2 + sin({other})))", first / (2 + np.sin(second))
                operation = {"+": np.add, "-": np.subtract, ".*": np.multiply}[sign]
                return f"({one} {sign} {other})", operation(first, second)
            case "scale":
                other, second = self.write(("s",), depth)
                sides = self.pick((other, one), (one, other))
                return f"({sides[0]}{self.pick('*', ' ')}({sides[1]}))", first * second
            case "over":
                return f"({one})/3", first / 3
            case "neg":
                return f"(-{one})", -first
            case "power":
                return f"(({one}).^2)", first**2
            case "max":
                other, second = self.write(want, depth)
                return f"max({one}, {other})", np.maximum(first, second)
            case "spread":
                other, second = self.write(("s",), depth)
                return f"({other} + {one})", second + first
        name = self.pick(*BOUNDED)
        return f"{name}({one})", BOUNDED[name](first)

    def scalar(self, want, depth):
        size, other_size = self.pick("m", "n", "k"), self.pick("m", "n", "k")
        match self.pick("dot", "sum", "mean", "norm", "tr", "form", "norm1"):
            case "dot":
                one, first = self.write(("r", size), depth)
                other, second = self.write(("c", size), depth)
                return f"(({one})*{other})", first @ second
            case "sum":
                one, first = self.write(("m", size, other_size), depth)
                return f"sum({one})", np.sum(first)
            case "mean":
                one, first = self.write(("m", size, other_size), depth)
                return f"mean({one})", np.sum(first) / first.size
            case "norm":
                one, first = self.write(("m", size, other_size), depth)
                return f"norm2({one})", np.sqrt(np.sum(first**2))
            case "norm1":
                one, first = self.write(("c", size), depth)
                return f"‖{one}‖₁", np.sum(np.abs(first))
            case "tr":
                one, first = self.write(("m", size, size), depth)
                return f"tr({one})", np.trace(first)
        row, first = self.write(("r", size), depth)
        middle, second = self.write(("m", size, other_size), depth)
        column, third = self.write(("c", other_size), depth)
        return f"(({row})*({middle})*({column}))", np.einsum("i,ij,j", first, second, third)

    def vector(self, want, depth):
        kind, size = want
        inner = self.pick("m", "n", "k")
        match self.pick("product", "turn", "softmax", "diag", "along", "solve"):
            case "product" if kind == "c":
                one, first = self.write(("m", size, inner), depth)
                other, second = self.write(("c", inner), depth)
                return f"(({one}) ({other}))", np.einsum("ij,j->i", first, second)
            case "product":
                one, first = self.write(("r", inner), depth)
                other, second = self.write(("m", inner, size), depth)
                return f"(({one})*({other}))", np.einsum("i,ij->j", first, second)
            case "softmax":
                one, first = self.write(want, depth)
                weights = np.exp(first)
                return f"softmax({one})", weights / np.sum(weights)
            case "along":
                return self.along(kind, size, inner, depth)
            case "solve" if kind == "c":
                one, first = self.write(("m", size, size), depth)
                other, second = self.write(("c", size), depth)
                near = np.eye(SIZES[size]) + 0.1 * np.tanh(first)
                return (
                    f"solve(eye({size}) + 0.1*tanh({one}), {other})",
                    np.linalg.inv(near) @ second,
                )
            case "diag" if kind == "c":
                one, first = self.write(("m", size, size), depth)
                return f"diag({one})", np.array([first[i, i] for i in range(len(first))])
        one, first = self.write(("r" if kind == "c" else "c", size), depth)
        return f"({one})'", first

    def along(self, kind, size, inner, depth):
        """A matrix summed along its rows (a column) or down its columns (a row)."""
        axis, shape = (1, (size, inner)) if kind == "c" else (0, (inner, size))
        one, first = self.write(("m", *shape), depth)
        name = self.pick("sum", "mean", "logsumexp", "max", "min")
        found = {
            "max": np.max(first, axis=axis),
            "min": np.min(first, axis=axis),
            "sum": np.sum(first, axis=axis),
            "mean": np.sum(first, axis=axis) / first.shape[axis],
            "logsumexp": np.logaddexp.reduce(first, axis=axis),
        }
        return f"{name}({one}, axis={axis})", found[name]

    def matrix(self, want, depth):
        _, rows, columns = want
        inner = self.pick("m", "n", "k")
        match self.pick("product", "outer", "turn", "row", "column", "softmax"):
            case "product":
                one, first = self.write(("m", rows, inner), depth)
                other, second = self.write(("m", inner, columns), depth)
                return f"(({one})*({other}))", np.einsum("ij,jk->ik", first, second)
            case "outer":
                one, first = self.write(("c", rows), depth)
                other, second = self.write(("r", columns), depth)
                text = self.pick(f"(({one})*({other}))", f"outer({one}, {other})")
                return text, first[:, None] * second[None, :]
            case "row":
                one, first = self.write(want, depth)
                other, second = self.write(("r", columns), depth)
                return f"({one} + {other})", first + second[None, :]
            case "column":
                one, first = self.write(("c", rows), depth)
                other, second = self.write(want, depth)
                return f"({one} .* {other})", first[:, None] * second
            case "softmax":
                one, first = self.write(want, depth)
                axis = self.pick(0, 1)
                option = "" if axis and self.pick(True, False) else f", axis={axis}"
                weights = np.exp(first - np.max(first))
                total = np.sum(weights, axis=axis, keepdims=True)
                return f"softmax({one}{option})", weights / total
        one, first = self.write(("m", columns, rows), depth)
        return f"({one})'", first.T
