"""softmax and log-sum-exp over the last axis."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Operation
from gradwright.ops.record import NumpyCode, ProofLine, Structured


def _softmax(graph: Graph, node: Operation) -> tuple[Node, ...]:
    batch = tuple(range(node.order - 1))
    i, j = node.order, node.order + 1
    diagonal = graph.product([(node, (*batch, i))], (*batch, i, *batch, i))
    outer = graph.product(
        [(node, (*batch, i)), (node, (*batch, j))], (*batch, i, *batch, j), coefficient=-1
    )
    return (graph.add([(Fraction(1), diagonal), (Fraction(1), outer)], diagonal.axes),)


def _logsumexp(graph: Graph, node: Operation) -> tuple[Node, ...]:
    argument = node.arguments[0]
    batch = tuple(range(node.order))
    weights = graph.operation("softmax", (argument,), argument.axes)
    return (graph.product([(weights, (*batch, node.order))], (*batch, *batch, node.order)),)


def _logsumexp_value(x: Any) -> Any:
    highest = np.max(x, axis=-1, keepdims=True)
    return highest[..., 0] + np.log(np.sum(np.exp(x - highest), axis=-1))


def _softmax_value(x: Any) -> Any:
    weights = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return weights / np.sum(weights, axis=-1, keepdims=True)


RECORDS = (
    Structured(
        name="softmax",
        jacobian=_softmax,
        value=_softmax_value,
        numpy=NumpyCode("softmax({0})", ("softmax({0}, out={out})",), helper="softmax"),
        definition="exp(x)/sum(exp(x))",
        proof=(
            ProofLine(
                "diag(exp(x))/sum(exp(x)) - exp(x)*exp(x)'/sum(exp(x))^2",
                "quotient rule: the numerator has Jacobian diag(exp(x)), the sum has exp(x)'",
            ),
            ProofLine(
                "diag(softmax(x)) - softmax(x)*softmax(x)'", "definition of softmax, three times"
            ),
        ),
        source="Bridle, Neurocomputing (1990); Bishop (2006), eq. 4.106",
    ),
    Structured(
        name="logsumexp",
        jacobian=_logsumexp,
        value=_logsumexp_value,
        numpy=NumpyCode("logsumexp({0})", (), helper="logsumexp"),
        definition="log(sum(exp(x)))",
        proof=(
            ProofLine("exp(x)/sum(exp(x))", "chain rule on log(u), u = sum(exp(x))"),
            ProofLine("softmax(x)", "definition of softmax"),
        ),
        source="Boyd and Vandenberghe, Convex Optimization (2004), section 3.1.5",
    ),
)
