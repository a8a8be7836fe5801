"""Products against nested loops: labels, identities, ones, sizes, with unequal dimensions."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import numpy as np
import pytest

from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Node, Power, Product, SizeOf, Variable

SIZES = {"k": 2, "m": 3, "n": 4}


def by_loops(factors, out, sizes, coefficient):
    """The definition of a contraction, entry by entry, on NumPy factors."""
    labels = sorted({x for _, ls in factors for x in ls} | set(out))
    result = np.zeros([SIZES[sizes[x]] for x in out])
    for place in itertools.product(*(range(SIZES[sizes[x]]) for x in labels)):
        at = dict(zip(labels, place, strict=True))
        term = float(coefficient)
        for array, ls in factors:
            term *= array[tuple(at[x] for x in ls)]
        result[tuple(at[x] for x in out)] += term
    return result


def value(node: Node, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """A node's value by loops, independent of the package's evaluators."""
    match node:
        case Variable(name=name):
            return arrays[name]
        case SizeOf(size=size):
            return np.asarray(float(SIZES[size]))
        case Power(base=base, exponent=exponent):
            return value(base, arrays) ** float(exponent)
        case Add(terms=terms):
            return sum(float(c) * value(t, arrays) for c, t in terms)
        case Product(factors=factors, out=out, axes=axes, coefficient=coefficient):
            sizes = dict(zip(out, axes, strict=True))
            for factor, ls in factors:
                sizes |= dict(zip(ls, factor.axes, strict=True))
            distinct = list(dict.fromkeys(out))
            body = by_loops(
                [(value(f, arrays), ls) for f, ls in factors], distinct, sizes, coefficient
            )
            full = np.zeros([SIZES[size] for size in axes])
            for place in itertools.product(*(range(s) for s in full.shape)):
                at: dict[int, int] = {}
                if all(at.setdefault(x, p) == p for x, p in zip(out, place, strict=True)):
                    full[place] = body[tuple(at[x] for x in distinct)]
            return full
    raise AssertionError(node)


def random_product(draw: random.Random, graph: Graph, arrays, depth: int):
    """A product of random factors, with its value computed from the parts by loops."""
    names = sorted(SIZES)
    sizes = {label: draw.choice(names) for label in range(4)}
    factors, plain = [], []
    for _ in range(draw.randrange(4)):
        labels = tuple(draw.randrange(4) for _ in range(draw.randrange(3)))
        axes = tuple(sizes[x] for x in labels)
        kind = draw.randrange(5 if depth else 3)
        if kind == 0 and len(axes) == 2 and axes[0] == axes[1]:
            node, array = graph.identity(axes[:1]), np.eye(SIZES[axes[0]])
        elif kind == 1:
            node, array = graph.ones(*axes), np.ones([SIZES[a] for a in axes])
        elif kind >= 3:
            inner, array = random_product(draw, graph, arrays, depth - 1)
            first = 10 * (len(factors) + 1)
            sizes |= {first + k: a for k, a in enumerate(inner.axes)}
            labels = tuple(first + k for k in range(inner.order))
            node = inner
        else:
            name = f"v{len(arrays)}"
            array = np.asarray(
                arrays.setdefault(
                    name,
                    np.random.default_rng(draw.randrange(2**32)).normal(
                        size=[SIZES[a] for a in axes]
                    ),
                )
            )
            node = graph.variable(name, axes)
            if draw.random() < 0.3:
                exponent = draw.choice([-1, 2, -2])
                node, array = graph.power(node, exponent), array ** float(exponent)
        factors.append((node, labels))
        plain.append((array, labels))
    held = sorted({x for _, ls in plain for x in ls})
    out = tuple(draw.choice([0, 1, 2, 3, *held]) for _ in range(draw.randrange(3)))
    coefficient = Fraction(draw.choice([1, 1, 2, -1]), draw.choice([1, 3]))
    made = graph.product(factors, out, coefficient=coefficient, sizes={x: sizes[x] for x in out})
    distinct = list(dict.fromkeys(out))
    body = by_loops(plain, distinct, sizes, coefficient)
    full = np.zeros([SIZES[sizes[x]] for x in out])
    for place in itertools.product(*(range(s) for s in full.shape)):
        at: dict[int, int] = {}
        if all(at.setdefault(x, p) == p for x, p in zip(out, place, strict=True)):
            full[place] = body[tuple(at[x] for x in distinct)]
    return made, full


def test_random_products_equal_their_loops(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(400):
        arrays: dict[str, np.ndarray] = {}
        made, expected = random_product(draw, Graph(), arrays, 2)
        found = value(made, arrays)
        scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
        assert found.shape == expected.shape
        # A few dozen multiplications and additions in float64, on values up to `scale`.
        assert float(np.max(np.abs(found - expected), initial=0.0)) <= 1e-11 * scale


def test_trace_of_the_identity_is_its_size() -> None:
    graph = Graph()
    assert graph.product([(graph.identity(("n",)), (0, 0))]) is graph.size_of("n")


def test_a_label_that_loses_its_last_factor_becomes_its_size() -> None:
    graph = Graph()
    x = graph.variable("x", ("n",))
    assert graph.product([(x, (0,)), (graph.power(x, -1), (0,))]) is graph.size_of("n")


def test_the_sum_of_ones_over_two_axes_is_the_product_of_sizes() -> None:
    graph = Graph()
    total = graph.total(graph.ones("m", "n"))
    expected = graph.product([(graph.size_of("m"), ()), (graph.size_of("n"), ())])
    assert total is expected


def test_equal_products_are_the_same_node_whatever_the_order() -> None:
    graph = Graph()
    a, b = graph.variable("A", ("m", "n")), graph.variable("B", ("n", "k"))
    x = graph.variable("x", ("k",))
    one = graph.product([(a, (0, 1)), (b, (1, 2)), (x, (2,))], (0,))
    other = graph.product([(x, (7,)), (b, (5, 7)), (a, (3, 5))], (3,))
    nested = graph.product(
        [(a, (0, 1)), (graph.product([(b, (0, 1)), (x, (1,))], (0,)), (1,))], (0,)
    )
    assert one is other is nested


def test_a_symmetric_matrix_is_its_transpose() -> None:
    graph = Graph()
    s = graph.variable("S", ("n", "n"), ["symmetric"])
    a = graph.variable("A", ("n", "n"))
    assert graph.permute(s, (1, 0)) is s
    assert graph.permute(a, (1, 0)) is not a
    assert graph.symmetric(graph.add([(1, a), (1, graph.permute(a, (1, 0)))], ("n", "n")))


@pytest.mark.parametrize(
    ("inner", "outer", "merges"),
    [
        (2, Fraction(1, 2), False),
        (1, 3, True),
        (Fraction(1, 2), 2, True),
        (-2, Fraction(1, 2), False),
    ],
)
def test_powers_merge_only_where_that_is_valid(inner, outer, merges) -> None:
    graph = Graph()
    x = graph.variable("x", ())
    made = graph.power(graph.power(x, inner), outer)
    plain = graph.power(x, Fraction(inner) * Fraction(outer))
    assert (made is plain) == merges


def test_like_terms_merge_and_cancel() -> None:
    graph = Graph()
    x, y = graph.variable("x", ("n",)), graph.variable("y", ("n",))
    total = graph.add([(2, x), (1, y), (-2, x)], ("n",))
    assert total is y
    assert graph.add([(1, x), (-1, x)], ("n",)) is graph.number(0, ("n",))
