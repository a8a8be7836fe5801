"""Parts of arrays, arrays behind each other, arrays in other shapes.

`x[2:n]` are the places 2 to n, counted from 1 and both among them. `concat(x, y)` puts arrays end
to end, matrices and tensors along the axis that `axis=` names, counted from 0. `reshape(T, m, n)`
has the entries of T in their order, the last index running fastest, as in NumPy.
"""

from __future__ import annotations

from gradwright.core.sizes import Size, minus, plus, times
from gradwright.errors import GradwrightError, ShapeError
from gradwright.notation.blocks import BLOCKS, block_form
from gradwright.notation.ranges import Range
from gradwright.notation.size_text import as_size
from gradwright.notation.tree import Call, Part, Tree
from gradwright.notation.unify import Atom, Atoms, Equations, Form, Unknown
from gradwright.notation.whole_tensors import of_axes

#: Functions that only move entries.
MOVING = ("concat", "reshape", BLOCKS)


def expressions(tree: Call) -> tuple[Tree, ...]:
    """The arguments that have values; the others are sizes."""
    return tree.arguments[:1] if tree.function == "reshape" else tree.arguments


def bounds(place: Range, size: Size) -> tuple[Size, Size]:
    """The first and the last place of a range, counted from 1, along an axis of this size."""
    return (1 if place.start is None else place.start), (size if place.end is None else place.end)


class Rearranging:
    """The forms of parts, concatenations, block matrices and reshapes of one formula.

    `ordered` collects pairs of sizes of which the first must not be the larger one.
    """

    def __init__(self, equations: Equations) -> None:
        self.equations = equations
        self.ordered: list[tuple[Size, Size]] = []

    def form(self, tree: Part | Call, parts: list[Form]) -> Form:
        """The form of a part, a concatenation, a block matrix or a reshape.

        Raises:
            ShapeError: axes or sizes do not fit, or a size is not known where it is needed.
        """
        if isinstance(tree, Call) and tree.function == BLOCKS:
            return block_form(self.equations, tree, parts)
        operands = (tree.base,) if isinstance(tree, Part) else expressions(tree)
        for operand, form in zip(operands, parts, strict=True):
            if form.free or form.kind == "scalar" or max(len(form.rows), len(form.columns)) > 1:
                clash = f"{self.equations.said(operand, form)}, and parts are taken of arrays"
                raise self._error(tree, clash, "give a vector, a matrix or a tensor")
        if isinstance(tree, Part):
            return self._part(tree, parts[0])
        if tree.function == "concat":
            return self._concat(tree, parts)
        return self._reshape(tree, parts[0])

    def _part(self, tree: Part, form: Form) -> Form:
        axes = form.axes
        if len(tree.places) > len(axes):
            said = self.equations.said(tree.base, form)
            clash = f"{said}, with {len(axes)} axes, and {len(tree.places)} places are given"
            raise self._error(tree, clash, "leave places out")
        taken: list[Atom | None] = list(axes)
        for axis, place in enumerate(tree.places):
            if place == Range():
                continue
            size = self._known(tree, axes[axis])
            if isinstance(place, int):
                self._keep(tree, place, size)
                taken[axis] = None
                continue
            first, last = bounds(place, size)
            for one, other in ((1, first), (first, last), (last, size)):
                self._keep(tree, one, other)
            taken[axis] = plus(minus(last, first), 1)
        kept: Atoms = tuple(atom for atom in taken if atom is not None)
        if form.kind == "row" or (form.kind == "matrix" and taken[0] is None):
            return Form(columns=kept)
        return of_axes(kept)

    def _concat(self, tree: Call, parts: list[Form]) -> Form:
        axis = dict(tree.options).get("axis")
        order = len(parts[0].axes)
        kinds = {form.kind for form in parts}
        if len(kinds) > 1 or {len(form.axes) for form in parts} != {order}:
            said = [self.equations.said(t, f) for t, f in zip(tree.arguments, parts, strict=True)]
            unlike = next(k for k, form in enumerate(parts) if form.axes != parts[0].axes)
            clash = f"{said[0]} and {said[unlike]}"
            raise self._error(tree, clash, "put arrays of one kind behind each other")
        place = 0 if axis is None else axis
        if place not in range(order) or set(dict(tree.options)) - {"axis"}:
            given = ", ".join(f"{name}={value}" for name, value in tree.options)
            clash = f"{given} is asked for and {self.equations.said(tree.arguments[0], parts[0])}"
            raise self._error(tree, clash, f"write one of axis=0 to axis={order - 1}")
        lengths: list[Size] = []
        axes = list(parts[0].axes)
        for argument, form in zip(tree.arguments, parts, strict=True):
            lengths.append(self._known(argument, form.axes[int(place)]))
            for k in range(order):
                if k != place:
                    first = (tree.arguments[0], f"places along axis {k}", (axes[k],))
                    other = (argument, f"places along axis {k}", (form.axes[k],))
                    self.equations.unify(tree, first, other)
        axes[int(place)] = plus(*lengths)
        return Form(columns=tuple(axes)) if kinds == {"row"} else of_axes(tuple(axes))

    def _reshape(self, tree: Call, form: Form) -> Form:
        sizes = [as_size(argument) for argument in tree.arguments[1:]]
        if not sizes or None in sizes or tree.options:
            clash = "reshape takes an array and its new sizes, names or whole numbers"
            raise self._error(tree, clash, "write reshape(T, m, n)")
        new = tuple(size for size in sizes if size is not None)
        old = [self._known(tree.arguments[0], atom) for atom in form.axes]
        if times(*old) != times(*new):
            clash = (
                f"{self.equations.said(tree.arguments[0], form)}, which is {times(*old)} entries, "
                f"and the new sizes make {times(*new)}"
            )
            raise self._error(tree, clash, "give sizes with the same product")
        return of_axes(new)

    def _known(self, tree: Tree, atom: Atom) -> Size:
        found = self.equations.sizes.find(atom)
        if isinstance(found, Unknown):
            clash = f"the sizes of {self.equations.called(tree)} are not known where they are read"
            raise self._error(tree, clash, "declare its symbols, as in x='vector n'")
        return found

    def _keep(self, tree: Tree, one: Size, other: Size) -> None:
        """A size is not to be larger than another."""
        spare = minus(other, one)
        if isinstance(spare, int):
            if spare < 0:
                clash = f"it asks for place {one} where places end with {other}"
                raise self._error(tree, clash, f"write places from 1 to {other}")
        elif (one, other) not in self.ordered:
            self.ordered.append((one, other))

    def _error(self, tree: Tree, clash: str, instead: str) -> GradwrightError:
        return self.equations.error(ShapeError, tree, clash, instead)
