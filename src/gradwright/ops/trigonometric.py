"""Circular and hyperbolic functions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from gradwright.core.graph import Graph
from gradwright.core.nodes import Function, Node
from gradwright.ops.record import Elementwise, NumpyCode, ProofLine, affine


def _square(graph: Graph, node: Node) -> Node:
    return graph.power(node, 2)


def _sin(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (graph.function("cos", node.arguments[0]),)


def _cos(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (graph.scale(-1, graph.function("sin", node.arguments[0])),)


def _tan(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (affine(graph, _square(graph, node), 1, 1),)


def _arcsin(graph: Graph, node: Function) -> tuple[Node, ...]:
    inside = affine(graph, _square(graph, node.arguments[0]), -1, 1)
    return (graph.power(inside, Fraction(-1, 2)),)


def _arccos(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (graph.scale(-1, _arcsin(graph, node)[0]),)


def _arctan(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (graph.power(affine(graph, _square(graph, node.arguments[0]), 1, 1), -1),)


def _sinh(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (graph.function("cosh", node.arguments[0]),)


def _cosh(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (graph.function("sinh", node.arguments[0]),)


def _tanh(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (affine(graph, _square(graph, node), -1, 1),)


def _ufunc(name: str) -> NumpyCode:
    return NumpyCode(f"np.{name}({{0}})", (f"np.{name}({{0}}, out={{out}})",))


RECORDS = (
    Elementwise(
        name="sin",
        derivative=_sin,
        value=np.sin,
        numpy=_ufunc("sin"),
        c="real_sin({0})",
        definition="sin(x)",
        proof=(ProofLine("cos(x)", "derivative of sin"),),
        source="NIST DLMF 4.20.1",
    ),
    Elementwise(
        name="cos",
        derivative=_cos,
        value=np.cos,
        numpy=_ufunc("cos"),
        c="real_cos({0})",
        definition="cos(x)",
        proof=(ProofLine("-sin(x)", "derivative of cos"),),
        source="NIST DLMF 4.20.2",
    ),
    Elementwise(
        name="tan",
        derivative=_tan,
        value=np.tan,
        numpy=_ufunc("tan"),
        c="real_tan({0})",
        definition="sin(x)/cos(x)",
        proof=(
            ProofLine("(cos(x)*cos(x) + sin(x)*sin(x))/cos(x)^2", "quotient rule"),
            ProofLine("1 + tan(x)^2", "divide by cos(x)^2"),
        ),
        source="NIST DLMF 4.20.3",
        domain="cos({0}) ≠ 0",
        sample="unit",
    ),
    Elementwise(
        name="arcsin",
        derivative=_arcsin,
        value=np.arcsin,
        numpy=_ufunc("arcsin"),
        c="real_asin({0})",
        definition="arcsin(x)",
        proof=(
            ProofLine("1/cos(arcsin(x))", "inverse function rule on sin(arcsin(x)) = x"),
            ProofLine("1/sqrt(1 - x^2)", "cos(u) = sqrt(1 - sin(u)^2) for |u| < π/2"),
        ),
        source="NIST DLMF 4.24.7",
        domain="-1 < {0} < 1",
        sample="unit",
    ),
    Elementwise(
        name="arccos",
        derivative=_arccos,
        value=np.arccos,
        numpy=_ufunc("arccos"),
        c="real_acos({0})",
        definition="arccos(x)",
        proof=(
            ProofLine("-1/sin(arccos(x))", "inverse function rule on cos(arccos(x)) = x"),
            ProofLine("-1/sqrt(1 - x^2)", "sin(u) = sqrt(1 - cos(u)^2) for 0 < u < π"),
        ),
        source="NIST DLMF 4.24.8",
        domain="-1 < {0} < 1",
        sample="unit",
    ),
    Elementwise(
        name="arctan",
        derivative=_arctan,
        value=np.arctan,
        numpy=_ufunc("arctan"),
        c="real_atan({0})",
        definition="arctan(x)",
        proof=(
            ProofLine("1/(1 + tan(arctan(x))^2)", "inverse function rule on tan(arctan(x)) = x"),
            ProofLine("1/(1 + x^2)", "tan(arctan(x)) = x"),
        ),
        source="NIST DLMF 4.24.9",
    ),
    Elementwise(
        name="sinh",
        derivative=_sinh,
        value=np.sinh,
        numpy=_ufunc("sinh"),
        c="real_sinh({0})",
        definition="(exp(x) - exp(-x))/2",
        proof=(
            ProofLine("(exp(x) + exp(-x))/2", "derivative of exp, chain rule on exp(-x)"),
            ProofLine("cosh(x)", "definition of cosh"),
        ),
        source="NIST DLMF 4.34.1",
    ),
    Elementwise(
        name="cosh",
        derivative=_cosh,
        value=np.cosh,
        numpy=_ufunc("cosh"),
        c="real_cosh({0})",
        definition="(exp(x) + exp(-x))/2",
        proof=(
            ProofLine("(exp(x) - exp(-x))/2", "derivative of exp, chain rule on exp(-x)"),
            ProofLine("sinh(x)", "definition of sinh"),
        ),
        source="NIST DLMF 4.34.2",
    ),
    Elementwise(
        name="tanh",
        derivative=_tanh,
        value=np.tanh,
        numpy=_ufunc("tanh"),
        c="real_tanh({0})",
        definition="(exp(x) - exp(-x))/(exp(x) + exp(-x))",
        proof=(
            ProofLine(
                "((exp(x) + exp(-x))*(exp(x) + exp(-x)) - (exp(x) - exp(-x))*(exp(x) - exp(-x)))"
                "/(exp(x) + exp(-x))^2",
                "quotient rule",
            ),
            ProofLine(
                "1 - ((exp(x) - exp(-x))/(exp(x) + exp(-x)))^2", "divide each term of the numerator"
            ),
            ProofLine("1 - tanh(x)^2", "definition of tanh"),
        ),
        source="NIST DLMF 4.34.3",
    ),
)
