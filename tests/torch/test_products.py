"""Hessian products and Gauss-Newton matrices against PyTorch's automatic differentiation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

import gradwright as gw

CASES = [
    ("5 -> 7 tanh -> 4 sigmoid no_bias -> 3 softmax", "cross_entropy", "mean"),
    ("4 -> 6 softmax -> 5 leaky_relu -> 3 sigmoid", "binary_cross_entropy", "sum"),
    ("6 -> 3 * 4 sigmoid -> 5 relu -> 2 tanh", "squared_error", "mean"),
]


def outputs(net: gw.Network, flat: torch.Tensor, X: torch.Tensor) -> tuple[Any, Any]:
    """(pre-activations, outputs) of the last layer, from a flat vector in the layout rows."""
    a, z, start = X, X, 0
    for layer in net.model.layers:
        p, q = layer.fan_in, layer.fan_out
        z = a @ flat[start : start + p * q].reshape(p, q)
        start += p * q
        if layer.bias:
            z = z + flat[start : start + q]
            start += q
        acts = {
            "tanh": torch.tanh,
            "sigmoid": torch.sigmoid,
            "relu": torch.relu,
            "leaky_relu": lambda z: functional.leaky_relu(z, 0.1),
            "softmax": lambda z: torch.softmax(z, 1),
        }
        a = acts[layer.activation](z)
    return z, a


def loss(net: gw.Network, z: torch.Tensor, a: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
    match net.model.loss:
        case "cross_entropy":
            total = functional.cross_entropy(z, Y, reduction="sum")
        case "binary_cross_entropy":
            total = functional.binary_cross_entropy_with_logits(z, Y, reduction="sum")
        case _:
            total = functional.mse_loss(a, Y, reduction="sum")
    return total / len(Y) if net.model.reduction == "mean" else total


@pytest.mark.parametrize(("text", "name", "reduction"), CASES)
def test_second_derivatives(rng: np.random.Generator, text: str, name: str, reduction: str) -> None:
    net = gw.Network(text, name, reduction)
    p, v = net.init(), net.init()
    p.flat[:], v.flat[:] = rng.normal(size=p.flat.size), rng.normal(size=p.flat.size)
    X = rng.normal(size=(8, net.widths[0]))
    width = net.widths[-1]
    y = np.eye(width)[rng.integers(width, size=8)]
    flat, inputs, Y = (torch.tensor(x) for x in (p.flat, X, y))
    expected = torch.autograd.functional.hvp(
        lambda f: loss(net, *outputs(net, f, inputs), Y), flat, torch.tensor(v.flat)
    )[1].numpy()
    found = net.hvp(p, X, y, v).flat
    assert np.max(np.abs(found - expected)) <= 1e-11 * np.max(np.abs(expected))
    place = 1 if name == "squared_error" else 0
    at = outputs(net, flat, inputs)[place]
    J = torch.autograd.functional.jacobian(
        lambda f: outputs(net, f, inputs)[place].reshape(-1), flat
    )

    def of_cut(s: torch.Tensor) -> torch.Tensor:
        values = s.reshape(at.shape)
        return loss(net, values, values, Y)

    H = torch.autograd.functional.hessian(of_cut, at.reshape(-1))
    expected = (J.T @ H @ J).numpy()
    G = net.gauss_newton(p, X, y)
    assert np.max(np.abs(G.dense() - expected)) <= 1e-11 * np.max(np.abs(expected))
    assert np.max(np.abs(G.diagonal() - np.diagonal(expected))) <= 1e-11 * np.max(expected)
