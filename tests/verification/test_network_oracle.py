"""The oracle of networks: what it keeps from the last pass changes no value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.api.network_checking import FLAT, ReferenceNetwork, drawn_functions
from gradwright.nn.parameters import parameter_shapes

Array = np.ndarray[Any, np.dtype[Any]]

NETWORKS: dict[str, Any] = {
    "over the batch": "3 -> 4 tanh -> 5 -> batch_norm -> 2 softmax",
    "sample by sample": ["3 -> 4 gelu -> 6", gw.residual("8 silu -> 6"), "2"],
}


def oracle(net: Any) -> ReferenceNetwork:
    layers = net.model.layers
    return ReferenceNetwork(net.model.kinds, parameter_shapes(layers), drawn_functions(layers))


@pytest.mark.parametrize("text", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("flat", [False, True])
def test_a_pass_equals_a_fresh_one(text: Any, flat: bool, rng: np.random.Generator) -> None:
    net = gw.Network(text, loss="squared_error")
    p = net.init(seed=int(rng.integers(100)))
    held = {name: p[name].copy() for name in parameter_shapes(net.model.layers)}
    vector = np.concatenate([value.ravel() for value in held.values()])
    point = ({FLAT: vector} if flat else held) | {
        "X": rng.standard_normal((6, 3)),
        "Y": rng.standard_normal((6, 2)),
    }
    kept = oracle(net)
    for _ in range(30):
        name = str(rng.choice(list(point)))
        moved = point[name].astype(complex) if name not in "XY" and rng.random() < 0.5 else None
        moved = point[name].copy() if moved is None else moved
        place = tuple(int(rng.integers(length)) for length in moved.shape)
        moved[place] += 1e-30j if moved.dtype.kind == "c" else 0.1
        there = {**point, name: moved}
        value, fresh = kept.loss(there), oracle(net).loss(there)
        assert value.dtype == fresh.dtype and value.tobytes() == fresh.tobytes()
        assert kept.loss(there).tobytes() == fresh.tobytes()
        if rng.random() < 0.3:
            assert kept.kink_distance(there) == oracle(net).kink_distance(there)
        if moved.dtype.kind != "c":
            point = there
