"""NumPy's functions on symbols: what each is in the notation, and what to write for others."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial, reduce
from typing import Any, NamedTuple

import numpy as np

from gradwright.api.numpy_reductions import (
    average,
    deviation,
    largest,
    mean,
    norm,
    smallest,
    spread,
    total,
    variance,
    whole,
)
from gradwright.api.numpy_refusals import refused
from gradwright.api.traced import (
    Traced,
    elementwise,
    indices,
    joined,
    mapped,
    matmul,
    negated,
    over,
    paired,
    shaped,
    transpose,
    turned,
)
from gradwright.api.traced_constants import constant, number
from gradwright.api.traced_einsum import einsum
from gradwright.api.traced_parts import (
    beside,
    block_matrix,
    concatenated,
    differences,
    flat,
    hstacked,
    moved,
    reshape,
    stacked,
    swapped,
    taken,
    vstacked,
    widened,
)
from gradwright.core.sizes import times
from gradwright.notation.size_text import size_tree
from gradwright.notation.tree import Binary, Call, Entry, IndexArray, Negate, Number, Tree


def of_values(function: Callable[..., Traced]) -> Callable[..., Traced]:
    """A function whose arguments are all values; numbers among them become constants."""

    def made(*given: Any) -> Traced:
        return function(*(v if isinstance(v, Traced) else constant(v) for v in given))

    made.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return made


# Vectors and matrices -----------------------------------------------------------------------------


def dot(one: Traced, other: Traced) -> Traced:
    """`np.dot`, which multiplies by a number as `*` does.

    Raises:
        UnsupportedError: arrays with more than two axes, which it contracts otherwise than `@`.
    """
    if max(one.ndim, other.ndim) > 2:
        raise refused("np.dot of an array with more than two axes")
    plain = "scalar" in (one.form, other.form)
    return elementwise(".*", one, other) if plain else matmul(one, other)


def _inner(one: Traced, other: Traced) -> Traced:
    return dot(one, transpose(other))


def _outer(one: Traced, other: Traced) -> Traced:
    if not one.form == other.form == "vector":
        raise refused(f"np.outer of a {one.form} and a {other.form}")
    tree = Binary("*", one.tree, turned(other.tree))
    return Traced(tree, "matrix", (*one.axes, *other.axes), joined(one, other))


def _kron(one: Traced, other: Traced) -> Traced:
    """The Kronecker product of two vectors or two matrices.

    Raises:
        UnsupportedError: other arrays, which NumPy gives axes of length 1.
    """
    if one.form != other.form or one.form not in ("vector", "matrix"):
        raise refused(f"np.kron of a {one.form} and a {other.form}")
    axes = [times(a, b) for a, b in zip(one.axes, other.axes, strict=True)]
    return shaped(Call("kron", (one.tree, other.tree)), axes, joined(one, other))


def _flat_product(one: Traced, other: Traced) -> Traced:
    """`np.vdot`: the sum of the products of all entries, in their order.

    Raises:
        UnsupportedError: arrays of different shapes, which arithmetic would spread.
    """
    if one.shape != other.shape:
        raise refused("np.vdot of arrays with different shapes", "np.vdot")
    vectors = one.form == other.form == "vector"
    return matmul(one, other) if vectors else total(elementwise(".*", one, other))


def _chain(values: Sequence[Traced]) -> Traced:
    """`np.linalg.multi_dot`."""
    return reduce(matmul, values)


def _of_whole(function: str) -> Callable[[Traced], Traced]:
    """A function of one value to a number, which takes no other arguments."""
    return lambda value: whole(function, value)


def _inverse(value: Traced) -> Traced:
    return over(Call("inv", (value.tree,)), value)


def _same(value: Traced) -> Traced:
    return value


def _as_type(value: Traced, dtype: Any) -> Traced:
    if dtype not in (float, np.float64, "float64", "float"):
        raise refused(f"astype({dtype!r})")
    return value


def _transposed_matrix(value: Traced) -> Traced:
    return swapped(value, -1, -2)


def _diag(value: Traced) -> Traced:
    """`np.diag`: a matrix of a vector, or the diagonal of a square matrix.

    Raises:
        UnsupportedError: of a row or column NumPy takes the first entry.
    """
    if value.form not in ("vector", "matrix"):
        raise refused(f"np.diag of a {value.form}")
    form = "matrix" if value.form == "vector" else "vector"
    axes = value.axes * 2 if form == "matrix" else value.axes[:1]
    return Traced(Call("diag", (value.tree,)), form, axes, value.symbols)


def _diagonal(value: Traced) -> Traced:
    if value.form != "matrix":
        raise refused(f"the diagonal of a {value.form}")
    return _diag(value)


def _solve(one: Traced, other: Traced) -> Traced:
    tree = Call("solve", (one.tree, other.tree))
    return Traced(tree, other.form, other.axes, joined(one, other))


def _matrix_power(value: Traced, exponent: int) -> Traced:
    if not isinstance(exponent, int):
        raise refused(f"np.linalg.matrix_power with the exponent {exponent!r}")
    size = Number(Fraction(abs(exponent)))
    power: Tree = Negate(size) if exponent < 0 else size
    return over(Binary("^", value.tree, power), value)


class Slogdet(NamedTuple):
    """What `np.linalg.slogdet` returns, by its names."""

    sign: Any
    logabsdet: Any


def _slogdet(value: Traced) -> Slogdet:
    return Slogdet(mapped("sign")(whole("det", value)), whole("logdet", value))


def _filled(entry: int, value: Traced) -> Traced:
    """An array of equal numbers, of the shape of a value."""
    if value.form in ("scalar", "row", "column"):
        return number(entry)
    if value.form == "tensor":
        names = indices(value.ndim, value)
        zero = Binary("*", Number(Fraction(0)), Entry(value.tree, names))
        body = zero if not entry else Binary("+", zero, Number(Fraction(entry)))
        return over(IndexArray(names, body), value)
    ones = over(Call("ones", tuple(map(size_tree, value.axes))), value)
    return ones if entry == 1 else elementwise(".*", number(entry), ones)


def _step(value: Traced, at_zero: Any) -> Traced:
    """`np.heaviside`, whose value at 0 is 0 or 1.

    Raises:
        UnsupportedError: another value there.
    """
    if isinstance(at_zero, Traced) and at_zero.tree in (Number(Fraction(0)), Number(Fraction(1))):
        options = () if at_zero.tree == Number(Fraction(0)) else (("kink", Fraction(1)),)
        return over(Call("step", (value.tree,), options), value)
    raise refused("np.heaviside with another value at 0 than 0 and 1")


# Entry by entry -----------------------------------------------------------------------------------


def _logaddexp(one: Traced, other: Traced) -> Traced:
    for zero, rest in ((one, other), (other, one)):
        if zero.tree == Number(Fraction(0)):
            return mapped("softplus")(rest)
    exp = mapped("exp")
    return mapped("log")(elementwise("+", exp(one), exp(other)))


def _logarithm(base: int) -> Callable[[Traced], Traced]:
    divisor = Traced(Call("log", (Number(Fraction(base)),)), "scalar")
    return lambda value: elementwise("./", mapped("log")(value), divisor)


def _clip(value: Traced, low: Any = None, high: Any = None) -> Traced:
    for bound, function in ((low, "max"), (high, "min")):
        if bound is not None:
            value = of_values(paired(function))(value, bound)
    return value


def _logit(value: Traced) -> Traced:
    return mapped("log")(elementwise("./", value, elementwise("-", number(1), value)))


ELEMENTWISE = (
    "exp",
    "expm1",
    "log",
    "log1p",
    "sqrt",
    "sign",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "arcsin",
    "arccos",
    "arctan",
)

#: NumPy's elementwise functions by name, and SciPy's that NumPy calls in the same way.
UFUNCS: dict[str, Callable[..., Traced]] = {
    **{name: mapped(name) for name in ELEMENTWISE},
    "absolute": mapped("abs"),
    "fabs": mapped("abs"),
    "negative": negated,
    "positive": _same,
    "conjugate": _same,
    "square": lambda value: elementwise(".^", value, number(2)),
    "reciprocal": lambda value: elementwise("./", number(1), value),
    "exp2": lambda value: elementwise(".^", number(2), value),
    "log2": _logarithm(2),
    "log10": _logarithm(10),
    "add": partial(elementwise, "+"),
    "subtract": partial(elementwise, "-"),
    "multiply": partial(elementwise, ".*"),
    "divide": partial(elementwise, "./"),
    "power": partial(elementwise, ".^"),
    "float_power": partial(elementwise, ".^"),
    "maximum": paired("max"),
    "minimum": paired("min"),
    "fmax": paired("max"),
    "fmin": paired("min"),
    "heaviside": _step,
    "logaddexp": _logaddexp,
    "matmul": matmul,
    "expit": mapped("sigmoid"),
    "log_expit": lambda value: mapped("log")(mapped("sigmoid")(value)),
    "logit": _logit,
}

#: NumPy's other functions, by module and name.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sum": total,
    "mean": mean,
    "average": average,
    "var": variance,
    "std": deviation,
    "max": largest,
    "amax": largest,
    "min": smallest,
    "amin": smallest,
    "ptp": spread,
    "trace": _of_whole("tr"),
    "dot": of_values(dot),
    "inner": of_values(_inner),
    "outer": of_values(_outer),
    "vdot": of_values(_flat_product),
    "kron": of_values(_kron),
    "einsum": einsum,
    "transpose": transpose,
    "swapaxes": swapped,
    "moveaxis": moved,
    "reshape": reshape,
    "ravel": flat,
    "expand_dims": widened,
    "matrix_transpose": _transposed_matrix,
    "copy": _same,
    "astype": _as_type,
    "diff": differences,
    "take": taken,
    "concatenate": concatenated,
    "stack": stacked,
    "vstack": vstacked,
    "hstack": hstacked,
    "column_stack": beside,
    "block": block_matrix,
    "diag": _diag,
    "diagonal": _diagonal,
    "clip": _clip,
    "ones_like": partial(_filled, 1),
    "zeros_like": partial(_filled, 0),
    "linalg.inv": _inverse,
    "linalg.det": _of_whole("det"),
    "linalg.slogdet": _slogdet,
    "linalg.solve": of_values(_solve),
    "linalg.matrix_power": _matrix_power,
    "linalg.norm": norm,
    "linalg.vector_norm": norm,
    "linalg.multi_dot": _chain,
    "linalg.trace": _of_whole("tr"),
    "linalg.diagonal": _diagonal,
    "linalg.outer": of_values(_outer),
    "linalg.matrix_transpose": _transposed_matrix,
}
