"""Derivatives by a variable with a declared fact are taken as if each entry could vary alone."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw

#: Values that have the fact.
VALUES = {
    "sum1": np.array([[0.2, 0.3, 0.5], [0.1, 0.7, 0.2], [0.6, 0.3, 0.1]]),
    "columns_sum1": np.array([[0.2, 0.3, 0.5], [0.1, 0.5, 0.2], [0.7, 0.2, 0.3]]),
    "onehot": np.eye(3)[[2, 0, 2]],
    "signs": np.array([[1.0, -1.0, 1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]),
    "binary": np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]),
    "positive": np.array([[1.0, 2.0, 0.5], [0.3, 0.4, 1.0], [2.0, 1.5, 0.7]]),
    "symmetric": np.array([[1.0, 2.0, 0.5], [2.0, 0.4, 1.0], [0.5, 1.0, 0.7]]),
    "diagonal": np.diag([1.0, -2.0, 0.5]),
    "orthogonal": np.eye(3)[[2, 0, 1]],
}

TEXTS = [
    "sum(A.^2.*B)",
    "sum(A.^4)",
    "tr(A'*A*B)",
    "sum(sum(A, axis=1).^3)",
    "sum(sum(A, axis=0).^3)",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("fact", VALUES)
def test_each_entry_varies_alone(fact: str, text: str, rng: np.random.Generator) -> None:
    f = gw.formula(text, A=f"matrix n n {fact}", B="matrix n n")
    A, B, tangent = VALUES[fact], rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    values = {"A": A, "B": B} if "B" in text else {"A": A}
    plain = gw.formula(text, A="matrix n n", B="matrix n n")
    wanted = np.zeros((3, 3))
    for place in np.ndindex(3, 3):
        moved = A.astype(complex)
        moved[place] += 1e-30j
        wanted[place] = np.imag(plain(**{**values, "A": moved})) / 1e-30
    np.testing.assert_allclose(f.gradient("A")(**values), wanted, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(f.vjp("A")(**values, cotangent=1.0), wanted, rtol=1e-12, atol=1e-12)
    h, gradient = 1e-5, plain.gradient("A")
    sides = [gradient(**{**values, "A": A + s * h * tangent}) for s in (1, -1)]
    second = (sides[0] - sides[1]) / (2 * h)
    scale = 1 + np.max(np.abs(second))
    found = f.hvp("A")(**values, tangent=tangent)
    np.testing.assert_allclose(found, second, rtol=0, atol=1e-7 * scale)
    blocks = np.tensordot(f.hessian("A")(**values), tangent, axes=2)
    np.testing.assert_allclose(blocks, second, rtol=0, atol=1e-7 * scale)
