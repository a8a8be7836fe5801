"""Calls behind each other: what was checked of the last one says nothing of other values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DomainError, ShapeError, SymbolError

ONE = gw.gradient("y'*log(1 + exp(A*x))", "x", A="matrix m n", x="vector n", y="vector m onehot")


def point(m: int, n: int, dtype: Any = np.float64) -> dict[str, Any]:
    generator = np.random.default_rng(m)
    A, x = generator.standard_normal((m, n)).astype(dtype), np.ones(n, dtype)
    return {"A": A, "x": x, "y": np.eye(m, dtype=dtype)[0]}


def expected(p: dict[str, Any]) -> Any:
    return p["A"].T @ (p["y"] / (1 + np.exp(-(p["A"] @ p["x"]))))


def test_shapes_and_types_may_change() -> None:
    big = np.dtype(np.float64).newbyteorder(">")
    for m, n, dtype in ((3, 2, float), (3, 2, float), (2, 4, float), (2, 4, "f4"), (2, 4, big)):
        p = point(m, n, dtype)
        found = ONE(**p)
        assert found.dtype == np.dtype(dtype).newbyteorder("=")
        np.testing.assert_allclose(found, expected(p), rtol=1e-5 if dtype == "f4" else 1e-14)
    mixed = point(2, 4) | {"A": point(2, 4, "f4")["A"]}
    assert ONE(**mixed).dtype == np.float64
    lists = {name: value.tolist() for name, value in point(2, 4).items()}
    np.testing.assert_allclose(ONE(**lists), expected(point(2, 4)), rtol=1e-14)


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "a shape": ({"x": np.ones(3)}, ShapeError, "n = "),
    "an axis": ({"x": np.ones((2, 1))}, ShapeError, "vector"),
    "a fact": ({"y": np.array([0.0, 2.0, 0.0])}, DomainError, "onehot"),
    "complex numbers": ({"x": np.ones(2, complex)}, ShapeError, "real"),
    "another name": ({"z": np.ones(2)}, SymbolError, "z"),
}


@pytest.mark.parametrize(("change", "error", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_value_behind_a_right_one(
    change: dict[str, Any], error: type[Exception], words: str
) -> None:
    right = point(3, 2)
    for _ in range(2):
        np.testing.assert_allclose(ONE(**right), expected(right), rtol=1e-14)
        with pytest.raises(error, match=words):
            ONE(**{**right, **change})


def test_only_the_unverified_takes_a_false_fact() -> None:
    p = point(3, 2)
    false = p | {"y": np.array([0.5, 0.25, 2.0])}
    free = ONE.unverified()
    for _ in range(2):
        np.testing.assert_allclose(free(**false), expected(false), rtol=1e-14)
        ONE(**p)
        with pytest.raises(DomainError):
            ONE(**false)
