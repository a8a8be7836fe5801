"""Conventions and letters in which a derivation of a network is written.

Five conventions are those of the lecture notes that the ledger is made of (docs/ledger.md). What
is derived does not depend on them; how it is written down does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from gradwright.core.nodes import Size
from gradwright.errors import NetworkError
from gradwright.notation.lexer import RAISED

GRADIENTS = ("column", "row")
JACOBIANS = ("numerator", "transposed")
LAYER_JACOBIANS = ("output", "pre-activation")

_RAISE = {plain: raised for raised, plain in RAISED.items()}

#: The letters of a layer kind, as they are in the emitted code.
PLAIN: Mapping[str, str] = MappingProxyType(
    {letter: letter for letter in ("X", "W", "b", "Z", "A", "Y", "L", "φ", "δZ", "δA")}
)


class Convention(Struct, frozen=True):
    """How a derivation is written.

    `layout` is that of the network. `one_sample` writes it for one sample, all values being
    columns. `gradient` "row" makes the derivatives by values of layers rows; those by parameters
    have the shape of the parameters. `jacobian` "numerator" gives ∂f/∂x a row for each entry of f,
    "transposed" a column. `layer_jacobian` says what the recursion runs over: the outputs of the
    layers, or their pre-activations.

    `letters` renames X W b Z A Y L, the activation φ, and δZ and δA, the derivatives by Z and A;
    `raised` writes the index of a layer as in W⁽²⁾, else as in W₂. `layer`, `depth` and `units` are
    the letters of a layer's index, of the number of layers, and of the units of a layer.
    """

    name: str = ""
    layout: str = "rows"
    one_sample: bool = False
    gradient: str = "column"
    jacobian: str = "numerator"
    layer_jacobian: str = "pre-activation"
    letters: Mapping[str, str] = PLAIN
    raised: bool = False
    layer: str = "l"
    depth: str = "L"
    units: str = "n"

    @property
    def row_gradients(self) -> bool:
        """Whether derivatives by values of layers are rows."""
        return self.gradient == "row"

    def name_of(self, letter: str, index: Size) -> str:
        """The name of a layer's quantity, such as W⁽²⁾ or Z3 or A[l-1]; A of layer 0 is X.

        An index with a letter that has no raised sign, as M, is written as in W[M].
        """
        stem = letter.removeprefix("δ")
        if stem == "A" and index == 0:
            return "δX" if stem != letter else self.letters["X"]
        base = self.letters.get(letter, letter)
        # Some letters have no raised form, and sizes may have any name.
        if self.raised and set(str(index)) <= set(_RAISE):
            return f"{base}⁽{''.join(_RAISE[character] for character in str(index))}⁾"
        return f"{base}{index}" if isinstance(index, int) else f"{base}[{index}]"

    def size_of(self, index: Size) -> str:
        """The number of units of a layer with a symbolic index, such as n[l-1]."""
        return f"{self.units}[{index}]"

    def stands_for(self, letter: str, index: Size) -> str:
        """∂L/∂z⁽²⁾ for the letter δZ of layer 2."""
        return f"∂{self.letters['L']}/∂{self.name_of(letter.removeprefix('δ'), index)}"

    @property
    def sentences(self) -> tuple[str, ...]:
        """The choices in force, a sentence each; none for the plain letters."""
        if not self.name:
            return ()
        x = self.letters["X"]
        kind = "one sample, all values are columns" if self.one_sample else "a batch"
        found = [f"Notation {self.name}: the derivation is for {kind}."]
        if self.one_sample:
            found.append(f"Derivatives by values of layers are {self.gradient}s.")
        across = "row" if self.jacobian == "numerator" else "column"
        found.append(f"A Jacobian ∂f/∂{x} has a {across} for each entry of f.")
        ends = {"output": "from output to output", "pre-activation": "from z to z"}
        shown = ends[self.layer_jacobian].replace("z", self.letters["Z"])
        found.append(f"The Jacobian of a layer goes {shown}.")
        return tuple(found)

    def changed(
        self,
        gradient: str | None = None,
        jacobian: str | None = None,
        layer_jacobian: str | None = None,
    ) -> Convention:
        """The convention with other choices.

        Raises:
            NetworkError: an unknown choice, or rows for the derivatives of a batch.
        """
        made = replace(
            self,
            gradient=_known("gradient", gradient or self.gradient, GRADIENTS),
            jacobian=_known("jacobian", jacobian or self.jacobian, JACOBIANS),
            layer_jacobian=_known(
                "layer_jacobian", layer_jacobian or self.layer_jacobian, LAYER_JACOBIANS
            ),
        )
        if made != self and not self.name:
            raise NetworkError(
                "a derivation in another convention",
                "a choice of gradient, jacobian or layer_jacobian is made and no notation is named",
                f"name one of the notations {', '.join(NOTATIONS)} as well",
            )
        if made.row_gradients and not made.one_sample:
            raise NetworkError(
                f"gradients as rows in the notation {self.name}",
                f"gradient is 'row' and the notation {self.name} is for a batch, whose derivatives "
                "are matrices",
                "use a notation for one sample: "
                + ", ".join(name for name, known in NOTATIONS.items() if known.one_sample),
            )
        return made


def _known(what: str, given: str, allowed: tuple[str, ...]) -> str:
    if given not in allowed:
        raise NetworkError(
            f"the choice {what}={given!r}",
            f"{given!r} is asked for and the choices are {', '.join(allowed)}",
            "use one of those",
        )
    return given


def _letters(text: str) -> Mapping[str, str]:
    """Letters for X W b Z A Y L φ δZ δA, in this order."""
    return MappingProxyType(dict(zip(PLAIN, text.split(), strict=True)))


NOTATIONS: Mapping[str, Convention] = MappingProxyType(
    {
        convention.name: convention
        for convention in (
            Convention(
                "000", "columns", True, "row", "numerator", "pre-activation",
                _letters("x W b z v y L φ δ ε"), True, "i", "L", "n",
            ),
            Convention(
                "001", "rows", False, "column", "numerator", "pre-activation",
                _letters("X W b Z A y L φ δZ δA"), False, "l", "L", "n",
            ),
            Convention(
                "002", "columns", True, "column", "numerator", "output",
                _letters("x W b v y t E f δ e"), True, "r", "L", "k",
            ),
            Convention(
                "003", "columns", True, "row", "numerator", "pre-activation",
                _letters("x W b z a y L g δ ε"), True, "l", "L", "n",
            ),
            Convention(
                "004", "transposed", True, "row", "numerator", "output",
                _letters("x w b u z y L A δ ε"), True, "j", "K", "H",
            ),
        )
    }
)  # fmt: skip


#: The plain letters for one sample: small, as vectors are.
ONE_SAMPLE = Convention(one_sample=True, letters=_letters("x W b z a y L φ δz δa"))


def known_notation(name: str) -> Convention:
    """The convention of a name; the empty name is that of the plain letters.

    Raises:
        NetworkError: there is none.
    """
    if name == "":
        return Convention()
    if not isinstance(name, str) or name not in NOTATIONS:
        raise NetworkError(
            f"the notation {name!r}",
            f"{name!r} is asked for and the notations are {', '.join(NOTATIONS)}",
            "use one of those, or leave it out",
        )
    return NOTATIONS[name]


def shifted(index: Size, by: int) -> Size:
    """The index of a layer, or the letter of one, moved by a number.

    >>> shifted(3, -1), shifted("l", 1), shifted("L+M+1", -1), shifted("L-1", 0)
    (2, 'l+1', 'L+M', 'L-1')
    """
    if isinstance(index, int):
        return index + by
    split = re.fullmatch(r"(.*?)([+-][0-9]+)?", index)
    assert split is not None
    moved = by + int(split[2] or 0)
    return f"{split[1]}{moved:+d}" if moved else split[1]
