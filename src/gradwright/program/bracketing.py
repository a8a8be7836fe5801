"""In which order the factors of one contraction are multiplied.

The chain rule makes products of many factors. Forward mode multiplies them from the variable
onwards, reverse mode from the output backwards; either order may be far from the cheapest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from math import prod

from gradwright.core.nodes import Labels
from gradwright.core.work import spend

#: Which factors are multiplied in turn; each product goes to the end of the list.
Path = list[tuple[int, ...]]

#: A factor by its number, or the product of two trees.
_Tree = int | tuple["_Tree", "_Tree"]

#: Up to this many factors every order is compared.
MAX_EXACT = 6

#: What finds a good order for up to so many factors; two branches at each step are 2^count orders.
SEARCHES = ((8, "branch-2"), (14, "branch-1"))


class Bracketing(StrEnum):
    """An order of multiplication."""

    CHEAPEST = "cheapest"
    FROM_THE_VARIABLE = "from the variable"
    FROM_THE_OUTPUT = "from the output"


def path(
    factors: Sequence[Labels], out: Labels, length: Callable[[int], int], order: Bracketing
) -> Path:
    """The factors to combine, in turn.

    The last label of `out` is an axis of the variable; without one the cheapest order is taken.
    """
    if len(factors) == 1:
        return []
    if len(factors) == 2:
        return [(0, 1)]
    if order is Bracketing.CHEAPEST or not out:
        return _cheapest(factors, out, length)
    walk = _from(factors, out[-1])
    return _in_turn(walk if order is Bracketing.FROM_THE_VARIABLE else walk[::-1])


def _cheapest(factors: Sequence[Labels], out: Labels, length: Callable[[int], int]) -> Path:
    if len(factors) > MAX_EXACT:
        return _cheap(factors, out, length)
    tree = _best_tree([frozenset(labels) for labels in factors], out, length)
    steps: list[tuple[int, int]] = []

    def numbered(part: _Tree) -> int:
        if isinstance(part, int):
            return part
        one, other = map(numbered, part)
        steps.append((min(one, other), max(one, other)))
        return len(factors) + len(steps) - 1

    numbered(tree)
    return _shrinking(len(factors), steps)


def _best_tree(
    factors: Sequence[frozenset[int]], out: Labels, length: Callable[[int], int]
) -> _Tree:
    """The tree of products with the fewest multiplications, of those the smallest values.

    Every subset of the factors is made from two smaller ones in the cheapest way. Of equal ways
    the one is taken that multiplies near the first axis of the result.
    """
    count = len(factors)
    everything = (1 << count) - 1
    first = out[0] if out else None
    inside = {1 << k: labels for k, labels in enumerate(factors)}
    best: dict[int, tuple[int, int, int, _Tree]] = {1 << k: (0, 0, 0, k) for k in range(count)}
    kept = dict(inside)

    def size(labels: frozenset[int]) -> int:
        return prod(map(length, labels))

    for subset in sorted(range(1, everything + 1), key=int.bit_count):
        if subset in best:
            continue
        low = subset & -subset
        inside[subset] = inside[low] | inside[subset ^ low]
        outside = set(out).union(*(f for k, f in enumerate(factors) if not subset >> k & 1))
        kept[subset] = inside[subset] & outside
        found: tuple[int, int, int, _Tree] | None = None
        part = (subset - 1) & subset
        while part:
            other = subset ^ part
            if part & low:
                one, two = best[part], best[other]
                price = one[0] + two[0] + size(kept[part] | kept[other])
                held = one[1] + two[1] + size(kept[subset])
                late = sum(side.bit_count() for side in (part, other) if first not in inside[side])
                if found is None or (price, held, late) < found[:3]:
                    found = (price, held, late, (one[3], two[3]))
            part = (part - 1) & subset
        assert found is not None
        best[subset] = found
    return best[everything][3]


def _cheap(factors: Sequence[Labels], out: Labels, length: Callable[[int], int]) -> Path:
    """A good order for many factors."""
    # Only long contractions need it, and its import takes longer than a small one.
    import opt_einsum

    used = sorted({x for labels in factors for x in labels})
    letter = {x: opt_einsum.get_symbol(k) for k, x in enumerate(used)}
    subscripts = ",".join("".join(letter[x] for x in labels) for labels in factors)
    result = "".join(letter[x] for x in out if x in letter)
    shapes = [tuple(length(x) for x in labels) for labels in factors]
    # Its optimal search mistakes factors with equal labels for each other; these do not.
    search = next((name for most, name in SEARCHES if len(factors) <= most), "greedy")
    spend(20 * len(factors) ** 2)
    found, _ = opt_einsum.contract_path(
        f"{subscripts}->{result}", *shapes, shapes=True, optimize=search
    )
    return [tuple(step) for step in found]


def _from(factors: Sequence[Labels], start: int) -> list[int]:
    """The factors in the order in which they are reached from one label.

    Of those that are next, the ones that lead nowhere new come first: a weight of an axis is
    taken before a matrix.
    """
    reached = {start: 0}
    order: list[int] = []
    left = list(range(len(factors)))
    while left:

        def distance(k: int) -> tuple[int, int]:
            labels = factors[k]
            nearest = min((reached[x] for x in labels if x in reached), default=len(factors) ** 2)
            return nearest, sum(x not in reached for x in labels)

        chosen = min(left, key=distance)
        left.remove(chosen)
        order.append(chosen)
        for label in factors[chosen]:
            reached.setdefault(label, len(order))
    return order


def _in_turn(order: Sequence[int]) -> Path:
    """Multiply the first two, then the result with each that follows."""
    steps = [(order[0], order[1])]
    steps += [(factor, len(order) + k) for k, factor in enumerate(order[2:])]
    return _shrinking(len(order), steps)


def _shrinking(count: int, steps: Sequence[tuple[int, int]]) -> Path:
    """Steps over numbered factors as places in a list that shrinks.

    Product number k is factor `count + k`.
    """
    listed = list(range(count))
    found: Path = []
    for k, step in enumerate(steps):
        places = tuple(sorted(map(listed.index, step)))
        found.append(places)
        listed = [factor for place, factor in enumerate(listed) if place not in places]
        listed.append(count + k)
    return found
