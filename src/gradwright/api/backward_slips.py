"""What the classic slips in a backward pass lead to, as numbers: of dense networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.nn.network import NetworkModel
from gradwright.nn.parameters import Parameters
from gradwright.nn.slopes import Slopes
from gradwright.verification.causes import Slip
from gradwright.verification.condition import block_error

Array = Any
Blocks = Mapping[str, Array]

#: Slips between the layers of deeper networks are not tried: each takes a pass of its own.
DEEPEST = 64


class Forward(Struct, frozen=True, eq=False):
    """The values of a dense network with the samples as rows; lists begin with layer 1.

    `A` begins with the input X. `slopes` are those at Z: diagonals, and blocks where an activation
    couples its entries.
    """

    W: tuple[Array, ...]
    Z: tuple[Array, ...]
    A: tuple[Array, ...]
    activations: tuple[Slopes, ...]
    slopes: tuple[tuple[Array, Array | None], ...]


def forward_pass(model: NetworkModel, p: Parameters, X: Array) -> Forward | None:
    """The values of a network, or None if a layer is no dense one."""
    if any(layer.formula is not None for layer in model.layers):
        return None
    known = {(layer.activation, layer.options) for layer in model.layers}
    slopes = {key: Slopes(*key) for key in known}
    W, Z, A, activations = [], [], [X], []
    for number, layer in enumerate(model.layers, start=1):
        W.append(p.weight(number))
        Z.append(A[-1] @ W[-1] + (p[f"b{number}"] if layer.bias else 0.0))
        activations.append(slopes[layer.activation, layer.options])
        A.append(activations[-1].values(Z[-1]))
    at = tuple(activation.at(z) for activation, z in zip(activations, Z, strict=True))
    return Forward(tuple(W), tuple(Z), tuple(A), tuple(activations), at)


def scales(model: NetworkModel, samples: int, right: Blocks) -> Iterator[Slip]:
    """Means and sums in each other's place, and the factor of the square."""
    mean = model.reduction == "mean"
    outputs = model.widths[-1]
    many = f"the number of samples, {samples}"
    found = [
        (samples, f"1/{samples} is missing: a sum over the samples in place of their mean")
        if mean
        else (samples, f"it is multiplied by {many}"),
        (1 / samples, f"it is divided by {many}, once too often: a mean in place of a sum"),
        (1 / outputs, f"it is divided by the number of outputs, {outputs}, and the mean is over "
         "the samples alone" if mean else f"it is divided by the number of outputs, {outputs}"),
        (1 / (samples * outputs), f"it is divided by the number of all outputs of the samples, "
         f"{samples * outputs}"),
    ]  # fmt: skip
    if model.loss == "squared_error":
        found.append((0.5, "the factor 2 of the derivative of the square is missing"))
    merged: dict[float, list[str]] = {}
    for factor, words in found:
        merged.setdefault(factor, []).append(words)
    for factor, several in merged.items():
        if factor != 1:
            words = ", or ".join(several)
            yield words, {name: factor * value for name, value in right.items()}


def slips(model: NetworkModel, forward: Forward, top: Array) -> Iterator[Slip]:
    """One slip at a time, from the output down; `top` is dA of the last layer, samples as rows."""
    depth = len(forward.W)
    if depth > DEEPEST:
        return
    for k in reversed(range(depth)):
        if not forward.activations[k].identity:
            for words, way in _ways_through(model, forward, k):
                yield words, _backward(model, forward, top, {k: way}, {})
        square = forward.W[k].shape[0] == forward.W[k].shape[1]
        if k and square:
            words = f"W{k + 1} and its transpose are exchanged in dA{k}"
            yield words, _backward(model, forward, top, {}, {k: forward.W[k].T})
    yield from _wrong_inputs(model, forward, top)


Way = Callable[[Array], Array]


def _ways_through(model: NetworkModel, forward: Forward, k: int) -> Iterator[tuple[str, Way]]:
    """Wrong ways from dA to dZ of a layer."""
    name, n = model.layers[k].activation, k + 1
    diagonal, blocks = forward.slopes[k]

    def right(dA: Array) -> Array:
        return _through(dA, diagonal, blocks)

    yield f"the derivative of {name} is missing: dZ{n} is dA{n}", lambda dA: dA
    twice = f"the derivative of {name} is applied twice in dZ{n}"
    yield twice, lambda dA: right(right(dA))
    if blocks is not None:
        alone = f"the derivative of {name} in dZ{n} has its diagonal alone, a⊙(1 − a)"
        yield alone, lambda dA: dA * diagonal
        yield f"{twice}, the second time as a⊙(1 − a)", lambda dA: right(dA) * diagonal
        return
    there, _ = forward.activations[k].at(forward.A[n])
    yield f"the derivative of {name} is taken at A{n} in place of Z{n}", lambda dA: dA * there


def _through(dA: Array, diagonal: Array, blocks: Array | None) -> Array:
    """dZ = Jᵀ dA for each sample."""
    return dA * diagonal if blocks is None else np.einsum("nij,ni->nj", blocks, dA)


def _backward(
    model: NetworkModel,
    forward: Forward,
    top: Array,
    ways: Mapping[int, Way],
    weights: Mapping[int, Array],
) -> Blocks:
    """What a slip leads to, of the layer that has it and those before it."""
    first = max([*ways, *(k - 1 for k in weights)])
    found, dA = {}, top
    for k in reversed(range(len(forward.W))):
        way = ways.get(k)
        dZ = _through(dA, *forward.slopes[k]) if way is None else way(dA)
        if k <= first:
            if way is None:
                found[f"dA{k + 1}"] = model.layout.batch(dA)
            found |= _of_layer(model, forward, k, dZ)
        dA = dZ @ weights.get(k, forward.W[k]).T
    return found


def _of_layer(model: NetworkModel, forward: Forward, k: int, dZ: Array) -> dict[str, Array]:
    """The blocks of one layer, in the layout of the network."""
    found = {
        f"dZ{k + 1}": model.layout.batch(dZ),
        f"W{k + 1}": model.layout.weight(forward.A[k].T @ dZ),
    }
    return found | ({f"b{k + 1}": dZ.sum(axis=0)} if model.layers[k].bias else {})


def _wrong_inputs(model: NetworkModel, forward: Forward, top: Array) -> Iterator[Slip]:
    """Another value of a layer in the place of its input."""
    dA = top
    for k in reversed(range(len(forward.W))):
        dZ = _through(dA, *forward.slopes[k])
        values: list[tuple[str, Array]] = []
        if k:
            values.append((f"Z{k}", forward.Z[k - 1]))
        values += [(f"A{k + 1}", forward.A[k + 1]), (f"Z{k + 1}", forward.Z[k])]
        instead = f"A{k}" if k else "X"
        for name, value in values:
            if value.shape == forward.A[k].shape:
                words = f"{name} is taken in place of {instead}"
                yield words, {f"W{k + 1}": model.layout.weight(value.T @ dZ)}
        dA = dZ @ forward.W[k].T


def misshapen(samples: int, name: str, claim: Array, right: Array, tolerance: float) -> str | None:
    """What a block of another shape is; None where no slip has that shape."""
    for words, changed in _reshaped(samples, claim):
        if changed.shape == right.shape:
            fits = block_error(changed, right) <= tolerance
            rest = "" if fits else "; its numbers are wrong besides"
            return f"its shape is {claim.shape} in place of {right.shape}: {words}{rest}"
    return None


def _reshaped(samples: int, claim: Array) -> Sequence[tuple[str, Array]]:
    summed = [
        ("it is not summed over the batch", claim.sum(axis=axis))
        for axis, length in enumerate(claim.shape)
        if length == samples
    ]
    squeezed = ("an axis of length 1 is too many", np.squeeze(claim))
    return [("it is transposed", claim.T), *summed, squeezed]
