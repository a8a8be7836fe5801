"""Common factors of sums: the same values, and smaller arrays."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Node, Product, Size
from gradwright.simplify.factor import COMMON_FACTOR
from gradwright.simplify.rewrite import Budget, rewrite
from tests.program.interpreter import evaluate
from tests.program.random_nodes import SIZES, VARIABLES, Maker

UNIT = 2.0**-53

#: Bounds are of first order.
SAFETY = 8


def factored(graph: Graph, node: Node) -> Node:
    return rewrite(graph, node, (COMMON_FACTOR,), budget=Budget())


G = Graph()
A = G.variable("A", ("m", "n"))
B = G.variable("B", ("m", "n"))
s = G.variable("s")
x = G.variable("x", ("n",))
y = G.variable("y", ("m",))
z = G.variable("z", ("n",))


def test_the_rest_has_only_the_axes_that_it_needs() -> None:
    node = G.add(
        [
            (2, G.product([(A, (0, 1)), (y, (0,)), (x, (1,))], (0, 1))),
            (-3, G.product([(A, (0, 1)), (x, (1,)), (z, (1,))], (0, 1))),
            (1, G.product([(A, (0, 1)), (x, (1,))], (0, 1))),
        ],
        ("m", "n"),
    )
    made = factored(G, node)
    assert isinstance(made, Product)
    (rest,) = (factor for factor, _ in made.factors if isinstance(factor, Add))
    assert {factor for factor, _ in made.factors} == {A, x, rest}
    assert rest.axes == ("m", "n")
    along_one = G.add(
        [
            (1, G.product([(A, (0, 1)), (x, (1,))], (0, 1))),
            (-1, G.product([(A, (0, 1)), (z, (1,))], (0, 1))),
        ],
        ("m", "n"),
    )
    (smaller,) = (f for f, _ in factored(G, along_one).factors if isinstance(f, Add))  # type: ignore[attr-defined]
    assert smaller.axes == ("n",)


def test_what_is_summed_or_tied_stays() -> None:
    summed = G.add(
        [
            (1, G.product([(A, (0, 1)), (x, (1,))], (0,))),
            (1, G.product([(A, (0, 1)), (z, (1,)), (y, (0,))], (0,))),
        ],
        ("m",),
    )
    assert factored(G, summed) is summed
    tied = G.add(
        [(1, G.product([(x, (0,))], (0, 0))), (1, G.product([(x, (0,))], (0, 1), sizes={1: "n"}))],
        ("n", "n"),
    )
    assert factored(G, tied) is tied


def test_random_sums_keep_their_values(rng: np.random.Generator) -> None:
    hits = 0
    for _ in range(25):
        maker = Maker(rng)
        maker.roots(steps=int(rng.integers(2, 5)), count=1)
        point = {
            name: rng.uniform(0.25, 1.0, [SIZES[str(size)] for size in axes])
            for name, axes in VARIABLES.items()
        }
        point["S"] = point["S"] + point["S"].T
        for _ in range(5):
            node = planted(maker, rng)
            made = factored(maker.graph, node)
            hits += made is not node
            assert made.axes == node.axes
            (before, bound), (after, other) = evaluate([node, made], point, SIZES, UNIT)
            assert np.all(np.abs(before - after) <= SAFETY * (bound + other)), (node, made)
    assert hits > 25


def planted(maker: Maker, rng: np.random.Generator) -> Node:
    """A sum whose terms share a factor, each with others; axes may be tied or repeated."""
    axes: tuple[Size, ...] = tuple(rng.choice(list(SIZES), int(rng.integers(1, 4))))
    shared = fitted(maker, rng, axes)
    terms = []
    for _ in range(int(rng.integers(2, 4))):
        others = [fitted(maker, rng, axes) for _ in range(int(rng.integers(0, 2)))]
        out = list(range(len(axes)))
        same = [k for k in out[1:] if axes[k] == axes[0]]
        if same and rng.random() < 0.3:
            out[same[0]] = 0
        factors = [(node, [out[k] for k in places]) for node, places in (shared, *others)]
        sizes = dict(zip(out, axes, strict=True))
        terms.append((maker.coefficient(), maker.graph.product(factors, out, sizes=sizes)))
    return maker.graph.add(terms, axes)


def fitted(
    maker: Maker, rng: np.random.Generator, axes: tuple[Size, ...]
) -> tuple[Node, list[int]]:
    """A member of the pool, and the axes that its own are laid on; a number's are none."""
    for _ in range(20):
        node = maker.pick()
        places: list[int] = []
        for size in node.axes:
            free = [k for k, held in enumerate(axes) if held == size and k not in places]
            places += free[:1]
        if len(places) == node.order:
            return node, places
    return maker.inputs[0], []


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("sum(sigmoid(x))", "σ(x) ⊙ (1 − σ(x))"),
        ("sum(sigmoid(A*x))", "Aᵀ (σ(A x) ⊙ (1 − σ(A x)))"),
        ("sum(tanh(x))", "1 − tanh(x)⊙²"),
    ],
)
def test_a_slope_is_a_product_and_no_difference_of_powers(text: str, printed: str) -> None:
    assert str(gw.gradient(text, "x")) == printed
