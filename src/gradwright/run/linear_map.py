"""A linear map that keeps its structure: what every kind of it can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from warnings import warn

import numpy as np
from msgspec import Struct

from gradwright.core.arrays import plain_array
from gradwright.errors import ConditionWarning, DomainError, LimitError, ShapeError
from gradwright.ops import counts

Array = Any

#: An array of more bytes than this is not made.
MAX_BYTES = 2**32

#: Solving is refused where rounding errors may grow to this part of the solution.
REFUSED = 0.1

#: A structure whose residual is that many roundings is solved with as an array instead.
RESIDUAL = 1e3


class Costs(Struct, frozen=True):
    """Multiplications and divisions for one vector, through the structure and as an array.

    `solve` and `dense_solve` are 0 for a map that is not square. Where a structure does not help,
    `solve` makes the array first, which `dense_solve` has.
    """

    product: int
    solve: int
    dense_product: int
    dense_solve: int


def gives_back(
    whole: LinearMap, inverse: Callable[[Array], Array], growth: Callable[[], float]
) -> bool:
    """Whether a way to solve gives what it should, for two right sides that are made up.

    It does where the residual is that of rounding, so a way that divides by what is nearly 0
    while the whole is not singular is seen.
    """
    unit = float(np.finfo(whole.dtype).eps)
    known = np.random.default_rng(0).normal(size=(whole.shape[0], 2)).astype(whole.dtype)
    right = whole._apply(known)
    with np.errstate(all="ignore"):
        try:
            residual = float(np.linalg.norm(whole._apply(inverse(right)) - right))
            grown = growth()
        except np.linalg.LinAlgError:
            return False
    bound = RESIDUAL * np.sqrt(len(known)) * unit * float(np.linalg.norm(right))
    return grown * unit < REFUSED and residual <= bound


class LinearMap:
    """A linear map of shape (rows, columns), on vectors or on the columns of a matrix.

    `scipy.sparse.linalg.aslinearoperator` takes it as it is. A kind of map overrides the methods
    with an underscore where its structure helps; those here make the dense array. Maps do not
    change, and what they are made of must not be changed either.

    >>> import gradwright as gw
    >>> J = gw.formula("tanh(x)").jacobian("x").operator(x=[0.0, 1.0, 2.0])
    >>> J.shape, J.structure, (J @ [2.0, 0.0, 0.0]).tolist()
    ((3, 3), 'diagonal', [2.0, 0.0, 0.0])
    """

    shape: tuple[int, int]

    #: Whether its structure is written as a sum or a product, for parentheses around it.
    compound = False

    def _structure(self) -> str:
        raise NotImplementedError

    def _transposed(self) -> LinearMap:
        raise NotImplementedError

    def _apply(self, columns: Array) -> Array:
        raise NotImplementedError

    def _type(self) -> Any:
        """The dtype of its entries."""
        return np.dtype(np.float64)

    def _dense(self) -> Array:
        return self._apply(np.eye(self.shape[1], dtype=self.dtype))

    def _diagonal(self) -> Array:
        return np.diagonal(self._array()).copy()

    def _entries(self, rows: Array, columns: Array) -> Array:
        """The entries in places (row, column), as many as there are."""
        return self._array()[rows, columns]

    def _logdet(self) -> float:
        return float(np.linalg.slogdet(self._array())[1])

    def _inverse(self, columns: Array) -> Array:
        return self._as_dense()._inverse(columns)

    def _growth(self) -> float:
        """By how much solving through the structure may multiply rounding errors, an estimate."""
        return self._as_dense()._growth()

    def _singular_values(self) -> Array:
        return np.linalg.svd(self._array(), compute_uv=False)

    def _product_cost(self) -> int:
        return self.shape[0] * self.shape[1]

    def _form_cost(self) -> int:
        """Multiplications that make the array."""
        return self._product_cost() * self.shape[1]

    def _solve_cost(self, columns: int = 1) -> int:
        return self._form_cost() + counts.solution(self.shape[0], columns)

    # What kinds of maps share ---------------------------------------------------------------------

    def _array(self) -> Array:
        """The dense array, if it is not too large."""
        rows, columns = self.shape
        if rows * columns * self.dtype.itemsize > MAX_BYTES:
            raise LimitError(
                f"a linear map of shape {self.shape} as an array",
                f"it has {rows} rows and {columns} columns, and arrays of up to 4 GiB are made",
                "multiply by it, @, which never forms it; scipy.sparse.linalg.cg solves with it",
            )
        return self._dense()

    def _as_dense(self) -> LinearMap:
        """The map as an array, made once."""
        from gradwright.run.structured_maps import Dense

        made: LinearMap | None = getattr(self, "_made_dense", None)
        if made is None:
            made = self._made_dense = Dense(self._array())
        return made

    # What users call ----------------------------------------------------------------------------

    @property
    def dtype(self) -> Any:
        """The dtype of its entries; results have NumPy's promotion of it and the vector's."""
        return self._type()

    @property
    def structure(self) -> str:
        """What it is made of, as `diagonal` or `(dense ⊗ identity)`."""
        return self._structure()

    @property
    def costs(self) -> Costs:
        """Multiplications for one vector, through the structure and as an array."""
        rows, columns = self.shape
        square = rows == columns
        return Costs(
            self._product_cost(),
            self._solve_cost() if square else 0,
            rows * columns,
            counts.solution(rows, 1) if square else 0,
        )

    @property
    def T(self) -> LinearMap:
        """The transpose, of shape (columns, rows)."""
        return self._transposed()

    def dense(self) -> Array:
        """The array (rows, columns).

        Raises:
            LimitError: it has more than 4 GiB.
        """
        return self._array()

    def diagonal(self) -> Array:
        """The entries [k, k]: as many as the smaller of rows and columns."""
        return self._diagonal()

    def singular_values(self) -> Array:
        """The singular values, falling: as many as the smaller of rows and columns.

        Raises:
            LimitError: a map without a structure for them that is too large for an array.
        """
        return self._singular_values()

    def trace(self) -> float:
        """The sum of the diagonal.

        Raises:
            ShapeError: the map is not square.
        """
        self._require_square("the trace")
        return float(np.sum(self._diagonal()))

    def logdet(self) -> float:
        """log |det|, minus infinity for a singular map.

        Raises:
            ShapeError: the map is not square.
        """
        self._require_square("the determinant")
        return self._logdet()

    def __matmul__(self, other: Array) -> Array:
        """The map of a vector, or of each column of a matrix."""
        array = self._fitting(other, self.shape[1], "multiplied by")
        found = self._apply(array.reshape(self.shape[1], -1))
        return found.reshape((self.shape[0], *array.shape[1:]))

    def matvec(self, vector: Array) -> Array:
        """The map of a vector of length `columns`, as SciPy calls `map @ vector`."""
        return self @ vector

    def rmatvec(self, vector: Array) -> Array:
        """The transpose times a vector of length `rows`, as SciPy calls `map.T @ vector`."""
        return self.T @ vector

    def solve(self, right: Array) -> Array:
        """x with map @ x = right, for a vector or for each column of a matrix.

        The growth of rounding errors is estimated, from the condition of every array that is
        solved with: √(‖A‖₁‖A‖∞) times the mean of ‖A⁻¹ r‖ over vectors r of random signs, A with
        rows and columns scaled to about 1. A diagonal grows nothing; a Kronecker product and a
        product have the product of their factors.

        Raises:
            ShapeError: the map is not square, or the sizes differ.
            DomainError: the map is singular, or so near to it that a solution would not have one
                right digit. Where no more than a quarter of the digits may be right (four of
                float64) there is a ConditionWarning.
        """
        self._require_square("a solution")
        array = self._fitting(right, self.shape[0], "solved for")
        kind = np.result_type(self.dtype, array.dtype, np.float32)
        columns = array.reshape(self.shape[0], -1).astype(kind)
        with np.errstate(all="ignore"):
            try:
                found = self._inverse(columns)
                growth = self._growth()
            except np.linalg.LinAlgError:
                found, growth = np.full_like(columns, np.nan), np.inf
        if np.all(np.isfinite(columns)):
            self._require_digits(growth, found, float(np.finfo(kind).eps))
        return found.reshape(array.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self._array(), dtype=dtype)

    def __repr__(self) -> str:
        return f"<linear map {self.shape[0]} × {self.shape[1]}: {self.structure}>"

    def __str__(self) -> str:
        costs = self.costs
        lines = [f"linear map {self.shape[0]} × {self.shape[1]}: {self.structure}"]
        lines.append(
            f"  @      {costs.product:,} multiplications for a vector, "
            f"{costs.dense_product:,} as an array"
        )
        if self.shape[0] == self.shape[1]:
            lines.append(
                f"  solve  {costs.solve:,} multiplications for a vector, "
                f"{costs.dense_solve:,} as an array"
            )
        return "\n".join(lines)

    def _require_digits(self, growth: float, found: Array, unit: float) -> None:
        """Refuse a solution without a right digit, and warn of one with few."""
        finite = bool(np.all(np.isfinite(found)))
        # Not growth < limit: a growth that is not a number is no small one.
        if not finite or not growth * unit < REFUSED:
            exactly = not finite or not np.isfinite(growth)
            fact = (
                "the map is singular and has no inverse"
                if exactly
                else f"the map is singular to working precision: its condition number is about "
                f"{growth:.0e}, and from {REFUSED / unit:.0e} on no digit of a solution is right"
            )
            raise DomainError(
                f"solving with a linear map of shape {self.shape}",
                fact,
                "use .dense() with numpy.linalg.lstsq for a least-squares solution",
            )
        if growth * unit > unit**0.25:
            warn(
                f"solving with a linear map of shape {self.shape}: its condition number is about "
                f"{growth:.0e}, and about {-np.log10(growth * unit):.0f} digits of the solution "
                "are right",
                ConditionWarning,
                stacklevel=3,
            )

    def _require_square(self, what: str) -> None:
        if self.shape[0] != self.shape[1]:
            raise ShapeError(
                f"{what} of a linear map",
                f"it has {self.shape[0]} rows and {self.shape[1]} columns",
                "ask for it of a square map",
            )

    def _fitting(self, other: Array, length: int, what: str) -> Array:
        if isinstance(other, Mapping):
            raise ShapeError(
                f"a linear map of shape {self.shape}",
                f"it is {what} a {type(other).__name__}, which has arrays by name",
                f"give one vector of {length} numbers; that of parameters p is p.flat",
            )
        array = plain_array(other, "it", f"a linear map {what} an array", ShapeError)
        if array.dtype.kind not in "biufc":
            raise ShapeError(
                f"a linear map of shape {self.shape}",
                f"it is {what} an array of {array.dtype}, and numbers fit",
                f"give a vector of {length} numbers or a matrix of {length} rows",
            )
        if array.ndim not in (1, 2) or array.shape[0] != length:
            raise ShapeError(
                f"a linear map of shape {self.shape}",
                f"it is {what} an array of shape {array.shape}, and {length} rows fit",
                f"give a vector of {length} entries or a matrix of {length} rows",
            )
        # Maps have at most float64, which is what systems can be solved in.
        widest = np.complex128 if array.dtype.kind == "c" else np.float64
        return array.astype(widest) if array.dtype.char in "gG" else array
