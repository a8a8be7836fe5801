"""A linear map that keeps its structure: what every kind of it can do."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwright.errors import DomainError, ShapeError

Array = Any


class LinearMap:
    """A linear map of shape (rows, columns), on vectors or on the columns of a matrix.

    `scipy.sparse.linalg.aslinearoperator` takes it as it is. A kind of map overrides the methods
    with an underscore where its structure helps; those here make the dense array.
    """

    shape: tuple[int, int]

    def _structure(self) -> str:
        raise NotImplementedError

    def _transposed(self) -> LinearMap:
        raise NotImplementedError

    def _apply(self, columns: Array) -> Array:
        raise NotImplementedError

    def _dense(self) -> Array:
        return self._apply(np.eye(self.shape[1]))

    def _diagonal(self) -> Array:
        return np.diagonal(self._dense()).copy()

    def _logdet(self) -> float:
        return float(np.linalg.slogdet(self._dense())[1])

    def _inverse(self, columns: Array) -> Array:
        return np.linalg.solve(self._dense(), columns)

    def _singular_values(self) -> Array:
        return np.linalg.svd(self._dense(), compute_uv=False)

    # What users call ----------------------------------------------------------------------------

    @property
    def dtype(self) -> Any:
        """The dtype of results."""
        return np.dtype(np.float64)

    @property
    def structure(self) -> str:
        """What it is made of, as `diagonal` or `(dense ⊗ identity)`."""
        return self._structure()

    @property
    def T(self) -> LinearMap:
        """The transpose."""
        return self._transposed()

    def dense(self) -> Array:
        """The array (rows, columns)."""
        return self._dense()

    def diagonal(self) -> Array:
        """The diagonal entries."""
        return self._diagonal()

    def singular_values(self) -> Array:
        """The singular values, falling: as many as the smaller of rows and columns."""
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
        """The map of a vector, as SciPy calls it."""
        return self @ np.asarray(vector)

    def rmatvec(self, vector: Array) -> Array:
        """The transposed map of a vector, as SciPy calls it."""
        return self.T @ np.asarray(vector)

    def solve(self, right: Array) -> Array:
        """x with map @ x = right, for a vector or for each column of a matrix.

        Raises:
            ShapeError: the map is not square, or the sizes differ.
            DomainError: the map is singular.
        """
        self._require_square("a solution")
        array = self._fitting(right, self.shape[0], "solved for")
        columns = array.reshape(self.shape[0], -1).astype(np.float64)
        try:
            with np.errstate(divide="ignore", invalid="ignore"):
                found = self._inverse(columns)
        except np.linalg.LinAlgError:
            found = np.full_like(columns, np.nan)
        if not np.all(np.isfinite(found)) and np.all(np.isfinite(columns)):
            raise DomainError(
                f"solving with a linear map of shape {self.shape}",
                "the map is singular and has no inverse",
                "use .dense() with numpy.linalg.lstsq for a least-squares solution",
            )
        return found.reshape(array.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self._dense(), dtype=dtype)

    def __repr__(self) -> str:
        return f"<linear map {self.shape[0]} × {self.shape[1]}: {self.structure}>"

    def _require_square(self, what: str) -> None:
        if self.shape[0] != self.shape[1]:
            raise ShapeError(
                f"{what} of a linear map",
                f"it has {self.shape[0]} rows and {self.shape[1]} columns",
                "ask for it of a square map",
            )

    def _fitting(self, other: Array, length: int, what: str) -> Array:
        array = np.asarray(other)
        if array.ndim not in (1, 2) or array.shape[0] != length:
            raise ShapeError(
                f"a linear map of shape {self.shape}",
                f"it is {what} an array of shape {array.shape}, and {length} rows fit",
                f"give a vector of {length} entries or a matrix of {length} rows",
            )
        return array
