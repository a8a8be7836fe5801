"""L-BFGS, and Levenberg and Marquardt's method: against least squares, complex steps and SciPy."""

from __future__ import annotations

import builtins
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

import gradwright as gw
from gradwright.api.curvature import Curvature
from gradwright.errors import LimitError, TrainingError, UnsupportedError
from gradwright.nn.optimizers import FULL_BATCH
from tests.programs.installed import COMPILER

compiles = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")

Array = Any
SAMPLES = 17


def regression(rng: np.random.Generator, inputs: int, outputs: int) -> tuple[Array, Array]:
    return rng.normal(size=(SAMPLES, inputs)), rng.normal(size=(SAMPLES, outputs))


def jacobian(net: gw.Network, w: Array, X: Array) -> Array:
    """∂(outputs)/∂w of every sample by complex steps through a forward pass written here."""
    layers = net.model.layers

    def outputs(flat: Array) -> Array:
        before, start = X.astype(complex), 0
        for layer in layers:
            shape = (layer.fan_in, layer.fan_out)
            size = layer.fan_in * layer.fan_out
            W = flat[start : start + size]
            rows = net.model.layout.row_inputs
            W = W.reshape(shape) if rows else W.reshape(shape[::-1]).T
            start += size
            Z = before @ W
            if layer.bias:
                Z = Z + flat[start : start + layer.fan_out]
                start += layer.fan_out
            before = np.tanh(Z) if layer.activation == "tanh" else Z
        return before

    columns = []
    for k in range(len(w)):
        moved = w.astype(complex)
        moved[k] += 1e-30j
        columns.append(outputs(moved).imag / 1e-30)
    return np.stack(columns, axis=-1)


def curvature_of(net: gw.Network, w: Array, X: Array, y: Array) -> Array:
    start = net.init(seed=0)
    start.flat[:] = w
    return Curvature(net.model, w, net.inputs(start, X), net.targets(start, X, y))


NETWORKS = {
    "rows": ("3 -> 5 tanh -> 2", {}),
    "columns": ("3 -> 4 tanh -> 5 tanh -> 2", {"layout": "columns"}),
    "sum": ("3 -> 5 tanh -> 2 tanh", {"reduction": "sum"}),
    "no bias": ("3 -> 5 tanh no_bias -> 2", {}),
}


@pytest.mark.parametrize(("text", "given"), NETWORKS.values(), ids=NETWORKS)
def test_the_matrix_is_twice_jacobian_squared(
    text: str, given: dict[str, str], rng: np.random.Generator
) -> None:
    net = gw.Network(text, loss="squared_error", **given)
    X, y = regression(rng, 3, 2)
    w = rng.normal(size=net.init().flat.size)
    J = jacobian(net, w, X).reshape(SAMPLES * 2, -1)
    expected = 2 * J.T @ J / (SAMPLES if net.model.reduction == "mean" else 1)
    found = curvature_of(net, w, X, y).gauss_newton_matrix()
    # Sums of 34 products, each of values of a few dozen roundings.
    assert np.max(np.abs(found - expected)) <= 1e4 * np.finfo(float).eps * np.max(np.abs(expected))


def test_the_matrix_of_probabilities(rng: np.random.Generator) -> None:
    """Jᵀ (diag p − p pᵀ) J for the cross-entropy of a softmax, J by its scores."""
    net = gw.Network("3 -> 5 tanh -> 4 softmax")
    scores = gw.Network("3 -> 5 tanh -> 4", loss="squared_error")
    X, y = rng.normal(size=(SAMPLES, 3)), rng.integers(4, size=SAMPLES)
    w = rng.normal(size=net.init().flat.size)
    J = jacobian(scores, w, X)
    p = net.predict(_with(net, w), X)
    H = np.einsum("ni,ij->nij", p, np.eye(4)) - np.einsum("ni,nj->nij", p, p)
    expected = np.einsum("nia,nij,njb->ab", J, H, J) / SAMPLES
    found = curvature_of(net, w, X, y).gauss_newton_matrix()
    # Roots of H lose half of the digits where its eigenvalues are 0, and square again.
    assert np.max(np.abs(found - expected)) <= 1e5 * np.finfo(float).eps * np.max(np.abs(expected))


def test_layers_by_formula_have_a_matrix_too(rng: np.random.Generator) -> None:
    layer = gw.layer("tanh(W*x + b)", input="vector n", W="matrix m n", b="vector m")
    plain = gw.Network("3 -> 5 tanh -> 2", loss="squared_error", layout="rows")
    written = gw.Network(["3", layer(m=5), "2"], loss="squared_error")
    X, y = regression(rng, 3, 2)
    one, other = plain.init(seed=2), written.init(seed=2)
    other["W1"][...], other["b1"][...] = one["W1"].T, one["b1"]
    other["W2"][...], other["b2"][...] = one["W2"], one["b2"]
    order = np.concatenate([np.arange(15).reshape(3, 5).T.ravel(), np.arange(15, one.flat.size)])
    found = curvature_of(written, other.flat, X, y).gauss_newton_matrix()
    expected = curvature_of(plain, one.flat, X, y).gauss_newton_matrix()[np.ix_(order, order)]
    assert np.max(np.abs(found - expected)) <= 1e4 * np.finfo(float).eps * np.max(np.abs(expected))


def _with(net: gw.Network, w: Array) -> Any:
    p = net.init(seed=0)
    p.flat[:] = w
    return p


def test_a_step_solves_the_damped_equations(rng: np.random.Generator) -> None:
    net = gw.Network("3 -> 5 tanh -> 2", loss="squared_error")
    X, y = regression(rng, 3, 2)
    start = net.init(seed=3)
    rule = gw.optimizer("levenberg_marquardt", damping=10.0)
    run = gw.train(net, X, y, start, epochs=1, optimizer=rule)
    J = jacobian(net, start.flat, X).reshape(SAMPLES * 2, -1)
    residuals = (net.predict(start, X) - y).ravel()
    matrix, gradient = 2 * J.T @ J / SAMPLES, 2 * J.T @ residuals / SAMPLES
    damped = matrix + 10.0 * np.max(np.diag(matrix)) * np.eye(len(matrix))
    expected = start.flat - np.linalg.solve(damped, gradient)
    # The damped matrix has a condition of at most 1 + 1/10 · parameters.
    assert np.max(np.abs(run.params.flat - expected)) <= 1e5 * np.finfo(float).eps
    assert run.history[0].loss == pytest.approx(net.loss(start, X, y))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_linear_network_is_least_squares(dtype: str, rng: np.random.Generator) -> None:
    net = gw.Network("4 -> 3", loss="squared_error")
    X, y = regression(rng, 4, 3)
    start = net.init(seed=1, dtype=dtype)
    run = gw.train(net, X, y, start, epochs=60, optimizer="levenberg_marquardt")
    A = np.hstack([X, np.ones((SAMPLES, 1))])
    best = np.linalg.lstsq(A, y)[0]
    expected = np.sum((A @ best - y) ** 2) / SAMPLES
    # At a minimum the loss is flat: an error of √eps in the parameters is one of eps in it.
    assert net.loss(run.params, X, y) <= expected * (1 + 100 * np.finfo(dtype).eps)
    assert run.params.flat.dtype == dtype
    assert run.stopped == "converged"


@pytest.mark.parametrize("text", ["3 -> 5 tanh -> 2", "3 -> 4 tanh -> 4 softmax"])
def test_losses_fall_until_the_gradient_is_small(text: str, rng: np.random.Generator) -> None:
    classes = "softmax" in text
    net = gw.Network(text, loss="cross_entropy" if classes else "squared_error")
    X = rng.normal(size=(SAMPLES, 3))
    y = rng.integers(4, size=SAMPLES) if classes else rng.normal(size=(SAMPLES, 2))
    run = gw.train(net, X, y, epochs=40, optimizer="levenberg_marquardt")
    losses = [epoch.loss for epoch in run.history] + [net.loss(run.params, X, y)]
    assert all(after <= before for before, after in pairwise(losses))
    assert losses[-1] < 0.7 * losses[0]


def test_damping_is_kept_in_checkpoints(tmp_path: Path, rng: np.random.Generator) -> None:
    net = gw.Network("3 -> 5 tanh -> 2", loss="squared_error")
    X, y = regression(rng, 3, 2)
    given = {"optimizer": "levenberg_marquardt"}
    whole = gw.train(net, X, y, epochs=12, **given)
    gw.train(net, X, y, epochs=6, **given, checkpoint=tmp_path / "half")
    rest = gw.train(net, X, y, epochs=12, **given, resume=tmp_path / "half")
    assert rest.params.flat.tobytes() == whole.params.flat.tobytes()
    assert [e.loss for e in rest.history] == [e.loss for e in whole.history]


@pytest.mark.parametrize("target", ["numpy", pytest.param("c", marks=compiles)])
def test_lbfgs_is_that_of_scipy(target: str, rng: np.random.Generator) -> None:
    net = gw.Network("3 -> 4 tanh -> 3 softmax")
    X, y = rng.normal(size=(SAMPLES, 3)), rng.integers(3, size=SAMPLES)
    run = gw.train(net, X, y, net.init(seed=1), epochs=6, optimizer="lbfgs", target=target)

    def value(w: Array) -> tuple[float, Array]:
        loss, gradient = net.value_and_gradient(_with(net, w), X, y)
        return loss, gradient.flat

    expected = minimize(
        value,
        net.init(seed=1).flat,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 6, "ftol": 0, "gtol": 1e-8},
    )
    # Six iterations, whose line searches make the same choices.
    assert np.max(np.abs(run.params.flat - expected.x)) <= 1e-8 * np.max(np.abs(expected.x))
    assert len(run.history) == 6 and run.stopped == "finished"
    losses = [epoch.loss for epoch in run.history]
    assert losses[0] == pytest.approx(net.loss(net.init(seed=1), X, y))
    assert sorted(losses, reverse=True) == losses


def test_lbfgs_converges(rng: np.random.Generator) -> None:
    net = gw.Network("4 -> 3", loss="squared_error")
    X, y = regression(rng, 4, 3)
    run = gw.train(net, X, y, epochs=200, optimizer="lbfgs")
    assert run.stopped == "converged"
    assert np.max(np.abs(net.gradient(run.params, X, y).flat)) <= 1e-7


@pytest.mark.parametrize("name", FULL_BATCH)
def test_ctrl_c_keeps_the_last_iteration(name: str, rng: np.random.Generator) -> None:
    net = gw.Network("3 -> 5 tanh -> 2", loss="squared_error")
    X, y = regression(rng, 3, 2)

    def watch(epoch: Any) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    run = gw.train(net, X, y, epochs=9, optimizer=name, callbacks=(watch,))
    whole = gw.train(net, X, y, epochs=3, optimizer=name)
    assert (run.stopped, len(run.history)) == ("interrupted", 3)
    assert np.array_equal(run.params.flat, whole.params.flat)


@pytest.mark.parametrize("name", FULL_BATCH)
@pytest.mark.parametrize(
    ("given", "facts"),
    [
        ({"batch_size": 5}, "batch_size is 5, there are 17 samples"),
        ({"learning_rate": 0.1}, "a learning rate is given"),
        ({"schedule": "cosine"}, "the schedule cosine is given"),
        ({"max_norm": 1.0}, "max_norm is given"),
        ({"weight_decay": 1.0}, "weight_decay is given"),
    ],
)
def test_what_has_no_meaning_is_refused(
    name: str, given: dict[str, Any], facts: str, rng: np.random.Generator
) -> None:
    net = gw.Network("3 -> 2", loss="squared_error")
    with pytest.raises(TrainingError, match=facts):
        gw.train(net, *regression(rng, 3, 2), optimizer=name, **given)


def test_what_cannot_be_done_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    net = gw.Network("3 -> 2", loss="squared_error")
    X, y = regression(rng, 3, 2)
    with pytest.raises(UnsupportedError, match="what L-BFGS remembers"):
        gw.train(net, X, y, optimizer="lbfgs", checkpoint=tmp_path / "half")
    with pytest.raises(UnsupportedError, match="target c"):
        gw.train(net, X, y, optimizer="levenberg_marquardt", target="c")
    for target in ("numpy", "c"):
        with pytest.raises(UnsupportedError, match="no formula of a step"):
            net.backprop().source(target, "lbfgs")
    wide = gw.Network("3 -> 4000 tanh -> 2", loss="squared_error")
    with pytest.raises(LimitError, match="24002 parameters"):
        gw.train(wide, X, y, optimizer="levenberg_marquardt")
    table = gw.Network([gw.embedding(3, {2: (2, 2)}), "2"], loss="squared_error")
    with pytest.raises(UnsupportedError, match=r"training by levenberg_marquardt of .*embedding"):
        gw.train(table, np.ones_like(X), y, optimizer="levenberg_marquardt")


def test_without_scipy_lbfgs_says_so(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    imported = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("scipy"):
            raise ImportError(name)
        return imported(name, *rest)

    net = gw.Network("3 -> 2", loss="squared_error")
    _ = net.model.module
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UnsupportedError, match="SciPy is not installed"):
        gw.train(net, *regression(rng, 3, 2), optimizer="lbfgs")


@pytest.mark.parametrize("name", FULL_BATCH)
def test_a_start_whose_loss_is_not_finite(name: str, rng: np.random.Generator) -> None:
    net = gw.Network("3 -> 2", loss="squared_error")
    start = net.init(seed=1)
    start["W1"][...] = 1e200
    with pytest.raises(TrainingError, match="the loss is inf"):
        gw.train(net, *regression(rng, 3, 2), start, optimizer=name)
