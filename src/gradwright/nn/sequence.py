"""Networks as lists: the text of a network cut at its arrows, with layers by formula among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from gradwright.core.sizes import Lengths
from gradwright.errors import LimitError, NetworkError, Span
from gradwright.nn.activations import ACTIVATIONS
from gradwright.nn.layer import Layer
from gradwright.nn.layer_formula import LayerFormula
from gradwright.nn.text import MAX_LAYERS, MAX_WIDTH, parse_network, parse_piece
from gradwright.notation.function_values import supplied
from gradwright.notation.supplied import Supplied

ARROW = " -> "

EXAMPLE = 'write a network as ["4", dense(m=6), "3 softmax"]'


@dataclass(frozen=True, slots=True)
class FormulaLayer:
    """A layer by formula as users hold it: the formula, and numbers for some of its sizes.

    Calling it gives sizes by their names: `dense(m=10)`.
    """

    formula: LayerFormula
    sizes: tuple[tuple[str, int], ...] = ()
    functions: tuple[tuple[str, Supplied], ...] = ()

    def __repr__(self) -> str:
        shown = [f"{name}={size}" for name, size in self.sizes]
        given = ", ".join([*shown, *(f"{name}=…" for name, _ in self.functions)])
        return f"layer({self.formula.text!r})" + (f"({given})" if given else "")

    def __call__(self, **given: Any) -> FormulaLayer:
        """The layer with more of its sizes given, or functions for its abstract ones.

        A size is a whole number. For an elementwise function a formula in one scalar is given, for
        a map the function and its derivatives by each argument, `f=(f, J_1, J_2)`.

        Raises:
            NetworkError: a name that is no size of the formula, or a size out of range.
            SymbolError: what is given for an abstract function is none.
        """
        names = [name for name, _ in self.formula.sizes]
        abstract = {declared.name: declared for declared in self.formula.functions}
        sizes: dict[str, int] = {}
        functions: dict[str, Supplied] = {}
        for name, size in given.items():
            if name in abstract:
                functions[name] = supplied(abstract[name], size, f"the layer {self.formula.text}")
                continue
            if name not in names:
                known = ", ".join([*names, *abstract])
                raise NetworkError(
                    f"the layer {self.formula.text} with {name}={size!r}",
                    f"{name} is given and the layer has {known or 'no open size'}",
                    "give one of those, or none",
                    text=self.formula.text,
                )
            if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MAX_WIDTH:
                raise NetworkError(
                    f"the size {name} of the layer {self.formula.text}",
                    f"{size!r} is given and a size is a whole number from 1 to {MAX_WIDTH}",
                    f"write {name}=10",
                )
            sizes[name] = size
        return FormulaLayer(
            self.formula,
            tuple({**dict(self.sizes), **sizes}.items()),
            tuple({**dict(self.functions), **functions}.items()),
        )

    def layer(self, fan_in: int | None, number: int) -> Layer:
        """The layer behind `fan_in` units; None where the network starts with it.

        Raises:
            NetworkError: a size that nothing tells, or that clashes with the units before it.
        """
        formula = self.formula
        own = dict(formula.sizes)
        known = {own[name]: size for name, size in self.sizes}
        inputs = formula.inputs if isinstance(formula.inputs, int) else known.get(formula.inputs)
        if inputs is not None and fan_in not in (None, inputs):
            raise NetworkError(
                f"layer {number}, {formula.text}",
                f"its input has {inputs} entries and {fan_in} units stand before it",
                "make the two equal, or leave the size of the input out",
                text=formula.text,
            )
        if isinstance(formula.inputs, str) and fan_in is not None:
            known[formula.inputs] = fan_in
        for name, letter in formula.sizes:
            if letter not in known:
                raise NetworkError(
                    f"layer {number}, {formula.text}",
                    f"it has the size {name}, and neither the layer before it nor a number says "
                    "what that is",
                    f"write the layer with {name}=10",
                    text=formula.text,
                )

        ending = formula.activation if formula.activation in ACTIVATIONS else "formula"
        return Layer(
            Lengths(known).length(formula.inputs),
            Lengths(known).length(formula.outputs),
            ending,
            bias=False,
            formula=formula,
            sizes=tuple(sorted(known.items())),
            functions=self.functions,
        )


#: A network as users describe it.
Source = str | Sequence[str | int | FormulaLayer]


def read_network(source: Source) -> tuple[str, tuple[Layer, ...]]:
    """(the network as text, its layers).

    A list has between its commas what a text has between its arrows: first the number of inputs,
    then layers such as "6 relu", and layers by formula. A list may start with a layer by formula
    that says how long its input is.

    Raises:
        NotationError, LimitError: a piece of text cannot be read, or there are too many layers.
        NetworkError: an item of another kind, or sizes that are missing or clash.
    """
    if isinstance(source, str) or not isinstance(source, Sequence):
        return str(source), parse_network(source)
    reader = _Items()
    for item, members in groupby(source):
        count = sum(1 for _ in members)
        if isinstance(item, FormulaLayer):
            reader.formula(item, count)
        elif isinstance(item, str) or (isinstance(item, int) and not isinstance(item, bool)):
            for _ in range(count):
                reader.piece(str(item).strip())
        else:
            raise NetworkError(
                "a network as a list",
                f"a {type(item).__name__} is among its items, which are pieces of text and layers",
                EXAMPLE,
            )
        if len(reader.layers) > MAX_LAYERS:
            raise LimitError(
                "a network as a list",
                f"it has {len(reader.layers)} layers so far and {MAX_LAYERS} are allowed",
                "use fewer layers",
            )
    if not reader.layers:
        raise NetworkError(
            "a network as a list",
            f"it has {len(source)} items and none of them is a layer",
            EXAMPLE,
        )
    return reader.text, tuple(reader.layers)


class _Items:
    """The items read so far: their text, the layers, the units behind them."""

    def __init__(self) -> None:
        self.text = ""
        self.layers: list[Layer] = []
        self.width: int | None = None

    def formula(self, item: FormulaLayer, count: int) -> None:
        """A layer by formula, `count` times."""
        made: list[Layer] = []
        for _ in range(min(count, MAX_LAYERS + 1)):
            made.append(item.layer(self.width, len(self.layers) + len(made) + 1))
            self.width = made[-1].fan_out
        if not self.text:
            self.text = str(made[0].fan_in)
        start = len(self.text) + len(ARROW)
        self.text += f"{ARROW}{count} * " if count > 1 else ARROW
        self.text += f"{self.width} {item.formula.text}"
        span = Span(start, len(self.text))
        self.layers += [replace(layer, span=span) for layer in made]

    def piece(self, text: str) -> None:
        """What stands between arrows."""
        self.width, read = parse_piece(text, self.width)
        self.text += ARROW if self.text else ""
        start = len(self.text)
        self.text += text
        self.layers += [_moved(layer, start) for layer in read]


def _moved(layer: Layer, by: int) -> Layer:
    """A layer whose piece of text stands further behind."""
    span = layer.span
    return layer if span is None else replace(layer, span=Span(span.start + by, span.end + by))
