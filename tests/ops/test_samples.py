"""Samples have the facts they were drawn for."""

from __future__ import annotations

import numpy as np
import pytest

from gradwright.errors import DomainError, ShapeError, SymbolError
from gradwright.ops.samples import draw


def _symmetric(a):
    return np.array_equal(a, a.T)


def _posdef(a):
    values = np.linalg.eigvalsh(a)
    return values[0] > 0 and values[-1] <= 4.01 * values[0]


HOLDS = {
    "symmetric": _symmetric,
    "posdef": lambda a: _symmetric(a) and _posdef(a),
    "diagonal": lambda a: np.array_equal(a, np.diag(np.diagonal(a))),
    "orthogonal": lambda a: np.allclose(a.T @ a, np.eye(len(a)), rtol=0, atol=1e-14),
    "invertible": lambda a: np.linalg.cond(a) <= 4.01,
    "positive": lambda a: (a > 0).all(),
    "unit": lambda a: ((a >= 0.02) & (a <= 0.95)).all(),
    "signs": lambda a: np.isin(a, [-1.0, 1.0]).all(),
    "binary": lambda a: np.isin(a, [0.0, 1.0]).all(),
    "sum1": lambda a: np.allclose(a.sum(axis=-1), 1, rtol=0, atol=1e-15 * a.shape[-1]),
    "onehot": lambda a: np.isin(a, [0.0, 1.0]).all() and (a.sum(axis=-1) == 1).all(),
}
CASES = [
    ("matrix", (4, 4), {"symmetric"}),
    ("matrix", (4, 4), {"posdef"}),
    ("matrix", (1, 1), {"posdef"}),
    ("matrix", (5, 5), {"invertible"}),
    ("matrix", (4, 4), {"diagonal"}),
    ("matrix", (4, 4), {"diagonal", "invertible"}),
    ("matrix", (4, 4), {"diagonal", "posdef"}),
    ("matrix", (4, 4), {"diagonal", "orthogonal"}),
    ("matrix", (4, 4), {"orthogonal"}),
    ("matrix", (4, 4), {"orthogonal", "symmetric"}),
    ("matrix", (4, 4), {"orthogonal", "posdef"}),
    ("matrix", (5, 5), {"invertible", "symmetric"}),
    ("matrix", (5, 5), {"posdef", "invertible", "symmetric", "positive"}),
    ("matrix", (5, 5), {"invertible", "unit"}),
    ("matrix", (1, 1), {"invertible", "unit"}),
    ("matrix", (4, 4), {"symmetric", "signs"}),
    ("matrix", (4, 4), {"symmetric", "unit"}),
    *((kind, shape, {fact}) for kind, shape in [("vector", (5,)), ("matrix", (3, 4))]
      for fact in ("positive", "unit", "signs", "binary", "sum1", "onehot")),
    ("matrix", (3, 4), {"sum1", "positive"}),
    ("vector", (4,), {"onehot", "binary", "sum1"}),
    ("scalar", (), {"positive"}),
    ("scalar", (), {"signs"}),
    ("scalar", (), set()),
    ("vector", (0,), set()),
    ("matrix", (0, 3), {"onehot"}),
    ("matrix", (2, 3), set()),
]  # fmt: skip


def _id(value):
    return "+".join(sorted(value)) if isinstance(value, set) else str(value)


@pytest.mark.parametrize(("kind", "shape", "facts"), CASES, ids=_id)
def test_facts_hold(kind, shape, facts):
    for seed in range(20):
        value = draw(kind, shape, facts, np.random.default_rng(seed))
        assert isinstance(value, np.ndarray)
        assert value.shape == shape
        assert value.dtype == np.float64
        for fact in facts:
            assert HOLDS[fact](value), f"seed {seed}: {fact}\n{value}"


def test_the_same_generator_state_gives_the_same_value_and_another_another():
    one, same, other = (draw("vector", (4,), (), np.random.default_rng(k)) for k in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("kind", "shape", "facts", "error", "words"),
    [
        ("cube", (2, 2, 2), (), SymbolError, "cube is none of scalar, vector, row, matrix"),
        ("vector", (3,), ("round",), SymbolError, "round is none of"),
        ("vector", (3, 2), (), ShapeError, "a vector has 1 axes, and the shape (3, 2) has 2"),
        ("matrix", (3, 2), ("symmetric",), ShapeError, "this is a matrix of shape (3, 2)"),
        ("vector", (3,), ("posdef",), ShapeError, "this is a vector of shape (3,)"),
        ("scalar", (), ("onehot",), ShapeError, "this is a scalar of shape ()"),
        ("vector", (3,), ("signs", "positive"), DomainError, "signs and positive"),
        ("vector", (3,), ("binary", "unit"), DomainError, "unit and binary"),
        ("matrix", (3, 3), ("sum1", "symmetric"), DomainError, "the matrix symmetric"),
        ("matrix", (3, 3), ("signs", "invertible"), DomainError, "the matrix invertible"),
    ],
)
def test_impossible_samples_are_errors(kind, shape, facts, error, words):
    with pytest.raises(error) as caught:
        draw(kind, shape, facts, np.random.default_rng(0))
    assert words in caught.value.clash
