"""What one pass costs: the matrix products and exponentials of hand-written backprop, no more."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from gradwright import Network
from gradwright.run.load import load

SEED = 20
SAMPLES = 6

#: Everything in NumPy that multiplies matrices, or can.
PRODUCTS = ("matmul", "@", "dot", "einsum", "tensordot", "inner", "vdot")


class Counted(np.ndarray):
    """An array that counts its `@`."""

    def __array_finalize__(self, source: Any) -> None:
        self.calls: Counter[str] = source.calls if isinstance(source, Counted) else Counter()

    def __matmul__(self, other: Any) -> Any:
        self.calls["@"] += 1
        return super().__matmul__(other)

    def __rmatmul__(self, other: Any) -> Any:
        self.calls["@"] += 1
        return super().__rmatmul__(other)

    def dot(self, *arguments: Any, **options: Any) -> Any:
        self.calls["dot"] += 1
        return super().dot(*arguments, **options)


class CountingNumpy:
    """Stands in for the module's `np`: counts each call by name, and its arrays count `@`."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def counted(self, array: np.ndarray) -> Counted:
        view = array.view(Counted)
        view.calls = self.calls
        return view

    def __getattr__(self, name: str) -> Any:
        real = getattr(np, name)
        if not callable(real) or isinstance(real, type):
            return real

        def call(*arguments: Any, **options: Any) -> Any:
            self.calls[f"{name} of rows" if _of_rows(name, arguments) else name] += 1
            result = real(*arguments, **options)
            return self.counted(result) if type(result) is np.ndarray else result

        return call


def _of_rows(name: str, arguments: tuple[Any, ...]) -> bool:
    """Whether this is an einsum that visits the entries of one matrix, such as ij,ij->i."""
    return name == "einsum" and len({c for c in arguments[0] if c.isalpha()}) < 3


# A layer has a product forward and two backward, but nobody asks for the gradient of the inputs:
# 3 L - 1. An elementwise sigmoid has one exp, and softmax one, which its loss shares.
CASES = [
    ("5 -> 3 softmax", 2, 1),
    ("7 -> 5 relu -> 4 relu -> 3 softmax", 8, 1),
    ("7 -> 5 tanh -> 4 relu -> 3 softmax", 8, 1),
    ("7 -> 5 sigmoid -> 4 sigmoid -> 3 softmax", 8, 3),
    ("7 -> 5 -> 4 -> 3 softmax", 8, 1),
    ("6 -> 5 * 4 sigmoid -> 3 softmax", 17, 6),
    ("6 -> 5 * 4 softmax -> 3 softmax", 17, 6),
]


@pytest.mark.parametrize(("text", "products", "exponentials"), CASES, ids=[c[0] for c in CASES])
@pytest.mark.parametrize("reused", [False, True], ids=["fresh", "reused"])
def test_products_and_exponentials(
    text: str, products: int, exponentials: int, reused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = Network(text, loss="cross_entropy")
    module = load(net.backprop().source("numpy"))
    rng = np.random.default_rng(SEED)
    parameters = net.init(seed=SEED).flat
    X = rng.standard_normal((SAMPLES, module.WIDTHS[0]))
    Y = np.eye(module.WIDTHS[-1])[rng.integers(0, module.WIDTHS[-1], SAMPLES)]
    expected = module.value_and_gradient(parameters, X, Y)

    counting = CountingNumpy()
    monkeypatch.setattr(module, "np", counting)
    arrays = [counting.counted(array) for array in (parameters, X, Y)]
    options: dict[str, Any] = {}
    if reused:
        buffers = module.Buffers(SAMPLES, parameters.dtype)
        options = {"gradient": counting.counted(np.empty_like(parameters)), "buffers": buffers}
        module.value_and_gradient(*arrays, **options)
        counting.calls.clear()
    value, gradient = module.value_and_gradient(*arrays, **options)

    assert sum(counting.calls[name] for name in PRODUCTS) == products, counting.calls
    assert counting.calls["exp"] == exponentials, counting.calls
    assert value == expected[0]
    np.testing.assert_array_equal(np.asarray(gradient), expected[1])
    if reused:
        assert not counting.calls["empty"] and not counting.calls["empty_like"], counting.calls


def test_the_stand_in_sees_every_way_to_multiply() -> None:
    counting = CountingNumpy()
    a = counting.counted(np.ones((2, 3)))
    plain = np.ones((3, 2))
    _ = a @ plain
    _ = plain @ a
    _ = a.T.dot(a)
    counting.matmul(a, plain, out=counting.empty((2, 2)))
    counting.einsum("ij,jk->ik", a, plain)
    counting.einsum("ij,ij->i", a, a)
    assert {name: counting.calls[name] for name in PRODUCTS if counting.calls[name]} == {
        "@": 2,
        "dot": 1,
        "matmul": 1,
        "einsum": 1,
    }
