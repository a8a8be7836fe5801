"""Operations of the literature: their formulas, the proofs of their derivatives, how they print."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import GradwrightError, ShapeError, SymbolError
from gradwright.notation.declarations import declare
from gradwright.notation.definitions import read
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import infer
from gradwright.ops.compositions import COMPOSITIONS, RECORDS, Composition
from gradwright.verification import complex_step

SIZES = {"n": 3, "m": 4, "k": 5, "d": 2}
CASES = [(record, name) for record in RECORDS for name in record.parameters]


def identity(case: Any) -> str:
    return case if isinstance(case, str) else case.usage


def shape(text: str) -> tuple[int, ...]:
    return tuple(SIZES[word] for word in text.split()[1:])


def value_of(text: str, point: dict[str, Any], declared: dict[str, str]) -> np.ndarray:
    """The value of a text by the notation's own evaluator."""
    known = {name: declare(name, kind) for name, kind in declared.items()}
    tree, _ = read(text, known)
    scope = infer(tree, known, text)
    used = {name: value for name, value in point.items() if name in scope.symbols}
    sizes = {name: length for name, length in SIZES.items() if name in scope.sizes}
    return np.asarray(evaluate(tree, {**used, **sizes}, scope))


def drawn(record: Composition, rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, str]]:
    """A point, the cotangent G included, and what is declared."""
    point = {name: rng.normal(size=shape(kind)) for name, kind in record.kinds.items()}
    value = value_of(record.usage, point, dict(record.kinds))
    kinds = {0: "scalar", 1: "vector n", 2: "matrix n d"}
    kind = kinds[value.ndim] if record.name != "batchnorm" else "matrix m n"
    return {**point, "G": rng.normal(size=value.shape)}, {**record.kinds, "G": kind}


def slopes(record: Composition, name: str, point: dict[str, Any], kinds: dict[str, str]) -> Any:
    """The derivative of sum(G .* f) by the complex step on the written-out formula."""

    def function(at: dict[str, Any]) -> np.ndarray:
        return np.sum(at["G"] * value_of(record.usage, at, kinds))

    return complex_step.jacobian(function, point, name)


@pytest.mark.parametrize(("record", "name"), CASES, ids=identity)
def test_proofs_lead_to_the_derivative(
    record: Composition, name: str, rng: np.random.Generator
) -> None:
    """Every line is the derivative by that argument, and so is what is derived."""
    point, kinds = drawn(record, rng)
    expected = slopes(record, name, point, kinds)
    parts = "".join(f"{part} = {formula}; " for part, formula in record.parts)
    declared = kinds | {"G": kinds["G"]}
    for line in record.proofs[name]:
        found = value_of(parts + line.expression, point, declared)
        assert found.shape == expected.shape, line
        assert np.max(np.abs(found - expected)) <= 1e-12 * max(1, np.max(np.abs(expected))), line
    derived = gw.gradient(f"sum(G .* ({record.usage}))", name, **declared)
    assert np.max(np.abs(derived(**point) - expected)) <= 1e-12 * max(1, np.max(np.abs(expected)))


@pytest.mark.parametrize("record", RECORDS, ids=identity)
def test_every_composition_cites_its_source_and_proves_each_argument(record: Composition) -> None:
    assert record.source
    assert set(record.proofs) == set(record.parameters)


def attention(Q: np.ndarray, K: np.ndarray, V: np.ndarray, M: Any = 0) -> np.ndarray:
    rows = []
    for q, mask in zip(Q, np.broadcast_to(M, (len(Q), len(K))), strict=True):
        scores = [sum(a * b for a, b in zip(q, key, strict=True)) for key in K]
        weights = [math.exp(s / math.sqrt(len(q)) + b) for s, b in zip(scores, mask, strict=True)]
        rows.append(sum(w * v for w, v in zip(weights, V, strict=True)) / sum(weights))
    return np.array(rows)


def test_values_by_hand(rng: np.random.Generator) -> None:
    Q, K, V, M = (rng.normal(size=s) for s in [(3, 5), (4, 5), (4, 2), (3, 4)])
    assert np.allclose(gw.formula("attention(Q, K, V)")(Q=Q, K=K, V=V), attention(Q, K, V))
    masked = gw.formula("attention(Q, K, V, M)")(Q=Q, K=K, V=V, M=M)
    assert np.allclose(masked, attention(Q, K, V, M))
    X, gain, bias = rng.normal(size=(6, 3)), rng.normal(size=3), rng.normal(size=3)
    for axis, text in [(1, "layernorm(X, g', b')"), (0, "batchnorm(X, g', b')")]:
        spread = np.sqrt(X.var(axis=axis, keepdims=True) + 1e-5)
        expected = (X - X.mean(axis=axis, keepdims=True)) / spread * gain + bias
        f = gw.formula(text, X="matrix n d", g="vector d", b="vector d")
        assert np.allclose(f(X=X, g=gain, b=bias), expected)
    z, y = rng.normal(size=5), np.eye(5)[2]
    share = np.exp(z) / np.exp(z).sum()
    assert np.isclose(gw.formula("softmax_cross_entropy(z, y)")(z=z, y=y), -math.log(share[2]))
    binary = -np.sum(y * np.log(1 / (1 + np.exp(-z))) + (1 - y) * np.log(1 - 1 / (1 + np.exp(-z))))
    assert np.isclose(gw.formula("sigmoid_cross_entropy(z, y)")(z=z, y=y), binary)


HEADS = {"Q": "matrix n k", "K": "matrix m k", "V": "matrix m d", "C": "matrix n d"}
PRINTED = [
    ("sum(C .* attention(Q, K, V))", "V", HEADS, "S = Q Kᵀ/sqrt(k); P = softmax(S); Pᵀ C"),
    (
        "sum(C .* attention(Q, K, V))",
        "Q",
        HEADS,
        "S = Q Kᵀ/sqrt(k); P = softmax(S); "
        "(P ⊙ (C Vᵀ − (C ⊙ attention(Q, K, V)) ones(d))) K/sqrt(k)",
    ),
    ("softmax_cross_entropy(z, y)", "z", {"y": "vector n onehot"}, "softmax(z) − y"),
    ("softmax_cross_entropy(Z, Y)", "Z", {"Y": "matrix n k onehot"}, "softmax(Z) − Y"),
    ("sigmoid_cross_entropy(z, y)", "z", {}, "σ(z) − y"),
    ("y'*log_softmax(z)", "z", {"y": "vector n sum1"}, "y − softmax(z)"),
    (
        "g'*layernorm(x)",
        "x",
        {"g": "vector n"},
        "(n g − sum(g) − (gᵀ layernorm(x)) layernorm(x))/(n std(x, eps=0.00001))",
    ),
    (
        "sum(G .* layernorm(X))",
        "X",
        {"G": "matrix m n"},
        "(G − G ones(n)/n − (((G ⊙ layernorm(X)) ones(n)) ⊙ layernorm(X))/n) "
        "⊘ std(X, axis=1, eps=0.00001)",
    ),
    (
        "sum(G .* batchnorm(X, eps=0))",
        "X",
        {"G": "matrix m n"},
        "(G − (Gᵀ ones(m))ᵀ/m − (batchnorm(X, eps=0) ⊙ ((G ⊙ batchnorm(X, eps=0))ᵀ ones(m))ᵀ)/m) "
        "⊘ std(X, axis=0)",
    ),
    (
        "g'*rmsnorm(x)",
        "x",
        {"g": "vector n"},
        "(g − (gᵀ rmsnorm(x)) rmsnorm(x)/n)/rms(x, eps=0.000001)",
    ),
    ("std(x)", "x", {"x": "vector n"}, "layernorm(x, eps=0)/n"),
]


@pytest.mark.parametrize(("text", "wrt", "declared", "expected"), PRINTED)
def test_derivatives_print_as_in_papers(
    text: str, wrt: str, declared: dict[str, str], expected: str
) -> None:
    d = gw.gradient(text, wrt, **declared)
    assert str(d) == expected
    assert d.check().ok
    again = gw.formula(d.text(), **declared)
    assert again.scope.shape is not None


def test_the_jacobian_of_layernorm_is_that_of_the_paper() -> None:
    assert str(gw.jacobian("layernorm(x, eps=0)", "x")) == (
        "(n eye(n) − ones(n, n) − layernorm(x, eps=0) layernorm(x, eps=0)ᵀ)/(n std(x))"
    )


def test_the_way_back_through_attention_is_told_by_its_parts() -> None:
    told = gw.gradient("sum(C .* attention(Q, K, V))", "Q").explain().splitlines()
    lines = [" ".join(line.split()) for line in told]
    assert "∂f/∂P = C Vᵀ product rule" in lines
    assert (
        "∂f/∂S = P ⊙ (∂f/∂P − (C ⊙ attention(Q, K, V)) ones(n)) chain rule through softmax" in lines
    )
    assert "∂f/∂Q = ∂f/∂S K/sqrt(k) product rule" in lines


HESSIANS = ["g'*layernorm(x)", "g'*rmsnorm(x)", "std(x)", "rms(x, eps=0.1)", "g'*swiglu(x, g)"]


@pytest.mark.parametrize("text", HESSIANS)
def test_their_second_derivatives_pass_the_check(text: str, seed: int) -> None:
    assert gw.formula(text, g="vector n").hessian("x").check(seed=seed).ok


def test_the_entries_that_are_normalised_vary() -> None:
    """Without eps a constant row has no derivative, which is said and refused."""
    d = gw.gradient("sum(layernorm(x, eps=0).^3)", "x")
    assert d.assumptions == ("the entries of each row of x are not all equal",)
    with pytest.raises(GradwrightError):
        d(x=np.ones(3))
    guarded = gw.gradient("sum(layernorm(x).^3)", "x")
    assert guarded.assumptions == ()
    assert np.all(np.isfinite(guarded(x=np.ones(3))))


BAD = [
    ("attention(Q, K)", SymbolError, "write attention(Q, K, V) or attention(Q, K, V, M)"),
    ("attention(Q, K, V, eps=1)", SymbolError, "attention has no options"),
    ("layernorm(x, eps=-1)", ShapeError, "eps is -1"),
    ("std(A)", ShapeError, "write axis=0 for columns, axis=1 for rows"),
    ("batchnorm(x)", ShapeError, "write layernorm for one vector"),
    ("columns(x)", ShapeError, "columns is asked for"),
    ("layernorm(x, g, b, c)", GradwrightError, "layernorm"),
]


@pytest.mark.parametrize(("text", "error", "words"), BAD)
def test_what_is_no_such_operation(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        gw.formula(text)
    assert words in str(caught.value)


def test_parts_get_names_that_are_free() -> None:
    d = gw.gradient("sum(P .* attention(Q, K, S))", "S")
    assert str(d) == "S2 = Q Kᵀ/sqrt(k); P2 = softmax(S2); P2ᵀ P".replace("S2", "S₂").replace(
        "P2", "P₂"
    )
    assert COMPOSITIONS["attention", 3].parameters == ("Q", "K", "V")
