"""Every quantity of a network by its name, with the formula that was derived for it.

A layer k has W1, b1, Z1, A1 and so on; δZ1 is ∂L/∂Z1. Quantities of one sample are columns in small
letters: x, z1, a1, y. J_z3_a2 is the Jacobian of z3 by a2.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from gradwright.core.nodes import Size
from gradwright.nn.network import NetworkModel
from gradwright.notation.declarations import Declaration, Kind
from gradwright.notation.parser import parse
from gradwright.notation.raising.raiser import without_spans
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.tree import Symbol, Tree

KINDS: tuple[Kind, ...] = ("scalar", "vector", "matrix")


class Quantity(Struct, frozen=True):
    """A name, its axes (widths as layer numbers) and its formula; a given one has none.

    `formula` is what it is defined as or was derived to be.
    """

    name: str
    axes: tuple[str, ...]
    formula: Tree | None = None


def layer_name(letter: str, layer: int) -> str:
    """The name of a letter in a layer: A0 is X and a0 is x."""
    if layer == 0 and letter in ("A", "a"):
        return {"A": "X", "a": "x"}[letter]
    return f"{letter}{layer}"


def width(layer: int) -> str:
    """The name of the width of a layer; layer 0 is the input."""
    return f"n{layer}"


def quantities(model: NetworkModel) -> dict[str, Quantity]:
    """Everything a network has for a batch, in order of computation."""
    depth = len(model.layers)
    found = [Quantity("X", _batch_axes(model, 0)), Quantity("Y", _batch_axes(model, depth))]
    for number, kind in enumerate(model.kinds, start=1):
        axes = (width(number - 1), width(number))
        found.append(Quantity(f"W{number}", axes if model.layout.row_inputs else axes[::-1]))
        if kind.bias:
            found.append(Quantity(f"b{number}", (width(number),)))
    for number in range(1, depth + 1):
        found += _forward(model, number)
    for number in range(depth, 0, -1):
        found += _backward(model, number)
    return {quantity.name: quantity for quantity in found}


def _batch_axes(model: NetworkModel, layer: int) -> tuple[str, str]:
    return ("n", width(layer)) if model.layout.row_samples else (width(layer), "n")


def _forward(model: NetworkModel, number: int) -> list[Quantity]:
    kind = model.kinds[number - 1]
    axes = _batch_axes(model, number)
    made = []
    for line in model.derived[kind].forward:
        line = line.renamed(lambda name: _name(name, number), lambda size: _size(size, number))
        name = line.name
        if kind.activation == "identity" and name == f"A{number}":
            made.append(Quantity(f"Z{number}", axes, line.tree))
            made.append(Quantity(name, axes, Symbol(f"Z{number}")))
        else:
            made.append(Quantity(name, () if name == "L" else axes, line.tree))
    return made


def _backward(model: NetworkModel, number: int) -> list[Quantity]:
    kind = model.kinds[number - 1]
    made = []
    for line in model.derived[kind].adjoints:
        line = line.renamed(lambda name: _name(name, number), lambda size: _size(size, number))
        sizes = tuple(str(size) for size in line.axes)
        made.append(Quantity(line.name, sizes, line.tree))
    if kind.activation == "identity":
        axes = _batch_axes(model, number)
        made.append(Quantity(f"δZ{number}", axes, Symbol(f"δA{number}")))
    return made


def _name(name: str, number: int) -> str:
    stem = name.removeprefix("δ")
    prefix = name[: len(name) - len(stem)]
    if stem == "X":
        return prefix + layer_name("A", number - 1)
    return f"{prefix}{stem}{number}" if stem in ("W", "b", "Z", "A") else name


def _size(size: Size, number: int) -> Size:
    return {"p": width(number - 1), "q": width(number)}.get(str(size), size)


def single_axes(batch: Mapping[str, Quantity]) -> dict[str, tuple[str, ...]]:
    """The axes of the quantities of one sample, by name."""
    found = {}
    for name, quantity in batch.items():
        if "n" in quantity.axes:
            found[single_name(name)] = tuple(axis for axis in quantity.axes if axis != "n")
    return found


def single_name(name: str) -> str:
    """The name for one sample of what has a row for every sample: δZ1 becomes δz1."""
    stem = name.removeprefix("δ")
    return name[: len(name) - len(stem)] + stem[0].lower() + stem[1:]


def batch_name(name: str) -> str:
    """The name for a batch of what is named for one sample."""
    stem = name.removeprefix("δ")
    return name[: len(name) - len(stem)] + stem[0].upper() + stem[1:]


def declaration(name: str, axes: tuple[str, ...], lengths: Mapping[str, int]) -> Declaration:
    """The type of a quantity; widths in `lengths` are numbers."""
    sizes: tuple[Size, ...] = tuple(lengths.get(axis, axis) for axis in axes)
    return Declaration(name, KINDS[len(axes)], sizes)


def affine(model: NetworkModel, number: int) -> Tree:
    """The pre-activation of one sample as a column, in the layout of the network."""
    text = model.layout.affine(model.kinds[number - 1].bias, True)
    names = {"W": f"W{number}", "X": layer_name("a", number - 1), "b": f"b{number}"}
    return rebuilt(
        without_spans(parse(text)),
        lambda node: Symbol(names[node.name]) if isinstance(node, Symbol) else node,
    )
