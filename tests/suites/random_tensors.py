"""Random formulas that move entries of arrays, as text, each with its value computed by NumPy.

Sizes m, n, k = 3, 5, 2 are all different. `python -m tests.suites.random_tensors --count 1000`
judges formulas: the notation's evaluator against NumPy, a derivative against the complex step.
"""

from __future__ import annotations

import argparse
import random
import sys

import numpy as np

import gradwright as gw
from gradwright.errors import LimitError

LENGTHS = {"m": 3, "n": 5, "k": 2, "p": 4}
SYMBOLS = {
    "x": "vector n",
    "y": "vector m",
    "A": "matrix m n",
    "B": "matrix n k",
    "T": "tensor n m k",
    "t": "indices p n",
}
#: The sizes of each symbol that has numbers.
AXES = {"x": ("n",), "y": ("m",), "A": ("m", "n"), "B": ("n", "k"), "T": ("n", "m", "k")}


class Writer:
    """Writes one formula: a symbol, then moves and functions of what there is so far."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        generator = np.random.default_rng(seed)
        self.values = {
            name: generator.uniform(0.2, 1.2, [LENGTHS[size] for size in axes])
            for name, axes in AXES.items()
        }
        self.values["t"] = generator.integers(LENGTHS["n"], size=LENGTHS["p"])
        self.wrt = self.draw.choice(list(AXES))

    def formula(self) -> tuple[str, np.ndarray]:
        """(text, value)."""
        self.axes: tuple[str, ...] = AXES[self.wrt]
        self.text, self.value = self.wrt, self.values[self.wrt]
        for _ in range(self.draw.randrange(2, 5)):
            moves = [self.cut, self.behind, self.entries, self.squared, self.summed]
            moves += [self.turned] * (len(self.axes) > 1) + [self.flat] * (len(self.axes) > 1)
            moves += [self.gathered] * 2 * (self.axes[0] == "n")
            self.draw.choice(moves)()
            if not self.axes:
                break
        if self.axes and self.draw.random() < 0.6:
            return f"sum(({self.text}).^2)", np.sum(self.value**2)
        return self.text, self.value

    def cut(self) -> None:
        """All places but the first or the last along an axis, or one of them."""
        axis = self.draw.randrange(len(self.axes))
        size, length = self.axes[axis], self.value.shape[axis]
        if length < 2:
            return
        whole = [":"] * axis
        kind = self.draw.choice(["first", "last", "one"]) if len(self.axes) > 1 else "first"
        if kind == "one":
            # Numbers alone would be an entry.
            places = ",".join([*whole, "1"]) if axis else "1,:"
            self.text = f"({self.text})[{places}]"
            # One row of a matrix is a row, and is turned.
            self.text += "'" if (axis, len(self.axes)) == (0, 2) else ""
            self.value = np.take(self.value, 0, axis)
            self.axes = (*self.axes[:axis], *self.axes[axis + 1 :])
            return
        place = f"2:{size}" if kind == "first" else f":{size}-1"
        self.text = f"({self.text})[{','.join([*whole, place])}]"
        keep = range(1, length) if kind == "first" else range(length - 1)
        self.value = np.take(self.value, keep, axis)
        self.axes = (*self.axes[:axis], f"{size}-1", *self.axes[axis + 1 :])

    def behind(self) -> None:
        """Two arrays behind each other."""
        axis = self.draw.randrange(len(self.axes))
        other, value = f"sin({self.text})", np.sin(self.value)
        self.text = f"concat({self.text}, {other}, axis={axis})"
        self.value = np.concatenate([self.value, value], axis)
        self.axes = (*self.axes[:axis], f"({self.axes[axis]})*2", *self.axes[axis + 1 :])
        self.plain(axis)

    def plain(self, axis: int) -> None:
        """A size without parentheses: ranges and reshapes take sums of products."""
        doubled = self.axes[axis].removeprefix("(").removesuffix(")*2")
        terms = [f"2*{term}" for term in doubled.replace("-", "+-").split("+")]
        size = "+".join(terms).replace("2*-", "-2*").replace("+-", "-")
        self.axes = (*self.axes[:axis], size, *self.axes[axis + 1 :])

    def entries(self) -> None:
        """A function of every entry."""
        name = self.draw.choice(["tanh", "sin", "exp"])
        self.text, self.value = f"{name}(-({self.text}))", getattr(np, name)(-self.value)

    def squared(self) -> None:
        """An array times itself, entry by entry."""
        self.text = f"(({self.text}).*({self.text}))"
        self.value = self.value * self.value

    def summed(self) -> None:
        """The sum along an axis; the columns of a matrix give a row, which is turned."""
        if len(self.axes) == 1:
            return
        axis = self.draw.randrange(len(self.axes))
        self.text = f"sum({self.text}, axis={axis})"
        self.text += "'" if (axis, len(self.axes)) == (0, 2) else ""
        self.value = self.value.sum(axis=axis)
        self.axes = (*self.axes[:axis], *self.axes[axis + 1 :])

    def turned(self) -> None:
        """The axes the other way round, as an array of entries."""
        letters = "abc"[: len(self.axes)]
        back = ",".join(reversed(letters))
        self.text = f"array[{back}](({self.text})[{','.join(letters)}])"
        self.value, self.axes = self.value.T, self.axes[::-1]

    def flat(self) -> None:
        """All axes as one; only where no size is a sum."""
        if any(sign in size for size in self.axes for sign in "+-"):
            return
        size = "*".join(self.axes)
        self.text = f"reshape({self.text}, {size})"
        self.value, self.axes = self.value.reshape(-1), (size,)

    def gathered(self) -> None:
        """What t chooses along the first axis."""
        self.text = f"gather({self.text}, t)"
        self.value, self.axes = self.value[self.values["t"]], ("p", *self.axes[1:])


def judge(seed: int) -> str:
    """Nothing where all is right, else what is wrong; "set aside" where it is too much work."""
    writer = Writer(seed)
    text, expected = writer.formula()
    line = f"seed {seed}: {text} by {writer.wrt}"
    formula = gw.formula(text, **SYMBOLS)
    used = {name: writer.values[name] for name in formula.variables}
    lengths = {size: LENGTHS[size] for size in formula.scope.sizes}
    held = {size for name in used for size in SYMBOLS[name].split()[1:]}
    held -= {"n"} if set(used) == {"t"} else set()
    free = {size: length for size, length in lengths.items() if size not in held}
    value = formula(**used, **free)
    if not np.allclose(value, expected, rtol=1e-11, atol=1e-13):
        return f"{line}: another value"
    kind = "gradient" if formula.scope.shape.kind == "scalar" else "vjp"
    try:
        derived = getattr(formula, kind)(writer.wrt)
        report = derived.check(seed=seed)
    except LimitError:
        return "set aside"
    return "" if report.ok else f"{line}: {report}"


def main(arguments: list[str] | None = None) -> int:
    """Judge formulas and print what is wrong."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--count", type=int, default=1000)
    reader.add_argument("--seed", type=int, default=0)
    given = reader.parse_args(arguments)
    found = [judge(seed) for seed in range(given.seed, given.seed + given.count)]
    aside = found.count("set aside")
    wrong = [line for line in found if line not in ("", "set aside")]
    print(*wrong, sep="\n")
    print(f"{given.count} formulas: {len(wrong)} wrong, {aside} set aside")
    return min(1, len(wrong))


if __name__ == "__main__":
    sys.exit(main())
