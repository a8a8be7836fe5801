"""What an equation is about: its names, their values at a point, and what is derived of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from msgspec import Struct

from gradwright.notation.declarations import AnyDeclaration
from gradwright.notation.equation import Written
from gradwright.notation.mapped import MappedText
from gradwright.notation.tree import Tree

Array = Any


class Point(Protocol):
    """Values for the names of a setting, made when they are asked for."""

    def value(self, name: str) -> Array | None:
        """The value of a name or of a named size; None if it has none."""

    def shown(self, names: set[str]) -> dict[str, Array]:
        """The given values that the values of some names come from."""


class Reading(Struct, frozen=True):
    """The sides of one equation as trees, in the names of a setting.

    `texts` are what the sides were read from, in the grammar. `single` says that it is about one
    sample; `layer` is the layer index with its value, where the equation has one; `like` is the
    text whose spelling corrections follow.
    """

    sides: tuple[Tree, ...]
    texts: tuple[str, ...]
    like: str
    single: bool = False
    layer: tuple[str, int] | None = None


def unchanged(tree: Tree) -> Tree:
    """The tree itself."""
    return tree


class Variant(Struct, frozen=True):
    """Another convention that an equation may follow: `remark` names it.

    `before` changes a side as it was read, `after` one that was prepared for its value.
    """

    remark: str
    before: Callable[[Tree], Tree] = unchanged
    after: Callable[[Tree], Tree] = unchanged


class Condition(Struct, frozen=True):
    """A condition under which an equation may hold, and points that fulfil it."""

    remark: str
    points: Callable[[], Iterator[Point]]


class Setting(Protocol):
    """The names of a network, or declared symbols."""

    @property
    def has_batches(self) -> bool:
        """Whether a capital letter is the batch of what its small one is a sample of."""

    def declared(
        self, reading: Reading, *, sizes_as_given: bool = False
    ) -> Mapping[str, AnyDeclaration]:
        """Every name that a tree may hold; widths are named, or the user's own numbers."""

    def readings(self, sides: tuple[MappedText, ...]) -> Iterator[Reading]:
        """What an equation says, once for every value of its layer index."""

    def define(self, written: Written) -> bool:
        """Take an equation as the definition of a new name, if it is one."""

    def count(self, name: str) -> tuple[Mapping[str, int], str] | None:
        """Sizes by name and a number of entries in them, for a name that is a vector of all W."""

    def has_row_twin(self, reading: Reading) -> bool:
        """Whether a side is a vector that another convention writes as a row."""

    def prepared(self, tree: Tree, reading: Reading) -> Tree:
        """A side with what has no value of its own written out: d/dx, chains of derivatives.

        Raises:
            GradwrightError: a derivative that cannot be taken.
        """

    def points(self, reading: Reading) -> Iterator[Point]:
        """Random points with unequal sizes."""

    def small_points(self, reading: Reading) -> Iterator[Point]:
        """Points of small sizes and small whole numbers, the smallest first."""

    def variants(self, reading: Reading) -> tuple[Variant, ...]:
        """Other conventions that are accepted and named."""

    def conditions(self, reading: Reading) -> Iterator[Condition]:
        """Conditions under which an equation may hold, weak ones first."""

    def derived(self, tree: Tree, reading: Reading) -> Tree | None:
        """The formula that a left side equals."""

    def names(self, reading: Reading) -> tuple[str, ...]:
        """Names that may stand in place of a wrong one, likely ones first."""

    def factors(self, reading: Reading) -> tuple[Tree, ...]:
        """Factors other than names that may be missing, such as φ'(Z1)."""

    def spelled(self, text: str, reading: Reading) -> str:
        """A text of the grammar with derivatives spelled as in the equation."""
