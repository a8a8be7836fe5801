"""The elementary functions of the C target in both precisions, against mpmath."""

from __future__ import annotations

import ctypes
from importlib.resources import files

import mpmath
import numpy as np
import pytest

from gradwright.run.compiling import compiled
from tests.programs.installed import COMPILER

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")

#: What `emit/c/elementary.h` promises, and what is made of it.
UNITS = 4

EXACT = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "log1p": mpmath.log1p,
    "expm1": mpmath.expm1,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
    "softsign": lambda x: x / (1 + abs(x)),
    "normpdf": lambda x: mpmath.npdf(x),
    "normcdf": lambda x: mpmath.ncdf(x),
    "gelu": lambda x: x * mpmath.ncdf(x),
}

LIMITS = {
    "exp": {np.inf: np.inf, -np.inf: 0, 710: np.inf, -746: 0, 0: 1},
    "log": {np.inf: np.inf, 0: -np.inf, -1: np.nan, 1: 0},
    "tanh": {np.inf: 1, -np.inf: -1, 0: 0, 1e-40: 1e-40},
    "sigmoid": {np.inf: 1, -np.inf: 0, 0: 0.5},
    "log1p": {np.inf: np.inf, -1: -np.inf, -2: np.nan, 0: 0, 1e-40: 1e-40},
    "expm1": {np.inf: np.inf, -np.inf: -1, 0: 0, 1e-40: 1e-40},
    "softplus": {np.inf: np.inf, -np.inf: 0},
    "mish": {np.inf: np.inf, -np.inf: 0, -2000: 0, 0: 0, 1e-40: 0.6e-40},
    "softsign": {np.inf: 1, -np.inf: -1, 0: 0, 1e-40: 1e-40},
    "normpdf": {np.inf: 0, -np.inf: 0, 50: 0, -50: 0},
    "normcdf": {np.inf: 1, -np.inf: 0, 50: 1, -50: 0, 0: 0.5},
    "gelu": {np.inf: np.inf, -np.inf: 0, 50: 50, -50: 0, 0: 0, 1e-40: 5e-41},
    "silu": {np.inf: np.inf, -np.inf: 0, -2000: 0, 0: 0, 1e-40: 5e-41},
}


#: For each precision the definitions, how far exp is finite, and the powers of 10 that there are.
PRECISIONS = {
    "float32": ((), 88.7, (-44, 38)),
    "float64": (("DOUBLE_PRECISION",), 709.7, (-323, 308)),
}


@pytest.fixture(scope="module", params=PRECISIONS)
def functions(request):
    package = files("gradwright.emit.c")
    headers = ("prologue.h", "library.h", "elementary.h", "functions.h")
    parts = [(package / name).read_text("utf-8") for name in headers]
    for name in EXACT:
        parts.append(
            f"void apply_{name}(long n, const real *x, real *y)\n"
            f"{{ for (long i = 0; i < n; ++i) y[i] = real_{name}(x[i]); }}\n"
        )
    definitions = PRECISIONS[request.param][0]
    return ctypes.CDLL(str(compiled("\n".join(parts), definitions))), request.param


def _apply(functions, name: str, x: np.ndarray) -> np.ndarray:
    library, dtype = functions
    x = np.ascontiguousarray(x, dtype)
    y = np.empty_like(x)
    places = (ctypes.c_void_p(array.ctypes.data) for array in (x, y))
    getattr(library, f"apply_{name}")(ctypes.c_long(len(x)), *places)
    return y


def _units(found, exact: mpmath.mpf) -> float:
    """The error in units of the last place of the nearest number of that precision."""
    nearest = found.dtype.type(float(exact))
    return float(
        abs(mpmath.mpf(float(found)) - exact) / mpmath.mpf(float(np.spacing(abs(nearest))))
    )


def _points(name: str, dtype: str, rng) -> np.ndarray:
    _, most, (least, largest) = PRECISIONS[dtype]
    sizes = 10.0 ** rng.uniform(least, 2, 100)
    near = rng.uniform(-1.1 * most, most, 250)
    x = np.concatenate([near, sizes, -sizes, rng.uniform(-1.5, 1.5, 150)])
    if name in ("log", "log1p"):
        powers = 10.0 ** rng.uniform(least, largest, 150)
        below = -rng.uniform(0, 1, 100) if name == "log1p" else rng.uniform(0, 1, 100)
        x = np.concatenate([np.abs(x), powers, rng.uniform(0.5, 2, 150), below])
    # Beyond it exp is infinite; test_limits has that.
    x = np.minimum(x, most) if name not in ("log", "log1p") else x
    return x.astype(dtype)[x.astype(dtype) != (0 if name == "log" else np.nan)]


@pytest.mark.parametrize("name", EXACT)
def test_within_units_of_the_last_place(functions, name, rng):
    x = _points(name, functions[1], rng)
    y = _apply(functions, name, x)
    with mpmath.workprec(200):
        errors = [_units(b, EXACT[name](mpmath.mpf(float(a)))) for a, b in zip(x, y, strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= UNITS, f"{name}({x[worst]}) = {y[worst]}: {errors[worst]:.2f} units"


@pytest.mark.parametrize("name", EXACT)
def test_limits(functions, name):
    points = {**LIMITS[name], np.nan: np.nan}
    y = _apply(functions, name, np.array(list(points)))
    np.testing.assert_array_equal(y, np.array(list(points.values()), functions[1]))
