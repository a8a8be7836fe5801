"""One layer of a network: dense, as its text describes it, or by formula."""

from __future__ import annotations

from fractions import Fraction
from math import prod

from msgspec import Struct
from msgspec.structs import astuple, replace

from gradwright.core.sizes import Lengths
from gradwright.emit.unpacking import LayerSizes
from gradwright.errors import Span
from gradwright.nn.layer_formula import Codes, LayerFormula
from gradwright.nn.layouts import LAYOUTS
from gradwright.notation.supplied import Supplied


class Layer(Struct, frozen=True, eq=False):
    """A = φ(Z), Z the affine map of its layout, with b of length fan_out.

    In the rows layout Z = X W + 1 bᵀ with W of shape (fan_in, fan_out). A layer by formula has
    its `formula` instead, in `sizes` a number for each of the formula's sizes, and in `functions`
    what is given for its abstract functions and in `rates` the rates of its masks; its
    `activation` is the one it ends with, or "formula".
    """

    fan_in: int
    fan_out: int
    activation: str = "identity"
    options: tuple[tuple[str, Fraction], ...] = ()
    bias: bool = True
    layout: str = "rows"
    span: Span | None = None
    formula: LayerFormula | None = None
    sizes: tuple[tuple[str, int], ...] = ()
    functions: tuple[tuple[str, Supplied], ...] = ()
    rates: tuple[tuple[str, Fraction], ...] = ()

    # Neither the place in a text nor what stands in for an abstract function tells layers apart.
    def _identity(self) -> tuple[object, ...]:
        return astuple(replace(self, span=None, functions=()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layer) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    @property
    def parameters(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Letter and shape of each parameter, in order."""
        if self.formula is not None:
            return self.formula.shapes(dict(self.sizes))
        weight = ("W", self.weight_shape)
        return (weight, ("b", (self.fan_out,))) if self.bias else (weight,)

    @property
    def predicted(self) -> Layer:
        """The layer by its formula for prediction."""
        if self.formula is None or self.formula.predicted is None:
            return self
        return replace(self, formula=self.formula.predicted, rates=())

    @property
    def state(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Letter and shape of what training carries from step to step, in order."""
        return () if self.formula is None else self.formula.state_shapes(dict(self.sizes))

    @property
    def masks(self) -> tuple[tuple[float, int], ...]:
        """Rate and number of entries for each dropout mask."""
        if self.formula is None:
            return ()
        known, rates = Lengths(self.sizes), dict(self.rates)
        masks = self.formula.masks
        return tuple((float(rates[m.name]), known.length(m.sizes[0])) for m in masks)

    @property
    def codes(self) -> tuple[Codes, ...]:
        """The columns of its input that choose rows of its parameters."""
        return () if self.formula is None else self.formula.codes

    @property
    def starts(self) -> dict[str, Fraction]:
        """The parameters that all start at one value."""
        return {} if self.formula is None else dict(self.formula.starts)

    @property
    def weight_shape(self) -> tuple[int, int]:
        """The shape of W."""
        inputs_first = LAYOUTS[self.layout].row_inputs
        return (self.fan_in, self.fan_out) if inputs_first else (self.fan_out, self.fan_in)

    @property
    def more_sizes(self) -> tuple[tuple[str, int], ...]:
        """Numbers for the formula's sizes that are not those of input and output."""
        if self.formula is None:
            return ()
        ends = (self.formula.inputs, self.formula.outputs)
        return tuple((name, size) for name, size in self.sizes if name not in ends)

    @property
    def weights_by_inputs(self) -> bool:
        """Whether the rows of a weight matrix belong to inputs, and not to outputs.

        In a formula a matrix stands before a column, as in W*x, and has a row for each output.
        """
        return self.formula is None and LAYOUTS[self.layout].row_inputs

    @property
    def all_sizes(self) -> LayerSizes:
        """Its sizes and the shapes of its parameters, as code needs them."""
        given = dict(self.sizes) if self.formula else {"p": self.fan_in, "q": self.fan_out}
        shapes = dict(self.parameters)
        state = dict(self.state)
        codes = tuple((codes.column, codes.count) for codes in self.codes)
        ends = (self.fan_in, self.fan_out)
        return LayerSizes(*ends, shapes, Lengths(given), self.masks, state, codes)

    @property
    def size(self) -> int:
        """The number of parameters."""
        return sum(prod(shape) for _, shape in self.parameters)

    @property
    def state_size(self) -> int:
        """The number of entries of the state."""
        return sum(prod(shape) for _, shape in self.state)
