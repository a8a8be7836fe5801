"""The value of a node, and how far rounding may move it, by definition and in float64.

Shares nothing with what builds programs: each product is one sum over all its labels, each
function a formula written here. Beside every value runs a first-order bound on the error of any
order of evaluation in arithmetic of unit roundoff `unit`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradwright.core.nodes import (
    Add,
    Function,
    Node,
    Operation,
    Power,
    Product,
    SizeOf,
    Variable,
    postorder,
)

Array = np.ndarray[Any, Any]
#: (value, bound on the error of a computed value)
Pair = tuple[Array, Array]

UNARY: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "exp": (np.exp, np.exp),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "sin": (np.sin, np.cos),
    "cos": (np.cos, np.sin),
    "sigmoid": (lambda x: 0.5 * (1 + np.tanh(x / 2)), lambda x: 0.25 + 0 * x),
    "softplus": (lambda x: np.log(1 + np.exp(x)), lambda x: 1 + 0 * x),
    "relu": (lambda x: (x + np.abs(x)) / 2, lambda x: 1 + 0 * x),
    "abs": (lambda x: np.sqrt(x * x), lambda x: 1 + 0 * x),
}


def evaluate(
    roots: list[Node], values: Mapping[str, Any], sizes: Mapping[str, int], unit: float
) -> list[Pair]:
    """(value, error bound) of each root."""
    known: dict[Node, Pair] = {}
    for node in postorder(*roots):
        parts = [known[part] for part in _parts(node)]
        known[node] = _value(node, parts, values, sizes, unit)
    return [known[root] for root in roots]


def _parts(node: Node) -> list[Node]:
    match node:
        case Product(factors=factors):
            return [factor for factor, _ in factors]
        case Add(terms=terms):
            return [term for _, term in terms]
        case Power(base=base):
            return [base]
        case Function(arguments=parts) | Operation(arguments=parts):
            return list(parts)
        case _:
            return []


def _value(
    node: Node,
    parts: list[Pair],
    values: Mapping[str, Any],
    sizes: Mapping[str, int],
    unit: float,
) -> Pair:
    match node:
        case Variable(name=name):
            value = np.asarray(values[name], dtype=float)
            return value, np.zeros_like(value)
        case SizeOf(size=size):
            return np.asarray(float(sizes[size])), np.asarray(0.0)
        case Product():
            return _product(node, parts, sizes, unit)
        case Add(terms=terms):
            value = sum(float(c) * v for (c, _), (v, _) in zip(terms, parts, strict=True))
            size = sum(abs(float(c)) * abs(v) for (c, _), (v, _) in zip(terms, parts, strict=True))
            moved = sum(abs(float(c)) * e for (c, _), (_, e) in zip(terms, parts, strict=True))
            return np.asarray(value), np.asarray(moved + (len(terms) + 1) * unit * size)
        case Power(exponent=exponent):
            base, error = parts[0]
            p = float(exponent)
            value = base**p
            return value, abs(p * base ** (p - 1)) * error + 4 * unit * abs(value)
        case Function():
            return _function(node, parts, unit)
        case Operation(operation=name):
            return _operation(name, parts[0], unit)
    raise AssertionError(node)


def _product(node: Product, parts: list[Pair], sizes: Mapping[str, int], unit: float) -> Pair:
    lengths: dict[int, int] = {}
    for label, size in zip(node.out, node.axes, strict=True):
        lengths[label] = size if isinstance(size, int) else sizes[size]
    for (factor, labels), (value, _) in zip(node.factors, parts, strict=True):
        assert len(labels) == factor.order == value.ndim
        lengths.update(zip(labels, value.shape, strict=True))
    distinct = list(dict.fromkeys(node.out))

    def contracted(arrays: list[Array]) -> Array:
        operands: list[Any] = []
        for (_, labels), array in zip(node.factors, arrays, strict=True):
            operands += [array, list(labels)]
        for label in distinct:
            operands += [np.ones(lengths[label]), [label]]
        operands += [np.asarray(1.0), []]
        return np.asarray(np.einsum(*operands, distinct))

    plain = [value for value, _ in parts]
    size = [abs(value) for value in plain]
    scale = float(node.coefficient)
    steps = sum(lengths.values()) + 2 * len(parts) + 4
    bound = steps * unit * contracted(size)
    for place, (_, error) in enumerate(parts):
        bound = bound + contracted([*size[:place], error, *size[place + 1 :]])
    spread = [_spread(node, a, distinct, lengths) for a in (scale * contracted(plain), bound)]
    return spread[0], abs(scale) * spread[1]


def _spread(node: Product, array: Array, distinct: list[int], lengths: dict[int, int]) -> Array:
    """Entries placed where labels that occur twice agree, zero elsewhere."""
    result = np.zeros([lengths[label] for label in node.out])
    for index in np.ndindex(*array.shape):
        place = dict(zip(distinct, index, strict=True))
        result[tuple(place[label] for label in node.out)] = array[index]
    return result


def _function(node: Function, parts: list[Pair], unit: float) -> Pair:
    options = {name: float(value) for name, value in node.options}
    x, error = parts[0]
    match node.operation:
        case "step":
            value = np.where(x > 0, 1.0, np.where(x < 0, 0.0, options["kink"]))
            return value, np.where((abs(x) <= error) & (error > 0), 1.0, 0.0)
        case "leaky_relu":
            value = np.where(x > 0, x, options["slope"] * x)
            return value, error + 2 * unit * abs(value)
        case "max" | "min":
            y, other = parts[1]
            value = np.where((x > y) == (node.operation == "max"), x, y)
            return value, np.maximum(error, other)
        case "power":
            y, other = parts[1]
            value = np.exp(y * np.log(x))
            moved = abs(y / x) * error + abs(np.log(x)) * (other + 4 * unit * abs(y))
            return value, abs(value) * (moved + 4 * unit)
    apply, slope = UNARY[node.operation]
    value = apply(x)
    # Functions made of exp of x add a rounding of x's own size.
    return value, abs(slope(x)) * (error + 4 * unit * abs(x)) + 8 * unit * (abs(value) + 1)


def _operation(name: str, part: Pair, unit: float) -> Pair:
    x, error = part
    n = x.shape[-1]
    if name in ("softmax", "logsumexp"):
        total = np.exp(x).sum(axis=-1, keepdims=True)
        worst = np.max(error + 4 * unit * abs(x), axis=-1, keepdims=True)
        if name == "softmax":
            value = np.exp(x) / total
            return value, value * (2 * worst + (n + 8) * unit)
        value = np.log(total)[..., 0]
        return value, worst[..., 0] + (n + 8) * unit * (1 + abs(value))
    inverse = np.linalg.inv(x)
    moved = error + 8 * n * unit * np.max(np.sum(abs(x), axis=-1))
    if name == "inv":
        return inverse, abs(inverse) @ moved @ abs(inverse)
    relative = np.sum(abs(inverse.T) * moved)
    if name == "det":
        value = np.asarray(np.linalg.det(x))
        return value, abs(value) * relative
    assert name == "logdet"
    value = np.asarray(np.log(abs(np.linalg.det(x))))
    return value, np.asarray(relative + 4 * unit * abs(value))
