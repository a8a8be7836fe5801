"""Every operation on single entries is C code that agrees with its value; activations of layers."""

from __future__ import annotations

import ctypes
from importlib.resources import files

import numpy as np
import pytest

import gradwright as gw
from gradwright.emit.c.entries import number
from gradwright.nn.activations import ACTIVATIONS
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS
from gradwright.run.compiling import compiled
from tests.programs.installed import COMPILER

RECORDS = [record for record in OPERATIONS.values() if isinstance(record, Elementwise)]

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")


@pytest.fixture(scope="module", params=["float32", "float64"])
def library(request):
    package = files("gradwright.emit.c")
    headers = ("prologue.h", "library.h", "elementary.h", "functions.h")
    parts = [(package / name).read_text("utf-8") for name in headers]
    for record in RECORDS:
        options = {name: number(value) for name, value in record.options}
        value = record.c.format("x[i]", "y[i]", **options)
        parts.append(
            f"void apply_{record.name}(long n, const real *x, const real *y, real *z)\n"
            f"{{ (void)y; for (long i = 0; i < n; ++i) z[i] = {value}; }}\n"
        )
    definitions = ("DOUBLE_PRECISION",) if request.param == "float64" else ()
    return ctypes.CDLL(str(compiled("\n".join(parts), definitions))), request.param


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_it_agrees_with_the_value(library, record, rng):
    functions, dtype = library
    x, y = rng.normal(size=(2, 60)).astype(dtype)
    if record.sample == "positive" or record.name == "power":
        x = np.abs(x) + np.asarray(0.1, dtype)
    elif record.sample:
        x = np.asarray(0.95 * np.tanh(x), dtype)
    x[:2] = 1 if record.sample else (0, -0.0)
    x[0] = x[1] if record.name == "rsqrt" else x[0]
    z = np.empty_like(x)
    places = (ctypes.c_void_p(array.ctypes.data) for array in (x, y, z))
    getattr(functions, f"apply_{record.name}")(ctypes.c_long(len(x)), *places)
    options = {name: float(value) for name, value in record.options}
    given = [a.astype(np.float64) for a in (x, y)][: record.arity]
    with np.errstate(all="ignore"):
        expected = record.value(*given, **options)
    # A few units, of 1 where the value is small because its terms cancel.
    allowed = 16 * np.finfo(dtype).eps * np.maximum(1, np.abs(expected))
    assert np.all(np.abs(z - expected) <= allowed), record.name


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "identity"])
def test_layers_with_each_activation(name, rng):
    options = "(alpha=0.5)" if name == "elu" else ""
    net = gw.Network(f"3 -> 5 {name}{options} -> 4 {name} -> 2", loss="squared_error")
    p = net.init(seed=int(rng.integers(2**31)), scale=2.0)
    X, Y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    expected, gradient = net.value_and_gradient(p, X, Y)
    value, flat = net.model.compiled("float64").value_and_gradient(p.flat, X, Y)
    assert value == pytest.approx(expected, rel=1e-12)
    assert np.max(np.abs(flat - gradient.flat)) <= 1e-12 * np.max(np.abs(gradient.flat))
    # That NumPy's gradient is right is checked where it takes few evaluations.
    small = gw.Network(f"3 -> 2 {name}{options} -> 1", loss="squared_error")
    assert small.backprop().check(seed=int(rng.integers(2**31))).ok
