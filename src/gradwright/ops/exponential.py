"""exp, log and the functions made of them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from gradwright.core.graph import Graph
from gradwright.core.nodes import Function, Node
from gradwright.ops.record import Elementwise, NumpyCode, ProofLine, TorchCode, affine

HALF = Fraction(1, 2)


def _exp(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (node,)


def _log(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (graph.power(node.arguments[0], -1),)


def _log1p(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (graph.power(affine(graph, node.arguments[0], 1, 1), -1),)


def _expm1(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (graph.function("exp", node.arguments[0]),)


def _sigmoid(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (graph.hadamard(node, affine(graph, node, -1, 1)),)


def _softplus(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (graph.function("sigmoid", node.arguments[0]),)


def _rsqrt(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (graph.scale(-HALF, graph.power(node.arguments[0], -3 * HALF)),)


def _power(graph: Graph, node: Function) -> tuple[Node, ...]:
    base, exponent = node.arguments
    lowered = graph.function("power", base, affine(graph, exponent, 1, -1))
    by_base = graph.hadamard(exponent, lowered)
    return by_base, graph.hadamard(node, graph.function("log", base))


def _sigmoid_value(x: Any) -> Any:
    # exp overflows to inf for very negative x, and 1/(1 + inf) = 0 is the right limit.
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


RECORDS = (
    Elementwise(
        name="exp",
        derivative=_exp,
        value=np.exp,
        numpy=NumpyCode("np.exp({0})", ("np.exp({0}, out={out})",)),
        c="real_exp({0})",
        definition="exp(x)",
        proof=(ProofLine("exp(x)", "exp is its own derivative"),),
        source="NIST DLMF 4.7.8",
    ),
    Elementwise(
        name="log",
        derivative=_log,
        value=np.log,
        numpy=NumpyCode("np.log({0})", ("np.log({0}, out={out})",)),
        c="real_log({0})",
        definition="log(x)",
        proof=(
            ProofLine("1/exp(log(x))", "inverse function rule on exp(log(x)) = x"),
            ProofLine("1/x", "exp(log(x)) = x"),
        ),
        source="NIST DLMF 4.7.1",
        domain="{0} > 0",
        sample="positive",
    ),
    Elementwise(
        name="log1p",
        derivative=_log1p,
        value=np.log1p,
        numpy=NumpyCode("np.log1p({0})", ("np.log1p({0}, out={out})",)),
        c="real_log1p({0})",
        definition="log(1 + x)",
        proof=(ProofLine("1/(1 + x)", "chain rule on log(u), u = 1 + x"),),
        source="Higham, Accuracy and Stability of Numerical Algorithms (2002), section 1.14.1",
        domain="{0} > -1",
        sample="positive",
    ),
    Elementwise(
        name="expm1",
        derivative=_expm1,
        value=np.expm1,
        numpy=NumpyCode("np.expm1({0})", ("np.expm1({0}, out={out})",)),
        c="real_expm1({0})",
        definition="exp(x) - 1",
        proof=(ProofLine("exp(x)", "exp is its own derivative"),),
        source="Higham, Accuracy and Stability of Numerical Algorithms (2002), section 1.14.1",
    ),
    Elementwise(
        name="sigmoid",
        derivative=_sigmoid,
        value=_sigmoid_value,
        numpy=NumpyCode("sigmoid({0})", ("sigmoid({0}, out={out})",), helper="sigmoid"),
        c="real_sigmoid({0})",
        torch=TorchCode("torch.sigmoid({0})"),
        definition="1/(1 + exp(-x))",
        proof=(
            ProofLine("-(1 + exp(-x))^(-2)*(-exp(-x))", "chain rule on (1 + exp(-x))^(-1)"),
            ProofLine("exp(-x)/(1 + exp(-x))^2", "the two signs cancel"),
            ProofLine("1/(1 + exp(-x))*(exp(-x)/(1 + exp(-x)))", "split the square"),
            ProofLine("1/(1 + exp(-x))*((1 + exp(-x) - 1)/(1 + exp(-x)))", "add and subtract 1"),
            ProofLine("sigmoid(x)*(1 - sigmoid(x))", "definition of sigmoid, twice"),
        ),
        source="Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.88",
    ),
    Elementwise(
        name="softplus",
        derivative=_softplus,
        value=lambda x: np.logaddexp(x, 0),
        numpy=NumpyCode("np.logaddexp({0}, 0)", ("np.logaddexp({0}, 0, out={out})",)),
        c="real_softplus({0})",
        torch=TorchCode("softplus({0})", helper="softplus"),
        definition="log(1 + exp(x))",
        proof=(
            ProofLine("exp(x)/(1 + exp(x))", "chain rule on log(u), u = 1 + exp(x)"),
            ProofLine("1/(1 + exp(-x))", "divide above and below by exp(x)"),
            ProofLine("sigmoid(x)", "definition of sigmoid"),
        ),
        source="Dugas et al., NIPS 2000",
    ),
    Elementwise(
        name="rsqrt",
        derivative=_rsqrt,
        value=lambda x: np.sqrt(x) / np.where(x == 0, 1, x),
        numpy=NumpyCode("np.sqrt({0}) / np.where({0} == 0, 1, {0})"),
        c="({0} == 0 ? 0 : 1 / real_sqrt({0}))",
        torch=TorchCode("rsqrt({0})", helper="rsqrt"),
        definition="1/sqrt(x)",
        proof=(
            ProofLine("-0.5*x^(-1.5)", "power rule, exponent -1/2"),
            ProofLine("-1/(2*x*sqrt(x))", "a negative exponent divides"),
        ),
        source="NIST DLMF 4.4; rsqrt(0) = 0, so that the derivative of a norm at 0 is 0",
        domain="{0} ≥ 0",
        kink="rsqrt(0) = 0",
        sample="positive",
    ),
    Elementwise(
        name="power",
        derivative=_power,
        value=np.power,
        numpy=NumpyCode("{0} ** {1}", ("np.power({0}, {1}, out={out})",)),
        c="real_pow({0}, {1})",
        definition="exp(y*log(x))",
        proof=(
            ProofLine("exp(y*log(x))*(y/x)", "chain rule on exp(u), u = y*log(x)"),
            ProofLine("y*x^(y - 1)", "exp(y*log(x)) = x^y"),
        ),
        source="NIST DLMF 4.7.10",
        arity=2,
        domain="{0} > 0",
        sample="positive",
    ),
)
