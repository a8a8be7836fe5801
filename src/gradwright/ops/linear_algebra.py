"""det, log |det| and the inverse."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Operation
from gradwright.ops.record import NumpyCode, ProofLine, Structured


def _inverse(graph: Graph, node: Operation) -> Node:
    argument = node.arguments[0]
    return graph.operation("inv", (argument,), argument.axes)


def _det(graph: Graph, node: Operation) -> tuple[Node, ...]:
    return (graph.product([(node, ()), (_inverse(graph, node), (1, 0))], (0, 1)),)


def _logdet(graph: Graph, node: Operation) -> tuple[Node, ...]:
    return (graph.permute(_inverse(graph, node), (1, 0)),)


def _inv(graph: Graph, node: Operation) -> tuple[Node, ...]:
    i, j, k, m = range(4)
    return (graph.product([(node, (i, k)), (node, (m, j))], (i, j, k, m), coefficient=-1),)


def _logdet_value(x: Any) -> Any:
    return np.linalg.slogdet(x)[1]


RECORDS = (
    Structured(
        name="det",
        jacobian=_det,
        value=np.linalg.det,
        numpy=NumpyCode("np.linalg.det({0})"),
        definition="det(X)",
        proof=(ProofLine("det(X)*inv(X)'", "Jacobi's formula, adj(X) = det(X) inv(X)"),),
        source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 49",
        domain="{0} invertible",
        sample="invertible",
        argument="X",
    ),
    Structured(
        name="logdet",
        jacobian=_logdet,
        value=_logdet_value,
        numpy=NumpyCode("np.linalg.slogdet({0})[1]"),
        definition="log(abs(det(X)))",
        proof=(
            ProofLine("det(X)*inv(X)'/det(X)", "chain rule on log|u|, u = det(X)"),
            ProofLine("inv(X)'", "det(X)/det(X) = 1"),
        ),
        source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 57",
        domain="{0} invertible",
        sample="invertible",
        argument="X",
    ),
    Structured(
        name="inv",
        jacobian=_inv,
        value=np.linalg.inv,
        numpy=NumpyCode("np.linalg.inv({0})"),
        definition="inv(X)",
        proof=(ProofLine("-kron(inv(X)', inv(X))", "differentiate X inv(X) = I"),),
        source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 60",
        domain="{0} invertible",
        sample="invertible",
        argument="X",
    ),
)
