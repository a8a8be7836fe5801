"""A hundred randomly drawn networks against PyTorch's automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch.nn import functional

import gradwright as gw

Tensor = torch.Tensor

COUNT = 100

#: The error of every network, and of 99 in 100: max |a - b| / max |b| over each block.
EVERY = 1e-12
NEARLY_EVERY = 1e-13

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "": lambda z: z,
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": lambda z: functional.leaky_relu(z, 0.1),
    "leaky_relu(slope=0.25)": lambda z: functional.leaky_relu(z, 0.25),
    "softmax": lambda z: torch.softmax(z, 1),
}

#: From the last layer's pre-activations, so that the comparison itself loses no digits.
LOSSES: dict[str, Callable[[Tensor, Tensor, str], Tensor]] = {
    "cross_entropy": lambda z, y, _: functional.cross_entropy(z, y, reduction="sum"),
    "binary_cross_entropy": lambda z, y, _: functional.binary_cross_entropy_with_logits(
        z, y, reduction="sum"
    ),
    "squared_error": lambda z, y, last: functional.mse_loss(
        ACTIVATIONS[last](z), y, reduction="sum"
    ),
}


@dataclass(frozen=True)
class Drawn:
    """A network as text, and what PyTorch needs to build the same one."""

    text: str
    activations: tuple[str, ...]
    bias: tuple[bool, ...]
    loss: str
    reduction: str
    samples: int


def draw(number: int, rng: np.random.Generator) -> Drawn:
    """Depth 1 to 8, widths without equal neighbours, any activation and a loss that fits the last.

    The number says what the last layer and the loss are, so that all take part.

    A softmax of one unit is the constant 1, so a layer with softmax has two units or more.
    """
    depth = int(rng.integers(1, 9))
    last, turn = list(ACTIVATIONS)[number % len(ACTIVATIONS)], number // len(ACTIVATIONS)
    activations = (*(str(x) for x in rng.choice(list(ACTIVATIONS), depth - 1)), last)
    widths = [int(rng.integers(1, 12))]
    for activation in activations:
        least = 2 if activation == "softmax" else 1
        choices = [w for w in range(least, 12) if w != widths[-1]]
        widths.append(int(rng.choice(choices)))
    bias = tuple(bool(x) for x in rng.random(depth) < 0.85)
    parts = [str(widths[0])]
    for width, activation, has_bias in zip(widths[1:], activations, bias, strict=True):
        parts.append(f"{width} {activation}{'' if has_bias else ' no_bias'}".replace("  ", " "))
    fitting = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}
    loss = fitting.get(activations[-1], "squared_error")
    if turn % 4 == 3:
        loss = "squared_error"
    return Drawn(
        " -> ".join(part.strip() for part in parts),
        activations,
        bias,
        loss,
        ("mean", "sum")[turn % 2],
        int(rng.integers(1, 14)),
    )


def targets(loss: str, samples: int, outputs: int, rng: np.random.Generator) -> np.ndarray:
    if loss == "cross_entropy":
        return rng.integers(outputs, size=samples)
    if loss == "binary_cross_entropy":
        return rng.integers(2, size=(samples, outputs)).astype(float)
    return rng.standard_normal((samples, outputs))


def error(drawn: Drawn, rng: np.random.Generator) -> float:
    """The largest error of a block; a block that is zero on one side must be on the other."""
    network = gw.Network(drawn.text, loss=drawn.loss, reduction=drawn.reduction)
    p = network.init(seed=int(rng.integers(2**31)), scheme="xavier_normal")
    p.flat[:] += 0.1 * rng.standard_normal(p.flat.size)
    X = rng.standard_normal((drawn.samples, network.widths[0]))
    y = targets(drawn.loss, drawn.samples, network.widths[-1], rng)

    theirs = {name: torch.tensor(value, requires_grad=True) for name, value in p.items()}
    a = z = torch.tensor(X)
    for layer, activation in enumerate(drawn.activations, start=1):
        z = a @ theirs[f"W{layer}"]
        if drawn.bias[layer - 1]:
            z = z + theirs[f"b{layer}"]
        a = ACTIVATIONS[activation](z)
    loss = LOSSES[drawn.loss](z, torch.tensor(y), drawn.activations[-1])
    if drawn.reduction == "mean":
        loss = loss / drawn.samples
    loss.backward()

    value, gradient = network.value_and_gradient(p, X, y)
    worst = abs(value - loss.item()) / abs(loss.item())
    for name, parameter in theirs.items():
        assert parameter.grad is not None
        wanted = parameter.grad.numpy()
        gap, scale = np.max(np.abs(gradient[name] - wanted)), np.max(np.abs(wanted))
        if gap:
            worst = max(worst, gap / scale if scale else np.inf)
    return float(worst)


def test_gradients_of_random_networks_equal_autograd(rng: np.random.Generator) -> None:
    found = []
    for number in range(COUNT):
        drawn = draw(number, rng)
        found.append((error(drawn, rng), drawn))
    found.sort(key=lambda pair: pair[0], reverse=True)
    worst, second = found[0], found[1]
    assert worst[0] <= EVERY, worst
    assert second[0] <= NEARLY_EVERY, (worst, second)


def test_the_draw_covers_depths_activations_losses_and_reductions(
    rng: np.random.Generator,
) -> None:
    drawn = [draw(number, rng) for number in range(COUNT)]
    assert {len(d.activations) for d in drawn} == set(range(1, 9))
    assert {name for d in drawn for name in d.activations} == set(ACTIVATIONS)
    assert {(d.loss, d.reduction) for d in drawn} == {
        (loss, reduction) for loss in LOSSES for reduction in ("mean", "sum")
    }


def test_a_gradient_wrong_in_one_block_is_seen(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = gw.Network.value_and_gradient

    def wrong(self, p, X, y):
        value, gradient = right(self, p, X, y)
        gradient["W1"][...] *= 1 + 1e-11
        return value, gradient

    drawn = Drawn("3 -> 4 tanh -> 2", ("tanh", ""), (True, True), "squared_error", "mean", 5)
    assert error(drawn, rng) <= NEARLY_EVERY
    monkeypatch.setattr(gw.Network, "value_and_gradient", wrong)
    assert error(drawn, rng) > EVERY
