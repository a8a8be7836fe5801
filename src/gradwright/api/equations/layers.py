"""Names with layers, W_3, z^(l), δ^[L-1], as the names of a network: W3, z2, δ3."""

from __future__ import annotations

import re
from functools import lru_cache

from gradwright.notation.mapped import MappedText

_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ˡᴸ", "0123456789+-lL")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋ₗ", "0123456789+-l")
_INDEX = r"[0-9]+|[a-zA-Z](?:\s*[-+−]\s*[0-9]+)?"
#: Letters that have layers, whatever the notation.
STEMS = "WwbZzAavVδ"


@lru_cache(maxsize=16)
def layered(stems: str) -> re.Pattern[str]:
    """An index in one of its spellings, behind a letter that has layers."""
    return re.compile(
        rf"(?P<before>(?<![^\W_])(?:∂|d|δ)?)(?P<stem>act|phi|[{re.escape(stems)}])"
        r"(?:"
        rf"\^\s*\(\s*(?P<i1>{_INDEX})\s*\)|\^\s*\[\s*(?P<i2>{_INDEX})\s*\]"
        rf"|\^\s*\{{\s*[\(\[]?\s*(?P<i3>{_INDEX})\s*[\)\]]?\s*\}}"
        r"|⁽(?P<i4>[⁰-⁹¹²³⁺⁻ˡᴸ]+)⁾"
        rf"|_\{{\s*[\(\[]?\s*(?P<i5>{_INDEX})\s*[\)\]]?\s*\}}|_(?P<i6>[0-9]+|[lL])(?![^\W_])"
        rf"|\[\s*(?P<i7>[0-9]+|[lL](?:\s*[-+−]\s*[0-9]+)?)\s*\]"
        r"|(?P<i8>[₀₁₂₃₄₅₆₇₈₉ₗ₊₋]+)"
        r")"
    )


_WORD = re.compile(r"(?P<letter>[a-zA-Z])?\s*(?P<sign>[-+−])?\s*(?P<number>[0-9]+)?")


def _index(found: re.Match[str]) -> str:
    text = next(text for name, text in found.groupdict().items() if name[0] == "i" and text)
    return text.translate(_RAISED).translate(_LOWERED)


def layer_letters(text: MappedText, stems: str = STEMS) -> set[str]:
    """The letters that stand for a layer in a text, the last layer's L and K not counted."""
    words = (_WORD.fullmatch(_index(found).strip()) for found in layered(stems).finditer(text.text))
    return {word["letter"] for word in words if word and word["letter"]} - {"L", "K"}


def with_layers(
    text: MappedText, letter: str | None, layer: int, depth: int, stems: str = STEMS
) -> MappedText | None:
    """Every layered name as a plain one, the layer index having a value.

    None if a layer is then out of range: below 0, or above the last.
    """
    outside = False

    def name(found: re.Match[str]) -> str | None:
        nonlocal outside
        word = _WORD.fullmatch(_index(found).strip())
        if word is None or word["letter"] not in (None, "L", "K", letter):
            return None
        start = depth if word["letter"] in ("L", "K") else layer if word["letter"] else 0
        offset = int(word["number"] or 0) * (-1 if word["sign"] in ("-", "−") else 1)
        outside |= not 0 <= start + offset <= depth
        return f"{found['before']}{found['stem']}{start + offset}"

    made = text.replaced(layered(stems), name)
    return None if outside else made
