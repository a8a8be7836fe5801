"""Single places that are made of sizes: `x[n+1]` is the first place of the part x[n+1:n+1]."""

from __future__ import annotations

from gradwright.core.sizes import is_compound
from gradwright.errors import Span
from gradwright.notation.ranges import Place, Range
from gradwright.notation.tree import Entry, Index, Part, Tree

#: What stands in the brackets of an entry or a part.
Written = tuple[Index | Range | Place, ...]


def joined(tree: Tree) -> tuple[Tree, Written] | None:
    """Base and places of `A[m+1,j]`, which is A[m+1:m+1,:][1,j]; None for other nodes."""
    if not isinstance(tree, (Entry, Part)) or not isinstance(tree.base, Part):
        return None
    cut = tree.base.places
    taken = tree.indices if isinstance(tree, Entry) else tree.places
    if len(taken) < len(cut):
        return None
    places: list[Index | Range | Place] = []
    for axis, own in enumerate(taken):
        part = cut[axis] if axis < len(cut) else Range()
        if part == Range():
            places.append(own)
            continue
        start = part.start if isinstance(part, Range) and part.start == part.end else None
        if start is None or own != 1 or not is_compound(start):
            return None
        places.append(Place(start))
    return (tree.base.base, tuple(places)) if places != list(taken) else None


def parted(base: Tree, places: Written, span: Span | None = None) -> tuple[Tree, Written]:
    """The other way round: the part with the places that are made of sizes, and what it takes."""
    if not any(isinstance(place, Place) for place in places):
        return base, places
    cut = tuple(Range(p.size, p.size) if isinstance(p, Place) else Range() for p in places)
    return Part(base, cut, span), tuple(1 if isinstance(p, Place) else p for p in places)
