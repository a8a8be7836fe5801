"""What a network says that it saves, against the bytes that PyTorch is asked to keep."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest
import torch

import gradwright as gw
from gradwright.run.load import load
from tests.torch.networks import by_hand
from tests.torch.saved_bytes import saved_bytes
from tests.torch.saved_table import NETWORKS

SAMPLES = 5


class Saving:
    """A network with data, as our module and as a user of PyTorch writes it, in float64."""

    def __init__(self, text: Any, rng: np.random.Generator, **settings: str) -> None:
        self.net = gw.Network(text, **settings)
        self.derived = self.net.backprop()
        first, last = self.net.widths[0], self.net.widths[-1]
        self.X = torch.tensor(rng.normal(size=(SAMPLES, first)))
        self.Y = torch.eye(last, dtype=torch.float64)[torch.arange(SAMPLES) % last]
        p = self.net.init(seed=1)
        self.model = load(self.derived.source("torch")).Network(p.flat, dtype=torch.float64)

    @property
    def said(self) -> int:
        """The bytes of what `saved_tensors` lists."""
        listed = self.derived.saved_tensors
        return sum(8 * prod(SAMPLES if s == "n" else int(s) for s in t.axes) for t in listed)

    @property
    def ours(self) -> int:
        return saved_bytes(lambda: self.model.loss(self.X, self.Y))

    def theirs(self, text: str, loss: str, layout: str) -> int:
        plain = {
            name: value.detach().clone().requires_grad_()
            for name, value in self.model.named_parameters()
        }
        compute = by_hand(text, loss, "mean", layout, plain)
        return saved_bytes(lambda: compute(self.X, self.Y))


@pytest.mark.parametrize("layout", ["rows", "columns", "transposed"])
@pytest.mark.parametrize(("text", "loss"), NETWORKS)
def test_a_network_saves_what_it_says_and_no_more_than_autograd(
    text: str, loss: str, layout: str, rng: np.random.Generator
) -> None:
    at = Saving(text, rng, loss=loss, layout=layout)
    assert at.said == at.ours <= at.theirs(text, loss, layout)


def test_layers_by_formula_batch_norm_and_masks_say_it_too(rng: np.random.Generator) -> None:
    swish = gw.layer("z .* sigmoid(z)", input="vector n")
    for layers in (
        "4 -> 7 relu -> batch_norm -> dropout(0.2) -> 3 softmax",
        ["4 -> 6", swish, "5 tanh", "3 softmax"],
    ):
        at = Saving(layers, rng)
        assert at.said == at.ours


def test_a_tensor_left_out_is_seen(rng: np.random.Generator) -> None:
    at = Saving("4 -> 7 relu -> 3 softmax", rng)
    names = [tensor.name for tensor in at.derived.saved_tensors]
    assert names == ["X", "A1", "W2", "Y", "s1 of layer 2"]
    source = at.derived.source("torch")
    # One more value of the forward pass among what is saved.
    broken = source.replace("W if wants_X else None, A)", "W if wants_X else None, A, A + 1)")
    broken = broken.replace("X, W, A = ctx.saved_tensors", "X, W, A, _ = ctx.saved_tensors")
    assert broken != source
    model = load(broken).Network(at.net.init(seed=1).flat, dtype=torch.float64)
    assert saved_bytes(lambda: model.loss(at.X, at.Y)) > at.said
