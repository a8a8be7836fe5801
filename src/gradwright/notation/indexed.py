"""The shapes of index notation: entries, sums over indices, identities, equations.

An expression with free indices is a scalar for all values of its indices. It goes together with
scalars and with other such expressions; the entries of vectors and matrices are taken by indices.
An index takes as many values as the axis has that it stands for, so its size is found by
unification. Where an index is bound, nothing else in its range may have its name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from gradwright.core.sizes import names_in
from gradwright.errors import LimitError, ShapeError, SymbolError, UnsupportedError
from gradwright.notation.declarations import Size
from gradwright.notation.functions import CONSTANTS, EACH_ENTRY, FUNCTIONS
from gradwright.notation.places import joined
from gradwright.notation.ranges import Place, Range
from gradwright.notation.tree import (
    Binary,
    Call,
    Entry,
    Equation,
    Identity,
    Index,
    IndexArray,
    IndexSum,
    Part,
    Symbol,
    Tree,
    children,
    walk,
)
from gradwright.notation.unify import SCALAR, Atom, Equations, Form, Free, Unknown
from gradwright.notation.whole_tensors import of_axes

#: Letters for indices in what is to be written instead.
LETTERS = "ijklmnpq"

#: Most indices that one term may have, free and bound.
MAX_INDICES = 48


class Indices:
    """The shapes of the parts of one formula that have indices.

    `axes` are the sizes of the indices of a left side, where they are known.
    """

    def __init__(self, equations: Equations, axes: Sequence[Size] | None = None) -> None:
        self.equations = equations
        self.axes = axes
        self.least: list[tuple[Tree, int, Atom]] = []
        self.identities: list[tuple[Identity, Atom]] = []
        self.entries: list[Tree] = []

    def form(self, tree: Tree, parts: list[Form]) -> Form | None:
        """The form of a node of index notation, or None for any other node.

        Raises:
            ShapeError: a count of indices or two sizes clash, or entries meet a whole matrix.
            SymbolError: an index is bound twice, or has the name of a symbol in its range.
            LimitError: too many indices.
        """
        match tree:
            case Entry():
                return self._entry(tree, parts[0])
            case IndexSum():
                return self._sum(tree, parts[0])
            case IndexArray():
                return self._array(tree, parts[0])
            case Identity():
                return self._identity(tree)
            case Equation():
                return self._equation(tree, parts[0])
        if any(form.free for form in parts):
            return self._together(tree, parts)
        return None

    def require_sizes(self, named: Collection[str]) -> None:
        """Places such as n+1 are made of sizes that symbols have.

        Raises:
            SymbolError: one is made of another name, which looks like an index.
        """
        for tree in self.entries:
            found = joined(tree)
            other = found and sorted(names_in(p.size for p in found[1] if isinstance(p, Place)))
            for name in other or ():
                if name not in named:
                    clash = f"{name} is no size of a symbol, and places are made of sizes"
                    instead = "write shifted entries as parts, as in x[2:n] - x[1:n-1]"
                    raise self.equations.error(SymbolError, tree, clash, instead)

    def finish(self, tree: Tree, form: Form) -> dict[str, int]:
        """The lengths that numbers as indices ask named sizes to have.

        Raises:
            SymbolError: an index is left free.
            ShapeError: a number is beyond a known size, or nothing says how many values an index
                takes.
        """
        if form.free:
            free = form.free[0]
            clash = f"the index {free.index} is free: no sum binds it and no left side names it"
            names = ",".join(free.index for free in form.free)
            instead = f"write y[{names}] = … for its values, or sum[{names}](…) for their sum"
            raise self.equations.error(SymbolError, free.tree, clash, instead)
        for identity, size in self.identities:
            if isinstance(self.equations.sizes.find(size), Unknown):
                index = next(i for i in identity.indices if isinstance(i, str))
                clash = f"nothing says how many values {index} takes"
                instead = "use its indices in an entry or on the left side as well"
                raise self.equations.error(ShapeError, identity, clash, instead)
        least: dict[str, int] = {}
        for part, number, atom in self.least:
            size = self.equations.sizes.find(atom)
            if isinstance(size, int) and number > size:
                clash = f"the index {number} is beyond the size {size}, and indices count from 1"
                raise self.equations.error(ShapeError, part, clash, f"write 1 to {size}")
            if isinstance(size, str):
                least[size] = max(number, least.get(size, 0))
        return least

    # Nodes ------------------------------------------------------------------------------------

    def _entry(self, tree: Entry, form: Form) -> Form:
        self.entries.append(tree)
        said = self.equations.said(tree.base, form)
        if form.free:
            instead = "write one pair of brackets with all indices"
            raise self.equations.error(ShapeError, tree, f"{said}, which has no entries", instead)
        if max(len(form.rows), len(form.columns)) > 1:
            clash = f"{said}: the rows or columns of kron and vec are numbered by several indices"
            instead = "write the entries of its factors"
            raise self.equations.error(UnsupportedError, tree, clash, instead)
        axes = form.axes
        if len(axes) != len(tree.indices):
            count = len(tree.indices)
            clash = f"{said}, with {len(axes)} axes, and {_counted(count)} given"
            raise self.equations.error(ShapeError, tree, clash, self._axes_instead(tree, len(axes)))
        return Form(free=self._named(tree, tree.indices, axes))

    def _axes_instead(self, tree: Entry, count: int) -> str:
        called = self.equations.called(tree.base)
        if count:
            return f"write {called}[{','.join(LETTERS[:count])}]"
        given = len(tree.indices)
        kind = {1: "vector n", 2: "matrix m n"}.get(given, f"tensor {' '.join(LETTERS[:given])}")
        return f"declare {called}='{kind}', or leave the indices out"

    def _identity(self, tree: Identity) -> Form:
        if all(isinstance(index, int) for index in tree.indices):
            return SCALAR
        size = self.equations.sizes.fresh()
        self.identities.append((tree, size))
        return Form(free=self._named(tree, tree.indices, (size, size)))

    def _named(
        self, tree: Tree, indices: Sequence[Index], axes: Sequence[Atom]
    ) -> tuple[Free, ...]:
        """The free indices of one node; a number says that the axis is that long at least."""
        found: list[Free] = []
        for index, size in zip(indices, axes, strict=True):
            if isinstance(index, int):
                self.least.append((tree, index, size))
            else:
                found.append(Free(index, size, tree))
        return self._joined([tuple(found)])

    def _joined(self, several: Sequence[tuple[Free, ...]]) -> tuple[Free, ...]:
        """The free indices of parts that stand together; an index has one size."""
        found: dict[str, Free] = {}
        for frees in several:
            for free in frees:
                held = found.setdefault(free.index, free)
                if not self.equations.sizes.unify((held.size,), (free.size,)):
                    raise self._two_sizes(held, free)
        if len(found) > MAX_INDICES:
            raise LimitError(
                "reading the formula",
                f"one term has {len(found)} indices and at most {MAX_INDICES} are read",
                "sum over some of them in a formula of its own",
            )
        return tuple(found.values())

    def _two_sizes(self, one: Free, other: Free) -> ShapeError:
        sizes = [self.equations.size((free.size,)) for free in (one, other)]
        called = [self.equations.called(free.tree) for free in (one, other)]
        clash = f"{one.index} takes {sizes[0]} values in {called[0]} and {sizes[1]} in {called[1]}"
        instead = "use two indices, or make the sizes agree"
        error = self.equations.error(ShapeError, other.tree, clash, instead)
        assert isinstance(error, ShapeError)
        return error

    def _together(self, tree: Tree, parts: list[Form]) -> Form:
        """An operation on expressions with free indices: on each entry by itself."""
        operands = children(tree)
        for operand, form in zip(operands, parts, strict=True):
            if form.kind != "scalar":
                entry = next(free.tree for part in parts for free in part.free)
                clash = (
                    f"{self.equations.said(operand, form)}, and {self.equations.called(entry)} "
                    "is one of many entries"
                )
                called = self.equations.called(operand)
                shown = called if called.isalnum() else f"({called})"
                indices = ",".join(LETTERS[: len(form.axes)])
                instead = f"write the entries of {called} too, {shown}[{indices}]"
                if isinstance(tree, Binary) and tree.operator == "*":
                    instead += "; the entry of a product is (A*x)[i]"
                raise self.equations.error(ShapeError, tree, clash, instead)
        whole = isinstance(tree, Call) and tree.function in FUNCTIONS
        if whole and isinstance(tree, Call) and tree.function not in EACH_ENTRY:
            called = self.equations.called(tree.arguments[0])
            clash = f"{tree.function} acts on a whole vector or matrix, and {called} is one entry"
            instead = f"write {tree.function}(array[i](…))[i], with the entries as an array"
            if tree.function == "sum":
                instead = "write sum[i](…) with the index that is summed over"
            raise self.equations.error(ShapeError, tree, clash, instead)
        return Form(free=self._joined([form.free for form in parts]))

    # Binding ----------------------------------------------------------------------------------

    def _sum(self, tree: IndexSum, form: Form) -> Form:
        if form.kind != "scalar":
            clash = f"a sum adds scalars and {self.equations.said(tree.body, form)}"
            instead = "write the entries, as in sum[i](x[i])"
            raise self.equations.error(ShapeError, tree, clash, instead)
        self._check_stands(tree, form)
        return Form(free=tuple(free for free in form.free if free.index not in tree.indices))

    def _array(self, tree: IndexArray, form: Form) -> Form:
        if form.kind != "scalar":
            clash = f"an array is made of scalars and {self.equations.said(tree.body, form)}"
            instead = "write the entries, as in array[i](x[i])"
            raise self.equations.error(ShapeError, tree, clash, instead)
        self._check_stands(tree, form)
        sizes = {free.index: free.size for free in form.free}
        spare = [index for index in sizes if index not in tree.indices]
        if spare:
            clash = f"{spare[0]} is free in the array, which is one for all values of it"
            instead = f"write array[{','.join((spare[0], *tree.indices))}](…) and take its entries"
            raise self.equations.error(SymbolError, tree, clash, instead)
        return of_axes(tuple(sizes[index] for index in tree.indices))

    def _check_stands(self, tree: IndexSum | IndexArray, form: Form) -> None:
        """What a sum or an array binds is free in its body, and bound nowhere else."""
        self._check_bound(tree, tree.indices, tree.body)
        free = {free.index for free in form.free}
        for index in tree.indices:
            if index not in free:
                bound = "summed over" if isinstance(tree, IndexSum) else "an index of the array"
                clash = f"{index} is {bound} and does not stand in the body"
                instead = f"leave {index} out, or use it in the body"
                raise self.equations.error(SymbolError, tree, clash, instead)

    def _equation(self, tree: Equation, form: Form) -> Form:
        self._check_bound(tree, tree.left.indices, tree.right)
        self._check_name(tree)
        sizes = {free.index: free.size for free in form.free}
        indices = tree.left.indices
        if set(sizes) != set(indices):
            spare = sorted(set(sizes) ^ set(indices))[0]
            where = "right" if spare in sizes else "left"
            clash = f"{spare} is an index of the {where} side alone"
            instead = "bind it by a sum, or name it on the left side"
            if where == "left":
                instead = f"leave it out there, or write ones(n)[{spare}] on the right side"
            at = next((free.tree for free in form.free if free.index == spare), tree)
            raise self.equations.error(SymbolError, at, clash, instead)
        if not indices:
            return form
        axes = tuple(sizes[index] for index in indices)
        if self.axes is not None and not self.equations.sizes.unify(axes, tuple(self.axes)):
            clash = f"the left side has other sizes than {self.axes}"
            raise self.equations.error(ShapeError, tree, clash, "order its indices differently")
        return of_axes(axes)

    def _check_name(self, tree: Equation) -> None:
        names = tree.left.names
        if len(names) == 1 and any(
            isinstance(part, Symbol) and part.name == names[0][0] for part in walk(tree.right)
        ):
            clash = f"{names[0][0]} is defined by the equation and stands on its right side too"
            raise self.equations.error(SymbolError, tree, clash, "name the left side differently")

    def _check_bound(self, tree: Tree, indices: Sequence[str], body: Tree) -> None:
        """An index has one meaning where it is bound: no other sum binds it, no symbol has it.

        An array inside has indices of its own, of any names.
        """
        sizes = {
            id(argument)
            for part in walk(body)
            if isinstance(part, Call) and part.function in CONSTANTS
            for whole in part.arguments
            for argument in walk(whole)
        }
        for part in _around_arrays(body):
            if isinstance(part, IndexSum):
                for index in part.indices:
                    if index in indices:
                        clash = f"the index {index} is bound twice, by a sum inside another"
                        if isinstance(tree, Equation):
                            clash = f"the index {index} is bound twice, on the left and by a sum"
                        instead = "give one of the two another name"
                        raise self.equations.error(SymbolError, part, clash, instead)
            elif isinstance(part, Part) and names_in(bounds_of(part)) & {*indices}:
                index = min(names_in(bounds_of(part)) & {*indices})
                clash = f"{index} is an index here, and stands for a place or a size too"
                instead = "write shifted entries as parts, as in x[2:n] - x[1:n-1]"
                raise self.equations.error(SymbolError, part, clash, instead)
            elif isinstance(part, Symbol) and part.name in indices and id(part) not in sizes:
                clash = f"{part.name} is an index here, and stands as a number or a symbol too"
                instead = f"give the index or the symbol {part.name} another name"
                raise self.equations.error(SymbolError, part, clash, instead)


def bounds_of(part: Part) -> list[Size | None]:
    """The sizes that a part begins and ends with."""
    return [size for p in part.places if isinstance(p, Range) for size in (p.start, p.end)]


def _around_arrays(tree: Tree) -> Iterator[Tree]:
    """The nodes of a tree without those inside an array, whose indices are its own."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, IndexArray):
            stack.extend(reversed(children(node)))


def _counted(count: int) -> str:
    return "1 index is" if count == 1 else f"{count} indices are"
