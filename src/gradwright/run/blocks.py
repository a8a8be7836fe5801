"""Linear maps in blocks: side by side, or one above the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradwright.run.linear_map import Array, LinearMap


class Beside(LinearMap):
    """`[A B …]`: maps with the same rows, one after the other along the columns."""

    def __init__(self, blocks: Sequence[LinearMap]) -> None:
        self.blocks = tuple(blocks)
        self.shape = (self.blocks[0].shape[0], sum(block.shape[1] for block in self.blocks))
        self._ends = np.cumsum([block.shape[1] for block in self.blocks])[:-1]

    def _structure(self) -> str:
        return "[" + ", ".join(block.structure for block in self.blocks) + "]"

    def _transposed(self) -> LinearMap:
        return Stacked([block.T for block in self.blocks])

    def _apply(self, columns: Array) -> Array:
        parts = np.split(columns, self._ends)
        return sum(block._apply(part) for block, part in zip(self.blocks, parts, strict=True))


class Stacked(LinearMap):
    """`[A; B; …]`: maps with the same columns, one above the other."""

    def __init__(self, blocks: Sequence[LinearMap]) -> None:
        self.blocks = tuple(blocks)
        self.shape = (sum(block.shape[0] for block in self.blocks), self.blocks[0].shape[1])

    def _structure(self) -> str:
        return "[" + "; ".join(block.structure for block in self.blocks) + "]"

    def _transposed(self) -> LinearMap:
        return Beside([block.T for block in self.blocks])

    def _apply(self, columns: Array) -> Array:
        return np.concatenate([block._apply(columns) for block in self.blocks])
