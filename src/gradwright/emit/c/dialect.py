"""The two forms in which statements are printed: with vectors, and as plain C99."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

#: The indices of loops, outermost first; arrays have at most so many axes.
INDICES = ("i", "j", "k", "l", *(f"i{place}" for place in range(5, 17)))


class Dialect(Struct, frozen=True):
    """How the loops and calls of a function are written.

    With `vectors` loops are marked for the compiler to make vector code of, and matrix products
    have room for strips of vectors. Without, everything is a counted loop over static memory: a
    function is given scratch memory only if it needs some, and says which parameters it ignores.
    `indices` are the names of the variables of loops, outermost first.
    """

    vectors: bool
    indices: tuple[str, ...] = INDICES

    def before_loop(self, sums: Sequence[str] = ()) -> list[str]:
        """What stands before an innermost loop that adds to these variables."""
        if not self.vectors:
            return []
        reduction = f" reduction(+ : {', '.join(sums)})" if sums else ""
        return [f'_Pragma("omp simd{reduction}")']

    def memory(self, needs_scratch: bool) -> list[str]:
        """The names of the last parameters of a function."""
        if self.vectors:
            return ["scratch", "space"]
        return ["scratch"] if needs_scratch else []

    @property
    def room(self) -> list[str]:
        """The last arguments of a matrix product."""
        return ["space"] if self.vectors else []

    def remark(self, text: str) -> str:
        """What is said behind a line."""
        return "" if self.vectors else f" /* {text} */"

    def ignored(self, parameters: Sequence[str], body: str) -> list[str]:
        """The line by which a compiler does not warn of parameters that the body does not use."""
        if self.vectors:
            return ["(void)scratch, (void)space;"]
        names = [parameter.split()[-1].lstrip("*") for parameter in parameters]
        unused = [name for name in names if not re.search(rf"\b{name}\b", body)]
        return [f"{', '.join(f'(void){name}' for name in unused)};"] if unused else []


#: For the machine that compiles: the fast form.
VECTORS = Dialect(vectors=True)

#: C99 and nothing else, for any machine.
SCALAR = Dialect(vectors=False)
