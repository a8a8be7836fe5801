"""Abstract functions: known by their name alone, with symbolic derivatives.

`phi` acts entry by entry, and its derivatives are `phi'`, `phi''`, … `f` maps vectors to a vector
or to a number. Its Jacobian is `J_f`, in its second argument `J_f_2`, and the matrix of its second
derivatives, for a number, `H_f`, in two arguments `H_f_1_2`.

For numeric comparison each name stands for one smooth function, a sum of sines, whose
derivatives of every order are exact.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from gradwright.core.graph import Graph
from gradwright.core.nodes import Function, Node, Operation
from gradwright.ops.record import Elementwise, NumpyCode, Structured

Array = Any

#: Letters for the order of a derivative of a map.
ORDERS = ("", "J", "H")

#: Sines in the function that a name stands for.
WAVES = 3


def primed(name: str, order: int) -> str:
    """The name of a derivative of an elementwise function."""
    return name + "'" * order


def unprimed(name: str) -> tuple[str, int]:
    """The function and the order of a derivative's name.

    >>> unprimed("phi''")
    ('phi', 2)
    """
    base = name.rstrip("'")
    return base, len(name) - len(base)


def map_name(base: str, by: Sequence[int], count: int) -> str:
    """The name of the derivative of a map with `count` arguments, by those numbered in `by`.

    >>> map_name("f", (1,), 1), map_name("f", (1, 2), 2)
    ('J_f', 'H_f_1_2')
    """
    if not by:
        return base
    letter = ORDERS[len(by)] if len(by) < len(ORDERS) else f"D{len(by)}"
    places = "" if count == 1 else "".join(f"_{k}" for k in by)
    return f"{letter}_{base}{places}"


def map_parts(name: str, count: int) -> tuple[str, tuple[int, ...]]:
    """The map and the arguments that a derivative's name is by.

    >>> map_parts("J_f", 1), map_parts("H_f_1_2", 2), map_parts("f", 3)
    (('f', (1,)), ('f', (1, 2)), ('f', ()))
    """
    letter, underscore, rest = name.partition("_")
    order = _order(letter) if underscore and rest else 0
    if not order:
        return name, ()
    if count == 1:
        return rest, (1,) * order
    base, *places = rest.rsplit("_", order)
    if len(places) != order or not all(place.isdigit() for place in places):
        return name, ()
    return base, tuple(map(int, places))


def _order(letter: str) -> int:
    if letter in ORDERS[1:]:
        return ORDERS.index(letter)
    return int(letter[1:]) if letter[:1] == "D" and letter[1:].isdigit() else 0


# Records -----------------------------------------------------------------------------------------


def elementwise_record(name: str) -> Elementwise:
    """The record of an abstract elementwise function."""
    return Elementwise(
        name=name,
        derivative=_elementwise_derivative,
        value=lambda *arguments: elementwise_value(name, arguments[0]),
        numpy=NumpyCode(f"{name}({{0}})"),
        definition="",
        proof=(),
        source="",
    )


def map_record(name: str) -> Structured:
    """The record of an abstract map."""
    return Structured(
        name=name,
        jacobian=_map_jacobian,
        value=lambda *arguments: None,
        numpy=NumpyCode(f"{name}({{0}})"),
        definition="",
        proof=(),
        source="",
    )


def _elementwise_derivative(graph: Graph, node: Function) -> tuple[Node, ...]:
    return (graph.function(primed(node.operation, 1), *node.arguments),)


def _map_jacobian(graph: Graph, node: Operation) -> tuple[Node, ...]:
    """The next derivative by each argument; axes of derivatives stand in the arguments' order."""
    count = len(node.arguments)
    base, by = map_parts(node.operation, count)
    outputs = node.order - len(by)
    found = []
    for place, argument in enumerate(node.arguments, start=1):
        position = bisect_right(by, place)
        more = (*by[:position], place, *by[position:])
        at = outputs + position
        axes = (*node.axes[:at], *argument.axes, *node.axes[at:])
        made = graph.operation(map_name(base, more, count), node.arguments, axes)
        order = (*(k for k in range(len(axes)) if k != at), at)
        found.append(graph.permute(made, order))
    return tuple(found)


# Values ------------------------------------------------------------------------------------------


def _waves(name: str, *shape: int) -> np.random.Generator:
    key = blake2b(f"{name}:{shape}".encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(key))


def elementwise_value(name: str, argument: Array) -> Array:
    """The function that a name stands for, or its derivative, at each entry."""
    base, order = unprimed(name)
    draw = _waves(base)
    total = 0.0
    for _ in range(WAVES):
        size, speed, phase = draw.uniform(0.5, 1.5, 3)
        wave = np.sin(speed * argument + phase + order * np.pi / 2)
        total = total + size * speed**order * wave
    return total


def map_value(name: str, arguments: Sequence[Array], outputs: Sequence[int]) -> Array:
    """The map that a name stands for, or its derivative: (outputs, then the arguments derived by).

    `outputs` is () for a number, (m,) for a vector of m entries.
    """
    base, by = map_parts(name, len(arguments))
    lengths = tuple(len(argument) for argument in arguments)
    draw = _waves(base, *outputs, *lengths)
    shape = (*outputs, *(lengths[place - 1] for place in by))
    total = np.zeros(shape)
    for _ in range(WAVES):
        sizes = draw.uniform(0.5, 1.5, tuple(outputs))
        phase = draw.uniform(0.0, 6.0, tuple(outputs))
        weights = [draw.uniform(-1.0, 1.0, (*outputs, length)) for length in lengths]
        inner = phase + len(by) * np.pi / 2
        for weight, argument in zip(weights, arguments, strict=True):
            inner = inner + weight @ argument
        wave = sizes * np.sin(inner)
        for place in by:
            weight = weights[place - 1]
            free = np.ndim(wave) - len(outputs)
            spread = weight.reshape(*outputs, *(1,) * free, lengths[place - 1])
            wave = wave[..., None] * spread
        total = total + wave
    return total
