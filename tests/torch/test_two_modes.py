"""Layers that train by another formula than they predict by, in modules for PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional

import gradwright as gw
from gradwright.run.load import load
from tests.torch.saved_bytes import saved_bytes

TEXT = "4 -> 6 tanh -> batch_norm -> dropout(0.3) -> 3 softmax"


class Both:
    """A network, its module, and samples."""

    def __init__(
        self, text: str, rng: np.random.Generator, samples: int = 5, loss: str = "cross_entropy"
    ) -> None:
        self.net = gw.Network(text, loss=loss)
        self.p = self.net.init(seed=int(rng.integers(2**31)))
        self.p.flat[:] += rng.uniform(0, 0.3, self.p.flat.shape)
        self.module = load(self.net.backprop().source("torch"))
        self.model = self.module.Network(self.p.flat, dtype=torch.float64)
        inputs, outputs = self.net.widths[0], self.net.widths[-1]
        self.X = rng.standard_normal((samples, inputs))
        self.y = rng.integers(outputs, size=samples)

    @property
    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.tensor(self.X), torch.tensor(self.y)


def test_a_step_of_training_is_that_of_numpy(rng: np.random.Generator) -> None:
    both = Both(TEXT, rng)
    training = int(rng.integers(2**40)), int(rng.integers(2**34))
    Y = np.eye(3)[both.y]
    value, expected = both.net.model.module.value_and_gradient(
        both.p.flat, both.X, Y, training=training
    )
    found = both.model.loss(*both.tensors, training)
    found.backward()
    assert found.item() == pytest.approx(value, rel=1e-13)
    made = [*(w.grad for w in both.model.parameters()), *both.model.buffers()]
    gradient = torch.cat([part.reshape(-1) for part in made])
    np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-11, atol=1e-13)
    assert both.model.flat().shape == both.p.flat.shape


def test_eval_predicts(rng: np.random.Generator) -> None:
    both = Both(TEXT, rng, samples=1)
    both.model.eval()
    X, y = both.tensors
    expected = both.net.predict(both.p, both.X)
    np.testing.assert_allclose(both.model(X).detach().numpy(), expected, rtol=1e-12)
    loss = both.net.loss(both.p, both.X, both.y)
    assert both.model.loss(X, y).item() == pytest.approx(loss, rel=1e-12)
    assert np.array_equal(both.model.flat().numpy(), both.p.flat)


@pytest.mark.parametrize("training", [True, False])
def test_derivatives_of_both_modes(training: bool, rng: np.random.Generator) -> None:
    both = Both("2 -> 3 tanh -> batch_norm -> dropout(0.2) -> 2 softmax", rng, samples=4)
    both.model.train(training)
    both.model.forward = both.model.loss
    names = [name for name, _ in both.model.named_parameters()]
    X, y = both.tensors

    def compute(inputs: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        held = dict(zip(names, parameters, strict=True))
        given = (inputs, y, (1, 2)) if training else (inputs, y)
        found: torch.Tensor = torch.func.functional_call(both.model, held, given)
        return found

    point = [X.requires_grad_(), *both.model.parameters()]
    assert gradcheck(compute, point)
    assert gradgradcheck(compute, point)


def test_masks_are_those_of_pytorch_where_no_step_is_given(rng: np.random.Generator) -> None:
    both = Both("40 -> dropout(0.25) -> 50", rng, 200, "huber")
    X = torch.ones(200, 40, dtype=torch.float64)
    mask = both.module.dropout_mask(None, 0, 0, X)
    assert set(mask.unique().tolist()) == {0.0, 1 / 0.75}
    # 8000 draws: five standard deviations of the share of zeros.
    assert abs((mask == 0).double().mean().item() - 0.25) < 5 * (0.25 * 0.75 / 8000) ** 0.5
    torch.manual_seed(3)
    one, other = both.model(X), both.model(X)
    torch.manual_seed(3)
    assert torch.equal(both.model(X), one)
    assert not torch.equal(one, other)


def test_running_statistics_are_those_of_pytorch(rng: np.random.Generator) -> None:
    both = Both("5 -> batch_norm -> 2", rng, 7, "huber")
    theirs = torch.nn.BatchNorm1d(5, dtype=torch.float64)
    theirs.running_mean, theirs.running_var = (b.clone() for b in both.model.buffers())
    for _ in range(3):
        X = torch.tensor(rng.standard_normal((7, 5)))
        both.model(X)
        theirs(X)
    for ours, expected in zip(both.model.buffers(), theirs.buffers(), strict=False):
        torch.testing.assert_close(ours, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm", "batch_norm"])
def test_normalisation_saves_no_more_than_pytorch(name: str, rng: np.random.Generator) -> None:
    both = Both(f"4 -> 6 tanh -> {name} -> 3 softmax", rng, samples=11)
    w = {x: value.detach().clone().requires_grad_() for x, value in both.model.state_dict().items()}
    X, y = both.tensors

    def theirs() -> torch.Tensor:
        a = torch.tanh(X @ w["W1"] + w["b1"])
        if name == "layer_norm":
            a = functional.layer_norm(a, (6,), w["g2"], w["b2"])
        elif name == "rms_norm":
            a = functional.rms_norm(a, (6,), w["g2"], 1e-6)
        else:
            a = functional.batch_norm(a, None, None, w["g2"], w["b2"], training=True)
        return functional.cross_entropy(a @ w["W3"] + w["b3"], y)

    assert both.model.loss(X, y).item() == pytest.approx(theirs().item(), rel=1e-12)
    assert saved_bytes(lambda: both.model.loss(X, y)) <= saved_bytes(theirs)


def test_a_batch_of_one_sample_is_refused(rng: np.random.Generator) -> None:
    both = Both(TEXT, rng, samples=1)
    with pytest.raises(ValueError, match="1 sample"):
        both.model(torch.tensor(both.X))


@pytest.mark.parametrize("training", [(-1, 0), (0, -1), (2**64, 0), (0.5, 1), (1, 2, 3), 7, "ab"])
@pytest.mark.parametrize("layer", ["batch_norm", "dropout(0.4)"])
def test_a_step_that_is_none_is_refused(layer: str, training: object) -> None:
    net = gw.Network(f"3 -> 2 tanh -> {layer} -> 2 softmax")
    model = load(net.backprop().source("torch")).Network()
    X, y = torch.ones(4, 3), torch.tensor([0, 1, 1, 0])
    for asked in (lambda: model(X, training), lambda: model.eval().loss(X, y, training)):
        with pytest.raises(ValueError, match=r"instead: give \(seed, step\), two whole numbers"):
            asked()


def test_starts_are_those_of_the_layers() -> None:
    model = load(gw.Network(TEXT).backprop().source("torch")).Network()
    held = dict(model.state_dict())
    assert held["g2"].eq(1).all() and held["var2"].eq(1).all() and held["mu2"].eq(0).all()


@pytest.mark.parametrize("layer", ["batch_norm", "dropout(0.4)"])
def test_the_last_layer_may_be_one(layer: str, rng: np.random.Generator) -> None:
    both = Both(f"3 -> 2 -> {layer}", rng, 5, "huber")
    X, Y = torch.tensor(both.X), torch.tensor(rng.standard_normal((5, 2)))
    training = (5, 6)
    expected = both.net.model.module.value_and_gradient(
        both.p.flat, both.X, Y.numpy(), training=training
    )
    found = both.model.loss(X, Y, training)
    assert found.item() == pytest.approx(expected[0], rel=1e-12)
    if layer == "batch_norm":
        mean, variance = (b.clone() for b in both.model.buffers())
        Z = X @ both.model.W1 + both.model.b1
        functional.batch_norm(Z, mean, variance, training=True)
        both.model(X)
        torch.testing.assert_close(mean, both.model.mu2)
