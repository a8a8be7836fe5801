"""Gradients of networks against PyTorch's automatic differentiation of PyTorch's own layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

import gradwright as gw

Tensor = torch.Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "": lambda z: z,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "leaky_relu": lambda z: functional.leaky_relu(z, 0.1),
}

#: The loss of all samples from the last layer's pre-activations, in PyTorch's own functions.
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy": lambda z, y: functional.cross_entropy(z, y, reduction="sum"),
    "binary_cross_entropy": lambda z, y: functional.binary_cross_entropy_with_logits(
        z, y, reduction="sum"
    ),
    "squared_error": lambda z, y: functional.mse_loss(z, y, reduction="sum"),
}

#: (text, hidden activations, loss); widths are unequal so that nothing transposed can pass.
NETWORKS = [
    ("3 -> 10 relu -> 6 relu -> 4 softmax", ["relu", "relu"], "cross_entropy"),
    ("5 -> 7 tanh -> 2 softmax", ["tanh"], "cross_entropy"),
    ("5 -> 4 * 6 sigmoid -> 3 softmax", ["sigmoid"] * 4, "cross_entropy"),
    ("2 -> 3 sigmoid -> 2 tanh -> 1 sigmoid", ["sigmoid", "tanh"], "binary_cross_entropy"),
    ("4 -> 6 relu -> 3 sigmoid", ["relu"], "binary_cross_entropy"),
    ("4 -> 5 leaky_relu -> 3", ["leaky_relu"], "squared_error"),
    ("4 -> 3", [], "squared_error"),
]

SAMPLES = 9

#: Both sides round each of fewer than 10⁴ operations on numbers near 1 by at most 1.1e-16.
TOLERANCE = 1e-12


def targets(loss: str, outputs: int, rng: np.random.Generator) -> np.ndarray:
    if loss == "cross_entropy":
        return rng.integers(outputs, size=SAMPLES)
    if loss == "binary_cross_entropy":
        return rng.integers(2, size=(SAMPLES, outputs)).astype(float)
    return rng.standard_normal((SAMPLES, outputs))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(("text", "hidden", "loss"), NETWORKS, ids=[n[0] for n in NETWORKS])
def test_gradients_equal_autograd(
    text: str, hidden: list[str], loss: str, reduction: str, rng: np.random.Generator
) -> None:
    network = gw.Network(text, loss=loss, reduction=reduction)
    p = network.init(seed=int(rng.integers(2**31)))
    p.flat[:] += 0.1 * rng.standard_normal(p.flat.size)
    X = rng.standard_normal((SAMPLES, network.widths[0]))
    y = targets(loss, network.widths[-1], rng)

    theirs = {name: torch.tensor(value, requires_grad=True) for name, value in p.items()}
    a = torch.tensor(X)
    for layer, activation in enumerate([*hidden, ""], start=1):
        a = ACTIVATIONS[activation](a @ theirs[f"W{layer}"] + theirs[f"b{layer}"])
    expected = LOSSES[loss](a, torch.tensor(y)) / (SAMPLES if reduction == "mean" else 1)
    expected.backward()

    value, gradient = network.value_and_gradient(p, X, y)
    assert value == pytest.approx(expected.item(), rel=TOLERANCE)
    for name, parameter in theirs.items():
        assert parameter.grad is not None
        wanted = parameter.grad.numpy()
        error = np.max(np.abs(gradient[name] - wanted)) / np.max(np.abs(wanted))
        assert error <= TOLERANCE, name
