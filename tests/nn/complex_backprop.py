"""Backpropagation by hand for complex parameters, so that a complex step differentiates it.

f(p + i h v) = f(p) + i h f'(p) v + O(h²): the imaginary part of a gradient, divided by h, is the
Hessian times v, without any difference of close numbers. Weights are fan-in × fan-out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import gradwright as gw

Array = Any
STEP = 1e-30


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def softmax(z: Array) -> Array:
    shifted = np.exp(z - np.max(z.real, axis=1, keepdims=True))
    return shifted / np.sum(shifted, axis=1, keepdims=True)


def activated(layer: Any, z: Array) -> Array:
    match layer.activation:
        case "identity":
            return z
        case "sigmoid":
            return sigmoid(z)
        case "tanh":
            return np.tanh(z)
        case "relu":
            return np.where(z.real > 0, z, 0)
        case "leaky_relu":
            return np.where(z.real > 0, z, float(dict(layer.options)["slope"]) * z)
        case "softmax":
            return softmax(z)
    raise AssertionError(layer.activation)


def pulled_back(layer: Any, z: Array, a: Array, back: Array) -> Array:
    """The derivative by z from that by a."""
    match layer.activation:
        case "identity":
            return back
        case "sigmoid":
            return back * a * (1 - a)
        case "tanh":
            return back * (1 - a * a)
        case "relu":
            return np.where(z.real > 0, back, 0)
        case "leaky_relu":
            return np.where(z.real > 0, back, float(dict(layer.options)["slope"]) * back)
        case "softmax":
            return a * (back - np.sum(a * back, axis=1, keepdims=True))
    raise AssertionError(layer.activation)


def unpacked(net: gw.Network, flat: Array) -> list[tuple[Array, Array]]:
    """(W, b) of each layer of a network in the layout rows."""
    found, start = [], 0
    for layer in net.model.layers:
        p, q = layer.fan_in, layer.fan_out
        W = flat[start : start + p * q].reshape(p, q)
        start += p * q
        b = flat[start : start + q] if layer.bias else np.zeros(q)
        start += q if layer.bias else 0
        found.append((W, b))
    return found


def forward(net: gw.Network, flat: Array, X: Array) -> list[tuple[Array, Array, Array]]:
    """(input, z, a) of each layer."""
    found, a = [], X
    for layer, (W, b) in zip(net.model.layers, unpacked(net, flat), strict=True):
        z = a @ W + b
        found.append((a, z, activated(layer, z)))
        a = found[-1][2]
    return found


def loss_by_z(net: gw.Network, z: Array, a: Array, Y: Array) -> Array:
    """The derivative of the loss of the batch by the pre-activations of the last layer."""
    last = net.model.layers[-1]
    # Both losses that belong to an activation have a - y there (softmax, sigmoid).
    plain = net.model.loss == "squared_error"
    found = pulled_back(last, z, a, 2 * (a - Y)) if plain else a - Y
    return found / len(Y) if net.model.reduction == "mean" else found


def gradient(net: gw.Network, flat: Array, X: Array, Y: Array) -> Array:
    """The gradient by all parameters, as a flat vector."""
    passed = forward(net, flat, X)
    delta = loss_by_z(net, *passed[-1][1:], Y)
    parts: list[Array] = []
    for k in reversed(range(len(passed))):
        layer, (x, _, _) = net.model.layers[k], passed[k]
        parts = [(x.T @ delta).ravel(), *([delta.sum(axis=0)] * layer.bias), *parts]
        if k:
            back = delta @ unpacked(net, flat)[k][0].T
            delta = pulled_back(net.model.layers[k - 1], *passed[k - 1][1:], back)
    return np.concatenate(parts)


def hessian_product(net: gw.Network, flat: Array, X: Array, Y: Array, v: Array) -> Array:
    return gradient(net, flat + 1j * STEP * v, X, Y).imag / STEP


def jacobian(net: gw.Network, flat: Array, X: Array, value: int) -> Array:
    """∂(z or a of the last layer)/∂parameters, samples × outputs × parameters."""
    columns = []
    for unit in np.eye(flat.size):
        columns.append(forward(net, flat + 1j * STEP * unit, X)[-1][value].imag / STEP)
    return np.stack(columns, axis=-1)


def gauss_newton(net: gw.Network, flat: Array, X: Array, Y: Array) -> Array:
    """Σ JᵀHJ over the samples, with the Hessians of the three losses written out."""
    a = forward(net, flat, X)[-1][2]
    total = np.zeros((flat.size, flat.size))
    J = jacobian(net, flat, X, 2 if net.model.loss == "squared_error" else 1)
    for one, p in zip(J, a, strict=True):
        match net.model.loss:
            case "cross_entropy":
                H = np.diag(p) - np.outer(p, p)
            case "binary_cross_entropy":
                H = np.diag(p * (1 - p))
            case _:
                H = 2 * np.eye(len(p))
        total += one.T @ H @ one
    return total / len(Y) if net.model.reduction == "mean" else total
