"""Losses by name, and activations of layers, against PyTorch's own, on the target torch too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

import gradwright as gw
from gradwright.run.load import load

Tensor = torch.Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": functional.silu,
    "softplus": functional.softplus,
}

#: Summed over samples and outputs.
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "absolute_error": lambda a, y: functional.l1_loss(a, y, reduction="sum"),
    "poisson": lambda a, y: functional.poisson_nll_loss(a, y, reduction="sum"),
}


def judged(
    net: gw.Network, forward: Callable[[dict[str, Tensor], Tensor], Tensor],
    loss: Callable[[Tensor, Tensor], Tensor], X: np.ndarray, Y: np.ndarray, seed: int,
) -> None:  # fmt: skip
    """Value and gradients of NumPy and of the torch target against autograd."""
    p = net.init(seed=seed)
    theirs = {name: torch.tensor(value, requires_grad=True) for name, value in p.items()}
    wanted = loss(forward(theirs, torch.tensor(X)), torch.tensor(Y)) / len(X)
    wanted.backward()
    value, gradient = net.value_and_gradient(p, X, Y)
    model = load(net.backprop().source("torch")).Network(p.flat, dtype=torch.float64)
    found = model.loss(torch.tensor(X), torch.tensor(Y))
    found.backward()
    ours = {name: parameter.grad.numpy() for name, parameter in model.named_parameters()}
    assert value == pytest.approx(wanted.item(), rel=1e-12)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-12)
    for name, parameter in theirs.items():
        expected = parameter.grad.numpy()
        scale = 1e-12 * max(1e-3, np.max(np.abs(expected)))
        np.testing.assert_allclose(gradient[name], expected, rtol=0, atol=scale)
        np.testing.assert_allclose(ours[name], expected, rtol=0, atol=scale)


def layer(theirs: dict[str, Tensor], a: Tensor, number: int) -> Tensor:
    return a @ theirs[f"W{number}"] + theirs[f"b{number}"]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str, rng: np.random.Generator) -> None:
    net = gw.Network(f"3 -> 5 {name} -> 4 {name} -> 2", loss="squared_error")
    X, Y = 2 * rng.standard_normal((6, 3)), rng.standard_normal((6, 2))

    def forward(theirs: dict[str, Tensor], a: Tensor) -> Tensor:
        for number in (1, 2):
            a = ACTIVATIONS[name](layer(theirs, a, number))
        return layer(theirs, a, 3)

    squared = lambda a, y: functional.mse_loss(a, y, reduction="sum")  # noqa: E731
    judged(net, forward, squared, X, Y, int(rng.integers(2**31)))


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str, rng: np.random.Generator) -> None:
    net = gw.Network("3 -> 5 tanh -> 2", loss=name)
    X, Y = rng.standard_normal((6, 3)), rng.poisson(2.0, (6, 2)).astype(float)

    def forward(theirs: dict[str, Tensor], a: Tensor) -> Tensor:
        return layer(theirs, torch.tanh(layer(theirs, a, 1)), 2)

    judged(net, forward, LOSSES[name], X, Y, int(rng.integers(2**31)))
