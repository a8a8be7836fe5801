"""A layer by formula as users hold it: without the layers before it, with some of its sizes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gradwright.core.sizes import Lengths
from gradwright.errors import NetworkError
from gradwright.nn.activations import ACTIVATIONS
from gradwright.nn.layer import Layer
from gradwright.nn.layer_formula import LayerFormula
from gradwright.notation.function_values import supplied
from gradwright.notation.supplied import Supplied

MAX_WIDTH = 10_000_000


class UnplacedLayer(Struct, frozen=True):
    """A layer by formula as users hold it: the formula, and numbers for some of its sizes.

    `rates` are those of its masks.

    Calling it gives sizes by their names: `dense(m=10)`.
    """

    formula: LayerFormula
    sizes: tuple[tuple[str, int], ...] = ()
    functions: tuple[tuple[str, Supplied], ...] = ()
    rates: tuple[tuple[str, Fraction], ...] = ()

    def __repr__(self) -> str:
        shown = [f"{name}={size}" for name, size in self.sizes]
        given = ", ".join([*shown, *(f"{name}=…" for name, _ in self.functions)])
        return f"layer({self.formula.text!r})" + (f"({given})" if given else "")

    def piece(self, width: int) -> str:
        """The layer with `width` outputs in a network's text."""
        return f"{width} {self.formula.text}"

    def __call__(self, **given: Any) -> UnplacedLayer:
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
        return replace(
            self,
            sizes=tuple({**dict(self.sizes), **sizes}.items()),
            functions=tuple({**dict(self.functions), **functions}.items()),
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
            rates=self.rates,
        )
