"""The code for PyTorch under vmap, torch.func, autocast and torch.compile: docs/torch.md."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch.func import grad, jacrev, vmap
from torch.nn import functional

import gradwright as gw
from gradwright.run.load import load

Tensor = torch.Tensor

# torch.func and torch.compile warn of PyTorch's own code.
pytestmark = pytest.mark.filterwarnings("ignore")

#: (formula, by, the same in PyTorch): without and with a value that is kept for the way back.
FORMULAS: list[tuple[str, Callable[..., Tensor]]] = [
    ("x'*A*x", lambda A, x: x @ A @ x),
    ("sum(A*x)^2", lambda A, x: (A @ x).sum() ** 2),
    ("sum(softplus(A*x))", lambda A, x: functional.softplus(A @ x).sum()),
]


def point(rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    return tuple(torch.tensor(rng.standard_normal(s)) for s in [(4, 4), (4,), (5, 4)])  # type: ignore[return-value]


def close(found: Tensor, expected: Tensor) -> bool:
    return torch.allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("text", "theirs"), FORMULAS, ids=[f[0] for f in FORMULAS])
def test_vmap_and_nested_gradients(
    text: str, theirs: Callable[..., Tensor], rng: np.random.Generator
) -> None:
    A, x, X = point(rng)
    module = load(gw.formula(text).gradient("x").source("torch"))

    def ours(x: Tensor) -> Tensor:
        value: Tensor = module.value(A, x)
        return value

    def reference(x: Tensor) -> Tensor:
        return theirs(A, x)

    assert close(vmap(ours)(X), vmap(reference)(X))
    assert close(vmap(grad(ours))(X), vmap(grad(reference))(X))
    assert close(jacrev(jacrev(ours))(x), jacrev(jacrev(reference))(x))
    assert close(vmap(jacrev(jacrev(ours)))(X), vmap(jacrev(jacrev(reference)))(X))
    again = x.clone().requires_grad_()
    assert torch.autograd.gradcheck(ours, (again,), check_batched_grad=True)


def test_third_derivatives(rng: np.random.Generator) -> None:
    A, x, _ = point(rng)
    module = load(gw.formula("sum(A*x)^3").gradient("x").source("torch"))
    third = jacrev(jacrev(grad(lambda x: module.value(A, x))))(x)
    assert close(third, jacrev(jacrev(grad(lambda x: (A @ x).sum() ** 3)))(x))


def test_what_is_not_derived_by_is_refused(rng: np.random.Generator) -> None:
    A, x, _ = point(rng)
    module = load(gw.formula("x'*A*x").gradient("x").source("torch"))
    with pytest.raises(ValueError, match="derive the formula by A too"):
        module.value(A.requires_grad_(), x)
    with torch.no_grad():
        module.value(A, x)


def test_types_follow_the_inputs(rng: np.random.Generator) -> None:
    module = load(gw.formula("c*sum(exp(x))").gradient("x").source("torch"))
    x = torch.tensor(rng.standard_normal(3), dtype=torch.float32, requires_grad=True)
    for c in (2, torch.tensor(2.0, dtype=torch.float64)):
        value = module.value(c, x)
        assert value.dtype == torch.float32
        assert torch.autograd.grad(value, x)[0].dtype == torch.float32
    assert module.value(2, x.double()).dtype == torch.float64


def network() -> tuple[gw.Network, str]:
    net = gw.Network("4 -> 5 relu -> 2 * 6 tanh -> 3 softmax")
    return net, net.backprop().source("torch")


def data(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    return torch.tensor(rng.standard_normal((7, 4))).float(), torch.tensor(rng.integers(3, size=7))


class Loss(torch.nn.Module):
    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, X: Tensor, y: Tensor) -> Tensor:
        loss: Tensor = self.model.loss(X, y)  # type: ignore[operator]
        return loss


def test_gradients_of_each_sample(rng: np.random.Generator) -> None:
    net, source = network()
    model = Loss(load(source).Network(net.init(seed=0).flat))
    X, y = data(rng)
    parameters = {name: value.detach() for name, value in model.named_parameters()}

    def loss(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(model, parameters, (x[None], y[None]))
        return found

    each = vmap(grad(loss), (None, 0, 0))(parameters, X, y)
    model(X, y).backward()
    for name, parameter in model.named_parameters():
        assert torch.allclose(each[name].mean(0), parameter.grad, atol=1e-6), name


def test_autocast(rng: np.random.Generator) -> None:
    net, source = network()
    model = load(source).Network(net.init(seed=0).flat)
    X, y = data(rng)
    exact = model.loss(X, y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, outputs = model.loss(X, y), model(X)
    loss.backward()
    # bfloat16 has 8 bits: a hidden layer rounds by 2^-9.
    assert (loss.dtype, outputs.dtype) == (torch.float32, torch.bfloat16)
    assert 0 < abs(loss - exact) < 0.05
    assert all(parameter.grad.dtype == torch.float32 for parameter in model.parameters())
    A, x, _ = point(rng)
    module = load(gw.formula("x'*A*x").gradient("x").source("torch"))
    plain = module.value(A.float(), x.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(module.value(A.float(), x.float()), plain)


def imported(source: str, name: str, folder: Path) -> ModuleType:
    """A module from a file: torch.compile asks for one that can be imported."""
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))


def test_compile(rng: np.random.Generator, tmp_path: Path) -> None:
    A, x, _ = point(rng)
    source = gw.formula("sum(A*x)^2").gradient("x").source("torch")
    module = imported(source, "emitted_formula", tmp_path)
    x.requires_grad_()
    # This back end traces forward and back like the others, and starts no C++ compiler.
    compiled = torch.compile(module.value, fullgraph=True, backend="aot_eager")
    (found,) = torch.autograd.grad(compiled(A, x), x)
    assert close(found, module.gradient(A, x).detach())
    with pytest.raises(RuntimeError, match=r"double backward|create_graph"):
        torch.autograd.grad(compiled(A, x), x, create_graph=True)[0].sum().backward()


def test_compile_a_network(rng: np.random.Generator, tmp_path: Path) -> None:
    net, source = network()
    model = imported(source, "emitted_network", tmp_path).Network(net.init(seed=0).flat)
    X, y = data(rng)
    model.loss(X, y).backward()
    plain = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    torch.compile(model.loss, fullgraph=True, backend="aot_eager")(X, y).backward()
    for parameter, expected in zip(model.parameters(), plain, strict=True):
        assert torch.allclose(parameter.grad, expected, atol=1e-6)


def test_compile_a_step_of_training(rng: np.random.Generator, tmp_path: Path) -> None:
    net = gw.Network("3 -> 4 tanh -> batch_norm -> dropout(0.3) -> 2 softmax")
    module = imported(net.backprop().source("torch"), "emitted_two_modes", tmp_path)
    model = module.Network(net.init(seed=0).flat, dtype=torch.float64)
    X, y = torch.tensor(rng.standard_normal((5, 3))), torch.tensor(rng.integers(2, size=5))
    start, found = model.flat(), []
    for loss in (model.loss, torch.compile(model.loss, fullgraph=True, backend="aot_eager")):
        model.load_flat(start)
        model.zero_grad()
        loss(X, y, (7, 1)).backward()
        found.append(torch.cat([p.grad.reshape(-1) for p in model.parameters()] + [model.flat()]))
    assert close(*found)
    assert not torch.equal(model.flat(), start)


def test_compile_codes_and_weights(rng: np.random.Generator, tmp_path: Path) -> None:
    net = gw.Network([gw.embedding(3, {1: (5, 2)}), "2 softmax"])
    source = net.backprop(weighted=True).source("torch")
    model = imported(source, "emitted_codes", tmp_path).Network(dtype=torch.float64)
    X, y = torch.tensor(rng.standard_normal((6, 3))), torch.tensor(rng.integers(2, size=6))
    X[:, 1] = torch.tensor(rng.integers(5, size=6))
    weights, found = torch.tensor(rng.uniform(0.5, 2, 6)), []
    compiled = torch.compile(model.loss, fullgraph=True, backend="aot_eager")
    for loss in (model.loss, compiled):
        model.zero_grad()
        loss(X, y, weights).backward()
        found.append(torch.cat([parameter.grad.reshape(-1) for parameter in model.parameters()]))
    assert close(*found)
    X[2, 1] = 5
    with pytest.raises((IndexError, RuntimeError), match=r"out of (bounds|range)"):
        compiled(X, y, weights)


def test_gradients_of_each_sample_with_dropout(rng: np.random.Generator) -> None:
    net = gw.Network("3 -> 4 tanh -> dropout(0.3) -> 2 softmax")
    model = load(net.backprop().source("torch")).Network(dtype=torch.float64)
    model.forward = model.loss
    X, y = torch.tensor(rng.standard_normal((5, 3))), torch.tensor(rng.integers(2, size=5))
    held = {name: value.detach() for name, value in model.named_parameters()}

    def loss(parameters: dict[str, Tensor], x: Tensor, label: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(model, parameters, (x[None], label[None]))
        return found

    with pytest.raises(RuntimeError, match="randomness"):
        vmap(grad(loss), (None, 0, 0))(held, X, y)
    made = vmap(grad(loss), (None, 0, 0), randomness="different")(held, X, y)
    assert made["W1"].shape == (5, 3, 4)
