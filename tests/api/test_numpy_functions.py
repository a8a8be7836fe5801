"""NumPy's functions and methods in traced code: NumPy is the oracle, complex steps derive it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import GradwrightError

DECLARED = {
    "A": "matrix m n",
    "B": "matrix m n",
    "S": "matrix n n",
    "x": "vector n",
    "y": "vector n",
    "z": "vector m",
    "c": "scalar",
}
SIZES = {"m": 3, "n": 4}
CONSTANTS = {"eye", "ones", "zeros", "full"}

Function = Callable[..., Any]

#: Where the oracle can take a complex step: nothing is compared, and no conjugate is taken.
SMOOTH: dict[str, Function] = {
    "method sum of rows": lambda A: A.sum(axis=1),
    "method mean of columns": lambda A: A.mean(0),
    "average": lambda A: np.average(A, axis=1),
    "weighted average": lambda x, y: np.average(x, weights=2 + y * y),
    "weighted average of columns": lambda A, B: np.average(A, axis=0, weights=2 + B * B),
    "vdot of vectors": lambda x, y: np.vdot(x, y),
    "inner of vectors": lambda x, y: np.inner(x, y),
    "kron of vectors": lambda x, z: np.kron(x, z),
    "kron of matrices": lambda A, S: np.sum(np.kron(A, S) ** 2),
    "multi_dot": lambda A, S, x: np.linalg.multi_dot([A, S, x]),
    "differences": lambda x: np.diff(x),
    "differences of rows": lambda A: np.diff(A, axis=0),
    "differences of columns": lambda A: np.sum(np.diff(A) ** 2),
    "columns": lambda x, y: np.column_stack([x, y]),
    "columns and a matrix": lambda A, z: np.column_stack([A, z]),
    "expand_dims": lambda x, z: np.expand_dims(z, 1) * np.expand_dims(x, 0),
    "diagonal": lambda S, x: S.diagonal() * x,
    "linalg.trace": lambda S: np.linalg.trace(S @ S),
    "mT": lambda A, z: A.mT @ z,
    "flatten": lambda A: A.flatten(),
    "copy": lambda x: x.copy() * x,
    "size": lambda A: A.sum() / A.size,
    "dot with a number": lambda x: np.dot(x, 2.5),
    "identity": lambda S, x: np.linalg.solve(S @ S.T + 0.5 * np.eye(4), x),
    "identity in front": lambda S, c: c * np.eye(4) + S,
    "ones": lambda A: np.ones(3) @ A,
    "zeros": lambda A: A + np.zeros((3, 4)),
    "equal numbers": lambda A: A * np.full((3, 4), 0.25),
    "outer with ones": lambda x: np.outer(x, np.ones(3)),
    "norms of rows squared": lambda A: np.sum(A**2, axis=1) * 2,
    "float_power": lambda x: np.float_power(2 + x * x, 1.5),
}

#: Where entries are compared or conjugated; the points lie away from ties.
ROUGH: dict[str, Function] = {
    "method var": lambda x: x.var(),
    "var with ddof": lambda x: np.var(x, ddof=1),
    "var of columns with ddof": lambda A: A.var(axis=0, ddof=1),
    "var of rows that stay": lambda A: A.var(axis=1, keepdims=True) * A,
    "std of rows": lambda A: A.std(axis=1),
    "slogdet by name": lambda S: np.linalg.slogdet(S @ S.T + np.eye(4)).logabsdet,
    "astype": lambda x: x.astype(float) * x,
    "method max": lambda x: x.max() * x,
    "max of rows": lambda A: A.max(axis=1),
    "min of columns that stay": lambda A: A - A.min(axis=0, keepdims=True),
    "amax amin": lambda x: np.amax(x) * np.amin(x),
    "ptp": lambda A: np.ptp(A, axis=1),
    "method clip": lambda x: x.clip(-0.5, 0.5),
    "fmax": lambda x, y: np.fmax(x, y),
    "fabs": lambda x: np.fabs(x),
    "heaviside": lambda x, y: np.heaviside(x, 1) * y,
    "norms of rows": lambda A: np.linalg.norm(A, axis=1),
    "norms of columns": lambda A: A / np.linalg.norm(A, axis=0, keepdims=True),
    "sums of sizes": lambda A: np.linalg.norm(A, ord=1, axis=0),
    "vector norm": lambda A: np.linalg.vector_norm(A),
    "norm over both axes": lambda A: np.linalg.norm(A, axis=(0, 1)),
    "slogdet with its sign": lambda S: np.prod(np.array(1.0)) * np.linalg.slogdet(S)[1],
}


def asked(function: Function, seed: int) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    draw = np.random.default_rng(seed)
    declared = {name: DECLARED[name] for name in names}
    shapes = {name: [SIZES[s] for s in text.split()[1:]] for name, text in declared.items()}
    if CONSTANTS & {*function.__code__.co_names}:
        # An array of numbers has a whole number of rows.
        declared = {
            name: " ".join([DECLARED[name].split()[0], *map(str, shape)])
            for name, shape in shapes.items()
        }
    return declared, {name: draw.normal(size=shapes[name]) for name in names}


@pytest.mark.parametrize("function", [*SMOOTH.values(), *ROUGH.values()], ids=[*SMOOTH, *ROUGH])
def test_the_value_is_numpy_s(function: Function, seed: int) -> None:
    declared, values = asked(function, seed)
    found, expected = gw.formula(function, **declared)(**values), function(**values)
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("function", SMOOTH.values(), ids=SMOOTH)
def test_the_derivative_is_a_complex_step(function: Function, seed: int) -> None:
    declared, values = asked(function, seed)
    for name, value in values.items():
        along = np.random.default_rng(seed + 1).normal(size=np.shape(value))
        stepped = {**values, name: value + 1e-30j * along}
        expected = np.imag(function(**stepped)) / 1e-30
        if name == "x" and "vdot" in function.__code__.co_names:
            # NumPy takes the conjugate of the first.
            expected = -expected
        found = gw.formula(function, **declared).jvp(name)(**values, tangent=along)
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("function", ROUGH.values(), ids=ROUGH)
def test_the_derivative_is_a_central_difference(function: Function) -> None:
    declared, values = asked(function, 11)
    for name, value in values.items():
        along = np.random.default_rng(12).normal(size=np.shape(value))
        ahead, behind = (function(**{**values, name: value + h * along}) for h in (1e-6, -1e-6))
        found = gw.formula(function, **declared).jvp(name)(**values, tangent=along)
        np.testing.assert_allclose(found, (ahead - behind) / 2e-6, rtol=1e-6, atol=1e-7)


REFUSED: dict[str, tuple[Function, str]] = {
    "prod": (lambda x: x.prod(), "np.exp(np.sum(np.log(x)))"),
    "cumsum": (lambda x: x.cumsum(), "a matrix of ones below the diagonal"),
    "tolist": (lambda x: x.tolist(), "the attribute tolist"),
    "math": (lambda x: math.exp(x), "write np.exp"),
    "sum of Python": (lambda x: sum(x), "going through a symbol"),
    "unpacked": (lambda x: [entry * 2 for entry in x], "going through a symbol"),
    "named identity": (lambda S: S + np.eye(S.shape[0]), "np.diag(np.ones_like(x))"),
    "whole division": (lambda x: x // 2, "a division without rest"),
    "out": (lambda x: np.exp(x, out=x), "np.exp with out"),
    "dtype": (lambda x: np.sum(x, 0, float), "np.sum with 3 arguments"),
    "another type": (lambda x: x.astype("float32"), "astype('float32')"),
    "spectral norm": (lambda A: np.linalg.norm(A, 2), "ord=2"),
    "norm of singular values": (lambda A: np.linalg.norm(A, 2, axis=(0, 1)), "over two axes"),
    "diagonal of a vector": (lambda x: np.diagonal(x), "the diagonal of a vector"),
    "half at 0": (lambda x: np.heaviside(x, 0.5), "another value at 0"),
    "array of numbers": (lambda x: x @ np.arange(4), "an array of shape (4,)"),
    "array of truths": (lambda x: x * np.ones(4, dtype=bool), "an array of shape (4,)"),
    "diagonal array": (lambda S: S @ np.diag([1.0, 2, 3, 4]), "an array of shape (4, 4)"),
    "diag of a column": (lambda A: np.diag(A.sum(axis=1, keepdims=True)), "np.diag of a column"),
    "vdot of a column": (
        lambda A, z: np.vdot(A.sum(axis=1, keepdims=True), z),
        "np.vdot of arrays with different shapes",
    ),
    "moveaxis too far": (lambda A: np.moveaxis(A, 0, 2), "axis 2 is asked for, of a value with 2"),
    "swapaxes too far": (lambda A: A.swapaxes(0, 3), "axis 3 is asked for, of a value with 2"),
    "transpose too far": (lambda A: A.transpose(0, 3), "axis 3 is asked for, of a value with 2"),
    "sum too far": (lambda A: A.sum(axis=(0, 3)), "the sum over axis 3 is asked for"),
    "axis of a number": (lambda x: np.sum(x.sum(), axis=0), "the sum over axis 0 is asked for"),
    "axis that is a float": (lambda A: A.sum(axis=1.0), "the sum over axis 1.0 is asked for"),
    "axes in a list": (lambda A: np.moveaxis(A, [0], [1]), "axis [0] is asked for"),
    "degrees of freedom": (lambda x: x.var(ddof=1.5), "np.var of (Expression, float)"),
    "a number in a list": (lambda x: np.hstack([x, 1.0]), "np.hstack of (list)"),
    "order of entries": (lambda A: A.reshape(-1, order="F"), "in order 'F'"),
    "shape of floats": (lambda A: A.reshape(2.0, 6.0), "np.reshape of (Expression, tuple)"),
    "round": (lambda x: round(x), "rounding a symbol"),
    "weights of one axis": (lambda A, x: np.average(A, axis=1, weights=x), "np.average with"),
}


@pytest.mark.parametrize(("function", "said"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_formula_is_refused(function: Function, said: str) -> None:
    declared = {name: DECLARED[name] for name in function.__code__.co_varnames[:2]}
    with pytest.raises(GradwrightError) as caught:
        gw.formula(function, **declared)
    assert said in str(caught.value)


def _variance(ddof: int) -> Function:
    return lambda x: x.var(ddof=ddof)


def test_a_variance_of_too_few_numbers_is_refused() -> None:
    for ddof in (3, 5):
        with pytest.raises(GradwrightError, match=f"ddof={ddof} for a variance of 3 numbers"):
            gw.formula(_variance(ddof), x="vector 3")


def test_what_python_asks_about_an_object_is_answered() -> None:
    x = gw.vector("x", "n")
    assert not hasattr(x, "_repr_html_")
    assert not hasattr(x, "__array_interface__")
    assert not hasattr(x, "no_such_attribute")
