"""Entries, sums and conditions on indices as people write them, as text of the grammar.

`a_{ij}` and `x_k` are entries, `Σ_{i=1}^n` and `Σ_{i≠r}` sums; the condition `r = i` becomes
`δ[r,i]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gradwright.notation.mapped import MappedText

_INDEX = r"[a-z]"
_SUBSCRIPT = re.compile(
    rf"(?P<before>(?<![^\W_])(?:∂|d|δ)?)(?P<name>[^\W\d_][0-9]*(?:\^[(\[][^()\[\]]*[)\]])?)"
    rf"_(?:\{{\s*(?P<some>{_INDEX}(?:\s*,?\s*{_INDEX})*)\s*\}}|(?P<plain>{_INDEX}{{1,3}})(?!\w))"
)
_LETTERS = re.compile(_INDEX)
_SUM = re.compile(
    rf"[Σ∑]\s*_?\s*(?:\{{\s*)?(?P<index>{_INDEX})\s*"
    rf"(?:=\s*1\s*|(?:≠|!=)\s*(?P<other>{_INDEX})\s*)?\}}?"
    r"(?:\s*\^\s*(?:\{[^{}]*\}|\w+))?\s*(?![\w,])"
)
#: An entry of a quantity with a layer: the subscript is the entry.
_BOTH = re.compile(
    r"(?P<name>[^\W\d_])_(?P<below>\{[^{}]*\}|[0-9a-z]+)\^\{?[(\[]\s*(?P<layer>[^()\[\]]*?)\s*[)\]]\}?"
)
_LOWERED = dict(zip("ᵢⱼₖₗₘₙᵣₛₜ", "ijklmnrst", strict=True))
_LOWERED_RUN = re.compile(f"[{''.join(_LOWERED)}]+")
#: A condition on two indices.
EQUAL = re.compile(rf"\s*(?P<one>{_INDEX})\s*(?P<sign>==?|≠|!=)\s*(?P<other>{_INDEX})\s*")


def with_entries(text: MappedText, is_name: Callable[[str], bool]) -> MappedText:
    """Subscripts of letters as entries, where the whole is no name of its own."""
    text = text.replaced(
        _LOWERED_RUN, lambda found: "_{" + "".join(_LOWERED[c] for c in found[0]) + "}"
    )
    text = text.replaced(_SUM, _sum).replaced(_BOTH, _layer_first)

    def entry(found: re.Match[str]) -> str | None:
        if is_name(found[0]) or found["name"] in "Σ∑∇J":
            return None
        letters = _LETTERS.findall(found["some"] or found["plain"])
        return f"{found['before']}{found['name']}[{','.join(letters)}]"

    return text.replaced(_SUBSCRIPT, entry)


def _layer_first(found: re.Match[str]) -> str:
    """z_1^{[2]} as z^(2)[1]."""
    indices = ",".join(re.findall(r"[0-9]+|[a-z]", found["below"]))
    return f"{found['name']}^({found['layer']})[{indices}]"


def _sum(found: re.Match[str]) -> str:
    """A sum over all values, or over all but one."""
    start = f"Σ_{found['index']} "
    if found["other"] is None:
        return start
    return f"{start}(1 - δ[{found['index']},{found['other']}])*"


def agreement(condition: str) -> str | None:
    """`r = i` as δ[r,i] and `r ≠ i` as 1 - δ[r,i]; None for any other condition."""
    found = EQUAL.fullmatch(condition)
    if found is None:
        return None
    identity = f"δ[{found['one']},{found['other']}]"
    return identity if found["sign"].startswith("=") else f"(1 - {identity})"
