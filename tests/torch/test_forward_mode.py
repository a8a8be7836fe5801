"""Forward mode of the code for PyTorch: `jvp`, `jacfwd`, `hessian`, dual numbers, under vmap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.autograd.gradcheck import GradcheckError
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vmap
from torch.nn import functional

import gradwright as gw
from gradwright.run.load import load

Tensor = torch.Tensor

# torch.func warns of PyTorch's own code.
pytestmark = pytest.mark.filterwarnings("ignore")

#: (formula, the same in PyTorch), by A and x.
FORMULAS: list[tuple[str, Callable[..., Tensor]]] = [
    ("x'*A*x", lambda A, x: x @ A @ x),
    ("sum(softplus(A*x))", lambda A, x: functional.softplus(A @ x).sum()),
    ("tanh(A*x)./norm2(x)", lambda A, x: torch.tanh(A @ x) / torch.linalg.vector_norm(x)),
    ("softmax(A*x)", lambda A, x: torch.softmax(A @ x, 0)),
]


def close(found: Tensor, expected: Tensor) -> bool:
    return torch.allclose(found, expected, rtol=1e-10, atol=1e-12)


def all_close(found: Any, expected: Any) -> bool:
    return all(close(f, e) for f, e in zip(found, expected, strict=True))


@pytest.mark.parametrize(("text", "theirs"), FORMULAS, ids=[f[0] for f in FORMULAS])
def test_formulas(text: str, theirs: Callable[..., Tensor], rng: np.random.Generator) -> None:
    f = gw.formula(text, A="matrix n n", x="vector n")
    derived = f.gradient if f.scope.shape.kind == "scalar" else f.jacobian
    wrt = ("A", "x") if f.scope.shape.kind == "scalar" else ("x",)
    module = load(derived(*wrt).source("torch"))
    A, x, dx = (torch.tensor(rng.standard_normal(s)) for s in ((4, 4), 4, 4))
    X, dX = (torch.tensor(rng.standard_normal((5, 4))) for _ in range(2))

    def moved(value: Callable[..., Tensor], x: Tensor, dx: Tensor) -> Tensor:
        found: Tensor = jvp(lambda x: value(A, x), (x,), (dx,))[1]
        return found

    for run in (
        lambda v: moved(v, x, dx),
        lambda v: vmap(lambda x, dx: moved(v, x, dx))(X, dX),
        lambda v: jvp(vmap(lambda x: v(A, x)), (X,), (dX,))[1],
        lambda v: jacfwd(lambda x: v(A, x))(x),
        lambda v: vmap(hessian(lambda x: v(A, x).sum()))(X),
        lambda v: jacrev(jacfwd(lambda x: v(A, x)))(x),
        lambda v: grad(lambda x: moved(v, x, dx).sum())(x),
    ):
        assert close(run(module.value), run(theirs))
    if len(wrt) == 2:
        found = hessian(lambda A, x: module.value(A, x), argnums=(0, 1))(A, x)
        expected = hessian(theirs, argnums=(0, 1))(A, x)
        assert all(all_close(f, e) for f, e in zip(found, expected, strict=True))
    expected = moved(theirs, x, dx)
    with forward_ad.dual_level():
        made = module.value(A, forward_ad.make_dual(x, dx))
        assert close(forward_ad.unpack_dual(made).tangent, expected)
    with pytest.raises(ValueError, match=r"instead: .* jacfwd\(jacrev\(f\)\)"):
        jacfwd(jacfwd(lambda x: module.value(A, x)))(x)


def test_tangents_of_what_is_not_derived_by_are_refused(rng: np.random.Generator) -> None:
    module = load(gw.formula("x'*A*x").gradient("x").source("torch"))
    A, x = torch.tensor(rng.standard_normal((3, 3))), torch.tensor(rng.standard_normal(3))
    with pytest.raises(ValueError, match=r"A has a tangent, .* instead: derive by A too"):
        jvp(lambda A: module.value(A, x), (A,), (A,))
    net = gw.Network("3 -> 2", loss="squared_error")
    model = load(net.backprop(weighted=True).source("torch")).Network(dtype=torch.float64)
    Y, w = torch.zeros(3, 2, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    for asked, at in ((lambda Y: model.loss(A, Y, w), Y), (lambda w: model.loss(A, Y, w), w)):
        with pytest.raises(ValueError, match="has a tangent"):
            jvp(asked, (at,), (at,))


#: Networks, with their losses: text or list, and options.
NETWORKS: list[tuple[Any, dict[str, Any]]] = [
    ("4 -> 5 relu -> 2 * 3 tanh -> 3 softmax", {}),
    ("4 -> 5 gelu -> layer_norm -> 2", {"loss": "huber", "layout": "rows"}),
    ([gw.embedding(4, {1: (5, 2)}), "3 tanh", "2 softmax"], {"loss": "cross_entropy"}),
    ("4 -> 3 tanh -> batch_norm -> dropout(0.3) -> 2 softmax", {}),
]


class Case:
    """A module that weights samples, and a batch."""

    def __init__(self, items: Any, options: dict[str, Any], rng: np.random.Generator) -> None:
        net = gw.Network(items, **options)
        p = net.init(seed=int(rng.integers(2**31)))
        p.flat[:] += 0.1 * rng.standard_normal(p.flat.size)
        self.source = net.backprop(weighted=True).source("torch")
        self.model = load(self.source).Network(p.flat, dtype=torch.float64)
        self.model.forward = self.model.loss
        X = rng.standard_normal((5, 4))
        self.coded = not isinstance(items, str)
        if self.coded:
            X[:, 1] = rng.integers(5, size=5)
        outputs = net.widths[-1]
        indices = net.model.loss == "cross_entropy"
        Y = rng.integers(outputs, size=5) if indices else rng.integers(2, size=(5, outputs))
        self.batch = [torch.tensor(x) for x in (X, Y, rng.uniform(0.5, 2, 5))]
        self.step = [(1, 2)] * net.model.trains_apart
        self.held = {name: value.detach() for name, value in self.model.named_parameters()}

    def loss(self, held: dict[str, Tensor], *batch: Tensor) -> Tensor:
        found: Tensor = functional_call(self.model, held, (*batch, *self.step))
        return found


def judge(case: Case) -> None:
    """Forward mode by PyTorch's checks, which take differences of the loss, in training."""

    def compute(X: Tensor, *parameters: Tensor) -> Tensor:
        return case.loss(dict(zip(case.held, parameters, strict=True)), X, *case.batch[1:])

    point = [case.batch[0].clone().requires_grad_(not case.coded), *case.model.parameters()]
    gradcheck(compute, point, check_forward_ad=True, check_batched_forward_grad=False)
    # Not a random number, which may be so near to 0 that all differences are.
    cotangent = torch.ones((), dtype=torch.float64, requires_grad=True)
    gradgradcheck(compute, point, cotangent, check_fwd_over_rev=True)


@pytest.mark.parametrize(("items", "options"), NETWORKS, ids=[str(net[0]) for net in NETWORKS])
def test_networks(items: Any, options: dict[str, Any], rng: np.random.Generator) -> None:
    case = Case(items, options, rng)
    judge(case)
    # Running statistics cannot move within torch.func.
    case.model.eval()
    found, expected = (h(case.loss)(case.held, *case.batch) for h in (hessian, twice_reversed))
    for one in case.held:
        assert all(close(found[one][other], expected[one][other]) for other in case.held)
    tangents = {x: torch.tensor(rng.standard_normal(v.shape)) for x, v in case.held.items()}

    def moved(*sample: Tensor) -> Tensor:
        at = lambda held: case.loss(held, *(x[None] for x in sample))  # noqa: E731
        made: Tensor = jvp(at, (case.held,), (tangents,))[1]
        return made

    def along(*sample: Tensor) -> Tensor:
        gradient = grad(case.loss)(case.held, *(x[None] for x in sample))
        return torch.stack([torch.sum(gradient[x] * v) for x, v in tangents.items()]).sum()

    assert close(vmap(moved)(*case.batch), vmap(along)(*case.batch))


def twice_reversed(f: Callable[..., Tensor]) -> Callable[..., Any]:
    return jacrev(jacrev(f))


FAULTS = [("along_W", "(X @ W_dot)"), ("gradient_along_X", "X_dot.T @")]


@pytest.mark.parametrize(("function", "right"), FAULTS, ids=[name for name, _ in FAULTS])
def test_a_planted_fault_is_seen(function: str, right: str, rng: np.random.Generator) -> None:
    case = Case("4 -> 3 tanh -> 2 softmax", {}, rng)
    at = case.source.index(f"def dense_tanh_{function}(")
    head, body = case.source[:at], case.source[at:]
    assert right in body.split("\n\n\n")[0]
    changed = head + body.replace(right, f"1.01 * {right}", 1)
    flat = case.model.flat()
    case.model = load(changed).Network(flat, dtype=torch.float64)
    case.model.forward = case.model.loss
    with pytest.raises(GradcheckError):
        judge(case)


def test_running_statistics_have_no_tangent(rng: np.random.Generator) -> None:
    case = Case(*NETWORKS[-1], rng)
    with forward_ad.dual_level():
        X = forward_ad.make_dual(case.batch[0], case.batch[0])
        made = case.model.loss(X, *case.batch[1:], *case.step)
        assert forward_ad.unpack_dual(made).tangent is not None
        for buffer in case.model.buffers():
            assert forward_ad.unpack_dual(buffer).tangent is None


def without_forward_mode(text: str) -> Any:
    """A module in reverse mode alone, of a formula by A and x or of a network."""
    if "->" in text:
        return gw.Network(text).backprop().source("torch", forward_mode=False)
    f = gw.formula(text, A="matrix n n", x="vector n")
    return f.gradient("A", "x").source("torch", forward_mode=False)


def test_a_formula_without_forward_mode(rng: np.random.Generator) -> None:
    text, theirs = FORMULAS[1]
    source = without_forward_mode(text)
    assert "jvp" not in source and "Forward" not in source
    value = load(source).value
    point = [torch.tensor(rng.standard_normal(s), requires_grad=True) for s in ((4, 4), 4)]
    assert close(value(*point), theirs(*point))
    assert gradcheck(value, point) and gradgradcheck(value, point)
    with pytest.raises(RuntimeError, match=r"jvp|forward"):
        jvp(lambda x: value(point[0].detach(), x), (point[1].detach(),), (torch.ones(4),))


def test_a_network_without_forward_mode(rng: np.random.Generator) -> None:
    text = "4 -> 5 tanh -> 5 tanh -> 3 softmax"
    short, long = without_forward_mode(text), gw.Network(text).backprop().source("torch")
    assert "jvp" not in short and len(short.splitlines()) < 0.6 * len(long.splitlines())
    p = gw.Network(text).init(seed=2)
    X = torch.tensor(rng.standard_normal((6, 4)), requires_grad=True)
    y = torch.arange(6) % 3
    one, other = (load(s).Network(p.flat, dtype=torch.float64) for s in (short, long))
    found = [torch.autograd.grad(m.loss(X, y), [X, *m.parameters()]) for m in (one, other)]
    assert all_close(*found)
    assert gradgradcheck(lambda X: one.loss(X, y), [X])
