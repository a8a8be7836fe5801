"""Weights of samples in modules for PyTorch, beside PyTorch's own losses of single samples."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call, grad, vmap
from torch.nn import functional

import gradwright as gw
from gradwright.run.load import load
from tests.torch.saved_bytes import saved_bytes
from tests.torch.test_losses import LOSSES

Tensor = torch.Tensor

SAMPLES, INPUTS, HIDDEN = 6, 4, 5


class Weighted:
    """A network whose module weights the samples, with samples and weights."""

    def __init__(
        self, last: str, loss: str, rng: np.random.Generator, reduction: str = "mean",
        layout: str = "rows", optimizer: str | None = None,
    ) -> None:  # fmt: skip
        text = f"{INPUTS} -> {HIDDEN} tanh -> {last}"
        self.net = gw.Network(text, loss=loss, reduction=reduction, layout=layout)
        self.source = self.net.backprop(weighted=True).source("torch", optimizer)
        self.p = self.net.init(seed=int(rng.integers(2**31)))
        self.p.flat[:] += 0.1 * rng.standard_normal(self.p.flat.size)
        self.X = torch.tensor(rng.standard_normal((SAMPLES, INPUTS)))
        self.y = torch.tensor(rng.integers(self.net.widths[-1], size=SAMPLES))
        self.weights = torch.tensor(rng.uniform(0.2, 3, SAMPLES))
        self.reduction = reduction

    def model(self, source: str = "") -> torch.nn.Module:
        module: ModuleType = load(source or self.source)
        made: torch.nn.Module = module.Network(self.p.flat, dtype=torch.float64)
        return made

    def divided(self) -> Tensor | float:
        return self.weights.sum() if self.reduction == "mean" else 1.0

    def theirs(self, loss: object, parameters: dict[str, Tensor], y: Tensor) -> Tensor:
        """Each sample's loss by PyTorch, times its weight."""
        by_columns = self.net.model.layout.name == "columns"
        W1, b1, W2, b2 = (p.t() if by_columns else p for p in parameters.values())
        Z = torch.tanh(self.X @ W1 + b1) @ W2 + b2
        each = [loss(Z[k : k + 1], y[k : k + 1]) for k in range(SAMPLES)]  # type: ignore[operator]
        found: Tensor = self.weights @ torch.stack(each) / self.divided()
        return found


def own(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone().requires_grad_() for name, value in parameters.items()}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_by_weight(name: str, rng: np.random.Generator) -> None:
    last, targets, loss = LOSSES[name]
    layout = str(rng.choice(["rows", "columns", "transposed"]))
    case = Weighted(last, name, rng, str(rng.choice(["mean", "sum"])), layout)
    y = torch.tensor(targets(rng))
    model = case.model()
    found = model.loss(case.X, y, case.weights)  # type: ignore[operator]
    found.backward()
    theirs = own(dict(model.named_parameters()))
    expected = case.theirs(loss, theirs, y)
    expected.backward()
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)
    for key, parameter in model.named_parameters():
        wanted = theirs[key].grad
        scale = 1e-12 * max(1e-3, float(wanted.abs().max()))
        torch.testing.assert_close(parameter.grad, wanted, rtol=0, atol=scale)


def cross_entropy(z: Tensor, y: Tensor) -> Tensor:
    return functional.cross_entropy(z, y)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_first_and_second_derivatives(reduction: str, rng: np.random.Generator) -> None:
    case = Weighted("3 softmax", "cross_entropy", rng, reduction)
    model = case.model()
    model.forward = model.loss
    names = [name for name, _ in model.named_parameters()]

    def compute(X: Tensor, *parameters: Tensor) -> Tensor:
        held = dict(zip(names, parameters, strict=True))
        found: Tensor = functional_call(model, held, (X, case.y, case.weights))
        return found

    point = [case.X.requires_grad_(), *model.parameters()]
    assert gradcheck(compute, point)
    assert gradgradcheck(compute, point)
    samples, theirs = case.X.detach(), own(dict(model.named_parameters()))
    by_torch = saved_bytes(lambda: case.theirs(cross_entropy, theirs, case.y))
    assert saved_bytes(lambda: model.loss(samples, case.y, case.weights)) <= by_torch


def test_it_is_the_code_for_numpy(rng: np.random.Generator) -> None:
    case = Weighted("3 softmax", "cross_entropy", rng)
    value, gradient = case.net.value_and_gradient(
        case.p, case.X.numpy(), case.y.numpy(), sample_weight=case.weights.numpy()
    )
    model = case.model()
    found = model.loss(case.X, case.y, case.weights)
    found.backward()
    assert found.item() == pytest.approx(value, rel=1e-12)
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(parameter.grad.numpy(), gradient[name], rtol=0, atol=1e-14)


def test_whole_weights_repeat_samples(rng: np.random.Generator) -> None:
    case = Weighted("2", "huber", rng)
    counts = torch.tensor(rng.integers(1, 5, SAMPLES))
    y = torch.tensor(rng.standard_normal((SAMPLES, 2)))
    plain = load(case.net.backprop().source("torch")).Network(case.p.flat, dtype=torch.float64)
    repeated = plain.loss(case.X.repeat_interleave(counts, 0), y.repeat_interleave(counts, 0))
    assert case.model().loss(case.X, y, counts).item() == pytest.approx(repeated.item(), rel=1e-12)


def test_steps_are_those_of_a_training_with_weights(rng: np.random.Generator) -> None:
    case = Weighted("3 softmax", "cross_entropy", rng, optimizer="adam")
    module = load(case.source)
    model = module.Network(case.p.flat, dtype=torch.float64)
    optimizer = module.Optimizer(model, learning_rate=0.01)
    for _ in range(3):
        for part in (slice(4), slice(4, None)):
            optimizer.zero_grad()
            model.loss(case.X[part], case.y[part], case.weights[part]).backward()
            optimizer.step()
    run = gw.train(
        case.net, case.X.numpy(), case.y.numpy(), case.p, epochs=3, batch_size=4, shuffle=False,
        optimizer="adam", learning_rate=0.01, sample_weight=case.weights.numpy(), target="numpy",
    )  # fmt: skip
    np.testing.assert_allclose(model.flat().numpy(), run.params.flat, rtol=0, atol=1e-12)


def test_masks_and_weights(rng: np.random.Generator) -> None:
    net = gw.Network("4 -> 5 tanh -> batch_norm -> dropout(0.3) -> 3 softmax")
    p, training = net.init(seed=3), (5, 6)
    X, y = rng.standard_normal((7, 4)), rng.integers(3, size=7)
    weights = rng.uniform(0.5, 2, 7)
    model = load(net.backprop(weighted=True).source("torch")).Network(p.flat, dtype=torch.float64)
    value, gradient = net.value_and_gradient(p, X, y, training=training, sample_weight=weights)
    found = model.loss(*map(torch.tensor, (X, y, weights)), training)
    found.backward()
    assert found.item() == pytest.approx(value, rel=1e-12)
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(parameter.grad.numpy(), gradient[name], rtol=0, atol=1e-13)


@pytest.mark.filterwarnings("ignore")
def test_gradients_of_each_sample(rng: np.random.Generator) -> None:
    case = Weighted("3 softmax", "cross_entropy", rng, "sum")
    model = case.model()
    model.forward = model.loss
    held = {name: value.detach() for name, value in model.named_parameters()}

    def loss(held: dict[str, Tensor], x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        given = (x[None], y[None], weight[None])
        found: Tensor = functional_call(model, held, given)
        return found

    each = vmap(grad(loss), (None, 0, 0, 0))(held, case.X, case.y, case.weights)
    model.loss(case.X, case.y, case.weights).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(each[name].sum(0), parameter.grad, rtol=0, atol=1e-13)


REFUSED = [
    (lambda w: w[:-1], r"shape \(5,\) and X has 6 samples"),
    (lambda w: w[:, None], r"shape \(6, 1\)"),
    (lambda w: w.requires_grad_(), "detach"),
    (lambda w: -w, "negative"),
    (lambda w: w / 0, "not finite"),
    (lambda w: 0 * w, "none above 0"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_weights_that_do_not_fit_are_refused(
    change: object, said: str, rng: np.random.Generator
) -> None:
    case = Weighted("3 softmax", "cross_entropy", rng)
    with pytest.raises(ValueError, match=said):
        case.model().loss(case.X, case.y, change(case.weights))  # type: ignore[operator]


def test_a_planted_fault_is_seen(rng: np.random.Generator) -> None:
    case = Weighted("3 softmax", "cross_entropy", rng)
    right = "torch.sum(w)"
    assert right in case.source
    model = case.model(case.source.replace(right, "len(w)"))
    theirs = case.theirs(cross_entropy, own(dict(model.named_parameters())), case.y)
    found = model.loss(case.X, case.y, case.weights)
    assert found.item() != pytest.approx(theirs.item(), rel=1e-6)
