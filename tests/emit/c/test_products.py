"""Matrix products of the C target for every width of vectors: whole numbers, so without rounding.

The widths are those of machines with AVX-512, with AVX and without; a compiler makes the vectors
that the machine lacks of smaller ones.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from importlib.resources import files

import numpy as np
import pytest

from gradwright.emit.c.routines import ROUTINES
from gradwright.run.compiling import compiled
from tests.programs.installed import COMPILER

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")

WIDTHS = {
    64: "#define __AVX512F__ 1",
    32: "#undef __AVX512F__\n#undef __AVX__\n#define __AVX__ 1",
    16: "#undef __AVX512F__\n#undef __AVX__",
}

EXPORTED = """
void make(long turned, long rows, long columns, long inner, const real *A, long down, long along,
          const real *B, real *C, real *space)
{
    (turned ? product_turned : product)(rows, columns, inner, A, down, along, B, C, space);
}
"""

#: Numbers behind a result, which a product must leave alone.
BEHIND = 40


def routine(width: int, dtype: str) -> Callable[..., None]:
    """Both products for vectors of so many bytes."""
    parts = [files("gradwright.emit.c").joinpath(name).read_text("utf-8") for name in ROUTINES]
    # What the machine has is known before the first line.
    source = "\n".join([WIDTHS[width], "#define LARGE 1e30", *parts, EXPORTED])
    library = ctypes.CDLL(
        str(compiled(source, ("DOUBLE_PRECISION",) if dtype == "float64" else ()))
    )
    array = np.ctypeslib.ndpointer(np.dtype(dtype), flags="C_CONTIGUOUS")
    long = ctypes.c_long
    library.make.argtypes = [*[long] * 4, array, long, long, array, array, array]
    made: Callable[..., None] = library.make
    return made


# 16, 8, 4 and 2 lanes.
@pytest.mark.parametrize(
    ("width", "dtype"), [(64, "float32"), (32, "float32"), (16, "float32"), (16, "float64")]
)
def test_products_of_whole_numbers_are_exact(
    width: int, dtype: str, rng: np.random.Generator
) -> None:
    make = routine(width, dtype)
    for _ in range(300):
        rows, columns, inner = (int(x) for x in rng.integers(1, 41, size=3))
        across, turned = (bool(x) for x in rng.integers(2, size=2))
        A = rng.integers(-8, 9, size=(rows, inner)).astype(dtype)
        B = rng.integers(-8, 9, size=(inner, columns)).astype(dtype)
        left = np.ascontiguousarray(A.T) if across else A
        right = np.ascontiguousarray(B.T) if turned else B
        result = np.full(rows * columns + BEHIND, 77, dtype)
        space = np.full(inner * 2 * width, np.nan, dtype)
        strides = (1, rows) if across else (inner, 1)
        make(turned, rows, columns, inner, left, *strides, right, result, space)
        made = result[: rows * columns].reshape(rows, columns)
        np.testing.assert_array_equal(made, A @ B, err_msg=f"{(rows, columns, inner)}")
        assert np.all(result[rows * columns :] == 77), (rows, columns, inner)
