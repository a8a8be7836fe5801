"""NumPy's functions on symbols: what each is in the notation, and what to write for others."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

from gradwright.api.traced import (
    Traced,
    along,
    as_matrix,
    elementwise,
    indices,
    joined,
    mapped,
    matmul,
    negated,
    number,
    over,
    paired,
    transpose,
    turned,
)
from gradwright.api.traced_einsum import einsum
from gradwright.api.traced_parts import (
    block_matrix,
    concatenated,
    flat,
    hstacked,
    moved,
    reshape,
    stacked,
    swapped,
    taken,
    vstacked,
)
from gradwright.errors import ShapeError, UnsupportedError
from gradwright.notation.size_text import size_tree
from gradwright.notation.tree import Binary, Call, Entry, IndexArray, Negate, Number, Tree

#: What to write instead of some things that have no formula.
INSTEAD = {
    "a comparison of symbols": "write np.maximum, np.minimum or np.abs, or the formula as text "
    "with step(x)",
    "np.where": "write np.maximum, np.minimum or np.abs, or the formula as text with step(x)",
    "np.kron": "write the formula as text: kron(A, B)",
    "np.linalg.cholesky": "write np.linalg.slogdet(A)[1] or np.linalg.solve(A, b)",
    "np.linalg.eig": "write np.trace and np.linalg.slogdet of the matrix",
    "np.prod": "write np.exp(np.sum(np.log(x)))",
    "len of a symbol": "write x.shape[0]",
    "turning a symbol into an array": "use functions of NumPy; np.exp(x)/np.sum(np.exp(x)) and "
    "np.log(np.sum(np.exp(x))) are recognised",
}


def refused(what: str) -> UnsupportedError:
    """The error for what traced code cannot do."""
    known = ", ".join(f"np.{name}" for name in sorted({*UFUNCS, *FUNCTIONS}))
    return UnsupportedError(
        "tracing a function",
        f"{what} is used, and traced functions use arithmetic, @ and {known}",
        INSTEAD.get(what, "write it with those, or write the formula as text"),
    )


# Sums and means -----------------------------------------------------------------------------------


def reduction(
    function: str,
    value: Traced,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
) -> Traced:
    """A sum, mean, or the like over one axis, several or all."""
    if value.form == "scalar":
        return value
    if isinstance(axis, tuple):
        places = sorted((k % value.ndim for k in axis), reverse=True)
        if len(set(places)) < len(places):
            raise ShapeError(
                "tracing a function",
                f"the {function} over the axes {axis} is asked for, one of them twice",
                "name each axis once",
            )
        for place in places:
            value = reduction(function, value, place, keepdims)
        return value
    if axis is None or (value.form == "vector" and axis in (0, -1)):
        if keepdims:
            raise refused("keepdims without two axes")
        return Traced(Call(function, (value.tree,)), "scalar", (), value.symbols)
    if value.form not in ("matrix", "tensor") or axis not in range(-value.ndim, value.ndim):
        raise ShapeError(
            "tracing a function",
            f"the {function} over axis {axis} is asked for, of a {value.form} with {value.ndim} "
            "axes",
            "name an axis that there is",
        )
    place = axis % value.ndim
    found = along(function, value, place)
    if keepdims and value.form == "tensor":
        return reshape(found, (*value.axes[:place], 1, *value.axes[place + 1 :]))
    return as_matrix(found, "column" if place else "row") if keepdims else found


total = partial(reduction, "sum")
mean = partial(reduction, "mean")


def _variance(value: Traced, axis: int | None = None, keepdims: bool = False) -> Traced:
    """The mean of squared differences from the mean."""
    along = axis is not None and value.ndim > 1
    centre = reduction("mean", value, axis, keepdims=along)
    squares = elementwise(".^", elementwise("-", value, centre), number(2))
    return reduction("mean", squares, axis, keepdims)


def _deviation(value: Traced, axis: int | None = None, keepdims: bool = False) -> Traced:
    return mapped("sqrt")(_variance(value, axis, keepdims))


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


def reduced(function: str, value: Traced, form: str = "scalar") -> Traced:
    """A function of the whole value, to a number or to a value of the same axes."""
    axes = value.axes if form == value.form else ()
    return Traced(Call(function, (value.tree,)), form, axes, value.symbols)


def _whole(function: str, form: str = "scalar") -> Callable[[Traced], Traced]:
    """A function of one value, which takes no other arguments."""
    return lambda value: reduced(function, value, form)


def _diag(value: Traced) -> Traced:
    form = "matrix" if value.form == "vector" else "vector"
    axes = value.axes * 2 if form == "matrix" else value.axes[:1]
    return Traced(Call("diag", (value.tree,)), form, axes, value.symbols)


def _solve(one: Traced, other: Traced) -> Traced:
    tree = Call("solve", (one.tree, other.tree))
    return Traced(tree, other.form, other.axes, joined(one, other))


def _matrix_power(value: Traced, exponent: int) -> Traced:
    if not isinstance(exponent, int):
        raise refused(f"np.linalg.matrix_power with the exponent {exponent!r}")
    size = Number(Fraction(abs(exponent)))
    power: Tree = Negate(size) if exponent < 0 else size
    return over(Binary("^", value.tree, power), value)


def _norm(value: Traced, ord: Any = None) -> Traced:
    if ord is None or ord == "fro" or (ord == 2 and value.form == "vector"):
        return reduced("norm2", value)
    if ord == 1 and value.form == "vector":
        return reduced("norm1", value)
    raise refused(f"np.linalg.norm with ord={ord!r} of a {value.form}")


def _slogdet(value: Traced) -> tuple[Traced, Traced]:
    return mapped("sign")(reduced("det", value)), reduced("logdet", value)


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


# Entry by entry -----------------------------------------------------------------------------------


def _logaddexp(one: Traced, other: Traced) -> Traced:
    for constant, rest in ((one, other), (other, one)):
        if constant.tree == Number(Fraction(0)):
            return mapped("softplus")(rest)
    exp = mapped("exp")
    return mapped("log")(elementwise("+", exp(one), exp(other)))


def _logarithm(base: int) -> Callable[[Traced], Traced]:
    divisor = Traced(Call("log", (Number(Fraction(base)),)), "scalar")
    return lambda value: elementwise("./", mapped("log")(value), divisor)


def _clip(value: Traced, low: Any = None, high: Any = None) -> Traced:
    for bound, function in ((low, "max"), (high, "min")):
        if bound is not None:
            given = bound if isinstance(bound, Traced) else number(bound)
            value = paired(function)(value, given)
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
    "negative": negated,
    "positive": lambda value: value,
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
    "maximum": paired("max"),
    "minimum": paired("min"),
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
    "var": _variance,
    "std": _deviation,
    "trace": _whole("tr"),
    "dot": dot,
    "inner": _inner,
    "outer": _outer,
    "einsum": einsum,
    "transpose": transpose,
    "swapaxes": swapped,
    "moveaxis": moved,
    "reshape": reshape,
    "ravel": flat,
    "take": taken,
    "concatenate": concatenated,
    "stack": stacked,
    "vstack": vstacked,
    "hstack": hstacked,
    "block": block_matrix,
    "diag": _diag,
    "diagonal": _diag,
    "clip": _clip,
    "ones_like": partial(_filled, 1),
    "zeros_like": partial(_filled, 0),
    "linalg.inv": _whole("inv", "matrix"),
    "linalg.det": _whole("det"),
    "linalg.slogdet": _slogdet,
    "linalg.solve": _solve,
    "linalg.matrix_power": _matrix_power,
    "linalg.norm": _norm,
}

__all__ = ["FUNCTIONS", "UFUNCS", "as_matrix", "dot", "mean", "reduced", "refused", "total"]
