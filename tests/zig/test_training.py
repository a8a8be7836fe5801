"""Training by code that zig compiles, on a machine without another compiler."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.run import compilers


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch) -> None:
    """No compiler of the system, and nothing compiled before."""
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compilers, "COMPILERS", ())
    monkeypatch.setenv("GRADWRIGHT_CACHE", str(tmp_path))


#: Tiny layers, layers with their own product kernels, and some that draw and have state.
NETWORKS = [
    ("3 -> 5 tanh -> 2 softmax", "float64"),
    ("9 -> 40 relu -> 33 gelu -> 2 softmax", "float32"),
    ("4 -> 6 silu -> batch_norm -> dropout(0.3) -> 2 softmax", "float64"),
]


@pytest.mark.parametrize(("text", "dtype"), NETWORKS)
def test_the_numbers_are_those_of_numpy(text, dtype, rng):
    assert compilers.required().command[1:] == ("-m", "ziglang", "cc")
    net = gw.Network(text)
    X = rng.normal(size=(23, net.model.widths[0])).astype(dtype)
    y = rng.integers(0, 2, size=23)
    p = net.init(seed=5, dtype=dtype)
    told = {"epochs": 2, "batch_size": 8, "seed": 7, "learning_rate": 0.05}
    found = gw.train(net, X, y, p, target="c", **told)
    right = gw.train(net, X, y, net.init(seed=5), target="numpy", **told)
    assert found.target == "c"
    # Six steps beside the same in double precision, numbers near 1: 32 roundings.
    bound = 16 * np.finfo(dtype).eps
    np.testing.assert_allclose(found.params.flat, right.params.flat, rtol=bound, atol=bound)
