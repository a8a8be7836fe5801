r"""Subscripts and superscripts of LaTeX: layers, entries, transposes, powers.

`W_{ij}^{[2]}` is `W^(2)[i,j]`, `A^{(j+1)T}` is `A^(j+1)'`, `e^{-x}` is `exp(-x)`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from gradwright.errors import Span
from gradwright.notation.latex_tokens import GREEK, unreadable

#: Pieces of the result, each with its place in the LaTeX.
Parts = list[tuple[str, Span]]

_INDEX = r"(?:[0-9]+|[a-zA-Z](?:\s*[-+]\s*[0-9]+)?)"
#: Places of which some are sums or products of sizes, as in x_{n-1} and A_{i,m+1}.
_PLACES = re.compile(r"(?=.*[-+*])[a-z0-9]+(?:[-+*,][a-z0-9]+)*")
_LAYER = re.compile(rf"[(\[]\s*(?P<index>{_INDEX})\s*[)\]]\s*")
_BARE_LAYER = re.compile(r"[a-zA-Z](?:\s*[-+]\s*[0-9]+)?")
_SIMPLE = re.compile(r"[^\W\d_]\w*(?:\^\([^()]*\))?'*|[0-9.]+|\(.*\)|[a-z0-9]+\(.*\)", re.DOTALL)
_FUNCTION_LAYER = re.compile(r"(?<![^\W_])act(?:\^\([^()]*\))?'*$")


def joined(parts: Parts) -> str:
    """The text of some parts."""
    return "".join(part for part, _ in parts)


def juxtaposed(before: str, after: str, spaced: bool) -> bool:
    """Whether a space belongs between two pieces: it multiplies, and `f(` applies."""
    ends = before[-1:].isalnum() or before[-1:] in ")]'‖"
    if after.startswith("("):
        if _FUNCTION_LAYER.search(before):
            return False
        name = before[-1:].isalpha() or before[-1:] == "'"
        return ends and (spaced or not name)
    return ends and (after[:1].isalnum() or after[:1] in "‖Σ∂∇{[√")


def accented(text: str, accent: str) -> str:
    """A letter with its accent; what has no letter of its own gets a longer name."""
    letter, rest = text[:1], text[1:]
    words = {"~": "tilde", "-": "bar"}
    if accent in words:
        return letter + words[accent] + rest
    composed = unicodedata.normalize("NFC", letter + accent)
    return (composed if len(composed) == 1 else f"{letter}hat") + rest


def scripted(
    atom: Parts, below: Parts, above: Sequence[Parts], primes: int, span: Span, text: str
) -> Parts:
    """An atom with its scripts.

    Raises:
        NotationError: a subscript that is neither a number, nor indices, nor a name.
    """
    if not below and not above and not primes:
        return atom
    base = joined(atom)
    layer, after = "", ""
    for part in above:
        raised = joined(part).strip()
        if base == "e" and not below and raised not in ("T", "t", "'"):
            return [("exp(", span), *part, (")", span)]
        if base == "y" and raised in ("*", "∗"):
            base = "ŷ"
            continue
        found, more = _superscript(raised)
        layer, after = found or layer, after + more
    lowered = "" if not below else _subscript(base, joined(below).strip(), layer, span, text)
    if below and lowered.startswith("="):
        base, lowered = lowered[1:], ""
    if not _SIMPLE.fullmatch(base) and not base.startswith("∇"):
        base = f"({base})"
    digits, entries = re.fullmatch(r"([^\[]*)(.*)", lowered, re.DOTALL).groups()  # type: ignore[union-attr]
    return [(f"{base}{digits}{layer}{entries}{chr(39) * primes}{after}", span)]


def _superscript(raised: str) -> tuple[str, str]:
    """The layer that a superscript names, and what else it says."""
    layer = ""
    found = _LAYER.match(raised)
    if found is not None:
        layer = f"^({found['index'].replace(' ', '')})"
        raised = raised[found.end() :].strip()
    if raised in ("", "T", "t", "'", "⊤"):
        return layer, "'" if raised else ""
    if raised in ("-'", "-T"):
        return layer, "^(-1)'"
    if re.fullmatch(r"'+", raised):
        return layer, raised
    if re.fullmatch(r"[0-9]+", raised):
        return layer, f"^{raised}"
    if raised.startswith(".*"):
        return layer, f".^({raised[2:].strip()})"
    if _BARE_LAYER.fullmatch(raised) and not layer:
        return f"^({raised.replace(' ', '')})", ""
    return layer, f"^({raised})"


def _subscript(base: str, lowered: str, layer: str, span: Span, text: str) -> str:
    """What a subscript adds: digits, entries; `=name` is a whole new name."""
    letters = lowered.replace(" ", "")
    if base == "∇":
        return f"=∇_{letters} "
    if base == "J":
        composed = re.fullmatch(r"\(?(\w+)\.\*(\w+)\)?", letters)
        if composed is not None:
            return f"=J_{composed[1]}_of_{composed[2]}"
        return f"=J_{letters}"
    if base in GREEK.values() and (letters[:1].isupper() or len(letters) > 3):
        return f"={base}{letters}"
    if re.fullmatch(r"[0-9]+", letters):
        return f"[{','.join(letters)}]" if layer else letters
    several = re.fullmatch(r"[a-z](?:,[a-z0-9]){3,}|[a-z][0-9]*(?:,[a-z][0-9]*)*,[0-9]+", letters)
    if ":" in letters or several or _PLACES.fullmatch(letters):
        return f"[{letters}]"
    found = re.fullmatch(r"([0-9]*),?([a-z](?:,?[a-z])*)", letters)
    if found is None and re.fullmatch(r"[0-9]+(?:,[0-9]+)+", letters):
        return f"[{letters}]"
    if found is not None and len(found[2].replace(",", "")) <= 3:
        indices = list(found[2].replace(",", ""))
        if layer:
            return f"[{','.join([*found[1], *indices])}]"
        return f"{found[1]}[{','.join(indices)}]"
    if re.fullmatch(r"\w+", letters):
        return f"_{letters}"
    raise unreadable(
        text, span, f"the subscript {lowered} is no index and no name", "write W_3, a_{ij} or x_k"
    )
