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
    "elu": functional.elu,
    "elu(alpha=0.5)": lambda z: functional.elu(z, 0.5),
    "selu": functional.selu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda z: functional.gelu(z, approximate="tanh"),
    "mish": functional.mish,
    "softsign": functional.softsign,
    "hard_tanh": functional.hardtanh,
    "softplus": functional.softplus,
}


def rows(size: int) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: rng.standard_normal((6, size))


def indices(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(3, size=6)


def signs(rng: np.random.Generator) -> np.ndarray:
    return 2.0 * rng.integers(2, size=(6, 2)) - 1


def counts(rng: np.random.Generator) -> np.ndarray:
    return rng.poisson(2.0, (6, 2)).astype(float)


def focal(z: Tensor, y: Tensor, gamma: float) -> Tensor:
    chosen = functional.log_softmax(z, 1).gather(1, y[:, None])
    return -torch.sum((1 - chosen.exp()) ** gamma * chosen)


#: The last layer, targets, and the loss summed over samples and outputs, of what is before the
#: last activation.
LOSSES: dict[str, tuple[str, Callable[[np.random.Generator], np.ndarray], Callable]] = {
    "absolute_error": ("2", rows(2), lambda z, y: functional.l1_loss(z, y, reduction="sum")),
    "huber": ("2", rows(2), lambda z, y: functional.huber_loss(z, y, reduction="sum")),
    "huber(delta=0.5)": (
        "2", rows(2), lambda z, y: functional.huber_loss(z, y, reduction="sum", delta=0.5)
    ),
    "norm": ("2", rows(2), lambda z, y: torch.sum(torch.linalg.vector_norm(z - y, dim=1))),
    "poisson": ("2", counts, lambda z, y: functional.poisson_nll_loss(z, y, reduction="sum")),
    "hinge": ("2", signs, lambda z, y: torch.sum(torch.relu(1 - z * y))),
    # PyTorch divides by the number of classes.
    "multiclass_hinge": (
        "3", indices, lambda z, y: 3 * functional.multi_margin_loss(z, y, reduction="sum")
    ),
    "cross_entropy(label_smoothing=0.2)": (
        "3 softmax",
        indices,
        lambda z, y: functional.cross_entropy(z, y, reduction="sum", label_smoothing=0.2),
    ),
    "focal": ("3 softmax", indices, lambda z, y: focal(z, y, 2.0)),
    "focal(gamma=3.5)": ("3 softmax", indices, lambda z, y: focal(z, y, 3.5)),
}  # fmt: skip


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


@pytest.mark.parametrize("layout", ["rows", "transposed"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str, layout: str, rng: np.random.Generator) -> None:
    last, targets, loss = LOSSES[name]
    net = gw.Network(f"3 -> 5 tanh -> {last}", loss=name, layout=layout)
    X, Y = rng.standard_normal((6, 3)), targets(rng)

    def forward(theirs: dict[str, Tensor], a: Tensor) -> Tensor:
        return layer(theirs, torch.tanh(layer(theirs, a, 1)), 2)

    judged(net, forward, loss, X, Y, int(rng.integers(2**31)))


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_labels_of_a_hinge_become_signs(layout: str, rng: np.random.Generator) -> None:
    X = torch.tensor(rng.standard_normal((6, 3)))
    net = gw.Network("3 -> 3", loss="hinge", layout=layout)
    model = load(net.backprop().source("torch")).Network(net.init().flat, dtype=torch.float64)
    y = torch.tensor(rng.integers(3, size=6))
    one_hot = functional.one_hot(y, 3)
    found = [model.loss(X, given).item() for given in (y, one_hot, 2 * one_hot - 1)]
    assert found[0] == found[1] == found[2] == pytest.approx(net.loss(net.init(), X, y), rel=1e-12)


@pytest.mark.parametrize("name", ["silu", "gelu", "gelu_tanh", "mish", "softsign", "elu", "selu"])
def test_infinities_have_the_limit(name: str) -> None:
    """PyTorch's own silu, gelu, mish and softsign of an infinity are no numbers."""
    made = load(gw.gradient(f"sum({name}(z))", "z", z="vector n").source("torch"))
    for dtype in (torch.float32, torch.float64):
        for sign in (-1, 1):
            z = torch.tensor([sign * np.inf, 0.5], dtype=dtype)
            low = {"softsign": -1.0, "elu": -1.0, "selu": -1.7580993408473766}.get(name, 0.0)
            high = 1.0 if name == "softsign" else np.inf
            half = ACTIVATIONS[name](torch.tensor(0.5, dtype=dtype)).item()
            expected = (low if sign < 0 else high) + half
            assert made.value(z).item() == pytest.approx(expected, rel=1e-6)
