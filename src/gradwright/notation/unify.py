"""Sizes as terms, and the equations between them.

A side of a matrix is a product of atomic sizes; `kron` and `vec` multiply, everything else leaves
products alone. Two sides are equal factor by factor: n·m and m·n are different ways to number the
same rows, so they are not taken for each other. An unknown stands for one atomic size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from gradwright.errors import GradwrightError, ShapeError, UnsupportedError
from gradwright.notation.tree import Call, Symbol, Tree

ShapeKind = Literal["scalar", "column", "row", "matrix", "tensor"]


class Unknown(Struct, frozen=True):
    """The size of an undeclared symbol, until an equation says what it is."""

    number: int


Atom = int | str | Unknown
Atoms = tuple[Atom, ...]


class Free(Struct, frozen=True):
    """A free index: how many values it takes, and the part of the formula that says so."""

    index: str
    size: Atom
    tree: Tree


class Form(Struct, frozen=True):
    """Rows and columns as products of atomic sizes; no factor at all means no axis.

    `deeper` are the axes of a tensor behind its second. A form with `free` indices has no axis:
    it is a scalar for all values of these indices.
    """

    rows: Atoms = ()
    columns: Atoms = ()
    deeper: Atoms = ()
    free: tuple[Free, ...] = ()

    @property
    def axes(self) -> Atoms:
        """The sizes of all axes in order; those of rows and columns are one factor each."""
        return (*self.rows, *self.columns, *self.deeper)

    @property
    def kind(self) -> ShapeKind:
        """What the axes make it."""
        if self.deeper:
            return "tensor"
        if self.rows:
            return "matrix" if self.columns else "column"
        return "row" if self.columns else "scalar"


SCALAR = Form()


class Sizes:
    """A union of equations between atomic sizes."""

    def __init__(self) -> None:
        self._bound: dict[Unknown, Atom] = {}
        self._made = 0

    def fresh(self) -> Unknown:
        """A new unknown."""
        self._made += 1
        return Unknown(self._made)

    def find(self, atom: Atom) -> Atom:
        """What an atom is known to be."""
        path: list[Unknown] = []
        while isinstance(atom, Unknown) and atom in self._bound:
            path.append(atom)
            atom = self._bound[atom]
        for unknown in path:
            self._bound[unknown] = atom
        return atom

    def resolve(self, atoms: Atoms) -> Atoms:
        """What several atoms are known to be."""
        return tuple(self.find(atom) for atom in atoms)

    def unify(self, one: Atoms, other: Atoms) -> bool:
        """Add the equation that two sides are equal; False if that cannot be."""
        if len(one) != len(other):
            return False
        return all(self._equal(a, b) for a, b in zip(one, other, strict=True))

    def _equal(self, one: Atom, other: Atom) -> bool:
        one, other = self.find(one), self.find(other)
        if one == other:
            return True
        if isinstance(one, Unknown):
            self._bound[one] = other
        elif isinstance(other, Unknown):
            self._bound[other] = one
        else:
            return False
        return True

    def name(self, unknown: Unknown, name: str) -> None:
        """Call an unknown that nothing determines by a name of its own."""
        self._bound[unknown] = name


def size_names(taken: set[str]) -> Iterator[str]:
    """Readable names for sizes, without those that are taken."""
    for letter in "nmkpqrst":
        if letter not in taken:
            yield letter
    number = 1
    while True:
        if f"n{number}" not in taken:
            yield f"n{number}"
        number += 1


class Equations:
    """The equations of one formula, and the errors that quote it.

    `text` is the formula as written; `declared` holds the names whose kinds are no guess.
    """

    def __init__(self, text: str | None, declared: set[str]) -> None:
        self.sizes = Sizes()
        self.text = text
        self.declared = declared

    def broadcast(self, tree: Tree, left: Tree, right: Tree, one: Form, other: Form) -> Form:
        """The common form of two sides, by kind: a row spreads over rows, a column over columns."""
        if {one.kind, other.kind} == {"row", "column"}:
            raise self.error(
                ShapeError,
                tree,
                f"{self.said(left, one)} and {self.said(right, other)}; a row and a column do not "
                "spread over each other, even if they are equally long",
                "transpose one of them, or write the product of column and row",
            )
        for side in ("rows", "columns"):
            first, second = getattr(one, side), getattr(other, side)
            if first and second:
                self.unify(tree, (left, side, first), (right, side, second))
        return Form(one.rows or other.rows, one.columns or other.columns)

    def square(self, tree: Tree, argument: Tree, form: Form, *, single: bool = True) -> Form:
        """A square matrix; its sides may be products of sizes only if not `single`."""
        if form.kind != "matrix":
            scalar = "; write the power or 1/x of a scalar" if form.kind == "scalar" else ""
            raise self.error(
                ShapeError,
                tree,
                f"a square matrix is needed and {self.said(argument, form)}",
                f"give a square matrix{scalar}",
            )
        if single:
            self.single(tree, argument, form)
        self.unify(tree, (argument, "rows", form.rows), (argument, "columns", form.columns))
        return form

    def single(self, tree: Tree, argument: Tree, form: Form) -> Form:
        """A form none of whose sides is a product of sizes."""
        if max(len(form.rows), len(form.columns)) > 1:
            raise self.error(
                UnsupportedError,
                tree,
                f"{self.said(argument, form)}: sums, products and traces of kron and vec are "
                "available, this operation on them is not",
                "use a rule such as inv(kron(A, B)) = kron(inv(A), inv(B)), or name a matrix",
            )
        return form

    def unify(
        self, tree: Tree, one: tuple[Tree, str, Atoms], other: tuple[Tree, str, Atoms]
    ) -> None:
        """Two sides must be equal; `one` and `other` are (operand, "rows" or "columns", sizes)."""
        if self.sizes.unify(one[2], other[2]):
            return
        facts = [
            f"{self.called(operand)} has {self.size(atoms)} {side}"
            for operand, side, atoms in (one, other)
        ]
        split = len(one[2]) != len(other[2]) or len(one[2]) > 1
        instead = "make the sizes agree, or transpose one side"
        if split:
            instead = "write the formula so that the factors of kron and vec line up"
        raise self.error(ShapeError, tree, " and ".join(facts), instead)

    def said(self, tree: Tree, form: Form) -> str:
        """`x is a column of n entries`; sizes that are not known are left out."""
        rows, columns = self.size(form.rows), self.size(form.columns)
        noun = {
            "scalar": "a scalar",
            "column": f"a column of {rows} entries",
            "row": f"a row of {columns} entries",
            "matrix": f"a matrix of {rows} rows and {columns} columns",
            "tensor": f"a tensor of {' × '.join(map(self.size, zip(form.axes)))}",
        }[form.kind]
        if form.free:
            noun = f"one entry for each {' and '.join(free.index for free in form.free)}"
        if "?" in noun:
            noun = f"a {form.kind}"
        if isinstance(tree, Symbol) and tree.name not in self.declared:
            noun += " (by its letter)"
        return f"{self.called(tree)} is {noun}"

    def called(self, tree: Tree) -> str:
        """A sub-expression as the user wrote it."""
        if isinstance(tree, Symbol):
            return tree.name
        if self.text is not None and tree.span is not None:
            return self.text[tree.span.start : tree.span.end]
        return tree.function + "(…)" if isinstance(tree, Call) else "the expression"

    def size(self, atoms: Atoms) -> str:
        """A product of sizes as far as it is known."""
        found = self.sizes.resolve(atoms)
        return "·".join("?" if isinstance(a, Unknown) else str(a) for a in found)

    def error(
        self, kind: type[GradwrightError], tree: Tree, clash: str, instead: str
    ) -> GradwrightError:
        """An error that points at a sub-expression."""
        asked = self.called(tree) if len(self.called(tree)) <= 40 else "a part of the formula"
        return kind(asked, clash, instead, text=self.text, span=tree.span)
