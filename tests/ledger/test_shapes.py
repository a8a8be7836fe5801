"""Rows S3.2, S0.8: shapes under every symbol, and the parameters counted as a sum of products."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import gradwright as gw
from gradwright.nn.parameters import parameter_count
from gradwright.notation.parser import parse
from gradwright.render.shapes import latex_over_shapes, mathml_over_shapes, text_over_shapes

NETWORKS = [
    "2 -> 3 sigmoid -> 2 sigmoid -> 1 sigmoid",
    "3 -> 10 relu no_bias -> 6 no_bias -> 4 softmax",
    "5 -> 30 * 5 tanh -> 2",
    "2 -> 3 * 7 tanh -> 4 * 6 relu -> 3 softmax",
    "4 -> 1",
]
FITTING = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}


def network(text: str, layout: str = "rows") -> gw.Network:
    loss = FITTING.get(text.split()[-1], "squared_error")
    return gw.Network(text, loss=loss, layout=layout)


def block(text: str) -> list[tuple[str, str]]:
    """Pairs of lines, the formula and what stands under it."""
    after = text.partition("with the shape of every symbol under it\n")[2]
    shown = after.partition("\n\n")[0].splitlines()
    return list(zip(shown[::2], shown[1::2], strict=True))


def cells(above: str, below: str) -> list[tuple[str, str]]:
    """Each shape and the symbol above its middle."""
    found = []
    words = list(re.finditer(r"[^\s()+=−]+", above))
    for shape in re.finditer(r"\S+", below):
        touching = [w for w in words if w.start() < shape.end() and shape.start() < w.end()]
        found.append((shape[0], " ".join(word[0] for word in touching)))
    return found


@pytest.mark.parametrize("layout", ["rows", "columns", "transposed"])
@pytest.mark.parametrize("text", NETWORKS)
def test_s3_2_the_shape_under_every_symbol_is_that_of_the_array(text: str, layout: str) -> None:
    net = network(text, layout)
    sizes = {name: array.shape for name, array in net.init().items()}
    printed = block(net.backprop().explain())
    assert printed
    for above, below in printed:
        for shape, symbol in cells(above, below):
            name = symbol.translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"))
            if name.rstrip("ᵀ") not in sizes:
                continue
            known = sizes[name.rstrip("ᵀ")]
            known = known if len(known) == 2 else (*known, 1)
            expected = known[::-1] if name.endswith("ᵀ") else known
            assert shape == "×".join(map(str, expected)), (above, below)


@pytest.mark.parametrize("text", NETWORKS)
def test_s3_2_neighbouring_shapes_multiply(text: str) -> None:
    """In Z = X W + 1 bᵀ the inner sizes agree, and the outer ones are those of Z."""
    for above, below in block(network(text).backprop().explain()):
        if "Z" not in above.partition("=")[0] or "W" not in above:
            continue
        shapes = [shape.split("×") for shape in below.split()]
        Z, A, W, *bias = shapes
        assert A[1] == W[0] and [A[0], W[1]] == Z
        if bias:
            ones, b = bias
            assert ones[1] == b[0] and [ones[0], b[1]] == Z


def test_s3_2_the_network_of_the_note() -> None:
    text = network("2 -> 3 sigmoid -> 2 sigmoid -> 1 sigmoid").backprop().explain()
    assert block(text)[0] == ("    Z₁ =  X   W₁ + ones(n) b₁ᵀ", "   n×3   n×2 2×3     n×1   1×3")


@pytest.mark.parametrize("text", NETWORKS)
def test_s0_8_the_sum_is_the_number_of_parameters(text: str) -> None:
    net = network(text)
    *_, numbers, total = parameter_count(net.model.layers).split(" = ")
    assert int(total) == net.init().flat.size
    if "…" not in numbers:
        assert sum(worked(term) for term in numbers.split(" + ")) == int(total) or (
            eval_sum(numbers) == int(total)
        )
    assert f"Parameters: {parameter_count(net.model.layers)}." in net.backprop().explain()


def worked(term: str) -> float:
    try:
        return float(np.prod([int(factor) for factor in term.split("·")]))
    except ValueError:
        return np.nan


def eval_sum(text: str) -> int:
    """A sum of products with parentheses, by hand."""
    while "(" in text:
        inner = re.search(r"\(([^()]*)\)", text)
        assert inner is not None
        text = text[: inner.start()] + str(eval_sum(inner[1])) + text[inner.end() :]
    return int(sum(worked(term) for term in text.split(" + ")))


def test_s0_8_the_statement_without_biases() -> None:
    net = network("3 -> 10 tanh no_bias -> 6 tanh no_bias -> 4 no_bias")
    assert parameter_count(net.model.layers) == ("d·n₁ + n₁·n₂ + n₂·n₃ = 3·10 + 10·6 + 6·4 = 114")
    deep = network("64 -> 30 * 64 sigmoid -> 10 softmax")
    assert parameter_count(deep.model.layers) == (
        "d·n₁ + n₁ + n₁·n₂ + n₂ + … + n₃₀·n₃₁ + n₃₁ = 30·(64·64 + 64) + 64·10 + 10 = 125450"
    )


def test_a_wrong_shape_would_be_noticed() -> None:
    """The harness has teeth."""
    above, below = text_over_shapes([("Z", parse("X*W"), {"X": ("n", 3), "W": (3, 10)})])
    assert ("3×10", "W") in cells(above, below)
    above, below = text_over_shapes([("Z", parse("X*W"), {"X": ("n", 3), "W": (10, 3)})])
    assert ("10×3", "W") in cells(above, below)


def test_shapes_in_latex_and_mathml() -> None:
    known = {"X": ("n", 3), "b1": (4,)}
    tree = parse("X + ones(n)*b1'")
    assert latex_over_shapes(tree, known) == (
        r"\underset{n \times 3}{X} + \underset{n \times 1}{\mathbf{1}_{n}} "
        r"\underset{1 \times 4}{b_{1}^{\top}}"
    )
    shown = ElementTree.fromstring(f"<math>{mathml_over_shapes(tree, known)}</math>")
    under = ["".join(node[1].itertext()) for node in shown.iter("munder")]
    assert under == ["n×3", "n×1", "1×4"]
    net = network(NETWORKS[0])
    assert r"\underset{2 \times 3}{W_{1}}" in net.backprop().latex()
    assert "<mtext>2×3</mtext>" in net.backprop().html()
