"""What traced code cannot do, and what to write instead."""

from __future__ import annotations

from gradwright.errors import UnsupportedError

_STEPS = "write np.maximum, np.minimum or np.abs, or the formula as text with step(x)"
_ROOTS = "write np.trace and np.linalg.slogdet of the matrix"
_SIZES = (
    "write np.ones_like(x), np.zeros_like(x), np.diag(np.ones_like(x)), or declare the size as a "
    "number"
)

#: What to write instead of some things that have no formula.
INSTEAD = {
    "a comparison of symbols": _STEPS,
    "np.where": _STEPS,
    "np.tensordot": "write np.einsum",
    "np.linalg.cholesky": "write np.linalg.slogdet(A)[1] or np.linalg.solve(A, b)",
    "np.linalg.pinv": "write np.linalg.solve(A.T @ A, A.T @ b)",
    "np.linalg.lstsq": "write np.linalg.solve(A.T @ A, A.T @ b)",
    "np.linalg.eig": _ROOTS,
    "np.linalg.eigh": _ROOTS,
    "np.linalg.eigvals": _ROOTS,
    "np.linalg.eigvalsh": _ROOTS,
    "np.linalg.svd": _ROOTS,
    "np.vdot": "write np.sum(a * b) of arrays of one shape",
    "np.prod": "write np.exp(np.sum(np.log(x)))",
    "np.cumsum": "write it as a product with a matrix of ones below the diagonal, a symbol",
    "np.tril": "multiply with a matrix of zeros and ones, a symbol",
    "np.triu": "multiply with a matrix of zeros and ones, a symbol",
    "np.add.reduce": "write np.sum",
    "np.multiply.outer": "write np.outer",
    "a division without rest": "write / and sizes that are declared as products",
    "len of a symbol": "write x.shape[0]",
    "a symbol as a single number": "write np.exp in place of math.exp, and so on",
    "a symbol as a whole number": _SIZES,
    "going through a symbol": "write sums, products and slices of whole arrays",
    "turning a symbol into an array": "use functions of NumPy; np.exp(x)/np.sum(np.exp(x)) and "
    "np.log(np.sum(np.exp(x))) are recognised",
}


def refused(what: str, function: str = "") -> UnsupportedError:
    """The error for what traced code cannot do; `function` is NumPy's that does the same."""
    return UnsupportedError(
        "tracing a function",
        f"{what} is used, and that is no part of a formula that can be traced",
        INSTEAD.get(
            function or what,
            "write it with arithmetic, @ and functions such as np.sum, np.exp and np.linalg.solve, "
            "or write the formula as text",
        ),
    )
