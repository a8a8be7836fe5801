"""Formulas from NumPy code: symbols that NumPy's operators and functions work on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradwright.api import traced as traces
from gradwright.api import traced_parts as parts
from gradwright.api.numpy_functions import FUNCTIONS, UFUNCS, Slogdet
from gradwright.api.numpy_refusals import refused
from gradwright.api.traced import Traced
from gradwright.api.traced_constants import constant, size
from gradwright.core.sizes import times
from gradwright.errors import SymbolError
from gradwright.notation.declarations import Declaration, Size, declare
from gradwright.notation.tree import Symbol, Tree


class Expression:
    """A formula under construction, made of symbols by Python's operators and NumPy's functions.

    It follows NumPy: a vector has one axis and no orientation, `*` and `/` act entry by entry,
    `@` is the matrix product, and a vector beside a matrix is a row.
    """

    __slots__ = ("traced",)

    def __init__(self, traced: Traced) -> None:
        self.traced = traced

    def __repr__(self) -> str:
        return f"<{self.traced}>"

    @property
    def tree(self) -> Tree:
        """The formula so far, as a tree of the notation."""
        return self.traced.tree

    @property
    def symbols(self) -> Mapping[str, Declaration]:
        """The declarations of the symbols in it, by name."""
        return self.traced.symbols

    # NumPy asks here ----------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """`np.exp(x)` and the like."""
        called = f"np.{ufunc.__name__}{'' if method == '__call__' else '.' + method}"
        if ufunc.__name__ not in UFUNCS or method != "__call__":
            raise refused(called)
        if options:
            raise refused(f"{called} with {', '.join(options)}")
        return _wrapped(UFUNCS[ufunc.__name__](*map(value_of, inputs)))

    def __array_function__(
        self, function: Any, types: Any, inputs: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        """`np.sum(x, axis=0)` and the like."""
        name = f"{function.__module__.removeprefix('numpy')}.{function.__name__}".lstrip(".")
        return _called(name, inputs, options)

    def __array__(self, *given: Any, **options: Any) -> Any:
        """Refused: a symbol has no numbers."""
        raise refused("turning a symbol into an array")

    # Operators ----------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Expression:
        return Expression(traces.elementwise("+", self.traced, value_of(other)))

    def __radd__(self, other: Any) -> Expression:
        return Expression(traces.elementwise("+", value_of(other), self.traced))

    def __sub__(self, other: Any) -> Expression:
        return Expression(traces.elementwise("-", self.traced, value_of(other)))

    def __rsub__(self, other: Any) -> Expression:
        return Expression(traces.elementwise("-", value_of(other), self.traced))

    def __mul__(self, other: Any) -> Expression:
        return Expression(traces.elementwise(".*", self.traced, value_of(other)))

    def __rmul__(self, other: Any) -> Expression:
        return Expression(traces.elementwise(".*", value_of(other), self.traced))

    def __truediv__(self, other: Any) -> Expression:
        return Expression(traces.elementwise("./", self.traced, value_of(other)))

    def __rtruediv__(self, other: Any) -> Expression:
        return Expression(traces.elementwise("./", value_of(other), self.traced))

    def __pow__(self, other: Any) -> Expression:
        return Expression(traces.elementwise(".^", self.traced, value_of(other)))

    def __rpow__(self, other: Any) -> Expression:
        return Expression(traces.elementwise(".^", value_of(other), self.traced))

    def __matmul__(self, other: Any) -> Expression:
        return Expression(traces.matmul(self.traced, value_of(other)))

    def __rmatmul__(self, other: Any) -> Expression:
        return Expression(traces.matmul(value_of(other), self.traced))

    def _divided(self, other: Any) -> Expression:
        raise refused("a division without rest")

    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __divmod__ = __rdivmod__ = _divided

    def __neg__(self) -> Expression:
        return Expression(traces.negated(self.traced))

    def __pos__(self) -> Expression:
        return self

    def __bool__(self) -> bool:
        raise refused("a decision that depends on a symbol")

    def __getitem__(self, place: Any) -> Expression:
        """`v[:, None]` is a column and `v[None, :]` a row; else places, slices and indices."""
        everything = slice(None)
        forms = {"column": (everything, None), "row": (None, everything)}
        for form, known in forms.items():
            is_form = isinstance(place, tuple) and list(map(repr, place)) == list(map(repr, known))
            if is_form and self.traced.form == "vector":
                return Expression(traces.as_matrix(self.traced, form))
        return Expression(parts.part(self.traced, _plain(place)))

    __hash__ = object.__hash__

    def __iter__(self) -> Any:
        raise refused("going through a symbol")

    def __float__(self) -> float:
        raise refused("a symbol as a single number")

    def __index__(self) -> int:
        raise refused("a symbol as a whole number")

    def __len__(self) -> int:
        raise refused("len of a symbol")

    def __round__(self, *digits: Any) -> Any:
        raise refused("rounding a symbol")

    def __abs__(self) -> Expression:
        return Expression(UFUNCS["absolute"](self.traced))

    def _compared(self, other: Any) -> bool:
        raise refused("a comparison of symbols")

    # A comparison that gave an answer would take one branch of the code for all values.
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _compared

    # What code asks about an array --------------------------------------------------------------

    @property
    def T(self) -> Expression:
        """All axes in the opposite order, as in NumPy; a vector is its own transpose."""
        return Expression(traces.transpose(self.traced))

    @property
    def ndim(self) -> int:
        """How many axes: 0 for a scalar, 1 for a vector, 2 for a matrix."""
        return self.traced.ndim

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes: numbers, and expressions for named ones."""
        return tuple(map(_size, self.traced.shape))

    @property
    def size(self) -> Any:
        """The number of entries: a number, or an expression where a size is a name."""
        return _size(times(*self.traced.shape))

    @property
    def mT(self) -> Expression:
        """The last two axes exchanged, as NumPy's `matrix_transpose`.

        Raises:
            ShapeError: it has fewer than two axes.
        """
        return Expression(FUNCTIONS["matrix_transpose"](self.traced))

    def reshape(self, *shape: Any, **options: Any) -> Expression:
        """The same entries in C order in another shape, as `numpy.reshape`.

        Raises:
            ShapeError: the shape has another number of entries.
        """
        given = shape[0] if len(shape) == 1 else shape
        reshaped: Expression = _called("reshape", (self, given), options)
        return reshaped

    def transpose(self, *axes: Any) -> Expression:
        """The axes in another order, as `numpy.transpose`; without one in the opposite order.

        Raises:
            ShapeError: that is no order of the axes.
        """
        order = axes[0] if len(axes) == 1 and isinstance(axes[0], tuple | list) else axes
        transposed: Expression = _called("transpose", (self, order or None), {})
        return transposed

    def __getattr__(self, name: str) -> Any:
        """A method of NumPy's arrays: its function of the same name."""
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"arrays have no attribute {name!r}")
        function = METHODS.get(name, name)
        if function not in FUNCTIONS:
            raise refused(f"the attribute {name} of an array", f"np.{name}")
        return lambda *inputs, **options: _called(function, (self, *inputs), options)


#: Methods of arrays whose functions have other names.
METHODS = {"flatten": "ravel", "conj": "copy", "conjugate": "copy"}


def _called(name: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """A function of NumPy with its arguments, as far as they are traced."""
    if name not in FUNCTIONS:
        raise refused(f"np.{name}")
    given = {key: _plain(value) for key, value in options.items()}
    try:
        inspect.signature(FUNCTIONS[name]).bind(*inputs, **given)
    except TypeError as error:
        said = ", ".join(given) or f"{len(inputs)} arguments"
        raise refused(f"np.{name} with {said}") from error
    try:
        return _wrapped(FUNCTIONS[name](*map(_plain, inputs), **given))
    except (TypeError, AttributeError, IndexError) as error:
        # An argument of a kind that NumPy takes, or refuses itself, such as a list of symbols.
        kinds = ", ".join(type(value).__name__ for value in (*inputs, *given.values()))
        raise refused(f"np.{name} of ({kinds})", f"np.{name}") from error


def value_of(given: Any) -> Traced:
    """An expression, a number, or an array of numbers that has a formula, as a traced value.

    Raises:
        UnsupportedError: another array of numbers.
        SymbolError: anything else.
    """
    return given.traced if isinstance(given, Expression) else constant(given)


def _size(given: Size) -> Any:
    return given if isinstance(given, int) else Expression(size(given))


def _plain(given: Any) -> Any:
    """What NumPy is called with, its expressions as traced values, inside lists and slices too."""
    match given:
        case Expression() | np.ndarray():
            return value_of(given)
        case list() | tuple():
            return type(given)(map(_plain, given))
        case slice():
            return slice(_plain(given.start), _plain(given.stop), given.step)
    return given


def _wrapped(found: Traced | Slogdet) -> Any:
    return type(found)(*map(Expression, found)) if isinstance(found, tuple) else Expression(found)


def scalar(name: str, *facts: str) -> Expression:
    """A scalar symbol to compute with, as in `scalar("c")` or `scalar("c", "positive")`.

    >>> from gradwright.render.plain import plain_text
    >>> c, x = scalar("c"), vector("x", "n")
    >>> plain_text((c * x).tree)
    'c*x'

    Raises:
        SymbolError: a name that is none, or a fact that scalars do not have.
    """
    return _symbol(name, "scalar", (), facts)


def vector(name: str, size: Size, *facts: str) -> Expression:
    """A vector symbol, as in `vector("x", "n")`.

    >>> from gradwright.render.plain import plain_text
    >>> x = vector("x", "n")
    >>> plain_text((np.exp(x) @ x / x.shape[0]).tree)
    "(exp(x)'*x)/n"
    """
    return _symbol(name, "vector", (size,), facts)


def matrix(name: str, rows: Size, columns: Size, *facts: str) -> Expression:
    """A matrix symbol, as in `matrix("A", "m", "n")`.

    >>> from gradwright.render.plain import plain_text
    >>> A, x = matrix("A", "m", "n"), vector("x", "n")
    >>> plain_text(np.sum(np.tanh(A @ x) ** 2).tree)
    'sum(tanh(A*x).^2)'
    """
    return _symbol(name, "matrix", (rows, columns), facts)


def tensor(name: str, *sizes: Size) -> Expression:
    """A tensor symbol, as in `tensor("T", "b", "n", "d")`.

    >>> from gradwright.render.plain import plain_text
    >>> T, W = tensor("T", "b", "n", "d"), matrix("W", "d", "k")
    >>> plain_text(np.sum(np.tanh(T @ W)[:, 1:] ** 2).tree)
    'sum(tanh(array[i,j,p](sum[l](T[i,j,l]*W[l,p])))[:,2:].^2)'
    """
    return _symbol(name, "tensor", sizes, ())


def traced(function: Callable[..., Any], declarations: Mapping[str, Declaration]) -> Expression:
    """What a function computes, called with a symbol for each parameter.

    Raises:
        SymbolError: the parameters are not those declared, or the result is no expression.
    """
    called = getattr(function, "__name__", "the function")
    parameters = list(inspect.signature(function).parameters)
    if sorted(parameters) != sorted(declarations):
        raise SymbolError(
            f"tracing {called}",
            f"its parameters are {', '.join(parameters) or 'none'} and declared are "
            f"{', '.join(sorted(declarations)) or 'none'}",
            "declare each parameter, as in A='matrix m n'",
        )
    found = function(**{name: _declared(declarations[name]) for name in parameters})
    return Expression(value_of(found))


def _symbol(name: str, kind: str, sizes: tuple[Size, ...], facts: tuple[str, ...]) -> Expression:
    for given in (*sizes, *facts):
        kinds = (str,) if given in facts else (str, int, np.integer)
        if isinstance(given, bool) or not isinstance(given, kinds):
            raise SymbolError(
                f"the {kind} {name}",
                f"a {type(given).__name__} is given and sizes are names or whole numbers, facts "
                "are words",
                'write a size as "n" or 3, a fact as "positive"',
            )
    return _declared(declare(name, " ".join([kind, *map(str, sizes), *facts])))


def _declared(declaration: Declaration) -> Expression:
    symbols = {declaration.name: declaration}
    name = Symbol(declaration.name)
    return Expression(Traced(name, declaration.kind, declaration.sizes, symbols))
