"""Layer kinds written by hand as definitions, the way a derivation gives them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from gradwright.calculus.stage import Block, Definition, Stage
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Variable

N, P, Q = "n", "p", "q"


class Letters:
    """The variables of a layer and the formulas that all kinds share."""

    def __init__(self, bias: bool) -> None:
        self.graph = graph = Graph()
        self.X, self.W = graph.variable("X", (N, P)), graph.variable("W", (P, Q))
        self.b, self.Y = graph.variable("b", (Q,)), graph.variable("Y", (N, Q))
        self.Z, self.A = graph.variable("Z", (N, Q)), graph.variable("A", (N, Q))
        self.dA, self.dZ = graph.variable("δA", (N, Q)), graph.variable("δZ", (N, Q))
        self.inputs = (self.X, self.W, self.b) if bias else (self.X, self.W)
        self.bias = bias

    def affine(self) -> Node:
        """X W + 1 b'."""
        graph = self.graph
        product = graph.product([(self.X, (0, 1)), (self.W, (1, 2))], (0, 2))
        if not self.bias:
            return product
        return graph.add([(1, product), (1, graph.broadcast(self.b, (1,), (N, Q)))], (N, Q))

    def way_back(self, dZ: Variable) -> list[Definition]:
        """δW = X' δZ, δb = δZ' 1, δX = δZ W'."""
        graph = self.graph
        made = [("δW", (P, Q), graph.product([(self.X, (0, 1)), (dZ, (0, 2))], (1, 2)))]
        if self.bias:
            made.append(("δb", (Q,), graph.product([(dZ, (0, 1))], (1,))))
        made.append(("δX", (N, P), graph.product([(dZ, (0, 1)), (self.W, (2, 1))], (0, 2))))
        return [Definition(graph.variable(name, axes), node) for name, axes, node in made]

    def summed(self, node: Node) -> Node:
        """The sum of all entries over the number of samples."""
        over = self.graph.power(self.graph.size_of(N), -1)
        return self.graph.times(over, self.graph.total(node))


def hidden(name: str, activation: Callable[[Letters], tuple[Node, Node]], bias: bool) -> Stage:
    """A hidden layer; `activation` gives A in terms of Z, and A's derivative."""
    letters = Letters(bias)
    value, slope = activation(letters)
    forward = [Definition(letters.Z, letters.affine()), Definition(letters.A, value)]
    backward = [Definition(letters.dZ, letters.graph.hadamard(letters.dA, slope))]
    backward += letters.way_back(letters.dZ)
    needed = (letters.X, letters.W, letters.Z, letters.A, letters.dA)
    return Stage(
        name,
        letters.graph,
        Block(letters.inputs, tuple(forward)),
        Block(needed, tuple(backward)),
    )


def relu(letters: Letters) -> tuple[Node, Node]:
    options = (("kink", Fraction(0)),)
    graph = letters.graph
    return graph.function("relu", letters.Z), graph.function("step", letters.Z, options=options)


def tanh(letters: Letters) -> tuple[Node, Node]:
    graph = letters.graph
    slope = graph.subtract(graph.ones(N, Q), graph.power(letters.A, 2))
    return graph.function("tanh", letters.Z), slope


def linear(bias: bool = True) -> Stage:
    """A hidden layer with the identity as activation: no Z."""
    letters = Letters(bias)
    return Stage(
        "dense_identity",
        letters.graph,
        Block(letters.inputs, (Definition(letters.A, letters.affine()),)),
        Block((letters.X, letters.W, letters.dA), tuple(letters.way_back(letters.dA))),
    )


def head(name: str, activation: str, bias: bool) -> Stage:
    """softmax with cross-entropy, or sigmoid with binary cross-entropy: δZ = (A - Y)/n."""
    letters = Letters(bias)
    graph = letters.graph
    fit = graph.hadamard(letters.Y, letters.Z)
    if activation == "softmax":
        value = graph.operation("softmax", (letters.Z,), (N, Q))
        spread = graph.total(graph.operation("logsumexp", (letters.Z,), (N,)))
    else:
        value = graph.function("sigmoid", letters.Z)
        spread = graph.total(graph.function("softplus", letters.Z))
    over = graph.power(graph.size_of(N), -1)
    total = graph.subtract(spread, graph.total(fit))
    loss = Definition(graph.variable("L"), graph.times(over, total))
    forward = (Definition(letters.Z, letters.affine()), Definition(letters.A, value), loss)
    difference = graph.times(over, graph.subtract(letters.A, letters.Y))
    backward = [Definition(letters.dZ, difference), *letters.way_back(letters.dZ)]
    return Stage(
        name,
        graph,
        Block((*letters.inputs, letters.Y), forward),
        Block((letters.X, letters.W, letters.A, letters.Y), tuple(backward)),
    )


def squared_head(bias: bool = True) -> Stage:
    """The identity with the squared error, ‖A - Y‖²/n."""
    letters = Letters(bias)
    graph = letters.graph
    difference = graph.subtract(letters.A, letters.Y)
    loss = letters.summed(graph.power(difference, 2))
    forward = (
        Definition(letters.A, letters.affine()),
        Definition(graph.variable("L"), loss),
    )
    over = graph.power(graph.size_of(N), -1)
    dA = graph.scale(2, graph.times(over, difference))
    backward = [Definition(letters.dA, dA), *letters.way_back(letters.dA)]
    return Stage(
        "dense_identity_squared",
        graph,
        Block((*letters.inputs, letters.Y), forward),
        Block((letters.X, letters.W, letters.A, letters.Y), tuple(backward)),
    )
