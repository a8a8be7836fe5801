"""The bench compares equal things: hand-written NumPy is right, and a wrong pass is noticed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench.handwritten import HandWritten, views
from bench.passes import CASES, Case, agree
from bench.step import environment, table

SEED = 5


def drawn(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(SEED)
    size = sum(p * q + q for p, q in zip(case.widths[:-1], case.widths[1:], strict=True))
    parameters = rng.standard_normal(size)
    X = rng.standard_normal((case.batch, case.widths[0]))
    return parameters, X, np.eye(case.widths[-1])[rng.integers(0, case.widths[-1], case.batch)]


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_handwritten_against_central_differences(activation: str) -> None:
    case = Case((4, 5, 3, 2), activation, 7)
    parameters, X, Y = drawn(case)
    hand = HandWritten(case.widths, activation, case.batch, parameters)
    gradient = hand.value_and_gradient(X, Y)[1].copy()
    h = 1e-5
    for place in range(len(parameters)):
        kept = parameters[place]
        parameters[place] = kept + h
        above, _ = hand.value_and_gradient(X, Y)
        parameters[place] = kept - h
        below, _ = hand.value_and_gradient(X, Y)
        parameters[place] = kept
        # h^2 of the next derivative, and the loss's rounding over h: both below 1e-9 here.
        assert abs((above - below) / (2 * h) - gradient[place]) < 1e-8, place


def test_a_gradient_that_differs_is_noticed() -> None:
    case = CASES[1]
    one = np.linspace(-1, 1, 50, dtype=np.float32)
    other = one.copy()
    other[3] *= 1.001
    assert agree(case, (0.5, one), (0.5, one)) == 0
    with pytest.raises(AssertionError, match="3 -> 10 relu -> 6 relu -> 3 softmax"):
        agree(case, (0.5, other), (0.5, one))
    with pytest.raises(AssertionError, match="3 -> 10 relu"):
        agree(case, (0.5001, one), (0.5, one))


def test_views_cover_the_vector() -> None:
    flat = np.arange(2.0 * 3 + 3 + 3 * 4 + 4)
    weights, biases = views(flat, (2, 3, 4))
    parts = [part.ravel() for pair in zip(weights, biases, strict=True) for part in pair]
    assert np.array_equal(np.concatenate(parts), flat)


def test_no_variable_chooses_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "9")
    given = environment(2)
    assert "OPENBLAS_CORETYPE" not in given
    assert given["OPENBLAS_NUM_THREADS"] == given["OMP_NUM_THREADS"] == "2"


def test_the_table_has_every_figure() -> None:
    timed = {
        "emitted_us": 20.0,
        "handwritten_us": 16.0,
        "ratio": 1.25,
        "quartiles": [1.2, 1.3, 1.4],
    }
    case = {"network": "2 -> 3 softmax", "batch": 8, "processor": timed, "wall": timed}
    passes = {"numpy": "2", "blas": "some", "load": 0.5, "cases": [case]}
    cold = {"command": "c", "runs": 10, "median_s": {"derive": 0.31}, "fastest_s": {"derive": 0.29}}
    figures = {"machine": "m", "python": "3", "date": "d", "revision": "r", "threads": 1}
    text = table(
        json.loads(
            json.dumps(figures | {"passes": passes, "cold": cold | {"imports_ms": {"numpy": 53.0}}})
        )
    )
    assert text.count("20.0      16.0   1.25  1.20 to 1.40") == 2
    assert "derive                  0.31     0.29" in text
    assert "numpy 53" in text
