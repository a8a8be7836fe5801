"""Activations of the literature beyond relu, sigmoid and tanh."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from gradwright.core.graph import Graph
from gradwright.core.nodes import Function, Node
from gradwright.ops.normal import normcdf_value, normpdf
from gradwright.ops.record import Elementwise, NumpyCode, ProofLine, TorchCode, affine, options_of

#: Below it x σ(x) and the like are 0, whose factors are kept finite: -inf times 0 is no number.
FAR = -2000
#: √(2/π) and the coefficient of the cube in the tanh form of gelu.
GELU_SLOPE = Fraction("0.7978845608028654")
GELU_CUBE = Fraction("0.044715")
#: λ and α of selu, for which mean 0 and variance 1 are a fixed point (Klambauer et al., 2017).
SELU_SCALE = Fraction("1.0507009873554805")
SELU_ALPHA = Fraction("1.6732632423543772")


def _one_minus(graph: Graph, node: Node) -> Node:
    return affine(graph, node, -1, 1)


def _silu(graph: Graph, node: Function) -> tuple[Node, ...]:
    """σ(x) + y (1 − σ(x)): y + σ(x) (1 − y) is the same, and cancels where y is large."""
    gate = graph.function("sigmoid", node.arguments[0])
    rest = graph.hadamard(node, _one_minus(graph, gate))
    return (graph.add([(1, gate), (1, rest)], node.axes),)


def _gelu(graph: Graph, node: Function) -> tuple[Node, ...]:
    """Φ(x) + x φ(x)."""
    (x,) = node.arguments
    inner = graph.hadamard(x, normpdf(graph, x))
    return (graph.add([(1, graph.function("normcdf", x)), (1, inner)], node.axes),)


def _gelu_tanh(graph: Graph, node: Function) -> tuple[Node, ...]:
    """σ + y (1 − σ) u', σ = sigmoid(u), u = 2c (x + 0.044715 x³): 1 − tanh² loses digits."""
    (x,) = node.arguments
    inner = graph.add([(1, x), (GELU_CUBE, graph.power(x, 3))], node.axes)
    gate = graph.function("sigmoid", graph.scale(2 * GELU_SLOPE, inner))
    slope = affine(graph, graph.power(x, 2), 6 * GELU_SLOPE * GELU_CUBE, 2 * GELU_SLOPE)
    steep = graph.hadamard(node, _one_minus(graph, gate), slope)
    return (graph.add([(1, gate), (1, steep)], node.axes),)


def _mish(graph: Graph, node: Function) -> tuple[Node, ...]:
    """t + x σ(x) (1 − t²), t = tanh(softplus(x))."""
    (x,) = node.arguments
    t = graph.function("tanh", graph.function("softplus", x))
    gate = graph.function("sigmoid", x)
    steep = graph.hadamard(x, gate, _one_minus(graph, graph.power(t, 2)))
    return (graph.add([(1, t), (1, steep)], node.axes),)


def _slope_of_elu(graph: Graph, node: Node, x: Node, alpha: Fraction) -> Node:
    """1 above 0; below, where y = α (exp(x) − 1), the slope α exp(x) is y + α."""
    step = graph.function("step", x, options=(("kink", Fraction(0)),))
    below = graph.hadamard(_one_minus(graph, step), affine(graph, node, 1, alpha))
    return graph.add([(1, step), (1, below)], node.axes)


def _elu(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (_slope_of_elu(graph, node, node.arguments[0], options_of(node)["alpha"]),)


def _selu(graph: Graph, node: Function) -> tuple[Node, ...]:
    (x,) = node.arguments
    elu = graph.function("elu", x, options=(("alpha", SELU_ALPHA),))
    return (graph.scale(SELU_SCALE, _slope_of_elu(graph, elu, x, SELU_ALPHA)),)


def _hard_tanh(graph: Graph, node: Function) -> tuple[Node, ...]:
    """1 strictly between -1 and 1."""
    (x,) = node.arguments
    options = (("kink", Fraction(0)),)
    sides = [graph.function("step", affine(graph, x, s, 1), options=options) for s in (1, -1)]
    return (graph.hadamard(*sides),)


def _softsign(graph: Graph, node: Function) -> tuple[Node, ...]:
    size = graph.function("abs", node.arguments[0])
    return (graph.power(affine(graph, size, 1, 1), -2),)


def _sigmoid(x: Any) -> Any:
    return np.exp(-np.logaddexp(0, -x))


def _gelu_tanh_value(x: Any) -> Any:
    return np.maximum(x, FAR) * _sigmoid(2 * float(GELU_SLOPE) * (x + float(GELU_CUBE) * x**3))


def _softsign_value(x: Any) -> Any:
    y = np.clip(x, -1e30, 1e30)
    return y / (1 + np.abs(y))


def _elu_value(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _selu_value(x: Any) -> Any:
    return float(SELU_SCALE) * _elu_value(x, float(SELU_ALPHA))


RECORDS = (
    Elementwise(
        name="silu",
        derivative=_silu,
        value=lambda x: np.maximum(x, FAR) * _sigmoid(x),
        numpy=NumpyCode("(np.maximum({0}, -2000) * sigmoid({0}))", helper="sigmoid"),
        c="real_silu({0})",
        torch=TorchCode("torch.nn.functional.silu(torch.clamp({0}, min=-2000))"),
        definition="x*sigmoid(x)",
        proof=(
            ProofLine("sigmoid(x) + x*sigmoid(x)*(1 - sigmoid(x))", "product rule"),
            ProofLine("sigmoid(x) + silu(x)*(1 - sigmoid(x))", "definition of silu"),
        ),
        source="Elfwing, Uchibe and Doya, Neural Networks 107 (2018); swish with β = 1 in "
        "Ramachandran, Zoph and Le (2017)",
    ),
    Elementwise(
        name="gelu",
        derivative=_gelu,
        value=lambda x: np.maximum(x, FAR) * normcdf_value(x),
        c="real_gelu({0})",
        numpy=NumpyCode("(np.maximum({0}, -2000) * normcdf({0}))", helper="normcdf"),
        torch=TorchCode("torch.nn.functional.gelu(torch.clamp({0}, min=-2000))"),
        definition="x*normcdf(x)",
        proof=(ProofLine("normcdf(x) + x*normpdf(x)", "product rule"),),
        source="Hendrycks and Gimpel, Gaussian Error Linear Units (2016)",
    ),
    Elementwise(
        name="gelu_tanh",
        derivative=_gelu_tanh,
        value=_gelu_tanh_value,
        c="real_gelu_tanh({0})",
        numpy=NumpyCode(
            "(np.maximum({0}, -2000) * sigmoid(1.5957691216057308 * ({0} + 0.044715 * {0} ** 3)))",
            helper="sigmoid",
        ),
        torch=TorchCode(
            "(torch.clamp({0}, min=-2000)"
            " * torch.sigmoid(1.5957691216057308 * ({0} + 0.044715 * {0} ** 3)))"
        ),
        definition="0.5*x*(1 + tanh(0.7978845608028654*(x + 0.044715*x^3)))",
        proof=(
            ProofLine(
                "0.5*(1 + tanh(0.7978845608028654*(x + 0.044715*x^3)))"
                " + 0.5*x*(1 - tanh(0.7978845608028654*(x + 0.044715*x^3))^2)"
                "*0.7978845608028654*(1 + 0.134145*x^2)",
                "product rule, and the chain rule on tanh(u)",
            ),
            ProofLine(
                "sigmoid(1.5957691216057308*(x + 0.044715*x^3))"
                " + gelu_tanh(x)*(1 - sigmoid(1.5957691216057308*(x + 0.044715*x^3)))"
                "*1.5957691216057308*(1 + 0.134145*x^2)",
                "1 + tanh(u) = 2 sigmoid(2 u), and the definition of gelu_tanh",
            ),
        ),
        source="Hendrycks and Gimpel, Gaussian Error Linear Units (2016), section 2; "
        "0.7978845608028654 is the root of 2/π",
    ),
    Elementwise(
        name="mish",
        derivative=_mish,
        value=lambda x: np.maximum(x, FAR) * np.tanh(np.logaddexp(x, 0)),
        c="real_mish({0})",
        numpy=NumpyCode("(np.maximum({0}, -2000) * np.tanh(np.logaddexp({0}, 0)))"),
        torch=TorchCode("torch.nn.functional.mish(torch.clamp({0}, min=-2000))"),
        definition="x*tanh(softplus(x))",
        proof=(
            ProofLine(
                "tanh(softplus(x)) + x*((1 - tanh(softplus(x))^2)*sigmoid(x))",
                "product rule, and the chain rule on tanh(u), u = softplus(x)",
            ),
            ProofLine(
                "tanh(softplus(x)) + x*sigmoid(x)*(1 - tanh(softplus(x))^2)",
                "the factors in order",
            ),
        ),
        source="Misra, Mish: A Self Regularized Non-Monotonic Activation Function (2019)",
    ),
    Elementwise(
        name="elu",
        derivative=_elu,
        value=_elu_value,
        c="({0} > 0 ? {0} : {alpha} * real_expm1({0}))",
        numpy=NumpyCode("np.where({0} > 0, {0}, {alpha} * np.expm1(np.minimum({0}, 0)))"),
        torch=TorchCode("torch.nn.functional.elu({0}, {alpha})"),
        definition="max(x, 0) + exp(min(x, 0)) - 1",
        proof=(
            ProofLine(
                "step(x) + (1 - step(x))*exp(min(x, 0))", "case x > 0 or x < 0 of each branch"
            ),
            ProofLine("step(x) + (1 - step(x))*(elu(x) + 1)", "exp(x) = elu(x) + 1 for x < 0"),
        ),
        source="Clevert, Unterthiner and Hochreiter, ICLR 2016",
        options=(("alpha", Fraction(1)),),
        kink="elu'(0) = {alpha}",
    ),
    Elementwise(
        name="selu",
        derivative=_selu,
        value=_selu_value,
        c="((real)1.0507009873554805"
        " * ({0} > 0 ? {0} : (real)1.6732632423543772 * real_expm1({0})))",
        numpy=NumpyCode(
            "(1.0507009873554805 * np.where("
            "{0} > 0, {0}, 1.6732632423543772 * np.expm1(np.minimum({0}, 0))))"
        ),
        torch=TorchCode("torch.nn.functional.selu({0})"),
        definition="1.0507009873554805*elu(x, alpha=1.6732632423543772)",
        proof=(
            ProofLine(
                "1.0507009873554805*(step(x)"
                " + (1 - step(x))*(elu(x, alpha=1.6732632423543772) + 1.6732632423543772))",
                "the derivative of elu",
            ),
        ),
        source="Klambauer et al., Self-Normalizing Neural Networks, NIPS 2017",
        kink="selu'(0) = 1.7580993408473766",
    ),
    Elementwise(
        name="hard_tanh",
        derivative=_hard_tanh,
        value=lambda x: np.clip(x, -1, 1),
        c="({0} > 1 ? 1 : {0} < -1 ? -1 : {0})",
        numpy=NumpyCode("np.clip({0}, -1, 1)", ("np.clip({0}, -1, 1, out={out})",)),
        torch=TorchCode("torch.clamp({0}, -1, 1)"),
        definition="max(min(x, 1), -1)",
        proof=(
            ProofLine("step(1 - x)*step(1 + min(x, 1))", "the branch of each, from outside in"),
            ProofLine("step(1 + x)*step(1 - x)", "for x < 1 the minimum is x"),
        ),
        source="Collobert, Large Scale Machine Learning (2004); at -1 and 1 the constant's side",
        kink="hard_tanh'(-1) = hard_tanh'(1) = 0",
        kinks_at=(Fraction(-1), Fraction(1)),
    ),
    Elementwise(
        name="softsign",
        derivative=_softsign,
        value=_softsign_value,
        c="real_softsign({0})",
        numpy=NumpyCode("softsign({0})", helper="softsign"),
        torch=TorchCode("softsign({0})", helper="softsign"),
        definition="x/(1 + abs(x))",
        proof=(
            ProofLine("(1 + abs(x) - x*sign(x))/(1 + abs(x))^2", "quotient rule; abs' = sign"),
            ProofLine("1/(1 + abs(x))^2", "x*sign(x) = abs(x)"),
        ),
        source="Bergstra et al., Quadratic Polynomials Learn Better Image Features (2009)",
    ),
)
