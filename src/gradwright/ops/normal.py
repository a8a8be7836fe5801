"""The standard normal density and distribution function, and erf."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from gradwright.core.graph import Graph
from gradwright.core.nodes import Function, Node
from gradwright.ops.record import Elementwise, NumpyCode, ProofLine, TorchCode

HALF = Fraction(1, 2)


def normpdf(graph: Graph, node: Node) -> Node:
    """φ(u)."""
    return graph.function("normpdf", node)


def _normpdf(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (graph.scale(-1, graph.hadamard(node.arguments[0], node)),)


def _normcdf(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (normpdf(graph, node.arguments[0]),)


def _erf(graph: Graph, node: Function) -> tuple[Node, ...]:
    root = graph.power(graph.number(2), HALF)
    density = normpdf(graph, graph.times(root, node.arguments[0]))
    return (graph.scale(2, graph.times(root, density)),)


def normcdf_value(x: Any) -> Any:
    """Φ(x) entry by entry, with all digits in the lower tail."""
    return np.vectorize(lambda z: 0.5 * math.erfc(-z / math.sqrt(2)), otypes=[float])(x)


def normpdf_value(x: Any) -> Any:
    """φ(x)."""
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


RECORDS = (
    Elementwise(
        name="normpdf",
        derivative=_normpdf,
        value=normpdf_value,
        # The square root of 2π.
        c="real_normpdf({0})",
        numpy=NumpyCode("(np.exp(-0.5 * {0} ** 2) / 2.5066282746310002)"),
        definition="exp(-x^2/2)/sqrt(2*arccos(-1))",
        proof=(
            ProofLine(
                "exp(-x^2/2)*(-x)/sqrt(2*arccos(-1))",
                "chain rule on exp(u), u = -x^2/2; π is arccos(-1)",
            ),
            ProofLine("-x*normpdf(x)", "definition of normpdf"),
        ),
        source="NIST DLMF 7.20.1, with mean 0 and variance 1",
    ),
    Elementwise(
        name="normcdf",
        derivative=_normcdf,
        value=normcdf_value,
        c="real_normcdf({0})",
        numpy=NumpyCode("normcdf({0})", helper="normcdf"),
        torch=TorchCode("torch.special.ndtr({0})"),
        definition="0.5*(1 + erf(x/sqrt(2)))",
        proof=(
            ProofLine("normpdf(x)", "the integral of normpdf up to x; the fundamental theorem"),
        ),
        source="NIST DLMF 7.20.1, with mean 0 and variance 1",
    ),
    Elementwise(
        name="erf",
        derivative=_erf,
        value=lambda x: np.vectorize(math.erf, otypes=[float])(x),
        numpy=NumpyCode("erf({0})", helper="erf"),
        c="real_erf({0})",
        torch=TorchCode("torch.erf({0})"),
        definition="2*normcdf(sqrt(2)*x) - 1",
        proof=(
            ProofLine("2*normpdf(sqrt(2)*x)*sqrt(2)", "chain rule on normcdf(u), u = sqrt(2)*x"),
            ProofLine("2*sqrt(2)*normpdf(sqrt(2)*x)", "the factors in order"),
        ),
        source="NIST DLMF 7.2.1; the derivative is 2/sqrt(π) exp(-x^2), 7.2.1 differentiated",
    ),
)
