"""Linear maps in blocks: side by side, one above the other, or in a square grid.

A grid is solved with by eliminating one block A of its diagonal through A's structure; what is
left is Schur's complement D − C A⁻¹ B, an array.

Source: Golub and Van Loan, Matrix Computations, 4th edition (2013), section 3.2.11.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from gradwright.ops import counts
from gradwright.run.linear_map import Array, LinearMap, gives_back
from gradwright.run.structured_maps import Dense


class Beside(LinearMap):
    """`[A B …]`: maps with the same rows, one after the other along the columns."""

    def __init__(self, blocks: Sequence[LinearMap]) -> None:
        self.blocks = tuple(blocks)
        self.shape = (self.blocks[0].shape[0], sum(block.shape[1] for block in self.blocks))
        self._ends = np.cumsum([block.shape[1] for block in self.blocks])[:-1]

    def _structure(self) -> str:
        return "[" + ", ".join(block.structure for block in self.blocks) + "]"

    def _type(self) -> Any:
        return np.result_type(*(block.dtype for block in self.blocks))

    def _transposed(self) -> LinearMap:
        return Stacked([block.T for block in self.blocks])

    def _apply(self, columns: Array) -> Array:
        parts = np.split(columns, self._ends)
        return sum(block._apply(part) for block, part in zip(self.blocks, parts, strict=True))

    def _product_cost(self) -> int:
        return sum(block._product_cost() for block in self.blocks)

    def _form_cost(self) -> int:
        return sum(block._form_cost() for block in self.blocks)


class Stacked(LinearMap):
    """`[A; B; …]`: maps with the same columns, one above the other."""

    def __init__(self, blocks: Sequence[LinearMap]) -> None:
        self.blocks = tuple(blocks)
        self.shape = (sum(block.shape[0] for block in self.blocks), self.blocks[0].shape[1])

    def _structure(self) -> str:
        return "[" + "; ".join(block.structure for block in self.blocks) + "]"

    def _type(self) -> Any:
        return np.result_type(*(block.dtype for block in self.blocks))

    def _transposed(self) -> LinearMap:
        return Beside([block.T for block in self.blocks])

    def _apply(self, columns: Array) -> Array:
        return np.concatenate([block._apply(columns) for block in self.blocks])

    def _product_cost(self) -> int:
        return sum(block._product_cost() for block in self.blocks)

    def _form_cost(self) -> int:
        return sum(block._form_cost() for block in self.blocks)


class Grid(LinearMap):
    """Blocks in rows and columns, those of the diagonal square."""

    compound = True

    def __init__(self, blocks: Sequence[Sequence[LinearMap]]) -> None:
        self.blocks = tuple(map(tuple, blocks))
        self.sizes = [row[0].shape[0] for row in self.blocks]
        self.shape = (sum(self.sizes),) * 2
        self._ends = np.cumsum(self.sizes)[:-1]
        self._rows = [Beside(row) for row in self.blocks]

    def _structure(self) -> str:
        rows = (", ".join(block.structure for block in row) for row in self.blocks)
        return f"[{'; '.join(rows)}]"

    def _type(self) -> Any:
        return np.result_type(*(row.dtype for row in self._rows))

    def _transposed(self) -> LinearMap:
        return Grid([[block.T for block in column] for column in zip(*self.blocks, strict=True)])

    def _apply(self, columns: Array) -> Array:
        return np.concatenate([row._apply(columns) for row in self._rows])

    def _dense(self) -> Array:
        return np.block([[block._dense() for block in row] for row in self.blocks])

    def _diagonal(self) -> Array:
        return np.concatenate([self.blocks[k][k]._diagonal() for k in range(len(self.sizes))])

    def _product_cost(self) -> int:
        return sum(row._product_cost() for row in self._rows)

    def _form_cost(self) -> int:
        return sum(row._form_cost() for row in self._rows)

    @cached_property
    def _split(self) -> _Elimination | None:
        """The elimination of the block that saves most; None where no block saves anything."""
        saved = [
            counts.solution(size, 1) - self.blocks[k][k]._solve_cost()
            for k, size in enumerate(self.sizes)
        ]
        order = sorted(range(len(saved)), key=lambda k: -saved[k])
        for k in order:
            made = _Elimination(self, k) if saved[k] > 0 else None
            if made is not None and made.is_stable():
                return made
        return None

    def _inverse(self, columns: Array) -> Array:
        return super()._inverse(columns) if self._split is None else self._split.inverse(columns)

    def _growth(self) -> float:
        return super()._growth() if self._split is None else self._split.growth()

    def _logdet(self) -> float:
        return super()._logdet() if self._split is None else self._split.logdet()

    def _solve_cost(self, columns: int = 1) -> int:
        if self._split is None:
            return super()._solve_cost(columns)
        return self._split.solve_cost(columns)


class _Elimination:
    """Of the block A in place k; B and C are what stands beside and below it, D the rest."""

    def __init__(self, grid: Grid, k: int) -> None:
        others = [j for j in range(len(grid.sizes)) if j != k]
        starts = [0, *np.cumsum(grid.sizes)]
        self.grid = grid
        self.pivot = grid.blocks[k][k]
        self.inside = slice(starts[k], starts[k + 1])
        self.outside = np.concatenate([np.arange(starts[j], starts[j + 1]) for j in others])
        self.beside = Beside([grid.blocks[k][j] for j in others])
        self.below = Stacked([grid.blocks[j][k] for j in others])
        self.rest = Stacked([Beside([grid.blocks[i][j] for j in others]) for i in others])

    @cached_property
    def _reduced(self) -> tuple[Array, Dense]:
        """A⁻¹ B, and Schur's complement."""
        spread = self.pivot._inverse(self.beside._array())
        return spread, Dense(self.rest._array() - self.below._apply(spread))

    def inverse(self, columns: Array) -> Array:
        spread, complement = self._reduced
        found = np.empty_like(columns)
        own = self.pivot._inverse(columns[self.inside])
        found[self.outside] = complement._inverse(columns[self.outside] - self.below._apply(own))
        found[self.inside] = own - spread @ found[self.outside]
        return found

    def growth(self) -> float:
        return self.pivot._growth() * self._reduced[1]._growth()

    def is_stable(self) -> bool:
        return gives_back(self.grid, self.inverse, self.growth)

    def logdet(self) -> float:
        return self.pivot._logdet() + self._reduced[1]._logdet()

    def solve_cost(self, columns: int) -> int:
        rows, others = self.pivot.shape[0], len(self.outside)
        eliminated = self.pivot._solve_cost(others + columns) + rows * others * (others + columns)
        return eliminated + self.below._product_cost() * columns + counts.solution(others, columns)
