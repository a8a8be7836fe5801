"""What the names in an equation about a network stand for.

`dL/dW3`, `∂L/∂W3` and `dW3` are δW3; ∂z3/∂a2 is J_z3_a2.
"""

from __future__ import annotations

import re

from gradwright.api.equations.network_formulas import Quantity, batch_name, layer_name
from gradwright.notation.mapped import MappedText

_NAME = r"[^\W\d_]\w*"
_QUOTIENT = re.compile(
    rf"(?<![^\W_])(?:∂|d)\s*(?P<top>{_NAME})\s*(?:\[(?P<above>[^\[\]]*)\])?\s*/"
    rf"\s*(?:∂|d)\s*(?P<bottom>{_NAME})(?:\[(?P<below>[^\[\]]*)\])?"
)
_ALONE = re.compile(r"(?<![^\W_])(?:d|∂)(?P<name>[WwbZzAaVvXx][0-9]*)(?!\w)")
_NABLA = re.compile(
    rf"∇\s*_?\s*(?P<brace>\{{)?\s*(?P<name>{_NAME})\s*(?(brace)\}})(?:\s*(?:L|E|J))?(?!\w)"
)
#: Letters that mean the loss.
LOSSES = ("L", "E", "J", "C", "ℒ", "ℰ")
_ALIASES = {"V": "A", "v": "a", "w": "W"}


class NetworkNames:
    """The names of a network of some depth."""

    def __init__(self, batch: dict[str, Quantity], depth: int) -> None:
        self.batch = batch
        self.depth = depth
        self.singles = {
            name[: len(name) - len(stem)] + stem[0].lower() + stem[1:]
            for name, quantity in batch.items()
            if "n" in quantity.axes
            for stem in [name.removeprefix("δ")]
        }

    def canonical(self, name: str, *, single: bool) -> str | None:
        """The quantity that a name stands for, None if there is none."""
        if name.startswith("J_"):
            return name
        delta = name.startswith("δ")
        stem = name.removeprefix("δ")
        if delta and stem.isdigit():
            stem = f"{'z' if single else 'Z'}{stem}"
        found = self._stem(stem, single=single)
        if found is None:
            return None
        return f"δ{found}" if delta else found

    def _stem(self, stem: str, *, single: bool) -> str | None:
        if stem in LOSSES:
            return "L"
        if stem in ("ŷ", "Ŷ"):
            letter = "a" if single and stem == "ŷ" else "A"
            return f"{letter}{self.depth}"
        letter, number = _ALIASES.get(stem[:1], stem[:1]), stem[1:]
        if single and stem in ("z", "a"):
            number = str(self.depth)
        if letter in ("A", "a") and number == "0":
            return layer_name(letter, 0)
        if self.depth == 1 and not number and letter in "WbZzAa":
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
            entry = ",".join(part for part in (found["above"], found["below"]) if part)
            entry = f"[{entry}]" if entry else ""
            if top == "L":
                known = self.known(f"δ{bottom}")
                return f"δ{bottom}{entry}" if known else f"J_L_{bottom}{entry}"
            return f"J_{top}_{bottom}{entry}"

        def alone(found: re.Match[str]) -> str | None:
            name = self.canonical(found["name"], single=single)
            return None if name is None else f"δ{name}"

        text = text.replaced(_QUOTIENT, quotient)
        return text.replaced(_NABLA, alone).replaced(_ALONE, alone)


def is_single(text: str) -> bool:
    """Whether an equation is about one sample: small letters with layers, and no batch."""
    small = re.search(r"(?<![^\W_dδ])[zav][0-9]+", text)
    large = re.search(r"(?<![^\W_dδ])(?:[ZAV][0-9]+|X(?!\w))", text)
    if small is not None:
        return True
    return large is None and re.search(r"(?<![^\W_dδ])[xyŷza](?!\w)", text) is not None
