"""softmax and log-sum-exp over the last axis."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Operation
from gradwright.ops.record import (
    IndexCase,
    IndexProof,
    ModularNumbers,
    NumpyCode,
    ProofLine,
    Structured,
    TorchCode,
)


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


_SOFTMAX_BY_CASES = IndexProof(
    definitions=("y[i] = exp(x[i])/sum[j](exp(x[j]))",),
    left="∂y[i]/∂x[r]",
    cases=(
        IndexCase(
            ("r",),
            (
                ProofLine(
                    "(exp(x[r])*sum[j](exp(x[j])) - exp(x[r])*exp(x[r]))/sum[j](exp(x[j]))^2",
                    "quotient rule: numerator and sum have the derivative exp(x[r])",
                ),
                ProofLine(
                    "exp(x[r])*sum[j](exp(x[j]))/sum[j](exp(x[j]))^2"
                    " - exp(x[r])*exp(x[r])/sum[j](exp(x[j]))^2",
                    "two fractions",
                ),
                ProofLine(
                    "exp(x[r])/sum[j](exp(x[j])) - (exp(x[r])/sum[j](exp(x[j])))^2",
                    "cancel the sum; a square",
                ),
                ProofLine(
                    "exp(x[r])/sum[j](exp(x[j]))*(1 - exp(x[r])/sum[j](exp(x[j])))",
                    "take out the common factor",
                ),
                ProofLine("softmax(x)[r]*(1 - softmax(x)[r])", "definition of softmax, twice"),
            ),
            "r = i",
        ),
        IndexCase(
            ("i", "r"),
            (
                ProofLine(
                    "(0*sum[j](exp(x[j])) - exp(x[i])*exp(x[r]))/sum[j](exp(x[j]))^2",
                    "quotient rule: the numerator exp(x[i]) does not depend on x[r]",
                ),
                ProofLine("-(exp(x[i])*exp(x[r]))/sum[j](exp(x[j]))^2", "0 times a sum is 0"),
                ProofLine("-softmax(x)[i]*softmax(x)[r]", "definition of softmax, twice"),
            ),
            "r ≠ i",
        ),
    ),
)

_LOGSUMEXP_BY_ENTRY = IndexProof(
    definitions=("y = log(sum[j](exp(x[j])))",),
    left="∂y/∂x[r]",
    cases=(
        IndexCase(
            ("r",),
            (
                ProofLine(
                    "sum[j](exp(x[j])*delta[j,r])/sum[j](exp(x[j]))",
                    "chain rule on log(u); ∂x[j]/∂x[r] = δ[j,r]",
                ),
                ProofLine("exp(x[r])/sum[j](exp(x[j]))", "only j = r remains of the sum"),
                ProofLine("softmax(x)[r]", "definition of softmax"),
            ),
        ),
    ),
)


def _softmax_modular(numbers: ModularNumbers, x: Any) -> Any:
    weights = numbers.each("exp", x)
    return weights * numbers.reciprocal(np.sum(weights, axis=-1, keepdims=True))


def _logsumexp_modular(numbers: ModularNumbers, x: Any) -> Any:
    return numbers.each("log", np.sum(numbers.each("exp", x), axis=-1))


RECORDS = (
    Structured(
        name="softmax",
        jacobian=_softmax,
        value=_softmax_value,
        numpy=NumpyCode("softmax({0})", ("softmax({0}, out={out})",), helper="softmax"),
        torch=TorchCode("torch.softmax({0}, dim=-1)"),
        c="softmax_{along}({rows}, {columns}, {0}, {out})",
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
        with_indices=_SOFTMAX_BY_CASES,
        modular=_softmax_modular,
    ),
    Structured(
        name="logsumexp",
        jacobian=_logsumexp,
        value=_logsumexp_value,
        numpy=NumpyCode("logsumexp({0})", (), helper="logsumexp"),
        torch=TorchCode("torch.logsumexp({0}, dim=-1)"),
        c="logsumexp_{along}({rows}, {columns}, {0}, {out})",
        definition="log(sum(exp(x)))",
        proof=(
            ProofLine("exp(x)/sum(exp(x))", "chain rule on log(u), u = sum(exp(x))"),
            ProofLine("softmax(x)", "definition of softmax"),
        ),
        source="Boyd and Vandenberghe, Convex Optimization (2004), section 3.1.5",
        with_indices=_LOGSUMEXP_BY_ENTRY,
        result="batch",
        modular=_logsumexp_modular,
    ),
)
