"""Determinants, the inverse, and linear systems."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Operation
from gradwright.ops import counts
from gradwright.ops.record import ModularNumbers, NumpyCode, ProofLine, Structured, TorchCode


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


def _solve(graph: Graph, node: Operation) -> tuple[Node, ...]:
    # X = A^-1 B: dX = -A^-1 dA X + A^-1 dB.
    inverse, right = _inverse(graph, node), node.arguments[1]
    i, k, m, j = range(4)
    column = (j,)[: right.order - 1]
    by_matrix = graph.product(
        [(inverse, (i, k)), (node, (m, *column))], (i, *column, k, m), coefficient=-1
    )
    if right.order == 1:
        return by_matrix, inverse
    tied = {j: right.axes[1]}
    return by_matrix, graph.product([(inverse, (i, k))], (i, j, k, j), sizes=tied)


def _log_of_det_value(x: Any) -> Any:
    sign, value = np.linalg.slogdet(x)
    return np.where(sign < 0, np.nan, value)


def _logdet_value(x: Any) -> Any:
    return np.linalg.slogdet(x)[1]


def _logdet_modular(numbers: ModularNumbers, x: Any) -> int:
    return numbers.log_of_absolute(numbers.inverse_and_det(x)[1])


def _cholesky_logdet_modular(numbers: ModularNumbers, x: Any) -> int:
    return numbers.log_of_positive(numbers.inverse_and_det(x)[1])


def _log_of_det_modular(numbers: ModularNumbers, x: Any) -> int:
    return numbers.log(numbers.inverse_and_det(x)[1])


def _solve_modular(numbers: ModularNumbers, x: Any, y: Any) -> Any:
    return numbers.inverse_and_det(x)[0] @ y


def _by_lu(shapes: counts.Shapes) -> int:
    number, size = counts.batches(shapes)
    return number * counts.lu(size)


def _by_cholesky(shapes: counts.Shapes) -> int:
    number, size = counts.batches(shapes)
    return number * counts.cholesky(size)


def _to_solve(shapes: counts.Shapes) -> int:
    number, size = counts.batches(shapes)
    return number * counts.solution(size, counts.columns(shapes))


def _to_invert(shapes: counts.Shapes) -> int:
    number, size = counts.batches(shapes)
    return number * counts.inverse(size)


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
        result="scalar",
        modular=lambda numbers, x: numbers.inverse_and_det(x)[1],
        c="det({columns}, {0}, {room}, {out})",
        multiplications=_by_lu,
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
        result="scalar",
        modular=_logdet_modular,
        c="logdet({columns}, 0, {0}, {room}, {out})",
        multiplications=_by_lu,
    ),
    Structured(
        name="log_of_det",
        jacobian=_logdet,
        value=_log_of_det_value,
        numpy=NumpyCode("log_of_det({0})", (), helper="log_of_det"),
        torch=TorchCode("log_of_det({0})", "log_of_det"),
        definition="log(det(X))",
        proof=(
            ProofLine("det(X)*inv(X)'/det(X)", "chain rule on log(u), u = det(X)"),
            ProofLine("inv(X)'", "det(X)/det(X) = 1"),
        ),
        source="Petersen and Pedersen, The Matrix Cookbook (2012), eq. 57",
        domain="det({0}) > 0",
        sample="posdef",
        argument="X",
        modular=_log_of_det_modular,
        c="logdet({columns}, 1, {0}, {room}, {out})",
        multiplications=_by_lu,
    ),
    Structured(
        name="cholesky_logdet",
        jacobian=_logdet,
        value=_logdet_value,
        numpy=NumpyCode("2 * np.sum(np.log(np.diag(np.linalg.cholesky({0}))))"),
        definition="log(det(X))",
        proof=(
            ProofLine("det(X)*inv(X)'/det(X)", "chain rule on log(u), u = det(X)"),
            ProofLine("inv(X)'", "det(X)/det(X) = 1"),
        ),
        source="Golub and Van Loan, Matrix Computations (2013), section 4.2.3",
        domain="{0} positive definite",
        sample="posdef",
        argument="X",
        modular=_cholesky_logdet_modular,
        c="cholesky_logdet({columns}, {0}, {room}, {out})",
        multiplications=_by_cholesky,
    ),
    Structured(
        name="solve",
        jacobian=_solve,
        value=np.linalg.solve,
        numpy=NumpyCode("np.linalg.solve({0}, {1})"),
        definition="inv(X)*y",
        proof=(
            ProofLine("-kron((inv(X)*y)', inv(X))", "differentiate X z = y by X, z = inv(X) y"),
        ),
        source="Golub and Van Loan, Matrix Computations (2013), section 3.4.9",
        domain="{0} invertible",
        sample="invertible",
        argument="X",
        modular=_solve_modular,
        c="solve({columns}, {count}, {0}, {1}, {room}, {out})",
        multiplications=_to_solve,
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
        modular=lambda numbers, x: numbers.inverse_and_det(x)[0],
        c="inverse({columns}, {0}, {room}, {out})",
        multiplications=_to_invert,
    ),
)
