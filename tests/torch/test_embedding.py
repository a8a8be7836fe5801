"""Embeddings in modules for PyTorch, beside `torch.nn.functional.embedding`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call, grad, vmap
from torch.nn import functional

import gradwright as gw
from gradwright.run.load import load
from tests.torch.saved_bytes import saved_bytes

Tensor = torch.Tensor

#: Of five columns two hold codes: (categories, width); the others are 0, 2 and 4.
TABLES = {3: (7, 2), 1: (4, 3)}
NUMBERS = [0, 2, 4]
SAMPLES = 9


class Mixed:
    """A network on numbers and codes, its module, and samples."""

    def __init__(self, rng: np.random.Generator, optimizer: str | None = None) -> None:
        items = [gw.embedding(5, TABLES), "6 tanh", "2 softmax"]
        self.net = gw.Network(items, loss="cross_entropy")
        self.source = self.net.backprop().source("torch", optimizer)
        self.p = self.net.init(seed=int(rng.integers(2**31)))
        self.module = load(self.source)
        self.model = self.module.Network(self.p.flat, dtype=torch.float64)
        X = rng.standard_normal((SAMPLES, 5))
        for column, (categories, _) in TABLES.items():
            X[:, column] = rng.integers(categories, size=SAMPLES)
        self.X, self.y = torch.tensor(X), torch.tensor(rng.integers(2, size=SAMPLES))

    def theirs(self, held: dict[str, Tensor], X: Tensor) -> Tensor:
        """The loss in PyTorch's own functions."""
        rows = [
            functional.embedding(X[:, column].long(), held[name])
            for column, name in zip(TABLES, ("E1", "F1"), strict=True)
        ]
        A = torch.cat([X[:, NUMBERS], *rows], 1)
        Z = torch.tanh(A @ held["W2"] + held["b2"]) @ held["W3"] + held["b3"]
        return functional.cross_entropy(Z, self.y)


def own(model: torch.nn.Module) -> dict[str, Tensor]:
    named = model.named_parameters()
    return {name: value.detach().clone().requires_grad_() for name, value in named}


def judge(case: Mixed, model: torch.nn.Module) -> None:
    """Loss and gradients beside PyTorch's and those of the code for NumPy."""
    found = model.loss(case.X, case.y)  # type: ignore[operator]
    found.backward()
    theirs = own(model)
    case.theirs(theirs, case.X).backward()
    value, gradient = case.net.value_and_gradient(case.p, case.X.numpy(), case.y.numpy())
    assert found.item() == pytest.approx(value, rel=1e-12)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, theirs[name].grad, rtol=0, atol=1e-13)
        assert parameter.grad is not None
        np.testing.assert_allclose(parameter.grad.numpy(), gradient[name], rtol=0, atol=1e-13)


def test_it_is_the_embedding_of_pytorch(rng: np.random.Generator) -> None:
    case = Mixed(rng)
    judge(case, case.model)
    expected = case.net.predict(case.p, case.X.numpy())
    np.testing.assert_allclose(case.model(case.X).detach().numpy(), expected, rtol=1e-12)
    theirs = own(case.model)
    by_torch = saved_bytes(lambda: case.theirs(theirs, case.X))
    assert saved_bytes(lambda: case.model.loss(case.X, case.y)) <= by_torch


def test_a_planted_fault_is_seen(rng: np.random.Generator) -> None:
    case = Mixed(rng)
    right = "put(dA[:, 3:5], T, 7)"
    assert right in case.source
    wrong = load(case.source.replace(right, "put(dA[:, 4:6], T, 7)"))
    with pytest.raises(AssertionError):
        judge(case, wrong.Network(case.p.flat, dtype=torch.float64))


def test_first_and_second_derivatives(rng: np.random.Generator) -> None:
    case = Mixed(rng)
    model = case.model
    model.forward = model.loss
    names = [name for name, _ in model.named_parameters()]

    def compute(numbers: Tensor, *parameters: Tensor) -> Tensor:
        X = case.X.index_copy(1, torch.tensor(NUMBERS), numbers)
        held = dict(zip(names, parameters, strict=True))
        found: Tensor = functional_call(model, held, (X, case.y))
        return found

    point = [case.X[:, NUMBERS].requires_grad_(), *model.parameters()]
    assert gradcheck(compute, point)
    assert gradgradcheck(compute, point)


def test_steps_are_those_of_a_training(rng: np.random.Generator) -> None:
    case = Mixed(rng, "adam")
    optimizer = case.module.Optimizer(case.model, learning_rate=0.01)
    for _ in range(3):
        for part in (slice(5), slice(5, None)):
            optimizer.zero_grad()
            case.model.loss(case.X[part], case.y[part]).backward()
            optimizer.step()
    run = gw.train(
        case.net, case.X.numpy(), case.y.numpy(), case.p, epochs=3, batch_size=5, shuffle=False,
        optimizer="adam", learning_rate=0.01, target="numpy",
    )  # fmt: skip
    np.testing.assert_allclose(case.model.flat().numpy(), run.params.flat, rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_gradients_of_each_sample(rng: np.random.Generator) -> None:
    case = Mixed(rng)
    model = case.model
    model.forward = model.loss
    held = {name: value.detach() for name, value in model.named_parameters()}

    def loss(held: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        found: Tensor = functional_call(model, held, (x[None], y[None]))
        return found

    each = vmap(grad(loss), (None, 0, 0))(held, case.X, case.y)
    model.loss(case.X, case.y).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(each[name].mean(0), parameter.grad, rtol=0, atol=1e-13)
    wrong = case.X.clone()
    wrong[2, 1] = 4
    with pytest.raises((IndexError, RuntimeError), match=r"out of (bounds|range)"):
        vmap(grad(loss), (None, 0, 0))(held, wrong, case.y)


@pytest.mark.parametrize("code", [4, -1, 1.5, float("nan"), float("inf")])
def test_what_is_no_code_is_refused(code: float, rng: np.random.Generator) -> None:
    case = Mixed(rng)
    case.X[3, 1] = code
    for asked in (lambda: case.model(case.X), lambda: case.model.loss(case.X, case.y)):
        with pytest.raises(ValueError, match=r"column 1 .* instead: give whole .* 0 to 3"):
            asked()


def test_codes_are_whole_numbers_of_any_type(rng: np.random.Generator) -> None:
    net = gw.Network([gw.embedding(2, {1: (3, 4), 0: (3000, 5)}), "2"], loss="huber")
    p = net.init(seed=1)
    X = np.stack([rng.integers(3000, size=6), rng.integers(3, size=6)], 1)
    expected = net.predict(p, X)
    model = load(net.backprop().source("torch")).Network(p.flat, dtype=torch.float64)
    for dtype in (torch.int64, torch.int16, torch.float32):
        made = model(torch.tensor(X).to(dtype)).detach().numpy()
        np.testing.assert_allclose(made, expected, rtol=1e-12)


def test_autocast_keeps_the_codes(rng: np.random.Generator) -> None:
    """Of whole numbers beyond 256 its type has every second one or less."""
    net = gw.Network([gw.embedding(1, {0: (3000, 2)}), "2"], loss="squared_error")
    p = net.init(seed=1)
    X = torch.tensor(2 * rng.integers(500, 1500, size=(8, 1)) + 1, dtype=torch.float32)
    model = load(net.backprop().source("torch")).Network(p.flat)
    with torch.autocast("cpu", torch.bfloat16):
        model.loss(X, torch.ones(8, 2)).backward()
    chosen = model.E1.grad.abs().sum(1).nonzero()[:, 0]
    assert chosen.tolist() == sorted({int(x) for x in X[:, 0]})


def test_an_embedding_alone(rng: np.random.Generator) -> None:
    net = gw.Network([gw.embedding(1, {0: (2**14, 2)})], loss="huber")
    model = load(net.backprop().source("torch")).Network(net.init().flat, dtype=torch.bfloat16)
    X = torch.tensor([[16383.0], [257.0], [257.0]])
    model.loss(X, torch.ones(3, 2)).backward()
    assert model.E1.grad.abs().sum(1).nonzero()[:, 0].tolist() == [257, 16383]
