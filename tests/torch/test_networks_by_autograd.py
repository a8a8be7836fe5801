"""What the suite of random networks finds by PyTorch's autograd alone."""

from __future__ import annotations

from dataclasses import replace as replaced
from fractions import Fraction

import numpy as np
import pytest
from msgspec.structs import replace

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node
from gradwright.ops.table import OPERATIONS
from tests.suites.network_drawing import Coded, Dense, Drawn, Named, Parallel, Residual
from tests.suites.network_judging import Case, judge
from tests.torch.drawn_networks import loss_of

NET = Drawn(
    inputs=3,
    items=(
        Dense(5, "tanh"),
        Named("batch_norm"),
        Residual((Dense(4, "silu"), Named("layer_norm"), Dense(5, "identity"))),
        Parallel(((), (Dense(2, "elu"),))),
        Named("dropout", 0.3),
        Dense(4, "softmax"),
    ),
    loss="focal",
    loss_option=("gamma", 1.5),
    reduction="mean",
    rule="adamw",
    settings=(("beta1", 0.8), ("beta2", 0.97), ("epsilon", 1e-3), ("weight_decay", 0.3)),
)

#: Two tables behind columns of numbers, and weights of samples.
CODED = replaced(NET, inputs=4, items=(Coded(((2, 5, 3), (0, 4, 2))), *NET.items), weighted=True)


@pytest.mark.parametrize("net", [NET, CODED], ids=["plain", "codes and weights"])
def test_all_sides_agree(net: Drawn, rng: np.random.Generator) -> None:
    found = judge(Case(int(rng.integers(2**31)), net), {})
    assert not found["wrong"]
    by_module = {"module for PyTorch", "training by the module for PyTorch"}
    by_torch = {"autograd", "training by torch.optim", "NumPy float32"}
    assert by_module | by_torch <= found["errors"].keys()


def test_a_wrong_derivative_is_found(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = OPERATIONS["silu"]

    def spoiled(graph: Graph, node: Node) -> tuple[Node, ...]:
        (right,) = record.derivative(graph, node)
        return (graph.scale(Fraction(1001, 1000), right),)

    monkeypatch.setitem(OPERATIONS, "silu", replace(record, derivative=spoiled))
    found = judge(Case(int(rng.integers(2**31)), NET), {})
    assert found["errors"]["autograd"] > 1e3


def test_wrong_masks_are_found(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    masks = Case.masks
    monkeypatch.setattr(Case, "masks", lambda case, step, *given: masks(case, step + 1, *given))
    found = judge(Case(int(rng.integers(2**31)), NET), {})
    assert found["errors"]["autograd"] > 1e3


def test_weights_that_are_left_out_are_found(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tests.torch.drawn_networks.loss_of",
        lambda net, Z, A, Y, w: loss_of(net, Z, A, Y, 1 + w),
    )
    found = judge(Case(int(rng.integers(2**31)), replaced(CODED, reduction="sum")), {})
    assert found["errors"]["autograd"] > 1e3
