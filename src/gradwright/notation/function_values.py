"""Numbers for abstract functions: what users may give for a name, and what a check draws for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from msgspec import Struct

from gradwright.errors import SymbolError
from gradwright.notation.declarations import FunctionDeclaration
from gradwright.notation.supplied import Supplied
from gradwright.ops.abstract import (
    elementwise_value,
    map_name,
    map_parts,
    map_value,
    primed,
    unprimed,
)

Array = Any


class Differentiable(Protocol):
    """A formula: it has a value and derivatives of its own."""

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of its symbols."""

    def __call__(self, **values: Any) -> Any:
        """Its value."""

    def derived(self, by: Sequence[str]) -> Differentiable:
        """Its derivative, as a formula again."""


def supplied(declared: FunctionDeclaration, given: object, asked: str) -> Supplied:
    """What is given for an abstract function, with its derivatives.

    For an elementwise function: a formula in one scalar, whose derivatives follow by themselves,
    or the function with as many derivatives as are needed, `(phi, d_phi, …)`. For a map with k
    arguments: `(f, J_1, …, J_k)`, called with all arguments. A function alone is the function
    without derivatives.

    Raises:
        SymbolError: something else, or a derivative that is needed is missing.
    """
    if isinstance(given, Smooth):
        return given.call
    if hasattr(given, "derived"):
        return _of_formula(declared, given, asked)
    listed = list(given) if isinstance(given, tuple | list) else [given]
    functions = [function for function in listed if callable(function)]
    if not listed or len(functions) < len(listed):
        raise _unusable(declared, f"a {type(given).__name__} is given", asked)

    def call(by: tuple[int, ...], arguments: Sequence[Array]) -> Array:
        place = len(by) if declared.kind == "elementwise" else (by[0] if by else 0)
        missing = place >= len(functions) or (declared.kind == "map" and len(by) > 1)
        if missing:
            name = _derivative(declared, by)
            raise _unusable(declared, f"{name} is needed and is not among what is given", asked)
        return functions[place](*arguments)

    return call


def _derivative(declared: FunctionDeclaration, by: tuple[int, ...]) -> str:
    if declared.kind == "elementwise":
        return primed(declared.name, len(by))
    return map_name(declared.name, by, len(declared.sizes) - 1)


def _of_formula(declared: FunctionDeclaration, formula: Any, asked: str) -> Supplied:
    if declared.kind != "elementwise" or len(formula.variables) != 1:
        count = len(formula.variables)
        fact = f"a formula with {count} symbols is given, and a formula in one scalar fits phi(z)"
        raise _unusable(declared, fact, asked)
    (name,) = formula.variables
    known: list[Differentiable] = [formula]

    def call(by: tuple[int, ...], arguments: Sequence[Array]) -> Array:
        while len(known) <= len(by):
            known.append(known[-1].derived([name]))
        entry = known[len(by)]
        return np.vectorize(lambda z: entry(**{name: z}), otypes=[float])(arguments[0])

    return call


def _unusable(declared: FunctionDeclaration, fact: str, asked: str) -> SymbolError:
    name = declared.name
    instead = (
        f"give {name}=gw.formula('tanh(z)', z='scalar'), or functions as {name}=({name}, d_{name})"
        if declared.kind == "elementwise"
        else f"give {name}=({name}, J), functions of all arguments"
    )
    return SymbolError(asked, f"{name} is an abstract function ({declared}) and {fact}", instead)


class Smooth(Struct, frozen=True):
    """A function with all its derivatives."""

    call: Supplied


def drawn(declared: FunctionDeclaration, sizes: Mapping[str, int]) -> Smooth:
    """A smooth function for the name, the same every time, with exact derivatives.

    `sizes` has the length of a map's value, where that is declared by a name.
    """
    name = declared.name
    if declared.kind == "elementwise":
        return Smooth(lambda by, arguments: elementwise_value(primed(name, len(by)), arguments[0]))
    count = len(declared.sizes) - 1
    size = declared.sizes[-1]
    length = sizes[size] if isinstance(size, str) else size
    outputs = () if declared.is_scalar else (length,)
    return Smooth(lambda by, xs: map_value(map_name(name, by, count), xs, outputs))


def function_of(name: str, count: int, functions: Mapping[str, FunctionDeclaration]) -> str:
    """The function that a name applies with `count` arguments, itself or a derivative of it."""
    base, primes = unprimed(name)
    return base if primes or base in functions else map_parts(name, count)[0]


def applied(name: str, declared: FunctionDeclaration, call: Supplied) -> Callable[..., Array]:
    """The function, or the derivative of it, that emitted code takes as the parameter `name`."""
    if declared.kind == "elementwise":
        order = unprimed(name)[1]
        return lambda *arguments: call((1,) * order, arguments)
    by = map_parts(name, len(declared.sizes) - 1)[1]
    return lambda *arguments: call(by, arguments)
