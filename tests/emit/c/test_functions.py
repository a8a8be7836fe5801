"""The elementary functions of the C target in float32, against mpmath."""

from __future__ import annotations

import ctypes
from importlib.resources import files

import mpmath
import numpy as np
import pytest

from gradwright.run.compiling import compiled
from tests.programs.installed import COMPILER

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")

#: What `emit/c/functions.h` promises.
UNITS = 4

EXACT = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
}

LIMITS = {
    "exp": {np.inf: np.inf, -np.inf: 0, 89: np.inf, -105: 0, 0: 1},
    "log": {np.inf: np.inf, 0: -np.inf, -1: np.nan, 1: 0},
    "tanh": {np.inf: 1, -np.inf: -1, 0: 0, 1e-40: 1e-40},
    "sigmoid": {np.inf: 1, -np.inf: 0, 0: 0.5},
    "softplus": {np.inf: np.inf, -np.inf: 0},
    "silu": {np.inf: np.inf, -np.inf: 0, -300: 0, 0: 0, 1e-40: 5e-41},
}


@pytest.fixture(scope="module")
def functions():
    package = files("gradwright.emit.c")
    parts = [(package / name).read_text("utf-8") for name in ("prologue.h", "functions.h")]
    for name in EXACT:
        parts.append(
            f"void apply_{name}(long n, const real *x, real *y)\n"
            f"{{ for (long i = 0; i < n; ++i) y[i] = real_{name}(x[i]); }}\n"
        )
    return ctypes.CDLL(str(compiled("\n".join(parts))))


def _apply(functions, name: str, x: np.ndarray) -> np.ndarray:
    x = np.ascontiguousarray(x, np.float32)
    y = np.empty_like(x)
    places = (ctypes.c_void_p(array.ctypes.data) for array in (x, y))
    getattr(functions, f"apply_{name}")(ctypes.c_long(len(x)), *places)
    return y


def _units(found: np.float32, exact: mpmath.mpf) -> float:
    """The error in units of the last place of the nearest float32."""
    nearest = np.float32(float(exact))
    return float(
        abs(mpmath.mpf(float(found)) - exact) / mpmath.mpf(float(np.spacing(abs(nearest))))
    )


@pytest.mark.parametrize("name", EXACT)
def test_within_units_of_the_last_place(functions, name, rng):
    sizes = 10.0 ** rng.uniform(-42, 2, 300)
    near = rng.uniform(-100, 88, 700)
    x = np.concatenate([near, sizes, -sizes, rng.uniform(-1.5, 1.5, 300)]).astype(np.float32)
    # Beyond it exp is infinite; test_limits has that.
    x = np.minimum(x, np.float32(88.7))
    if name == "log":
        x = np.concatenate([np.abs(x), 10.0 ** rng.uniform(-44, 38, 500), rng.uniform(0.5, 2, 500)])
        x = x.astype(np.float32)
        x = x[x > 0]
    y = _apply(functions, name, x)
    with mpmath.workprec(120):
        errors = [_units(b, EXACT[name](mpmath.mpf(float(a)))) for a, b in zip(x, y, strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= UNITS, f"{name}({x[worst]}) = {y[worst]}: {errors[worst]:.2f} units"


@pytest.mark.parametrize("name", EXACT)
def test_limits(functions, name):
    points = {**LIMITS[name], np.nan: np.nan}
    y = _apply(functions, name, np.array(list(points)))
    np.testing.assert_array_equal(y, np.array(list(points.values()), np.float32))
