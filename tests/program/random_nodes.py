"""Random nodes of unequal sizes: every way in which a product may tie, repeat and sum labels."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Size, Variable

SIZES = {"m": 2, "n": 3, "k": 4, "p": 5}

VARIABLES: dict[str, tuple[Size, ...]] = {
    "s": (),
    "t1": (),
    "x": ("n",),
    "y": ("m",),
    "n": ("k",),
    "A": ("m", "n"),
    "B": ("n", "k"),
    "C": ("n", "n"),
    "S": ("k", "k"),
    "D": ("p", "m"),
    "T": ("m", "n", "k"),
    "δ": ("p",),
}

COEFFICIENTS = [Fraction(text) for text in ("1", "1", "-1", "2", "-3", "1/2", "-1/3", "2/7")]
EXPONENTS = [Fraction(text) for text in ("2", "3", "-1", "-2", "1/2", "-1/2", "1/3", "-3/2")]
UNARY = ("exp", "tanh", "sin", "cos", "sigmoid", "softplus", "relu", "abs")
MAX_ORDER, MAX_LABELS = 4, 6


class Maker:
    """A pool of nodes that grows by random operations on its members."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.graph = Graph()
        self.inputs = [
            self.graph.variable(name, axes, {"symmetric"} if name == "S" else ())
            for name, axes in VARIABLES.items()
        ]
        self.pool: list[Node] = [*self.inputs]

    def roots(self, steps: int, count: int) -> list[Node]:
        """Some of the nodes that `steps` operations made, the last of them first."""
        makers = [self.product] * 6 + [self.sum] * 3
        makers += [self.power, self.unary, self.binary, self.masked, self.structured]
        for _ in range(steps):
            self.pool.append(makers[self.rng.integers(len(makers))]())
        made = self.pool[len(self.inputs) :]
        picked = self.rng.permutation(len(made) - 1)[: count - 1]
        return [made[-1], *(made[k] for k in picked)]

    def pick(self) -> Node:
        """A member; later ones are likelier."""
        weights = np.linspace(1, 3, len(self.pool))
        return self.pool[self.rng.choice(len(self.pool), p=weights / weights.sum())]

    def tame(self, node: Node) -> Node:
        """Entries in (-1, 1), so that nothing overflows however often functions nest."""
        if isinstance(node, Variable):
            return node
        return self.graph.function("tanh", node)

    def positive(self, node: Node) -> Node:
        """1 + node², at least 1."""
        squared = self.graph.power(self.tame(node), 2)
        return self.graph.add([(1, squared), (1, self.graph.ones(*node.axes))], node.axes)

    def coefficient(self) -> Fraction:
        return COEFFICIENTS[self.rng.integers(len(COEFFICIENTS))]

    def product(self) -> Node:
        """One to four factors under random labels; the output repeats, drops and adds labels."""
        sizes: dict[int, Size] = {}
        factors: list[tuple[Node, list[int]]] = []
        for _ in range(self.rng.integers(1, 5)):
            node = self.tame(self.pick())
            if self.rng.random() < 0.15:
                node = self.graph.power(self.positive(node), EXPONENTS[self.rng.integers(8)])
            labels = self._labels(node.axes, sizes)
            if labels is not None:
                factors.append((node, labels))
        out = [label for label in sizes if self.rng.random() < 0.55]
        if self.rng.random() < 0.25:
            size = list(SIZES)[self.rng.integers(len(SIZES))]
            out.append(len(sizes))
            sizes[len(sizes)] = size
        if out and self.rng.random() < 0.3:
            out.append(out[self.rng.integers(len(out))])
        out = [out[k] for k in self.rng.permutation(len(out))][:MAX_ORDER]
        held = {label for _, labels in factors for label in labels}
        sizes = {label: size for label, size in sizes.items() if label in held or label in out}
        return self.graph.product(factors, out, coefficient=self.coefficient(), sizes=sizes)

    def _labels(self, axes: Sequence[Size], sizes: dict[int, Size]) -> list[int] | None:
        """A label for each axis, shared with others of that size more often than not."""
        labels: list[int] = []
        for size in axes:
            same = [label for label, held in sizes.items() if held == size]
            if same and self.rng.random() < 0.7:
                labels.append(same[self.rng.integers(len(same))])
            elif len(sizes) < MAX_LABELS:
                labels.append(len(sizes))
                sizes[len(sizes)] = size
            elif same:
                labels.append(same[0])
            else:
                return None
        return labels

    def sum(self) -> Node:
        """Terms of one shape: members, what is repeated to the shape, a number."""
        node = self.pick()
        terms = [(self.coefficient(), node)]
        for _ in range(self.rng.integers(1, 4)):
            terms.append((self.coefficient(), self._fitted(node.axes)))
        return self.graph.add(terms, node.axes)

    def _fitted(self, axes: tuple[Size, ...]) -> Node:
        """A node of these axes: one of the pool, or a smaller one repeated, or a number."""
        other = self.pick()
        if self.rng.random() < 0.2:
            return self.graph.number(self.coefficient(), axes)
        if other.axes == axes:
            return other
        places: list[int] = []
        for size in other.axes:
            free = [k for k, held in enumerate(axes) if held == size and k not in places]
            if not free:
                return self.graph.times(self.inputs[0], self.graph.ones(*axes))
            places.append(free[self.rng.integers(len(free))])
        return self.graph.broadcast(other, places, axes)

    def power(self) -> Node:
        return self.graph.power(self.positive(self.pick()), EXPONENTS[self.rng.integers(8)])

    def unary(self) -> Node:
        return self.graph.function(UNARY[self.rng.integers(len(UNARY))], self.tame(self.pick()))

    def binary(self) -> Node:
        """max, min, power or leaky ReLU."""
        one = self.pick()
        other = self._fitted(one.axes)
        match int(self.rng.integers(4)):
            case 0:
                return self.graph.function("power", self.positive(one), self.tame(other))
            case 1:
                options = (("slope", Fraction(1, 4)), ("kink", Fraction(1)))
                return self.graph.function("leaky_relu", one, options=options)
            case place:
                name = "max" if place == 2 else "min"
                options = (("tie", Fraction(1, 2)),)
                return self.graph.function(name, one, other, options=options)

    def masked(self) -> Node:
        """A step, alone or as a factor."""
        node = self.pick()
        kink = Fraction(self.rng.integers(2))
        step = self.graph.function("step", node, options=(("kink", kink),))
        if self.rng.random() < 0.3:
            return step
        return self.graph.hadamard(step, self._fitted(node.axes))

    def structured(self) -> Node:
        """softmax, log-sum-exp, or something of an invertible matrix."""
        node = self.tame(self.pick())
        if node.order == 2 and node.axes[0] == node.axes[1]:
            shifted = [(Fraction(1), node), (Fraction(6), self.graph.identity(node.axes[:1]))]
            argument = self.graph.add(shifted, node.axes)
            name = ("inv", "det", "logdet")[self.rng.integers(3)]
            return self.graph.operation(name, (argument,), node.axes if name == "inv" else ())
        if not node.order:
            return self.unary()
        if self.rng.random() < 0.5:
            return self.graph.operation("softmax", (node,), node.axes)
        return self.graph.operation("logsumexp", (node,), node.axes[:-1])
