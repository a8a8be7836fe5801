"""Emitted networks against NumPy written by hand, finite differences, and their own contract."""

from __future__ import annotations

import inspect
import re
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gradwright.calculus.stage import Stage
from gradwright.emit.network import network_module
from gradwright.nn.optimizers import SGD
from gradwright.run.load import load
from tests.emit.by_hand import Array, ByHand
from tests.emit.stages import head, hidden, linear, relu, squared_head, tanh

HIDDEN: dict[str, Callable[[bool], Stage]] = {
    "relu": lambda bias: hidden("dense_relu", relu, bias),
    "tanh": lambda bias: hidden("dense_tanh", tanh, bias),
    "identity": linear,
}
HEADS: dict[str, Callable[[bool], Stage]] = {
    "softmax": lambda bias: head("dense_softmax_cross_entropy", "softmax", bias),
    "sigmoid": lambda bias: head("dense_sigmoid_bce", "sigmoid", bias),
    "squared": squared_head,
}


@dataclass(frozen=True)
class Case:
    """Widths, runs of hidden layers, a head, biases or none."""

    widths: tuple[int, ...]
    runs: tuple[tuple[str, int], ...]
    head: str
    bias: bool = True

    @property
    def hidden(self) -> list[str]:
        return [name for name, count in self.runs for _ in range(count)]

    def source(self, text: str = "a network", note: str = "") -> str:
        stages = [(HIDDEN[name](self.bias), count) for name, count in self.runs]
        stages.append((HEADS[self.head](self.bias), 1))
        return network_module(stages, self.widths, text, note, {})

    def module(self) -> ModuleType:
        return load(self.source() + SGD.numpy_step(False, False))

    def by_hand(self) -> ByHand:
        return ByHand(self.widths, self.hidden, self.head, self.bias)


CASES = {
    "relu softmax": Case((5, 7, 6, 3), (("relu", 2),), "softmax"),
    "one layer": Case((4, 3), (), "softmax"),
    "one hidden layer": Case((4, 6, 2), (("relu", 1),), "sigmoid"),
    "kinds in turn": Case((3, 5, 4, 6, 2), (("relu", 1), ("tanh", 1), ("relu", 1)), "softmax"),
    "runs of two kinds": Case((3, 4, 4, 5, 6, 2), (("tanh", 2), ("relu", 2)), "sigmoid"),
    "equal widths": Case((4,) * 6, (("tanh", 4),), "squared"),
    "no bias": Case((5, 4, 3), (("relu", 1),), "softmax", bias=False),
    "identity": Case((5, 4, 3, 2), (("identity", 2),), "squared"),
    "identity without bias": Case((5, 4, 3), (("identity", 1),), "squared", bias=False),
}


def drawn(case: Case, rng: np.random.Generator, samples: int) -> tuple[Array, Array, Array]:
    """(parameters, X, Y), exact in float32; the targets are one-hot rows."""
    length = case.module().PARAMETERS
    parameters = rng.normal(0, 0.5, length).astype(np.float32).astype(float)
    X = rng.normal(size=(samples, case.widths[0])).astype(np.float32).astype(float)
    return parameters, X, np.eye(case.widths[-1])[rng.integers(case.widths[-1], size=samples)]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_loss_and_gradient_are_those_written_by_hand(
    name: str, dtype: str, rng: np.random.Generator
) -> None:
    case = CASES[name]
    module, oracle = case.module(), case.by_hand()
    parameters, X, Y = drawn(case, rng, 9)
    given = [array.astype(dtype) for array in (parameters, X, Y)]
    value, gradient = module.value_and_gradient(*given)
    wanted, expected = oracle.value_and_gradient(parameters, X, Y)
    # Each layer adds at most `widest` products and each pass meets every layer twice; values are
    # of order 1 by construction.
    unit = np.finfo(dtype).eps
    rounding = 4 * len(case.widths) * max(*case.widths, len(X)) * unit
    scale = np.max(np.abs(expected))
    assert isinstance(value, float)
    assert abs(value - wanted) <= rounding * max(1, abs(wanted))
    assert gradient.dtype == dtype
    assert np.max(np.abs(gradient - expected)) <= rounding * max(1, scale)
    assert module.loss(*given) == value
    for ours, theirs in zip(
        module.forward(*given[:2]), oracle.activations(parameters, X), strict=True
    ):
        assert ours.dtype == dtype
        assert np.max(np.abs(ours - theirs)) <= rounding * max(1, np.max(np.abs(theirs)))
    assert np.array_equal(module.predict(*given[:2]), module.forward(*given[:2])[-1])


@pytest.mark.parametrize("name", CASES)
def test_gradient_is_the_slope_of_the_loss(name: str, rng: np.random.Generator) -> None:
    case = CASES[name]
    module = case.module()
    parameters, X, Y = drawn(case, rng, 4)
    _, gradient = module.value_and_gradient(parameters, X, Y)
    # Central differences: error h² from the third derivative and u/h from rounding; h = u^(1/3).
    h = 6e-6
    for place in rng.permutation(len(parameters))[:12]:
        moved = [parameters.copy(), parameters.copy()]
        moved[0][place] += h
        moved[1][place] -= h
        slope = (module.loss(moved[0], X, Y) - module.loss(moved[1], X, Y)) / (2 * h)
        assert abs(slope - gradient[place]) < 1e-8 * max(1, abs(slope)) * 10


def test_buffers_serve_batches_of_every_length(rng: np.random.Generator) -> None:
    case = CASES["runs of two kinds"]
    module = case.module()
    parameters, X, Y = drawn(case, rng, 8)
    buffers = module.Buffers(8, parameters.dtype)
    gradient = np.empty_like(parameters)
    for rows in (8, 3, 8, 1, 5):
        fresh = module.value_and_gradient(parameters, X[:rows], Y[:rows])
        value, returned = module.value_and_gradient(
            parameters, X[:rows], Y[:rows], gradient, buffers
        )
        assert returned is gradient
        assert value == fresh[0]
        assert np.array_equal(gradient, fresh[1])


def test_buffers_that_are_too_small_are_refused(rng: np.random.Generator) -> None:
    case = CASES["relu softmax"]
    module = case.module()
    parameters, X, Y = drawn(case, rng, 8)
    buffers = module.Buffers(5, parameters.dtype)
    for _ in range(2):
        with pytest.raises(ValueError, match="8 samples do not fit buffers made for 5"):
            module.value_and_gradient(parameters, X, Y, buffers=buffers)
        module.value_and_gradient(parameters, X[:5], Y[:5], buffers=buffers)


def test_a_step_moves_the_parameters_in_place(rng: np.random.Generator) -> None:
    case = CASES["relu softmax"]
    module = case.module()
    parameters, X, Y = drawn(case, rng, 8)
    before = parameters.copy()
    value, gradient = module.value_and_gradient(parameters, X, Y)
    assert module.step(parameters, X, Y, 0.25) == value
    assert np.array_equal(parameters, before - 0.25 * gradient)


def test_a_step_makes_no_arrays_of_its_own(rng: np.random.Generator) -> None:
    """After a first step all matrices exist; what remains is smaller than any of them.

    NumPy itself takes buffers of up to 8192 entries where it multiplies by a mask.
    """
    case = Case((64, 96, 80, 2), (("relu", 2),), "softmax")
    module = case.module()
    parameters, X, Y = drawn(case, rng, 1024)
    buffers = module.Buffers(1024, parameters.dtype)
    gradient = np.empty_like(parameters)
    module.step(parameters, X, Y, 0.1, gradient, buffers)
    tracemalloc.start()
    module.step(parameters, X, Y, 0.1, gradient, buffers)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    smallest_matrix, casting = 1024 * 80 * 8, 8192 * 8
    assert peak < smallest_matrix // 4 + casting


class Counting:
    """NumPy, with its calls counted."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(np, name)


@pytest.mark.parametrize(
    ("name", "products"),
    [("relu softmax", 8), ("one layer", 2), ("one hidden layer", 5), ("runs of two kinds", 14)],
)
def test_products_and_exps_of_one_pass(name: str, products: int, rng: np.random.Generator) -> None:
    """L forward, L for the weights, L - 1 backward: the first layer's inputs need no gradient."""
    case = CASES[name]
    module = case.module()
    parameters, X, Y = drawn(case, rng, 6)
    counting = Counting()
    module.np = counting
    try:
        module.value_and_gradient(parameters, X, Y)
    finally:
        module.np = np
    assert counting.calls["matmul"] == products == 3 * (len(case.widths) - 1) - 1
    assert counting.calls["einsum"] == counting.calls["dot"] == 0
    assert " @ " not in re.sub(r'""".*?"""', "", case.source(), flags=re.DOTALL)
    if case.head == "softmax":
        assert counting.calls["exp"] == 1


@pytest.mark.parametrize("widths", [(64,) * 101, tuple(range(164, 63, -1))], ids=["equal", "other"])
def test_source_does_not_grow_with_depth(widths: tuple[int, ...]) -> None:
    sources = []
    for layers in (10, 100):
        case = Case((*widths[:layers], 10), (("relu", layers - 1),), "softmax")
        sources.append(case.source())
        assert (*widths[:layers], 10) == case.module().WIDTHS
    growth = len(sources[1]) - len(sources[0])
    if len(set(widths)) == 1:
        assert growth < 0.1 * len(sources[0])
        assert "(64,) * 100 + (10,)" in sources[1].replace("\n", "")
    else:
        # Widths that all differ have to be said; nothing else grows.
        assert growth < 8 * 90 + 40
    assert max(len(line) for line in sources[1].splitlines()) <= 100


def test_each_kind_is_written_once() -> None:
    source = CASES["kinds in turn"].source()
    defined = re.findall(r"^def (\w+)\(", source, re.MULTILINE)
    assert len(defined) == len(set(defined))
    kinds = {name.rsplit("_", 1)[0] for name in defined if name.startswith("dense_")}
    assert kinds == {"dense_relu", "dense_tanh", "dense_softmax_cross_entropy"}


@pytest.mark.parametrize("name", CASES)
def test_lines_fit_on_a_page(name: str) -> None:
    assert max(len(line) for line in CASES[name].source().splitlines()) <= 100


def test_the_module_keeps_its_contract() -> None:
    module = CASES["relu softmax"].module()
    signatures = {
        name: list(inspect.signature(getattr(module, name)).parameters)
        for name in (
            "unpack",
            "Buffers",
            "forward",
            "predict",
            "loss",
            "value_and_gradient",
            "step",
        )
    }
    assert signatures == {
        "unpack": ["parameters"],
        "Buffers": ["samples", "dtype"],
        "forward": ["parameters", "X", "buffers"],
        "predict": ["parameters", "X", "buffers"],
        "loss": ["parameters", "X", "Y", "buffers"],
        "value_and_gradient": ["parameters", "X", "Y", "gradient", "buffers"],
        "step": ["parameters", "X", "Y", "learning_rate", "gradient", "buffers"],
    }
    assert module.WIDTHS == (5, 7, 6, 3)
    assert module.PARAMETERS == 5 * 7 + 7 + 7 * 6 + 6 + 6 * 3 + 3
    for function in signatures:
        assert getattr(module, function).__doc__


def test_unpack_gives_views_in_forward_order() -> None:
    module = CASES["relu softmax"].module()
    flat = np.arange(float(module.PARAMETERS))
    weights, biases = module.unpack(flat)
    assert [W.shape for W in weights] == [(5, 7), (7, 6), (6, 3)]
    order = [part.ravel() for pair in zip(weights, biases, strict=True) for part in pair]
    assert np.array_equal(np.concatenate(order), flat)
    weights[0][0, 1] = -1
    assert flat[1] == -1
    without = CASES["no bias"].module()
    assert without.unpack(np.zeros(without.PARAMETERS))[1] == [None, None]


def test_documentation_cannot_become_code() -> None:
    hostile = 'x"""\nimport os\nraise SystemExit\n"""\\'
    module = load(CASES["one layer"].source(text=hostile, note=hostile))
    assert not hasattr(module, "os")
    assert "import os" in (module.__doc__ or "")
    assert "{" not in load(CASES["one layer"].source(text="{0} {x}")).PARAMETERS.__str__()


def test_formulas_are_the_functions_documentation() -> None:
    stages = [(HEADS["softmax"](True), 1)]
    formulas = {stages[0][0].name: ("Z = X*W + ones(n)*b'", "A = softmax(Z)", "δZ = (A - Y)/n")}
    module = load(network_module(stages, (3, 2), "3 -> 2 softmax", "", formulas))
    forward = module.dense_softmax_cross_entropy_forward.__doc__
    backward = module.dense_softmax_cross_entropy_backward.__doc__
    assert "Z = X*W + ones(n)*b'" in forward and "A = softmax(Z)" in forward
    assert "dZ = (A - Y)/n" in backward


def test_extreme_scores_neither_overflow_nor_vanish() -> None:
    """The loss is formed from scores: a probability that rounds to 0 costs its true amount."""
    for name in ("softmax", "sigmoid"):
        module = Case((2, 2), (), name, bias=False).module()
        parameters = np.array([2000.0, 0.0, 0.0, 2000.0])
        X, Y = np.array([[1.0, -1.0]]), np.array([[0.0, 1.0]])
        value, gradient = module.value_and_gradient(parameters, X, Y)
        assert value == 4000.0
        assert np.array_equal(gradient, [1.0, -1.0, -1.0, 1.0])
