"""A drawn network in PyTorch's own functions, which knows nothing of the package.

The parameters are one vector: of each layer in turn its matrix and its bias, or gain and bias, or
the tables for its codes, and behind them all running mean and variance of each layer over the
batch. A dense layer has its matrix as inputs × outputs, within a block as outputs × inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from tests.suites.network_drawing import Coded, Dense, Drawn, Item, Named, Parallel, Residual

Tensor = torch.Tensor
Array = Any

#: The dropout masks of a step: for (layer, place in it, samples), both counted from 0.
Masks = Callable[[int, int, int], Array]


def _softmax(Z: Tensor) -> Tensor:
    """Softmax of rows, with what comes back taken less its entry where softmax is largest.

    Its Jacobian makes nothing of equal entries. PyTorch subtracts the mean of what comes back,
    which has few digits left where softmax is nearly 1.
    """
    A = torch.softmax(Z, dim=1)
    place = A.argmax(dim=1, keepdim=True)
    if A.requires_grad:
        A.register_hook(lambda back: back - back.gather(1, place))
    return A


ACTIVATIONS: dict[str, Callable[..., Tensor]] = {
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": lambda z, slope=0.1: functional.leaky_relu(z, slope),
    "elu": lambda z, alpha=1.0: functional.elu(z, alpha),
    "selu": functional.selu,
    "gelu": functional.gelu,
    "gelu_tanh": partial(functional.gelu, approximate="tanh"),
    "silu": functional.silu,
    "mish": functional.mish,
    # Beyond a threshold of 20 it would be the identity, which is off by 2e-9.
    "softplus": partial(functional.softplus, threshold=700),
    "softsign": functional.softsign,
    "hard_tanh": functional.hardtanh,
    "softmax": _softmax,
}


class Pass:
    """One run through the layers, which takes parameters as it goes."""

    def __init__(self, flat: Tensor, state: Tensor, masks: Masks | None, dtype: Any) -> None:
        self._flat, self._state, self._masks = flat, state, masks
        self._dtype = dtype
        self.taken: list[tuple[int, int]] = []
        self.new_state: list[Tensor] = []
        self._read = 0
        self._layer = self._place = 0

    def through(self, items: Sequence[Item], A: Tensor) -> Tensor:
        """The values of layers in turn."""
        for item in items:
            A = self._item(item, A)
        return A

    def head(self, item: Dense, A: Tensor) -> Tensor:
        """The last layer before its activation."""
        for _ in range(item.repeat - 1):
            A = self._activated(item, self._affine(item, A))
        return self._affine(item, A)

    def _item(self, item: Item, A: Tensor) -> Tensor:
        self._place = 0
        match item:
            case Dense():
                for _ in range(item.repeat):
                    A = self._activated(item, self._affine(item, A))
                self._layer += item.repeat
                return A
            case Named():
                A = self._named(item, A)
            case Coded(tables):
                A = self._coded(tables, A)
            case Residual(inner):
                A = A + self._inside(inner, A)
            case Parallel(branches):
                A = torch.cat([self._inside(branch, A) for branch in branches], 1)
        self._layer += 1
        return A

    def _inside(self, inner: Sequence[Dense | Named], A: Tensor) -> Tensor:
        for item in inner:
            if isinstance(item, Named):
                A = self._named(item, A)
                continue
            weight = self._take(item.width, A.shape[1])
            bias = self._take(item.width) if item.bias else None
            A = self._activated(item, functional.linear(A, weight, bias))
        return A

    def _affine(self, item: Dense, A: Tensor) -> Tensor:
        Z = A @ self._take(A.shape[1], item.width)
        return Z + self._take(item.width) if item.bias else Z

    def _activated(self, item: Dense, Z: Tensor) -> Tensor:
        given = () if item.option is None else (item.option,)
        return ACTIVATIONS[item.activation](Z, *given)

    def _named(self, item: Named, A: Tensor) -> Tensor:
        n = A.shape[1]
        match item.name:
            case "layer_norm":
                return functional.layer_norm(A, (n,), self._take(n), self._take(n), 1e-5)
            case "rms_norm":
                return functional.rms_norm(A, (n,), self._take(n), item.option or 1e-6)
            case "batch_norm":
                return self._batch_norm(A)
            case "dropout":
                if self._masks is None:
                    return A
                mask = torch.tensor(self._masks(self._layer, self._place, len(A)))
                self._place += 1
                return A * mask.to(A.dtype)
        given = () if item.option is None else (item.option,)
        return ACTIVATIONS[item.name](A, *given)

    def _coded(self, tables: Sequence[tuple[int, int, int]], X: Tensor) -> Tensor:
        coded = [column for column, _, _ in tables]
        numbers = [column for column in range(X.shape[1]) if column not in coded]
        rows = [functional.embedding(X[:, c].long(), self._take(*sizes)) for c, *sizes in tables]
        return torch.cat([X[:, numbers], *rows], 1)

    def _batch_norm(self, A: Tensor) -> Tensor:
        n, read = A.shape[1], sum(len(part) for part in self.new_state)
        gain, bias = self._take(n), self._take(n)
        mean, variance = (self._state[read + k * n :][:n].clone() for k in (0, 1))
        training = self._masks is not None
        made = functional.batch_norm(A, mean, variance, gain, bias, training, 0.1, 1e-5)
        self.new_state += [mean, variance]
        return made

    def _take(self, *shape: int) -> Tensor:
        size = prod(shape)
        self.taken.append((self._read, self._read + size))
        self._read += size
        return self._flat[self._read - size : self._read].reshape(shape)


def losses_of(net: Drawn, Z: Tensor, A: Tensor, Y: Tensor) -> Tensor:
    """The loss of each sample, or its parts, Z and A of the last layer."""
    option: dict[str, Any] = dict([net.loss_option]) if net.loss_option else {}
    each: dict[str, Any] = {"reduction": "none"}
    match net.loss:
        case "cross_entropy":
            return functional.cross_entropy(Z, Y, **each, **option)
        case "binary_cross_entropy":
            return functional.binary_cross_entropy_with_logits(Z, Y, **each)
        case "squared_error":
            return functional.mse_loss(A, Y, **each)
        case "absolute_error":
            return functional.l1_loss(A, Y, **each)
        case "huber":
            return functional.huber_loss(A, Y, **each, **option)
        case "norm":
            return torch.linalg.vector_norm(A - Y, dim=1)
        case "poisson":
            return functional.poisson_nll_loss(A, Y, log_input=True, full=False, **each)
        case "hinge":
            return torch.relu(1 - Y * A)
        case "multiclass_hinge":
            return functional.multi_margin_loss(A, Y.argmax(1), **each) * A.shape[1]
        case "focal":
            logarithms, gamma = torch.log_softmax(Z, 1), option.get("gamma", 2.0)
            return -(Y * (1 - logarithms.exp()) ** gamma * logarithms)
        case "binary_focal":
            gamma, ones = option.get("gamma", 2.0), functional.logsigmoid
            right = Y * torch.sigmoid(-Z) ** gamma * ones(Z)
            return -(right + (1 - Y) * torch.sigmoid(Z) ** gamma * ones(-Z))
    raise AssertionError(f"the loss {net.loss} has no form in PyTorch")


def loss_of(net: Drawn, Z: Tensor, A: Tensor, Y: Tensor, *weights: Tensor) -> Tensor:
    """The loss of a batch, each sample counting with its weight."""
    (counts,) = weights or (torch.ones(len(Y), dtype=Z.dtype),)
    losses = losses_of(net, Z, A, Y).reshape(len(Y), -1).sum(1)
    return (counts * losses).sum() / (counts.sum() if net.reduction == "mean" else 1)


class InTorch:
    """A drawn network with `trained` parameters at the front of its vectors."""

    def __init__(self, net: Drawn, trained: int) -> None:
        self.net, self.trained = net, trained

    def _run(self, flat: Tensor, state: Tensor, X: Tensor, masks: Masks | None) -> Any:
        last = self.net.items[-1]
        assert isinstance(last, Dense)
        run = Pass(flat, state, masks, X.dtype)
        Z = run.head(last, run.through(self.net.items[:-1], X))
        return run, Z, run._activated(last, Z)

    def _split(self, vector: Array) -> tuple[Tensor, Tensor]:
        whole = torch.tensor(vector)
        return whole[: self.trained].clone(), whole[self.trained :].clone()

    def blocks(self, vector: Array, X: Array) -> list[tuple[int, int]]:
        """From where to where the arrays of parameters lie in the vector."""
        run, _, _ = self._run(*self._split(vector), torch.tensor(X), None)
        return list(run.taken)

    def predicted(self, vector: Array, X: Array) -> Array:
        """The outputs for samples."""
        _, _, A = self._run(*self._split(vector), torch.tensor(X), None)
        return A.numpy()

    def value_and_gradient(
        self, vector: Array, X: Array, batch: Sequence[Array], masks: Masks
    ) -> Any:
        """(loss, gradient with the new state behind it) in a step of training.

        `batch` has the targets, and the weights of samples where there are some.
        """
        flat, state = self._split(vector)
        value, moved = self._value(flat.requires_grad_(), state, torch.tensor(X), batch, masks)
        value.backward()
        return value.item(), torch.cat([flat.grad, moved]).numpy()  # type: ignore[list-item]

    def _value(
        self, flat: Tensor, state: Tensor, X: Tensor, batch: Sequence[Array], masks: Masks
    ) -> Any:
        run, Z, A = self._run(flat, state, X, masks)
        assert run._read == self.trained
        value = loss_of(self.net, Z, A, *map(torch.tensor, batch))
        return value, torch.cat([state[:0], *run.new_state])

    def trained_by(
        self,
        vector: Array,
        batches: Iterator[list[Array]],
        rate: float,
        masks_of: Callable[[int], Masks],
    ) -> Array:
        """The vector after steps of the optimiser, one for each batch."""
        flat, state = self._split(vector)
        flat.requires_grad_()
        settings = dict(self.net.settings)
        common = {x: settings.get(x, 0.0) for x in ("l1", "l2", "max_norm", "weight_decay")}
        optimizer = _optimizer(self.net.rule, settings, [flat], rate)
        for step, (X, *batch) in enumerate(batches):
            optimizer.zero_grad()
            value, state = self._value(flat, state, torch.tensor(X), batch, masks_of(step))
            value.backward()
            assert flat.grad is not None
            with torch.no_grad():
                flat.grad += common["l1"] * torch.sign(flat) + common["l2"] * flat
                norm = torch.linalg.vector_norm(flat.grad)
                if 0 < common["max_norm"] < norm:
                    flat.grad *= common["max_norm"] / norm
                if self.net.rule != "adamw":
                    flat *= 1 - rate * common["weight_decay"]
            optimizer.step()
        return torch.cat([flat.detach(), state]).numpy()


def _optimizer(rule: str, settings: dict[str, float], flat: list[Tensor], rate: float) -> Any:
    momentum = settings.get("momentum", 0.0)
    if rule in ("sgd", "momentum", "nesterov"):
        return torch.optim.SGD(flat, rate, momentum, nesterov=rule == "nesterov")
    if rule == "rmsprop":
        return torch.optim.RMSprop(flat, rate, settings["alpha"], settings["epsilon"])
    betas, epsilon = (settings["beta1"], settings["beta2"]), settings["epsilon"]
    if rule == "adam":
        return torch.optim.Adam(flat, rate, betas, epsilon)
    return torch.optim.AdamW(flat, rate, betas, epsilon, settings["weight_decay"])


def batches(samples: Sequence[Array], size: int, epochs: int, seed: int) -> Iterator[list[Array]]:
    """Inputs, targets and what else samples have, in batches, as seed and epoch order them."""
    count = len(samples[0])
    for epoch in range(epochs):
        order = np.arange(count)
        np.random.default_rng((seed, epoch)).shuffle(order)
        for start in range(0, count, size):
            yield [part[order[start : start + size]] for part in samples]
