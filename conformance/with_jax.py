"""JAX: numbers alone, by automatic differentiation of the formula as it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from conformance.rows import CannotExpress, Derived, Point, Row
from conformance.walking import evaluated, length
from gradwright.notation.tree import Binary, Call, Negate, Number, Symbol, Transpose, Tree

jax.config.update("jax_enable_x64", True)
VERSION = jax.__version__

#: Vectors are columns with two axes, scalars have none: `x'*y` is told from `x*y'` by shape.
ELEMENTWISE = {
    "exp": jnp.exp, "log": jnp.log, "sqrt": jnp.sqrt, "abs": jnp.abs, "sign": jnp.sign,
    "sin": jnp.sin, "cos": jnp.cos, "tan": jnp.tan, "tanh": jnp.tanh, "cosh": jnp.cosh,
    "sinh": jnp.sinh, "arccos": jnp.arccos, "sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu,
    "softplus": jax.nn.softplus, "step": lambda z: jnp.where(z > 0, 1.0, 0.0),
}  # fmt: skip


def derive(row: Row) -> Derived:
    """The derivative by JAX, a function of numbers."""
    second = row.kind in ("hessian", "vechess")
    transform = jax.hessian if second else jax.jacrev

    def value(point: Point) -> np.ndarray:
        sizes = row.sizes(point)

        def function(x: Any) -> Any:
            values = {**{n: jnp.asarray(v) for n, v in point.items()}, row.wrt: x}
            made = evaluated(row.tree, lambda tree, parts: node(tree, parts, values, sizes))
            return made[:, 0] if made.ndim == 2 and made.shape[1] == 1 else made

        return np.asarray(transform(function)(jnp.asarray(point[row.wrt])))

    value(row.point(0))
    return Derived(value)


def node(tree: Tree, parts: Sequence[Any], values: dict[str, Any], sizes: dict[str, int]) -> Any:
    """One node of the formula; a product of a row and a column is a scalar."""
    match tree:
        case Number(number):
            return jnp.asarray(float(number))
        case Symbol(name):
            value = values[name] if name in values else jnp.asarray(float(sizes[name]))
            return value[:, None] if value.ndim == 1 else value
        case Negate():
            return -parts[0]
        case Transpose():
            return parts[0].T
        case Binary("*", _, _):
            one, other = parts
            if one.ndim == 0 or other.ndim == 0:
                return one * other
            made = one @ other
            return made[0, 0] if made.shape == (1, 1) else made
        case Binary("^", _, _) if parts[0].ndim == 2:
            return jnp.linalg.matrix_power(parts[0], int(parts[1]))
        case Binary(operator, _, _):
            return OPERATORS[operator](*parts)
        case Call(function, arguments, _) if function in ("ones", "eye"):
            return constant(function, [length(a, sizes) for a in arguments])
        case Call(function, _, _):
            return called(function, parts)
    raise CannotExpress(type(tree).__name__)


OPERATORS = {
    "+": jnp.add, "-": jnp.subtract, ".*": jnp.multiply, "./": jnp.divide, "/": jnp.divide,
    ".^": jnp.power, "^": jnp.power,
}  # fmt: skip


def constant(function: str, lengths: Sequence[int]) -> Any:
    """`ones(n)`, a column, `ones(m, n)` or `eye(n)`."""
    if function == "eye":
        return jnp.eye(lengths[0])
    return jnp.ones((lengths[0], lengths[1] if len(lengths) > 1 else 1))


def called(function: str, parts: Sequence[Any]) -> Any:
    """A function of the notation."""
    if function in ELEMENTWISE:
        return ELEMENTWISE[function](parts[0])
    match function:
        case "sum":
            return jnp.sum(parts[0])
        case "tr":
            return jnp.trace(parts[0])
        case "det":
            return jnp.linalg.det(parts[0])
        case "logdet":
            return jnp.linalg.slogdet(parts[0])[1]
        case "inv":
            return jnp.linalg.inv(parts[0])
        case "norm1":
            return jnp.sum(jnp.abs(parts[0]))
        case "norm2":
            return jnp.sqrt(jnp.sum(parts[0] ** 2))
        case "diag":
            return jnp.diag(parts[0][:, 0])
        case "kron":
            return jnp.kron(*parts)
        case "softmax":
            return jax.nn.softmax(parts[0], axis=0)
    raise CannotExpress(f"{function} is not written for JAX here")
