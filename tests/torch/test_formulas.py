"""Gradients and Jacobians of formulas against PyTorch's automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.autograd.functional import hessian, jacobian

import gradwright as gw

Tensor = torch.Tensor

#: (kind, formula, wrt, declarations, shapes, the same in PyTorch with wrt as its first argument)
CASES: list[tuple[str, str, str, dict[str, str], dict[str, tuple[int, ...]], Callable[..., Tensor]]]
CASES = [
    (
        "gradient",
        "x'*A*x",
        "x",
        {"A": "matrix n n", "x": "vector n"},
        {"x": (5,), "A": (5, 5)},
        lambda x, A: x @ A @ x,
    ),
    (
        "gradient",
        "sum(tanh(W*x + b))",
        "W",
        {"W": "matrix m n", "x": "vector n", "b": "vector m"},
        {"W": (4, 3), "x": (3,), "b": (4,)},
        lambda W, x, b: torch.tanh(W @ x + b).sum(),
    ),
    (
        "gradient",
        "logsumexp(W*x)",
        "x",
        {"W": "matrix m n", "x": "vector n"},
        {"x": (3,), "W": (4, 3)},
        lambda x, W: torch.logsumexp(W @ x, 0),
    ),
    (
        "jacobian",
        "softmax(W*x)",
        "x",
        {"W": "matrix m n", "x": "vector n"},
        {"x": (3,), "W": (4, 3)},
        lambda x, W: torch.softmax(W @ x, 0),
    ),
    (
        "jacobian",
        "relu(W*x)",
        "W",
        {"W": "matrix m n", "x": "vector n"},
        {"W": (4, 3), "x": (3,)},
        lambda W, x: torch.relu(W @ x),
    ),
    (
        "hessian",
        "sum(softplus(W*x))",
        "x",
        {"W": "matrix m n", "x": "vector n"},
        {"x": (3,), "W": (4, 3)},
        lambda x, W: torch.nn.functional.softplus(W @ x).sum(),
    ),
    (
        "hessian",
        "log(det(X'*X))",
        "X",
        {"X": "matrix m n"},
        {"X": (4, 3)},
        lambda X: torch.logdet(X.T @ X),
    ),
]

#: Some hundred operations; log(det) is conditioned no worse than 1e3 on these samples.
TOLERANCE = 1e-10


def sample(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A matrix is near the identity, so that X'X is well conditioned."""
    drawn = rng.standard_normal(shape)
    return 0.3 * drawn + np.eye(*shape) if len(shape) == 2 else drawn


@pytest.mark.parametrize(
    ("kind", "text", "wrt", "declared", "shapes", "theirs"),
    CASES,
    ids=[f"{case[0]} of {case[1]}" for case in CASES],
)
def test_equals_autograd(
    kind: str,
    text: str,
    wrt: str,
    declared: dict[str, str],
    shapes: dict[str, tuple[int, ...]],
    theirs: Callable[..., Tensor],
    rng: np.random.Generator,
) -> None:
    values = {name: sample(shape, rng) for name, shape in shapes.items()}
    found = np.asarray(getattr(gw.formula(text, **declared), kind)(wrt)(**values))
    differentiate = hessian if kind == "hessian" else jacobian
    first, *rest = (torch.tensor(value) for value in values.values())
    expected = differentiate(lambda t: theirs(t, *rest), first).numpy()
    assert found.shape == expected.shape
    assert np.max(np.abs(found - expected)) <= TOLERANCE * np.max(np.abs(expected))
