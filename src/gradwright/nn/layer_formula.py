"""A layer as its forward formula: written for one sample, derived for a batch.

The formula has one input, a vector, and parameters. Its batch form has the samples as rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

from msgspec import Struct

from gradwright.core.sizes import Lengths
from gradwright.errors import NetworkError
from gradwright.nn.batch_text import BATCH
from gradwright.notation.declarations import (
    AnyDeclaration,
    Declaration,
    FunctionDeclaration,
    Size,
)

#: The letters that every layer has: input, pre-activation, activation, targets, loss.
LETTERS = ("X", "Z", "A", "Y", "L")

#: Names that a parameter cannot have: those of every layer, and of emitted code.
TAKEN = (*LETTERS, BATCH, "p", "q", "buffers", "layer", "wants_input", "dX", "dZ", "dA", "mask")

#: Nothing for any parameter.
NO_NUMBERS: Mapping[str, Fraction] = MappingProxyType({})

#: Formulas of one sample or of a batch: (name, text) in order of computation.
Texts = tuple[tuple[str, str], ...]


class Codes(Struct, frozen=True):
    """Whole numbers from 0 to below `count` in a column of the input, counted from 0."""

    name: str
    column: int
    count: int


class LayerFormula(Struct, frozen=True):
    """A layer by formula, in the letters in which a kind is derived.

    `text` is what the user wrote. Everything else is in sizes of its own: n for the batch, p for
    the input, q for the output unless it has the size of the input. `sizes` gives for each size
    of the user's the one here. `sample` has the formulas for one sample, ending with `a`, and
    `batch` those for a batch, ending with `A`. `activation` is the function that the layer ends
    with, "" where it ends with none. `functions` are its abstract functions; where one maps
    vectors there is no form for a batch, and `batch` is empty. `parts` are the names of `batch`
    other than Z and A, with the number of their entries, and `pre_activation` is that of Z.
    `starts` are the parameters that all start at one value, in place of drawn ones. `masks` are
    its dropout masks, and `predicted` is the formula for prediction where that is another one.
    `state` is what training carries from step to step without a gradient, and `updates` are its new
    values, formulas in X for a batch; a layer whose formula sees the whole batch has no `sample`.
    `codes` are columns of the input that choose rows of parameters, by the letters of a batch; a
    layer with codes has no `sample` either.
    """

    text: str
    input: str
    parameters: tuple[Declaration, ...]
    inputs: Size
    outputs: Size
    sizes: tuple[tuple[str, str], ...]
    sample: Texts
    batch: Texts
    activation: str = ""
    functions: tuple[FunctionDeclaration, ...] = ()
    parts: tuple[tuple[str, Size], ...] = ()
    pre_activation: Size = "q"
    starts: tuple[tuple[str, Fraction], ...] = ()
    masks: tuple[Declaration, ...] = ()
    predicted: LayerFormula | None = None
    state: tuple[Declaration, ...] = ()
    updates: Texts = ()
    codes: tuple[Codes, ...] = ()

    @property
    def over_batch(self) -> bool:
        """Whether the outputs for a sample depend on the other samples.

        Codes have a formula for a batch alone, which takes each sample by itself.
        """
        return not self.sample and not self.codes

    def lines(self) -> Iterator[tuple[str, dict[str, AnyDeclaration]]]:
        """The formulas for one sample, each with the declarations of its letters."""
        functions: dict[str, AnyDeclaration] = {d.name: d for d in self.functions}
        known = {d.name: d for d in (*self.parameters, *self.masks, *self.state)}
        letter, size = self.input, self.inputs
        for name, text in self.sample:
            yield text, {**functions, **known, letter: Declaration(letter, "vector", (size,))}
            known, letter, size = {}, name, self.pre_activation

    def shapes(self, sizes: Mapping[str, int]) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Letter and shape of each parameter at given sizes."""
        return _shapes(self.parameters, sizes)

    def state_shapes(self, sizes: Mapping[str, int]) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Letter and shape of each part of the state."""
        return _shapes(self.state, sizes)


def _shapes(
    letters: Iterable[Declaration], sizes: Mapping[str, int]
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    known = Lengths(sizes)
    return tuple((d.name, tuple(map(known.length, d.sizes))) for d in letters)


def require_free_letters(formulas: Sequence[LayerFormula]) -> None:
    """Check that no parameter has a letter that a network has for one sample.

    Raises:
        NetworkError: one is called x, z, a or y.
    """
    for formula in formulas:
        taken = [d.name for d in formula.parameters if d.name in ("x", "z", "a", "y")]
        if taken:
            raise NetworkError(
                f"the parameter {taken[0]} of the layer {formula.text}",
                f"a network with a map is derived for one sample, and {taken[0]} is a letter "
                "of its own there, like x, z, a and y",
                "choose a name such as theta or c",
                text=formula.text,
            )
