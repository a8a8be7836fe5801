"""Abstract functions with numbers: what is given for a name, and how a call of it is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradwright.errors import SymbolError
from gradwright.notation.declarations import FunctionDeclaration
from gradwright.notation.tree import Call
from gradwright.ops.abstract import map_parts

Array = Any

#: An abstract function with its derivatives: called with the numbers of the arguments derived by,
#: from 1, and with the arguments. An elementwise function is derived by (1, 1) for its second one.
Supplied = Callable[[tuple[int, ...], Sequence[Any]], Any]


def supplied_value(
    tree: Call,
    declared: Mapping[str, FunctionDeclaration],
    functions: Mapping[str, Supplied],
    arrays: Sequence[Array],
    axes: tuple[bool, bool],
) -> tuple[Array, bool, bool]:
    """(array of two axes, whether it has rows, whether columns) of a call.

    `axes` says the same of the first argument, which an elementwise function keeps.

    Raises:
        SymbolError: no function is given for the name.
    """
    base = tree.function.rstrip("'")
    primes = len(tree.function) - len(base)
    if base in declared and declared[base].kind == "elementwise":
        (argument,) = arrays
        value = np.asarray(_function(base, functions)((1,) * primes, [argument]))
        return np.broadcast_to(value, argument.shape), *axes
    base, by = map_parts(tree.function, len(arrays))
    outputs = () if declared[base].is_scalar else (-1,)
    arguments = [array.reshape(-1) for array in arrays]
    lengths = [len(arguments[place - 1]) for place in by]
    value = np.asarray(_function(base, functions)(by, arguments))
    if len(by) == 1 and not outputs:
        return value.reshape(1, *lengths), False, True
    shape = (*outputs, *lengths)
    wide = value.reshape(*shape, *(1,) * (2 - len(shape)))
    return wide, len(shape) > 0, len(shape) > 1


def _function(name: str, functions: Mapping[str, Supplied]) -> Supplied:
    if name not in functions:
        raise SymbolError(
            "evaluating the formula",
            f"{name} is an abstract function of the formula and has no value",
            f"give a function for {name}",
        )
    return functions[name]
