"""Networks as modules of PyTorch: a slice of the suite in `networks.py`, and what is special."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gradwright as gw
from gradwright.run.load import load
from tests.torch.networks import judge, judged

# PyTorch's forward mode warns of PyTorch's own code.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

#: The documented suite judges 200.
COUNT = 3


def test_random_networks(rng: np.random.Generator) -> None:
    verdicts = [judge(int(rng.integers(2**32))) for _ in range(COUNT)]
    wrong = [verdict for verdict in verdicts if not verdict.ok]
    assert not wrong, wrong


FAULTS = [
    ("first", "dW = X.T @ dZ", "dW = 1.01 * X.T @ dZ"),
    ("second", "return t1 * t2, ", "return 1.01 * t1 * t2, "),
]


@pytest.mark.parametrize(("order", "right", "wrong"), FAULTS, ids=[f[0] for f in FAULTS])
def test_a_planted_fault_is_seen(
    order: str, right: str, wrong: str, rng: np.random.Generator
) -> None:
    X, y = rng.standard_normal((3, 2)), np.eye(2)[rng.integers(2, size=3)]
    drawn = ("2 -> 3 tanh -> 2 softmax", "cross_entropy", X, y)

    def changed(source: str) -> str:
        assert right in source
        return source.replace(right, wrong)

    assert judged(drawn, "rows", "mean", rng).ok
    verdict = judged(drawn, "rows", "mean", rng, source=changed)
    assert verdict.failed == ("gradcheck" if order == "first" else "gradgradcheck")


def made(net: gw.Network, seed: int = 0) -> tuple[torch.nn.Module, gw.Parameters]:
    p = net.init(seed=seed)
    return load(net.backprop().source("torch")).Network(p.flat, dtype=torch.float64), p


def test_parameters_go_back_and_forth() -> None:
    net = gw.Network("3 -> 5 relu -> 4 tanh no_bias -> 2 softmax", layout="columns")
    model, p = made(net)
    assert list(model.state_dict()) == list(p.names()) == ["W1", "b1", "W2", "W3", "b3"]
    assert {name: tuple(value.shape) for name, value in model.state_dict().items()} == p.shapes()
    assert np.array_equal(model.flat().numpy(), p.flat)
    other = net.init(seed=1)
    model.load_flat(other.flat)
    assert np.array_equal(model.flat().numpy(), other.flat)
    with pytest.raises(ValueError, match=r"instead: \(50,\)"):
        model.load_flat(other.flat[1:])


def test_layers_by_formula(rng: np.random.Generator) -> None:
    swish = gw.layer("z .* sigmoid(z)", input="vector n")
    gated = gw.layer(
        "tanh(U*x) .* sigmoid(V*x + c)", input="vector n",
        U="matrix m n", V="matrix m n", c="vector m",
    )  # fmt: skip
    net = gw.Network([3, "5 relu", swish, gated(m=4), "2 softmax"], loss="cross_entropy")
    model, p = made(net)
    p.flat[:] += 0.1 * rng.standard_normal(p.flat.size)
    model.load_flat(p.flat)
    X, y = rng.standard_normal((6, 3)), rng.integers(2, size=6)
    value, gradient = net.value_and_gradient(p, X, y)
    found = model.loss(torch.tensor(X), torch.tensor(y))
    found.backward()
    assert found.item() == pytest.approx(value, rel=1e-12)
    for name, parameter in model.named_parameters():
        assert np.allclose(parameter.grad.numpy(), gradient[name], rtol=1e-12, atol=1e-14), name


def test_targets_that_do_not_fit_are_refused() -> None:
    model, _ = made(gw.Network("3 -> 4 relu -> 3 softmax"))
    X = torch.zeros(2, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match="class indices"):
        model.loss(X, torch.tensor([0.0, 1.5]))
    for wrong in (3, -1):
        with pytest.raises(ValueError, match="whole numbers from 0 to 2"):
            model.loss(X, torch.tensor([0, wrong]))
    with pytest.raises(ValueError, match="detach"):
        model.loss(X, torch.zeros(2, 3, requires_grad=True))
