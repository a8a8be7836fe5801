"""The largest entry along the last axis, and where it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Operation
from gradwright.ops.record import NumpyCode, ProofLine, Structured, TorchCode


def _largest(graph: Graph, node: Operation) -> tuple[Node, ...]:
    (argument,) = node.arguments
    batch = tuple(range(node.order))
    places = graph.operation("hardmax", (argument,), argument.axes)
    return (graph.product([(places, (*batch, node.order))], (*batch, *batch, node.order)),)


def _hardmax(graph: Graph, node: Operation) -> tuple[Node, ...]:
    return (graph.number(0, (*node.axes, *node.axes)),)


def _hardmax_value(x: Any) -> Any:
    places = x == np.max(x, axis=-1, keepdims=True)
    return places / np.sum(places, axis=-1, keepdims=True)


SOURCE = "Boyd and Vandenberghe, Subgradients (2008), section 3.4; ties are split equally"

RECORDS = (
    Structured(
        name="largest",
        jacobian=_largest,
        value=lambda x: np.max(x, axis=-1),
        numpy=NumpyCode("np.max({0}, axis=-1)"),
        torch=TorchCode("torch.amax({0}, dim=-1)"),
        definition="max(x)",
        proof=(ProofLine("hardmax(x)", "the branch with the largest value, entry by entry"),),
        source=SOURCE,
        c="largest_{along}({rows}, {columns}, {0}, {out})",
    ),
    Structured(
        name="hardmax",
        jacobian=_hardmax,
        value=_hardmax_value,
        numpy=NumpyCode("hardmax({0})", (), helper="hardmax"),
        torch=TorchCode("hardmax({0})", "hardmax"),
        definition="hardmax(x)",
        proof=(ProofLine("0*x*x'", "constant where one entry is the largest"),),
        source=SOURCE,
        c="hardmax_{along}({rows}, {columns}, {0}, {out})",
    ),
)
