"""Derivatives written into an array of the caller's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradwright import formula
from gradwright.api.derivation import Derivation
from gradwright.errors import DomainError, GradwrightError, ShapeError, UnsupportedError

SIZES = {"m": 4, "n": 3, "k": 2}

DECLARED = {"T": "matrix m n", "U": "matrix m k", "V": "matrix n k", "x": "vector n"}

#: formula, kind, variable: mostly zeros, dense, axes put together, a domain that is checked.
CASES = [
    ("norm2(T - U*V')^2", "hessian", "U"),
    ("T*V", "jacobian", "V"),
    ("T*V", "jacobian", "T"),
    ("sum(exp(T*x))", "hessian", "x"),
    ("sum(exp(T*x))", "gradient", "x"),
    ("norm2(T - U*V')^2", "gradient", "U"),
    ("vec(U*V')", "jacobian", "V"),
    ("sum(log(x))", "hessian", "x"),
    ("x .* x", "jacobian", "x"),
    ("T*x", "jacobian", "x"),
]


def derived(text: str, kind: str, wrt: str) -> Derivation:
    made = getattr(formula(text, **{k: v for k, v in DECLARED.items() if k in text}), kind)(wrt)
    assert isinstance(made, Derivation)
    return made


def values(made: Derivation, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        name: rng.uniform(0.5, 1.5, [SIZES[str(size)] for size in d.sizes])
        for name, d in made.scope.symbols.items()
    }


@pytest.mark.parametrize(("text", "kind", "wrt"), CASES, ids=[" ".join(c) for c in CASES])
@pytest.mark.parametrize("memory", ["C", "F", "every other"])
def test_every_entry_is_written(
    text: str, kind: str, wrt: str, memory: Any, rng: np.random.Generator
) -> None:
    made = derived(text, kind, wrt)
    given = values(made, rng)
    fresh = made(**given)
    if memory == "every other":
        out = np.full((*fresh.shape[:-1], 2 * fresh.shape[-1]), np.nan)[..., ::2]
    else:
        out = np.full(fresh.shape, np.nan, order=memory)
    assert made(**given, out=out) is out
    np.testing.assert_array_equal(out, fresh)
    other = values(made, rng)
    assert made(**other, out=out) is out
    np.testing.assert_array_equal(out, made(**other))


def test_float32_is_written_into_float32(rng: np.random.Generator) -> None:
    made = derived("norm2(T - U*V')^2", "hessian", "U")
    given = {name: value.astype(np.float32) for name, value in values(made, rng).items()}
    out = np.ones((4, 2, 4, 2), np.float32)
    np.testing.assert_array_equal(made(**given, out=out), made(**given))
    with pytest.raises(ShapeError, match="float64"):
        made(**given, out=np.ones((4, 2, 4, 2)))


def test_what_does_not_fit_is_refused(rng: np.random.Generator) -> None:
    made = derived("norm2(T - U*V')^2", "hessian", "U")
    given = values(made, rng)
    frozen = np.empty((4, 2, 4, 2))
    frozen.flags.writeable = False
    shared = np.empty((4, 2, 4, 2))
    refused: list[tuple[Any, type[GradwrightError], str]] = [
        (np.empty((2, 4, 2, 4)), ShapeError, r"\(4, 2, 4, 2\)"),
        (np.empty((4, 2, 4, 2), int), ShapeError, "int"),
        ([[0.0]], ShapeError, "list"),
        (frozen, DomainError, "read-only"),
    ]
    for out, error, fact in refused:
        with pytest.raises(error, match=fact):
            made(**given, out=out)
    given["T"] = shared.reshape(-1)[:12].reshape(4, 3)
    given["T"][...] = 1.0
    with pytest.raises(DomainError, match="shares memory"):
        made(**given, out=shared)


def test_numbers_and_several_results_have_no_array() -> None:
    made = formula("c^2*x'*x", c="scalar", x="vector n").gradient("c")
    with pytest.raises(ShapeError, match="leave out"):
        made(c=1.0, x=np.ones(3), out=np.empty(()))
    both = formula("x'*y", x="vector n", y="vector n").gradient("x", "y")
    with pytest.raises(UnsupportedError, match="2 results"):
        both(x=np.ones(3), y=np.ones(3), out=np.empty(3))


def test_a_symbol_called_out_is_given_its_value() -> None:
    made = formula("out'*x", out="vector n", x="vector n").gradient("x")
    np.testing.assert_array_equal(made(out=np.arange(3.0), x=np.ones(3)), np.arange(3.0))
    tied = formula("norm2(out - U*V')^2", out="matrix m n").hessian("U")
    shape = (4, 2, 4, 2)
    found = tied(out=np.ones((4, 3)), U=np.ones((4, 2)), V=np.ones((3, 2)))
    assert found.shape == shape
    assert "def hessian(U, V, out_, out=None)" in tied.source()


def test_a_result_that_is_no_number_is_still_refused() -> None:
    made = derived("norm2(T - U*V')^2", "hessian", "U")
    # inf * 0 stands off the diagonal of V'V.
    infinite = np.array([[np.inf, 0.0], [0.0, 1.0], [0.0, 1.0]])
    given = {"T": np.ones((4, 3)), "U": np.ones((4, 2)), "V": infinite}
    with pytest.raises(DomainError, match="not a number"):
        made(**given)
