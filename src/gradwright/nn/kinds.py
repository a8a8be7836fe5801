"""Layer kinds: what is the same for all layers that share a formula, sizes left open.

A kind is derived once, however many layers a network has of it.
"""

from __future__ import annotations

from fractions import Fraction

from msgspec import Struct

from gradwright.nn.layer_formula import LayerFormula
from gradwright.nn.loss_formula import LossFormula
from gradwright.nn.losses import is_named, loss_identifier
from gradwright.nn.masks import batch_letter
from gradwright.nn.numbers import exact_decimal


class Kind(Struct, frozen=True):
    """A layer's formula: activation, bias, layout, and for the last layer the loss behind it.

    A kind of layers by formula has the `formula` and a `label`, an identifier; one in front of a
    loss by formula has that. `weights` is the letter of the weights that samples have in the loss,
    or "" where each counts once.
    """

    activation: str
    options: tuple[tuple[str, Fraction], ...] = ()
    bias: bool = True
    loss: str | None = None
    reduction: str = "mean"
    layout: str = "rows"
    formula: LayerFormula | None = None
    label: str = ""
    loss_formula: LossFormula | None = None
    weights: str = ""

    @property
    def parameters(self) -> tuple[str, ...]:
        """The letters of the parameters, in order."""
        if self.formula is not None:
            return tuple(declared.name for declared in self.formula.parameters)
        return ("W", "b") if self.bias else ("W",)

    @property
    def drawn(self) -> tuple[str, ...]:
        """The letters of what is made anew for every batch: masks are drawn, codes are read."""
        if self.formula is None:
            return ()
        masks = (batch_letter(mask.name) for mask in self.formula.masks)
        return (*masks, *(codes.name for codes in self.formula.codes))

    @property
    def state(self) -> tuple[str, ...]:
        """The letters of what training carries from step to step."""
        return () if self.formula is None else tuple(d.name for d in self.formula.state)

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of parts of a layer's formula, besides Z and A."""
        return () if self.formula is None else tuple(name for name, _ in self.formula.parts)

    @property
    def described(self) -> str:
        """The kind in a few words: the activation, or the formula."""
        return self.activation if self.formula is None else self.formula.text

    @property
    def name(self) -> str:
        """An identifier such as `dense_relu`, used in emitted code."""
        parts = ["dense", self.activation] if self.formula is None else [self.label]
        if self.options:
            parts += [f"{name}_{_digits(value)}" for name, value in self.options]
        if not self.bias and self.formula is None:
            parts.append("no_bias")
        if self.layout != "rows":
            parts.append(self.layout)
        if self.loss is not None:
            named = is_named(self.loss)
            parts += [loss_identifier(self.loss) if named else "loss", self.reduction]
            parts += ["weighted"] * bool(self.weights)
        return "_".join(parts)


def _digits(value: Fraction) -> str:
    return exact_decimal(value).replace(".", "_").replace("-", "minus_")
