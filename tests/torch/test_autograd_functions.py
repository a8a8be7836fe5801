"""Formulas as `torch.autograd.Function`s: thirty of them against PyTorch and NumPy."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.autograd.gradcheck import GradcheckError

import gradwright as gw
from gradwright.api.checking import sample_point
from gradwright.api.derivation import Derivation
from gradwright.run.load import load
from tests.torch.formulas import FORMULAS, Case
from tests.torch.saved_bytes import saved_bytes

# PyTorch's forward mode warns of PyTorch's own code.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

#: Some hundred operations on samples near 1, each rounding by at most 1.1e-16. Where their terms
#: cancel, as softmax(z) - y does, what is left is compared on the scale of a hundredth of them.
TOLERANCE = 1e-12
SCALE = 1e-2


def derived(case: Case) -> tuple[Derivation, tuple[str, ...]]:
    """The derivation of a case, and what it is by: a Jacobian is by one variable."""
    formula = gw.formula(case.text, **case.declared)
    if formula.scope.shape.kind == "scalar":
        return formula.gradient(*case.names), case.names
    return formula.jacobian(case.names[0]), case.names[:1]


def relative(found: Any, expected: Any) -> float:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    scale = max(SCALE, float(np.max(np.abs(expected))))
    return float(np.max(np.abs(found - expected))) / scale


def _numbers(value: Any) -> np.ndarray:
    """Floating numbers, or the whole numbers of indices."""
    whole = isinstance(value, np.ndarray) and value.dtype.kind == "i"
    return np.asarray(value, dtype=None if whole else float)


class Point:
    """A case's module, and a sample as NumPy's arrays and as tensors."""

    def __init__(self, case: Case, rng: np.random.Generator, source: str = "") -> None:
        self.case = case
        self.derivation, self.names = derived(case)
        self.module: ModuleType = load(source or self.derivation.source("torch"))
        self.arrays = sample_point(self.derivation.scope, rng, self.derivation.free_sizes)
        self.tensors = {
            name: torch.tensor(_numbers(value), requires_grad=name in self.names)
            for name, value in self.arrays.items()
        }
        self.wrt = [self.tensors[name] for name in self.names]

    def value(self, *wrt: torch.Tensor) -> torch.Tensor:
        given = dict(zip(self.names, wrt, strict=True))
        value: torch.Tensor = self.module.value(**{**self.tensors, **given})
        return value

    def derivative(self) -> list[Any]:
        """The value and the derivatives by the module's plain function."""
        function = getattr(self.module, f"value_and_{self.derivation.kind}")
        return [x.detach().numpy() for x in function(**self.tensors)]


@pytest.mark.parametrize("case", FORMULAS, ids=[case.text for case in FORMULAS])
def test_a_formula_with_its_first_and_second_derivatives(
    case: Case, rng: np.random.Generator
) -> None:
    at = Point(case, rng)
    value, derivative = at.derivation.value_and(**at.arrays)
    wanted = list(derivative.values()) if isinstance(derivative, dict) else [derivative]
    assert relative(at.value(*at.wrt).detach().numpy(), value) <= TOLERANCE
    assert relative(case.theirs(**at.tensors).detach().numpy(), value) <= TOLERANCE
    for found, expected in zip(at.derivative(), [value, *wanted], strict=True):
        assert relative(found, expected) <= TOLERANCE
    if at.derivation.kind == "gradient":
        for found, expected in zip(
            torch.autograd.grad(at.value(*at.wrt), at.wrt), wanted, strict=True
        ):
            assert relative(found.numpy(), expected) <= TOLERANCE
    assert gradcheck(at.value, at.wrt, check_forward_ad=True)
    assert gradgradcheck(at.value, at.wrt, check_fwd_over_rev=True)
    ours = saved_bytes(lambda: at.value(*at.wrt))
    assert ours <= saved_bytes(lambda: case.theirs(**at.tensors))


def test_thirty_formulas_are_judged() -> None:
    assert len({case.text for case in FORMULAS}) == 30


#: Text, variables, declarations: places chosen by indices, and sizes that are sums.
MORE = [
    ("sum((gather(E, t)*w).^3)", "E w", {"E": "matrix v d", "t": "indices n v", "w": "vector d"}),
    ("sum(exp(gather(x, t)).*y)", "x y", {"x": "vector v", "t": "indices n v", "y": "vector n"}),
    ("tanh(gather(E, t)*W)", "E", {"E": "matrix v d", "t": "indices n v", "W": "matrix d k"}),
    ("[s*A, B; C, D]", "s", {"s": "scalar", "A": "matrix p r", "B": "matrix p k",
                             "C": "matrix q r", "D": "matrix q k"}),
    ("[s^2*A, B; C, D].^2", "s", {"s": "scalar", "A": "matrix p r", "B": "matrix p k",
                                  "C": "matrix q r", "D": "matrix q k"}),
    ("sum(concat(s*x, y, s^2*z).^3)", "s x", {"s": "scalar", "x": "vector p", "y": "vector q",
                                              "z": "vector r"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wrt", "declared"), MORE, ids=[text for text, _, _ in MORE])
def test_places_and_blocks(
    text: str, wrt: str, declared: dict[str, str], rng: np.random.Generator
) -> None:
    at = Point(Case(text, wrt, lambda **_: torch.tensor(0.0), declared), rng)
    value, derivative = at.derivation.value_and(**at.arrays)
    wanted = list(derivative.values()) if isinstance(derivative, dict) else [derivative]
    for found, expected in zip(at.derivative(), [value, *wanted], strict=True):
        assert relative(found, expected) <= TOLERANCE
    assert relative(at.value(*at.wrt).detach().numpy(), value) <= TOLERANCE
    assert gradcheck(at.value, at.wrt, check_forward_ad=True)
    assert gradgradcheck(at.value, at.wrt, check_fwd_over_rev=True)


def test_indices_are_whole_numbers() -> None:
    declared = {"x": "vector v", "t": "indices n v"}
    module = load(gw.formula("sum(gather(x, t))", **declared).gradient("x").source("torch"))
    assert module.gradient([0, 2, 2], torch.ones(4)).tolist() == [1, 0, 2, 0]
    with pytest.raises(ValueError, match="give whole numbers"):
        module.gradient(torch.tensor([0.0, 2.0]), torch.ones(4))


FAULTS = [
    ("return dy * (A.T @ x + A @ x)", "return dy * (A.T @ x + A.T @ x)", gradcheck),
    ("return (A.T @ x + A @ x) @ dx, ", "return (A @ x + A @ x) @ dx, ", gradgradcheck),
]


@pytest.mark.parametrize(("right", "wrong", "check"), FAULTS, ids=["first", "second"])
def test_a_planted_fault_is_seen(
    right: str, wrong: str, check: Any, rng: np.random.Generator
) -> None:
    case = FORMULAS[0]
    source = derived(case)[0].source("torch")
    assert source.count(right) == 1
    at = Point(case, rng, source.replace(right, wrong))
    with pytest.raises(GradcheckError):
        check(at.value, at.wrt)
