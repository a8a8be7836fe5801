"""The lines of a derivation: a name, the expression it equals, and why."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from gradwright.core.nodes import Size
from gradwright.core.sizes import renamed_size
from gradwright.notation.functions import CONSTANTS
from gradwright.notation.ranges import Range
from gradwright.notation.size_text import size_tree
from gradwright.notation.tree import Call, Part, Symbol, Tree, children, walk, with_children


class Form(Struct, frozen=True):
    """One expression in a chain of equal ones, and the rule that leads to it."""

    tree: Tree
    rule: str = ""


class Line(Struct, frozen=True):
    """`name = forms[0] = forms[1] = …`, with the axes of the value.

    `meaning` is what the name stands for, such as "∂L/∂Z", where the name alone does not say it;
    with `quotient` it is written on the left side instead of the name. So is a name that is a
    quotient itself, such as ∂a/∂z.
    """

    name: str
    axes: tuple[Size, ...]
    forms: tuple[Form, ...]
    meaning: str = ""
    quotient: bool = False

    @property
    def left(self) -> str:
        """The name on the left side; that of a derivative is ∂L/∂W."""
        return self.meaning if self.quotient else self.name

    @property
    def tree(self) -> Tree:
        """The last form."""
        return self.forms[-1].tree

    def renamed(self, names: Callable[[str], str], sizes: Callable[[Size], Size]) -> Line:
        """The line in other letters."""
        forms = tuple(replace(form, tree=renamed(form.tree, names, sizes)) for form in self.forms)
        axes = tuple(sizes(size) for size in self.axes)
        return replace(self, name=names(self.name), axes=axes, forms=forms)


def renamed(tree: Tree, names: Callable[[str], str], sizes: Callable[[Size], Size]) -> Tree:
    """A tree in other letters; the arguments of `ones` and its like are sizes.

    A symbol that `names` leaves as it is may be a size too.
    """
    done: dict[int, Tree] = {}
    inside_sizes: set[int] = set()
    for part in walk(tree):
        if isinstance(part, Call) and part.function in CONSTANTS:
            inside_sizes |= {id(argument) for argument in part.arguments}
    for part in reversed(list(walk(tree))):
        made = with_children(part, tuple(done[id(child)] for child in children(part)))
        if isinstance(part, Symbol):
            new = names(part.name)
            # A name that stays may be a size that is used as a number, as p in sum(x)/p.
            is_size = id(part) in inside_sizes or new == part.name
            made = _renamed_size(part, sizes) if is_size else Symbol(new)
        if isinstance(made, Part):
            made = replace(made, places=tuple(_renamed_place(x, sizes) for x in made.places))
        done[id(part)] = made
    return done[id(tree)]


def _renamed_place(place: Range | int, sizes: Callable[[Size], Size]) -> Range | int:
    if isinstance(place, int):
        return place

    def bound(size: Size | None) -> Size | None:
        return None if size is None else renamed_size(size, sizes)

    return Range(bound(place.start), bound(place.end))


def _renamed_size(symbol: Symbol, sizes: Callable[[Size], Size]) -> Tree:
    return size_tree(sizes(symbol.name))
