"""How a batch and the weights lie in arrays: the layouts of a network.

With p inputs, q outputs and n samples a dense layer computes

    rows        Z = X W + 1 bᵀ     X is n × p, W is p × q     (samples as rows)
    columns     Z = W X + b 1ᵀ     X is p × n, W is q × p     (samples as columns)
    transposed  Z = Wᵀ X + b 1ᵀ    X is p × n, W is p × q     (samples as columns, W as in rows)

Callers hand over samples × features in every layout; only the formulas, the shapes of the weights
and the emitted code follow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from gradwright.errors import NetworkError

Array = Any


class Layout(Struct, frozen=True):
    """One layout.

    `product` and `bias` are the two terms of Z in notation, `sample` the product for a single
    sample X as a column; `row_samples` says that the rows of X, Z, A and Y are the samples, and
    `row_inputs` that the rows of W belong to the inputs.
    """

    name: str
    product: str
    bias: str
    sample: str
    row_samples: bool
    row_inputs: bool

    def affine(self, bias: bool, one_sample: bool = False) -> str:
        """Z in notation, for a batch or for one sample as a column."""
        if one_sample:
            return f"{self.sample} + b" if bias else self.sample
        return f"{self.product} + {self.bias}" if bias else self.product

    def values(self, units: str, one_sample: bool = False) -> str:
        """The declaration of what a layer computes, n samples of so many units."""
        if one_sample:
            return f"vector {units}"
        return f"matrix n {units}" if self.row_samples else f"matrix {units} n"

    @property
    def weights(self) -> str:
        """The declaration of W, with p inputs and q outputs."""
        return "matrix p q" if self.row_inputs else "matrix q p"

    def batch(self, array: Array) -> Array:
        """An array of samples × units as this layout holds it, and back; a view."""
        return array if self.row_samples else array.T

    def weight(self, array: Array) -> Array:
        """A weight matrix of this layout as fan-in × fan-out, and back; a view."""
        return array if self.row_inputs else array.T

    @property
    def batch_axes(self) -> str:
        """Where the samples are: "rows" or "columns"."""
        return "rows" if self.row_samples else "columns"


LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        layout.name: layout
        for layout in (
            Layout("rows", "X*W", "ones(n)*b'", "W'*X", True, True),
            Layout("columns", "W*X", "b*ones(n)'", "W*X", False, False),
            Layout("transposed", "W'*X", "b*ones(n)'", "W'*X", False, True),
        )
    }
)


def known_layout(name: str) -> Layout:
    """The layout of a name.

    Raises:
        NetworkError: there is none.
    """
    if not isinstance(name, str) or name not in LAYOUTS:
        raise NetworkError(
            f"the layout {name!r}",
            f"{name!r} is asked for and the layouts are {', '.join(LAYOUTS)}",
            "use one of those",
        )
    return LAYOUTS[name]
