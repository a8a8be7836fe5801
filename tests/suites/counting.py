"""Counts the multiplications that emitted NumPy code really does."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

#: Ufuncs that multiply or divide once for each entry of their result.
COUNTED = (np.multiply, np.divide, np.square)


def _gram(x: Any, weights: Any) -> int:
    """The rows scaled, then half of a product of a matrix with its own transpose."""
    rows, columns = np.shape(x)
    return rows * columns + rows * columns * (columns + 1) // 2


#: Helpers that are kernels of their own, with what they take.
KERNELS = {"gram": _gram}


class Counter:
    """How many multiplications and divisions of single numbers were done."""

    def __init__(self) -> None:
        self.multiplications = 0


class CountedArray(np.ndarray):
    """An array whose products are counted."""

    counter: Counter | None = None

    def __array_finalize__(self, of: Any) -> None:
        self.counter = getattr(of, "counter", None)

    def _count(self) -> Counter:
        assert self.counter is not None
        return self.counter

    def __array_ufunc__(self, ufunc: Any, method: str, *given: Any, **options: Any) -> Any:
        plain = [np.asarray(one) for one in given]
        result = getattr(ufunc, method)(*plain, **options)
        if method == "__call__" and ufunc in COUNTED:
            self._count().multiplications += np.size(result)
        if ufunc is np.matmul:
            self._count().multiplications += np.size(result) * plain[0].shape[-1]
        return counted(result, self._count())

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func is np.einsum:
            letters = dict(
                pair
                for labels, operand in zip(args[0].split("->")[0].split(","), args[1:], strict=True)
                for pair in zip(labels, np.shape(operand), strict=True)
            )
            size = int(np.prod(list(letters.values())))
            self._count().multiplications += size * (len(args) - 2)
        if func is np.outer:
            self._count().multiplications += np.size(args[0]) * np.size(args[1])
        # What NumPy's own functions multiply inside is theirs: a mean, a norm.
        result = func(*map(_plain, args), **{k: _plain(v) for k, v in kwargs.items()})
        return counted(result, self._count())


def counted(value: Any, counter: Counter) -> Any:
    """A value whose products are counted from now on."""
    if not isinstance(value, np.ndarray | np.generic):
        return value
    found = np.asarray(value).view(CountedArray)
    found.counter = counter
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, CountedArray):
        return np.asarray(value)
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    return value


def multiplications(source: str, name: str, arguments: dict[str, Any]) -> int:
    """Those of one call of a function of an emitted module with arrays by name.

    What a helper such as sigmoid does inside belongs to the operation.
    """
    counter = Counter()

    def apart(helper: Callable[..., Any]) -> Callable[..., Any]:
        def plain(*given: Any) -> Any:
            kernel = KERNELS.get(helper.__name__)
            counter.multiplications += kernel(*given) if kernel else 0
            return counted(helper(*map(_plain, given)), counter)

        return plain

    module: dict[str, Any] = {}
    exec(compile(source, "emitted", "exec"), module)
    for held, function in list(module.items()):
        if isinstance(function, FunctionType) and held != name:
            module[held] = apart(function)
    made = {
        key: counted(np.asarray(value, dtype=float), counter) for key, value in arguments.items()
    }
    module[name](**made)
    return counter.multiplications
