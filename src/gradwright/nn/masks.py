"""Dropout masks of layers: random vectors that training draws anew and prediction leaves out.

The entries of a mask are 0 with the probability that is its rate, else 1/(1 - rate), so their mean
is 1 (inverted dropout; Srivastava et al., JMLR 2014). A kind has masks, its layers their rates.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from gradwright.errors import NetworkError
from gradwright.notation.declarations import Declaration
from gradwright.notation.rebuilt import rebuilt
from gradwright.notation.size_text import size_tree
from gradwright.notation.tree import Call, Symbol, Tree


def batch_letter(name: str) -> str:
    """The name of a mask for a batch."""
    return name.upper()


def require_masks(
    text: str, declared: Mapping[str, Declaration], rates: Mapping[str, Fraction]
) -> None:
    """Check the masks of a layer.

    Raises:
        NetworkError: one is no vector, has a name that cannot stand for a batch, or a rate that is
            no probability below 1.
    """
    for name, rate in rates.items():
        asked = f"the mask {name} of the layer {text}"
        if name not in declared or declared[name].kind != "vector":
            said = str(declared[name]) if name in declared else "not declared"
            raise NetworkError(
                asked,
                f"it is {said}, and a mask is a vector that multiplies entries",
                f'declare it, {name}="vector n"',
                text=text,
            )
        letters = {batch_letter(x) for x in declared if x != name} | set(declared)
        if not name.islower() or len(name) > 1 or batch_letter(name) in {*letters, *"XZAYL"}:
            raise NetworkError(
                asked,
                f"{name} is its name, and for a batch it is {batch_letter(name)}, which is taken "
                "or no capital letter",
                "call it m",
                text=text,
            )
        if not 0 <= rate < 1:
            raise NetworkError(
                asked,
                f"its rate is {float(rate):g} and a rate is a probability from 0 to below 1",
                "write a rate such as 0.2",
                text=text,
            )


def without_masks(tree: Tree, masks: Mapping[str, Declaration]) -> Tree:
    """A formula with ones in place of masks, for prediction."""

    def change(part: Tree) -> Tree:
        if isinstance(part, Symbol) and part.name in masks:
            return Call("ones", (size_tree(masks[part.name].sizes[0]),))
        return part

    return rebuilt(tree, change)
