"""The modes of the chain rule: for each, the programs that it leads to, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from msgspec import Struct

from gradwright.calculus.elimination import ORDERS, Length, cross_country
from gradwright.calculus.modes import forward, reverse
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node, Size, Variable
from gradwright.core.sizes import Lengths
from gradwright.errors import SymbolError
from gradwright.program.bracketing import Bracketing

MODES = ("auto", "reverse", "forward", "cross_country")

#: Lengths that are assumed for named sizes, in the order of their names: unequal, so that an
#: order of multiplication that is cheaper for one shape only is not taken for all.
FIRST_LENGTH, NEXT_LENGTH = 32, 4


def require_mode(mode: str, asked: str) -> None:
    """Refuse what is no mode.

    Raises:
        SymbolError: it is none of `MODES`.
    """
    if mode not in MODES:
        raise SymbolError(
            f"{asked} in mode {mode!r}",
            f"{mode!r} is asked for and the modes are {', '.join(MODES[:-1])} and {MODES[-1]}",
            "leave mode out, or name one of the four",
        )


class Way(Struct, frozen=True):
    """One order of the chain rule, and how the factors of its results are multiplied.

    `make` gives the results; nothing where this order was not tried.
    """

    mode: str
    order: str
    bracketing: Bracketing
    make: Callable[[], tuple[Node, ...]]


class Chain(Struct, frozen=True):
    """What is differentiated last: nodes, and the variables of each.

    `finish` makes the output of that number of a derivative: it gives the variables that were
    differentiated by their declared facts back.
    """

    graph: Graph
    outputs: tuple[tuple[Node, tuple[Variable, ...]], ...]
    finish: Callable[[int, Node], Node]
    _made: dict[object, tuple[Node, ...]] = {}

    def ways(self, hints: Mapping[str, int]) -> Iterator[Way]:
        """Every order that there is, those of one mode behind each other."""
        backward = partial(self._each, "reverse", self._reverse)
        onward = partial(self._each, "forward", self._forward)
        yield Way("reverse", "from the output", Bracketing.FROM_THE_OUTPUT, backward)
        yield Way("forward", "from the variable", Bracketing.FROM_THE_VARIABLE, onward)
        cheapest = "chains multiplied in the cheapest order"
        for make in (backward, onward):
            yield Way("cross_country", cheapest, Bracketing.CHEAPEST, make)

        def length(size: Size) -> int:
            return Lengths(hints).length(size)

        for order in ORDERS:
            key = (order, *sorted(hints.items()))
            make = partial(self._each, key, partial(self._eliminated, order, length))
            yield Way("cross_country", order, Bracketing.CHEAPEST, make)

    def _eliminated(
        self, order: str, length: Length, node: Node, by: Sequence[Variable]
    ) -> Sequence[Node] | None:
        found = cross_country(self.graph, node, by, order, length)
        return None if found is None else [found[variable] for variable in by]

    def _reverse(self, node: Node, by: Sequence[Variable]) -> Sequence[Node]:
        found = reverse(self.graph, node, by)
        return [found[variable] for variable in by]

    def _forward(self, node: Node, by: Sequence[Variable]) -> Sequence[Node]:
        return [forward(self.graph, node, variable) for variable in by]

    def _each(
        self,
        key: object,
        derivative: Callable[[Node, Sequence[Variable]], Sequence[Node] | None],
    ) -> tuple[Node, ...]:
        """The derivatives of all outputs, made once; nothing where one was not found."""
        if key not in self._made:
            found: list[Node] = []
            for node, by in self.outputs:
                made = derivative(node, by)
                if made is None:
                    return ()
                found.extend(made)
            self._made[key] = tuple(self.finish(k, node) for k, node in enumerate(found))
        return self._made[key]


def assumed_lengths(
    names: Sequence[str], given: Mapping[str, int], known: Iterable[str]
) -> dict[str, int]:
    """A length for each named size that counts, those that are given first.

    Raises:
        SymbolError: a length is given for a name that is none of the `known` sizes.
    """
    unknown = sorted(set(given) - set(names) - set(known))
    if unknown:
        raise SymbolError(
            f"the length of {unknown[0]}",
            f"a length is given for {unknown[0]} and the formula's sizes are "
            f"{', '.join(sorted({*names, *known})) or 'all numbers'}",
            "give lengths for sizes of the formula",
        )
    assumed = {n: FIRST_LENGTH + NEXT_LENGTH * k for k, n in enumerate(sorted(names))}
    return {name: given.get(name, length) for name, length in assumed.items()}
