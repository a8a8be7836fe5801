"""Random layers: a formula in notation beside the same function in plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Array = np.ndarray
Values = dict[str, Array]
Function = Callable[[Values], Array]

#: Unequal sizes: n of the input, the others of parameters.
SIZES = {"n": 4, "m": 3, "k": 5}


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def softmax(z: Array) -> Array:
    weights = np.exp(z - np.max(z.real))
    return weights / np.sum(weights)


FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "sin": np.sin,
    "exp": np.exp,
    "softmax": softmax,
}


@dataclass
class RandomLayer:
    """`text` with declared `parameters`, and `function` of the input x and the parameters."""

    rng: np.random.Generator
    parameters: dict[str, str] = field(default_factory=dict)
    text: str = ""
    function: Function = lambda values: values["x"]
    outputs: str = "n"

    def draw(self, depth: int = 3) -> RandomLayer:
        while "x" not in self.text or self.text == "x":
            self.parameters.clear()
            self.outputs = str(self.rng.choice(list(SIZES)))
            self.text, self.function = self._vector(self.outputs, depth)
        return self

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {
            name: tuple(SIZES[size] for size in text.split()[1:])
            for name, text in self.parameters.items()
        }

    def _parameter(self, letters: str, kind: str) -> str:
        free = [letter for letter in letters if letter not in self.parameters]
        same = [name for name, text in self.parameters.items() if text == kind]
        if same and (not free or self.rng.random() < 0.3):
            return str(self.rng.choice(same))
        if not free:
            raise IndexError("no letter is left")
        self.parameters[free[0]] = kind
        return free[0]

    def _vector(self, size: str, depth: int) -> tuple[str, Function]:
        if depth == 0:
            if size == "n":
                return "x", lambda values: values["x"]
            return self._times(size, 0)
        rules = [self._times, self._function, self._sum, self._product, self._scaled, self._shifted]
        return rules[int(self.rng.integers(len(rules)))](size, depth - 1)

    def _times(self, size: str, depth: int) -> tuple[str, Function]:
        inner = str(self.rng.choice(["n", "m", "k"])) if depth else "n"
        text, function = self._vector(inner, depth)
        if self.rng.random() < 0.5:
            name = self._parameter("WUVRST", f"matrix {size} {inner}")
            return f"{name}*({text})", lambda v: v[name] @ function(v)
        name = self._parameter("WUVRST", f"matrix {inner} {size}")
        return f"{name}'*({text})", lambda v: v[name].T @ function(v)

    def _function(self, size: str, depth: int) -> tuple[str, Function]:
        text, function = self._vector(size, depth)
        name = str(self.rng.choice(list(FUNCTIONS)))
        scale = "0.25*" if name == "exp" else ""
        factor = 0.25 if scale else 1.0
        return f"{name}({scale}({text}))", lambda v: FUNCTIONS[name](factor * function(v))

    def _sum(self, size: str, depth: int) -> tuple[str, Function]:
        (one, f), (other, g) = self._vector(size, depth), self._vector(size, 0)
        return f"({one} - 3*{other})", lambda v: f(v) - 3 * g(v)

    def _product(self, size: str, depth: int) -> tuple[str, Function]:
        (one, f), (other, g) = self._vector(size, depth), self._vector(size, 0)
        return f"({one}).*({other})", lambda v: f(v) * g(v)

    def _scaled(self, size: str, depth: int) -> tuple[str, Function]:
        """Divided by a norm, or times an inner product, or less the mean."""
        text, f = self._vector(size, depth)
        kind = int(self.rng.integers(3))
        if kind == 0:
            return f"({text})/(1 + norm2({text})^2)", lambda v: f(v) / (1 + np.sum(f(v) ** 2))
        if kind == 1:
            name = self._parameter("uvw", f"vector {size}")
            return f"({text})*({name}'*({text}))", lambda v: f(v) * (v[name] @ f(v))
        return f"({text} - sum({text})/{size})", lambda v: f(v) - np.sum(f(v)) / SIZES[size]

    def _shifted(self, size: str, depth: int) -> tuple[str, Function]:
        text, f = self._vector(size, depth)
        name = self._parameter("bcd", f"vector {size}")
        return f"({text} + {name})", lambda v: f(v) + v[name]


def random_layer(rng: np.random.Generator) -> RandomLayer:
    """A layer whose letters suffice."""
    while True:
        try:
            return RandomLayer(rng).draw()
        except IndexError:
            continue
