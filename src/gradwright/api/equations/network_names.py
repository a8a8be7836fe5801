"""What the names in an equation about a network stand for.

`dL/dW3`, `∂L/∂W3` and `dW3` are δW3; ∂z3/∂a2 is J_z3_a2.
"""

from __future__ import annotations

import re

from gradwright.api.equations.layers import STEMS
from gradwright.api.equations.network_formulas import Quantity, batch_name, layer_name
from gradwright.explain.conventions import Convention
from gradwright.notation.mapped import MappedText

_NAME = r"[^\W\d_]\w*"
_QUOTIENT = re.compile(
    rf"(?<![^\W_])(?:∂|d)\s*(?P<top>{_NAME})\s*(?:\[(?P<above>[^\[\]]*)\])?\s*/"
    rf"\s*(?:∂|d)\s*(?P<bottom>{_NAME})(?:\[(?P<below>[^\[\]]*)\])?"
)
_ALONE = re.compile(r"(?<![^\W_])(?<!/)(?:d|∂)(?P<name>[WwbZzAaVvXx][0-9]*)(?!\w)")
_NABLA = re.compile(
    rf"∇\s*_?\s*(?P<brace>\{{)?\s*(?P<name>{_NAME})\s*(?(brace)\}})(?:\s*(?:L|E|J))?(?!\w)"
)
#: Letters that mean the loss.
LOSSES = ("L", "E", "J", "C", "ℒ", "ℰ")
#: Names for the step size of gradient descent, and the one that they are read as.
STEP_SIZES = ("α", "alpha", "η", "eta", "lr")
STEP_SIZE = "α"
#: Letters that stand for others where no notation is named.
_ALIASES = {"V": "A", "v": "a", "w": "W"}


class NetworkNames:
    """The names of a network of some depth, in the letters of a notation."""

    def __init__(self, batch: dict[str, Quantity], depth: int, convention: Convention) -> None:
        self.batch = batch
        self.depth = depth
        self.convention = convention
        self.singles = {
            name[: len(name) - len(stem)] + stem[0].lower() + stem[1:]
            for name, quantity in batch.items()
            if "n" in quantity.axes
            for stem in [name.removeprefix("δ")]
        }
        self.letters = dict(_ALIASES)
        if convention.one_sample:
            self.letters = {"w": "W"} | {convention.letters[a]: a.lower() for a in "XZAY"}
            self.letters |= {convention.letters[a]: a for a in "WL"}
            self.letters |= {"V": self.letters["v"]} if "v" in self.letters else {}
            # The derivatives by z and by a have letters of their own.
            self.letters |= {convention.letters[f"δ{a}"]: f"δ{a.lower()}" for a in "ZA"}
        elif convention.name:
            self.letters = {convention.letters["Y"]: "Y"}

    @property
    def stems(self) -> str:
        """The letters that have layers."""
        if not self.convention.one_sample:
            return STEMS
        letters = self.convention.letters
        return "".join({letters[a] for a in ("W", "b", "Z", "A", "φ", "δZ", "δA")} | set("AWwV"))

    def written(self, letter: str) -> str:
        """The letter of a notation for a canonical one."""
        if not self.convention.name or letter == "y":
            return letter
        return self.convention.letters.get(letter.upper() if letter in "xza" else letter, letter)

    def is_single(self, text: str) -> bool:
        """Whether an equation is about one sample: small letters with layers, and no batch."""
        if self.convention.name:
            return self.convention.one_sample
        small = re.search(r"(?<![^\W_dδ])[zav][0-9]+", text)
        large = re.search(r"(?<![^\W_dδ])(?:[ZAV][0-9]+|X(?!\w))", text)
        if small is not None:
            return True
        return large is None and re.search(r"(?<![^\W_dδ])[xyŷza](?!\w)", text) is not None

    def canonical(self, name: str, *, single: bool) -> str | None:
        """The quantity that a name stands for, None if there is none."""
        if name.startswith("J_L_") and self.known(f"δ{name[4:]}"):
            return f"δ{name[4:]}"
        if name.startswith("J_"):
            return name if name.count("_") == 2 else None
        delta = name.startswith("δ")
        stem = name.removeprefix("δ")
        if delta and stem.isdigit():
            stem = f"{'z' if single else 'Z'}{stem}"
            return f"δ{stem}" if self.known(f"δ{stem}") else None
        found = self._stem(stem, single=single)
        if found is None:
            return None
        return f"δ{found}" if delta else found

    def _stem(self, stem: str, *, single: bool) -> str | None:
        letters = self.convention.letters
        if stem in (LOSSES if not self.convention.name else (letters["L"], "L", "ℒ")):
            return "L"
        if stem in ("ŷ", "Ŷ") or (single and stem == "f"):
            letter = "A" if stem == "Ŷ" or not single else "a"
            return f"{letter}{self.depth}"
        letter = stem.rstrip("0123456789")
        number = stem[len(letter) :]
        if number or letter in (letters["X"], letters["Y"], "w"):
            letter = self.letters.get(letter, letter)
        if single and stem in ("z", "a"):
            number = str(self.depth)
        if letter in ("A", "a") and number == "0":
            return layer_name(letter, 0)
        if self.depth == 1 and not number and letter in tuple("WbZzAa"):
            number = "1"
        found = letter + number
        if found in self.singles and found not in self.batch:
            return found if single else batch_name(found)
        return found if found in self.batch else None

    def known(self, name: str) -> bool:
        """Whether a canonical name has a value, or is a derivative of one by another."""
        if name.startswith("J_"):
            return all(self.known(part) for part in name.split("_")[1:])
        return name in self.batch or name in self.singles

    def with_derivatives(self, text: MappedText, *, single: bool) -> MappedText:
        """Quotients of differentials as names."""

        def quotient(found: re.Match[str]) -> str | None:
            top = self.canonical(found["top"], single=single) or found["top"]
            bottom = self.canonical(found["bottom"], single=single) or found["bottom"]
            if "_" in top + bottom:
                return None
            entry = ",".join(part for part in (found["above"], found["below"]) if part)
            entry = f"[{entry}]" if entry else ""
            return f"J_{top}_{bottom}{entry}"

        def alone(found: re.Match[str]) -> str | None:
            name = self.canonical(found["name"], single=single)
            return None if name is None else f"J_L_{name}"

        text = text.replaced(_QUOTIENT, quotient)
        return text.replaced(_NABLA, alone).replaced(_ALONE, alone)
