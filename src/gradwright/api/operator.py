"""A derivative as a structured linear map: the structure is that of the printed formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isqrt
from typing import Any

import numpy as np

from gradwright.api.outputs import Output
from gradwright.api.running import Program
from gradwright.core.nodes import Node
from gradwright.errors import UnsupportedError
from gradwright.explain.assumptions import at_zero_norm
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Binary, Call, Negate, Transpose, Tree, signed_terms
from gradwright.run.blocks import Beside, Grid
from gradwright.run.linear_map import LinearMap
from gradwright.run.product_maps import Kronecker, Product
from gradwright.run.structured_maps import Dense, Diagonal, Outer, Permutation
from gradwright.run.sum_maps import Sum
from gradwright.simplify.readable import Printed

Array = Any


class DerivedMap:
    """A Jacobian or a Hessian as a linear map, at one point after the other.

    Several variables make blocks: of a Jacobian side by side, of a Hessian in a grid.

    Raises:
        UnsupportedError: it is a gradient or a product.
    """

    def __init__(
        self,
        kind: str,
        formula: str,
        scope: Scope,
        program: Program,
        value: Node,
        outputs: Sequence[Output],
        printed: Sequence[Printed],
        bounded_domain: bool,
    ) -> None:
        if kind not in ("jacobian", "hessian"):
            raise UnsupportedError(
                f"the {kind} of {formula} as a linear map",
                f"it is a {kind}, and a Jacobian or a Hessian is a linear map",
                "ask for f.jacobian(...).operator(...), or call the derivation",
            )
        self._outputs = tuple(zip(outputs, printed, strict=True))
        self._in_grid = kind == "hessian"
        self._scope = scope
        self._program = program
        self._value = value
        self._bounded_domain = bounded_domain
        #: The parts of the tree by identity, each with its scope: the same at all points.
        self._inferred: dict[int, tuple[Tree, Scope]] = {}

    def at(self, values: Mapping[str, object]) -> LinearMap:
        """The map at given values."""
        arrays = self._program.bound(values)
        sizes = self._program.lengths(arrays)
        bent = at_zero_norm(self._value, arrays, sizes)
        as_arrays = [bent or _is_array(output, printed) for output, printed in self._outputs]
        if self._bounded_domain:
            self._program.value_and(values)
        found: Any = self._program.derivative(values) if any(as_arrays) else None
        reader = _Reader(self.scope, arrays, sizes)
        maps = []
        for (output, printed), as_array in zip(self._outputs, as_arrays, strict=True):
            if as_array:
                whole = np.asarray(found if len(self._outputs) == 1 else found[output.key])
                made = unstructured(whole, output.rows)
            else:
                made = reader.map(printed.tree)
                turned = output.rows == 0 and output.node.order == 1 and len(self._outputs) > 1
                # By a number and a vector: a row, which is printed as a column.
                made = made.T if turned else made
            maps.append(made)
        if len(maps) == 1:
            return maps[0]
        if not self._in_grid:
            return Beside(maps)
        side = isqrt(len(maps))
        return Grid([maps[k : k + side] for k in range(0, len(maps), side)])

    def scope(self, part: Tree) -> Scope:
        """The scope of a part of the printed tree, inferred once."""
        held = self._inferred.get(id(part))
        if held is None:
            found = infer(part, self._scope.known, sizes=self._scope.sizes)
            held = self._inferred[id(part)] = (part, found)
        return held[1]


def _is_array(output: Output, printed: Printed) -> bool:
    """Whether a result is printed with axes that are not those of a matrix."""
    return printed.form == "index" or (output.node.order == 2 and output.rows != 1)


class _Reader:
    """Reads the parts of a tree at given values."""

    def __init__(
        self,
        scope: Callable[[Tree], Scope],
        values: Mapping[str, Array],
        sizes: Mapping[str, int],
    ) -> None:
        self._scope = scope
        self.known = {**sizes, **values}
        arrays = [value.dtype for value in values.values() if isinstance(value, np.ndarray)]
        #: The dtype of what is made of numbers alone, an identity or ones.
        self.kind_of_numbers = np.result_type(*arrays, np.float32) if arrays else np.float64

    def kind(self, tree: Tree) -> str:
        return self._scope(tree).shape.kind

    def value(self, tree: Tree) -> Array:
        """The value of a part that has no structure of its own."""
        scope = self._scope(tree)
        needed = {*scope.symbols, *scope.sizes, *scope.functions}
        used = {name: value for name, value in self.known.items() if name in needed}
        return np.asarray(evaluate(tree, used, scope))

    def map(self, tree: Tree) -> LinearMap:
        """A matrix, a column or a row as a map."""
        match tree:
            case Binary("+" | "-"):
                return self._sum(tree)
            case Negate(operand):
                return Sum([(-1.0, self.map(operand))])
            case Binary("/", top, bottom) if self.kind(bottom) == "scalar":
                return Sum([(1 / float(self.value(bottom)), self.map(top))])
            case Binary("*") if self.kind(tree) != "scalar":
                return self._product(self._factors(tree))
            case Transpose(operand):
                return self.map(operand).T
            case Call("kron", (left, right)):
                return Kronecker(self.map(left), self.map(right))
            case Call("diag", (entries,)) if self.kind(entries) != "matrix":
                return Diagonal(self.value(entries))
            case Call("eye", (size,)):
                return Diagonal(np.ones(self._length(size), self.kind_of_numbers))
            case Call("ones", (rows, columns)):
                sides = (self._length(rows), self._length(columns))
                return Outer(*(np.ones((side, 1), self.kind_of_numbers) for side in sides))
            case Call("zeros", (rows, columns)):
                sides = (self._length(rows), self._length(columns))
                return Outer(*(np.zeros((side, 1), self.kind_of_numbers) for side in sides))
            case Call("commutation", (rows, columns)):
                m, n = self._length(rows), self._length(columns)
                # vec(Aᵀ) has A[i,j] at j + i n, where vec(A) has it at i + j m.
                order = np.arange(m * n).reshape(n, m).T.ravel()
                return Permutation(order, self.kind_of_numbers)
            case _:
                return Dense(self._two_axes(tree))

    def _sum(self, tree: Tree) -> LinearMap:
        """Equal shapes add; what the notation spreads over a matrix is of rank one."""
        if self.kind(tree) != "matrix":
            return Dense(self._two_axes(tree))
        kinds = {term: self.kind(term) for _, term in signed_terms(tree)}
        maps = {term: self.map(term) for term, kind in kinds.items() if kind == "matrix"}
        rows, columns = next(iter(maps.values())).shape
        for term, kind in kinds.items():
            if kind != "matrix":
                value = self._two_axes(term)
                left = value if kind == "column" else np.ones((rows, 1), self.kind_of_numbers)
                right = value.T if kind == "row" else np.ones((columns, 1), self.kind_of_numbers)
                maps[term] = Outer(left * value if kind == "scalar" else left, right)
        if all(isinstance(made, Dense) for made in maps.values()):
            return Dense(self.value(tree))
        return Sum([(sign, maps[term]) for sign, term in signed_terms(tree)])

    def _length(self, size: Tree) -> int:
        return int(self.value(size))

    def _two_axes(self, tree: Tree) -> Array:
        value = self.value(tree)
        shape = {"column": (-1, 1), "row": (1, -1), "scalar": (1, 1)}.get(self.kind(tree))
        return value if shape is None else value.reshape(shape)

    def _factors(self, tree: Tree) -> list[Tree]:
        """The factors of a matrix product along its left spine, a number such as u'*x being one."""
        found = []
        while isinstance(tree, Binary) and tree.operator == "*" and self.kind(tree) != "scalar":
            found.append(tree.right)
            tree = tree.left
        return [tree, *reversed(found)]

    def _product(self, factors: list[Tree]) -> LinearMap:
        """Numbers scale; a column before a row is of rank one; the rest act in turn."""
        scale, maps = 1.0, []
        for factor in factors:
            if self.kind(factor) == "scalar":
                scale *= float(self.value(factor))
            else:
                maps.append(self.map(factor))
        joined: list[LinearMap] = []
        for made in maps:
            before = joined[-1] if joined else None
            if before is not None and before.shape[1] == 1 == made.shape[0]:
                joined[-1] = Outer(before.dense(), made.dense().T)
            elif isinstance(before, Dense) and isinstance(made, Dense) and _shrinks(before, made):
                joined[-1] = Dense(before.dense() @ made.dense())
            else:
                joined.append(made)
        whole = joined[0] if len(joined) == 1 else Product(joined)
        return whole if scale == 1.0 else Sum([(scale, whole)])


def _shrinks(left: LinearMap, right: LinearMap) -> bool:
    """Whether the product of two arrays is no larger than the smaller of them is long."""
    return left.shape[1] >= min(left.shape[0], right.shape[1])


def unstructured(dense: Array, rows: int, read: Callable[[Array], LinearMap] = Dense) -> LinearMap:
    """The map of an array whose first `rows` axes are those of the value, columns stacked."""
    order = (*reversed(range(rows)), *reversed(range(rows, dense.ndim)))
    length = int(np.prod(dense.shape[:rows]))
    return read(dense.transpose(order).reshape(length, -1))
