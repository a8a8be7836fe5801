"""Functions with a kink or a jump, and the value that stands for their derivative there."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from gradwright.core.graph import Graph
from gradwright.core.nodes import Function, Node
from gradwright.ops.record import Elementwise, NumpyCode, ProofLine, TorchCode, affine, options_of

HALF = Fraction(1, 2)


def _step(graph: Graph, node: Node, at_zero: Fraction) -> Node:
    options = (("kink", at_zero),)
    return graph.function("step", node, options=options)


def _zero(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (graph.number(0, node.axes),)


def _abs(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (graph.function("sign", node.arguments[0]),)


def _relu(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (_step(graph, node.arguments[0], Fraction(0)),)


def _leaky_relu(graph: Graph, node: Function) -> tuple[Node, ...]:
    given = options_of(node)
    slope, kink = given["slope"], given["kink"]
    if slope == 1:
        return (graph.ones(*node.axes),)
    # slope + (1 - slope)·step takes the value `kink` at 0 when the step is `at_zero` there.
    at_zero = (kink - slope) / (1 - slope)
    return (affine(graph, _step(graph, node.arguments[0], at_zero), 1 - slope, slope),)


def _huber(graph: Graph, node: Function) -> tuple[Node, ...]:
    """x up to |x| = δ, ±δ beyond: δ hard_tanh(x/δ)."""
    delta = options_of(node)["delta"]
    inner = graph.scale(1 / delta, node.arguments[0])
    return (graph.scale(delta, graph.function("hard_tanh", inner)),)


def _larger(graph: Graph, node: Function, sign: int) -> tuple[Node, ...]:
    one, other = node.arguments
    tie = options_of(node)["tie"]
    first = _step(graph, graph.scale(sign, graph.subtract(one, other)), tie)
    second = _step(graph, graph.scale(sign, graph.subtract(other, one)), tie)
    return first, second


def _max(graph: Graph, node: Function) -> tuple[Node, ...]:
    return _larger(graph, node, 1)


def _min(graph: Graph, node: Function) -> tuple[Node, ...]:
    return _larger(graph, node, -1)


def _step_value(x: Any, kink: float = 0.0) -> Any:
    return np.heaviside(x, kink)


def _leaky_value(x: Any, slope: float = 0.1, kink: float = 0.1) -> Any:
    return np.where(x > 0, x, slope * x)


def _huber_value(x: Any, delta: float = 1.0) -> Any:
    size = np.abs(x)
    least = np.minimum(size, delta)
    return least * (size - 0.5 * least)


RECORDS = (
    Elementwise(
        name="abs",
        derivative=_abs,
        value=np.abs,
        numpy=NumpyCode("np.abs({0})", ("np.absolute({0}, out={out})",)),
        c="real_abs({0})",
        definition="max(x, -x)",
        proof=(ProofLine("sign(x)", "the branch with the larger value, case x > 0 or x < 0"),),
        source="convention abs'(0) = 0",
        kink="abs'(0) = 0",
    ),
    Elementwise(
        name="sign",
        derivative=_zero,
        value=np.sign,
        numpy=NumpyCode("np.sign({0})", ("np.sign({0}, out={out})",)),
        c="({0} > 0 ? 1 : {0} < 0 ? -1 : {0})",
        definition="sign(x)",
        proof=(ProofLine("0*x", "constant on each side of 0"),),
        source="convention sign(0) = 0",
        kink="sign'(0) = 0",
        levels=("-1", "0", "1"),
    ),
    Elementwise(
        name="step",
        derivative=_zero,
        value=_step_value,
        numpy=NumpyCode("np.heaviside({0}, {kink})", ("np.heaviside({0}, {kink}, out={out})",)),
        c="({0} > 0 ? 1 : {0} < 0 ? 0 : {0} == 0 ? {kink} : {0})",
        torch=TorchCode("step({0}, {kink})", helper="step"),
        definition="step(x)",
        proof=(ProofLine("0*x", "constant on each side of 0"),),
        source="convention step(0) = 0 unless kink= says otherwise",
        options=(("kink", Fraction(0)),),
        kink="step'(0) = 0",
        levels=("0", "{kink}", "1"),
    ),
    Elementwise(
        name="relu",
        derivative=_relu,
        value=lambda x: np.maximum(x, 0),
        numpy=NumpyCode("np.maximum({0}, 0)", ("np.maximum({0}, 0, out={out})",)),
        c="({0} < 0 ? 0 : {0})",
        torch=TorchCode("torch.relu({0})"),
        definition="max(x, 0)",
        proof=(ProofLine("step(x)", "the branch with the larger value, case x > 0 or x < 0"),),
        source="Nair and Hinton, ICML 2010",
        kink="relu'(0) = 0",
    ),
    Elementwise(
        name="leaky_relu",
        derivative=_leaky_relu,
        value=_leaky_value,
        numpy=NumpyCode(
            "np.where({0} > 0, {0}, {slope} * {0})",
        ),
        c="({0} > 0 ? {0} : {slope} * {0})",
        definition="max(x, 0) + 0.1*min(x, 0)",
        proof=(
            ProofLine("step(x) + 0.1*step(-x)", "relu'(u) = step(u) on each branch"),
            ProofLine("0.1 + 0.9*step(x)", "step(-x) = 1 - step(x) for x ≠ 0"),
        ),
        source="Maas, Hannun and Ng, ICML workshop 2013 (there with slope 0.01)",
        options=(("slope", Fraction(1, 10)), ("kink", Fraction(1, 10))),
        kink="leaky_relu'(0) = {kink}",
    ),
    Elementwise(
        name="huber",
        derivative=_huber,
        value=_huber_value,
        numpy=NumpyCode("huber({0}, {delta})", helper="huber"),
        c="real_huber({0}, {delta})",
        torch=TorchCode("huber({0}, {delta})", helper="huber"),
        definition="min(abs(x), 1)^2/2 + max(abs(x), 1) - 1",
        proof=(
            ProofLine(
                "sign(x)*(min(abs(x), 1)*step(1 - abs(x)) + step(abs(x) - 1))",
                "the branch of each; abs' = sign",
            ),
            ProofLine("hard_tanh(x)", "x for |x| < 1, the sign of x beyond"),
        ),
        source="Huber, Annals of Mathematical Statistics 35 (1964)",
        options=(("delta", Fraction(1)),),
    ),
    Elementwise(
        name="max",
        derivative=_max,
        value=lambda x, y, tie=0.5: np.maximum(x, y),
        c="({0} > {1} || {0} != {0} ? {0} : {1})",
        numpy=NumpyCode("np.maximum({0}, {1})", ("np.maximum({0}, {1}, out={out})",)),
        torch=TorchCode("maximum({0}, {1})", helper="maximum"),
        definition="y + relu(x - y)",
        proof=(ProofLine("step(x - y)", "relu'(u) = step(u), u = x - y"),),
        source="convention: ties are split equally, a constant takes the tie",
        arity=2,
        options=(("tie", HALF),),
        kink="at a tie of max the derivative is {tie}",
    ),
    Elementwise(
        name="min",
        derivative=_min,
        value=lambda x, y, tie=0.5: np.minimum(x, y),
        c="({0} < {1} || {0} != {0} ? {0} : {1})",
        numpy=NumpyCode("np.minimum({0}, {1})", ("np.minimum({0}, {1}, out={out})",)),
        torch=TorchCode("minimum({0}, {1})", helper="minimum"),
        definition="y - relu(y - x)",
        proof=(ProofLine("step(y - x)", "relu'(u) = step(u), u = y - x"),),
        source="convention: ties are split equally, a constant takes the tie",
        arity=2,
        options=(("tie", HALF),),
        kink="at a tie of min the derivative is {tie}",
    ),
)
