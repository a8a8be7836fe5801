"""The entries of a result that tell of all of them whether one is not a number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.program.ir import Function, Gram, Ref, Spread


class Part(Struct, frozen=True):
    """The entries where axes of equal `labels` have equal places.

    Along axes of other labels than those `held` only the first place is taken.
    """

    labels: tuple[int, ...]
    held: tuple[int, ...]

    def of(self, array: Any) -> Any:
        """These entries, as a view."""
        distinct = list(dict.fromkeys(self.labels))
        view = np.einsum(array, list(self.labels), distinct)
        return view[tuple(slice(None if x in self.held else 1) for x in distinct)]


def telling_parts(function: Function) -> tuple[Part | None, ...]:
    """For each output a part of it: where that is finite, no entry is not a number.

    None where nothing is known, and all entries have to be looked at. What is repeated is known by
    what it repeats, and zeros stand beside a diagonal. X'diag(w)X is known by its diagonal: its
    products are |x_i w x_j| <= (x_i |w| x_i + x_j |w| x_j)/2, of which the right side does not
    overflow, and is a number, where both entries of the diagonal are finite.
    """
    made = {s.targets[0]: s.kernel for s in function.statements if len(s.targets) == 1}
    merged = function.merged or ((),) * len(function.outputs)

    def parts() -> Iterator[Part | None]:
        for output, together in zip(function.outputs, merged, strict=True):
            match made.get(output.name) if isinstance(output, Ref) and not together else None:
                case Spread(labels, held):
                    yield Part(labels, held)
                case Gram():
                    yield Part((0, 0), (0,))
                case _:
                    yield None

    return tuple(parts())
