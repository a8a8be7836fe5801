"""Layer normalisation, root-mean-square normalisation, and the lengths that they divide by.

All act over the last axis, of n entries; axes before it are batches. With c = x - mean(x),

* std(x) = √(mean(c²) + ε) = σ and layernorm(x) = c/σ,
* rms(x) = √(mean(x²) + ε) = ρ and rmsnorm(x) = x/ρ.

Each pair closes under differentiation, with y the normalised vector: ∂σ/∂x = y'/n and
∂y/∂x = (I - 11'/n - yy'/n)/σ; ∂ρ/∂x = y'/n and ∂y/∂x = (I - yy'/n)/ρ. That holds with ε too, since
y keeps its σ. batchnorm is layernorm over the axis of the samples.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Operation
from gradwright.ops.record import ModularNumbers, NumpyCode, ProofLine, Structured, TorchCode

#: ε of PyTorch's LayerNorm, and of T5's and Llama's root-mean-square normalisation.
LAYERNORM_EPS = Fraction(1, 10**5)
RMSNORM_EPS = Fraction(1, 10**6)


def _count(graph: Graph, node: Node) -> Node:
    """1/n for the last axis of a node."""
    return graph.power(graph.size_of(node.axes[-1]), -1)


def _normalised(graph: Graph, node: Operation, length: str, centred: bool) -> tuple[Node, ...]:
    """(I - 11'/n - yy'/n)/σ for every batch; without the ones where nothing was centred."""
    (x,) = node.arguments
    b = tuple(range(node.order - 1))
    i, j = node.order, node.order + 1
    size = graph.operation(length, (x,), x.axes[:-1], node.options)
    inverse = (graph.power(size, -1), b)
    count = (_count(graph, x), ())
    out = (*b, i, *b, j)
    sizes = dict(zip((*b, i), x.axes, strict=True))
    identity = graph.product([inverse], (*b, i, *b, i), sizes=sizes)
    outer = graph.product([inverse, count, (node, (*b, i)), (node, (*b, j))], out)
    terms = [(1, identity), (-1, outer)]
    if centred:
        constant = graph.product([inverse, count], out, sizes={**sizes, j: x.axes[-1]})
        terms.append((-1, constant))
    return (graph.add(terms, identity.axes),)


def _length(graph: Graph, node: Operation, normalised: str) -> tuple[Node, ...]:
    """y'/n for every batch."""
    (x,) = node.arguments
    b = tuple(range(node.order))
    y = graph.operation(normalised, (x,), x.axes, node.options)
    return (graph.product([(y, (*b, node.order)), (_count(graph, x), ())], (*b, *b, node.order)),)


def _std_value(x: Any, eps: float = 0.0) -> Any:
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return np.sqrt(np.mean(centred**2, axis=-1) + eps)


def _rms_value(x: Any, eps: float = 0.0) -> Any:
    return np.sqrt(np.mean(x**2, axis=-1) + eps)


def _layernorm_value(x: Any, eps: float = float(LAYERNORM_EPS)) -> Any:
    return (x - np.mean(x, axis=-1, keepdims=True)) / _std_value(x, eps)[..., None]


def _rmsnorm_value(x: Any, eps: float = float(RMSNORM_EPS)) -> Any:
    return x / _rms_value(x, eps)[..., None]


_STD = "sqrt(mean((x - mean(x)).^2) + 0.00001)"
_RMS = "sqrt(mean(x.^2) + 0.000001)"


def _modular(centred: bool, normed: bool) -> Callable[[ModularNumbers, Any], Any]:
    """The length is a hash of its square; its root would need a square of every row."""

    def value(numbers: ModularNumbers, x: Any) -> Any:
        array = x - numbers.mean(x) if centred else x
        squares = numbers.mean(array * array) + numbers.number("eps")
        length = numbers.hashed("std" if centred else "rms", squares)
        return array * numbers.reciprocal(length) if normed else length[..., 0]

    return value


RECORDS = (
    Structured(
        name="layernorm",
        jacobian=lambda graph, node: _normalised(graph, node, "std", centred=True),
        value=_layernorm_value,
        numpy=NumpyCode("layernorm({0}, {eps})", helper="layernorm"),
        torch=TorchCode("layernorm({0}, {eps})", helper="layernorm"),
        c="layernorm_{along}({rows}, {columns}, {0}, {eps}, {out})",
        definition=f"(x - mean(x))/{_STD}",
        proof=(
            ProofLine(
                f"(eye(n) - ones(n, n)/n)/{_STD}"
                f" - (x - mean(x))*((x - mean(x))'*(eye(n) - ones(n, n)/n)/(n*{_STD}))/{_STD}^2",
                "quotient rule: x - mean(x) has the Jacobian eye(n) - ones(n, n)/n",
            ),
            ProofLine(
                f"(eye(n) - ones(n, n)/n)/{_STD} - (x - mean(x))*(x - mean(x))'/(n*{_STD}^3)",
                "the entries of x - mean(x) sum to 0",
            ),
            ProofLine(
                "(eye(n) - ones(n, n)/n - layernorm(x)*layernorm(x)'/n)/std(x, eps=0.00001)",
                "definition of layernorm, twice, and of std",
            ),
        ),
        source="Ba, Kiros and Hinton, Layer Normalization (2016), eq. 4; ε as in PyTorch",
        options=(("eps", LAYERNORM_EPS),),
        domain="the entries of each row of {0} are not all equal",
        guard="eps",
        modular=_modular(centred=True, normed=True),
    ),
    Structured(
        name="std",
        jacobian=lambda graph, node: _length(graph, node, "layernorm"),
        value=_std_value,
        numpy=NumpyCode("std({0}, {eps})", helper="std"),
        torch=TorchCode("std({0}, {eps})", helper="std"),
        c="std_{along}({rows}, {columns}, {0}, {eps}, {out})",
        definition="sqrt(mean((x - mean(x)).^2))",
        proof=(
            ProofLine(
                "(eye(n) - ones(n, n)/n)*(x - mean(x))/(n*sqrt(mean((x - mean(x)).^2)))",
                "chain rule on sqrt(mean(u.^2)), u = x - mean(x)",
            ),
            ProofLine(
                "(x - mean(x))/(n*sqrt(mean((x - mean(x)).^2)))",
                "the entries of x - mean(x) sum to 0",
            ),
            ProofLine("layernorm(x, eps=0)/n", "definition of layernorm"),
        ),
        source="the standard deviation of the entries, divided by n and not by n - 1",
        options=(("eps", Fraction(0)),),
        domain="the entries of each row of {0} are not all equal",
        guard="eps",
        result="batch",
        modular=_modular(centred=True, normed=False),
    ),
    Structured(
        name="rmsnorm",
        jacobian=lambda graph, node: _normalised(graph, node, "rms", centred=False),
        value=_rmsnorm_value,
        numpy=NumpyCode("rmsnorm({0}, {eps})", helper="rmsnorm"),
        torch=TorchCode("rmsnorm({0}, {eps})", helper="rmsnorm"),
        c="rmsnorm_{along}({rows}, {columns}, {0}, {eps}, {out})",
        definition=f"x/{_RMS}",
        proof=(
            ProofLine(f"eye(n)/{_RMS} - x*(x'/(n*{_RMS}))/{_RMS}^2", "quotient rule"),
            ProofLine(
                "(eye(n) - rmsnorm(x)*rmsnorm(x)'/n)/rms(x, eps=0.000001)",
                "definition of rmsnorm, twice, and of rms",
            ),
        ),
        source="Zhang and Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019, eq. 4",
        options=(("eps", RMSNORM_EPS),),
        domain="no row of {0} is 0",
        guard="eps",
        modular=_modular(centred=False, normed=True),
    ),
    Structured(
        name="rms",
        jacobian=lambda graph, node: _length(graph, node, "rmsnorm"),
        value=_rms_value,
        numpy=NumpyCode("rms({0}, {eps})", helper="rms"),
        torch=TorchCode("rms({0}, {eps})", helper="rms"),
        c="rms_{along}({rows}, {columns}, {0}, {eps}, {out})",
        definition="sqrt(mean(x.^2))",
        proof=(
            ProofLine("x/(n*sqrt(mean(x.^2)))", "chain rule on sqrt(u), u = mean(x.^2)"),
            ProofLine("rmsnorm(x, eps=0)/n", "definition of rmsnorm"),
        ),
        source="Zhang and Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019, eq. 4",
        options=(("eps", Fraction(0)),),
        domain="no row of {0} is 0",
        guard="eps",
        result="batch",
        modular=_modular(centred=False, normed=False),
    ),
)
