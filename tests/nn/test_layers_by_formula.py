"""Rows S2.3 to S2.6: layers by formula, and networks as lists of them."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import (
    DomainError,
    GradwrightError,
    NetworkError,
    ShapeError,
    UnsupportedError,
)
from tests.nn.random_layers import random_layer
from tests.suites.layers import TOLERANCE, error, layer_errors, moved, network_of

CASES = 12

dense = gw.layer("tanh(W*x + b)", input="vector n", W="matrix m n", b="vector m")
swish = gw.layer("z .* sigmoid(z)", input="vector n")


@pytest.mark.parametrize("case", range(CASES))
def test_s2_4_s2_5_random_layers(case: int, rng: np.random.Generator) -> None:
    drawn = random_layer(rng)
    errors = layer_errors(drawn, rng)
    assert max(errors.values()) < TOLERANCE, (drawn.text, errors)


def test_the_comparison_sees_a_wrong_layer(rng: np.random.Generator) -> None:
    drawn = random_layer(rng)
    right = drawn.function
    drawn.function = lambda values: 1.001 * right(values)
    assert min(layer_errors(drawn, rng)[name] for name in ("loss", "J_y")) > TOLERANCE


@pytest.mark.parametrize("case", range(4))
def test_s2_6_the_gradients_are_products_of_the_held_blocks(
    case: int, rng: np.random.Generator
) -> None:
    net = network_of(random_layer(rng))
    p = moved(net, rng)
    x, y = rng.normal(size=net.widths[0]), rng.normal(size=2)
    gradient = net.gradient(p, x[None, :], y[None, :])
    adjoint = 2 * (net.predict(p, x[None, :])[0] - y)
    blocks = net.layer_jacobians(p, x)
    for number in range(len(blocks), 0, -1):
        J_y, J_theta = blocks[number - 1]
        held = [value.ravel() for value in gradient.of_layer(number).values()]
        flat = np.concatenate(held) if held else np.zeros(0)
        assert error(J_theta.T @ adjoint, flat) < 1e-11
        adjoint = J_y.T @ adjoint
    whole = net.jacobian(p, x[None, :])[0]
    assert error(adjoint, whole.T @ (2 * (net.predict(p, x[None, :])[0] - y))) < 1e-11


def test_a_list_is_the_text_where_both_can_say_it(rng: np.random.Generator) -> None:
    text = "3 -> 7 tanh -> 2 * 7 tanh -> 6 relu -> 4 softmax"
    assert gw.Network([3, "7 tanh", "2 * 7 tanh -> 6 relu", "4 softmax"]).widths == (
        gw.Network(text).widths
    )
    # A formula has a row of W for each output, like the columns layout: the same numbers fit.
    other = gw.Network(text, layout="columns")
    net = gw.Network([3, dense(m=7), dense(m=7), dense(m=7), relu(m=6), last(m=4)])
    p, q = net.init(seed=3), other.init(seed=3)
    assert np.array_equal(p.flat, q.flat)
    X, y = rng.normal(size=(5, 3)), rng.integers(4, size=5)
    one, two = net.value_and_gradient(p, X, y), other.value_and_gradient(q, X, y)
    assert one[0] == pytest.approx(two[0], rel=1e-12)
    assert error(one[1].flat, two[1].flat) < 1e-12
    assert error(net.jacobian(p, X), other.jacobian(q, X)) < 1e-12
    norms = net.sample_gradient_norms(p, X, y), other.sample_gradient_norms(q, X, y)
    assert error(*norms) < 1e-12
    assert gw.flow(net, p, X, y).verdict == gw.flow(other, q, X, y).verdict


def without_local(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.split("\n") if "∂x" not in line]


relu = gw.layer("relu(W*x + b)", input="vector n", W="matrix m n", b="vector m")
last = gw.layer("softmax(W*x + b)", input="vector n", W="matrix m n", b="vector m")


def test_a_dense_layer_by_formula_has_the_lines_of_a_dense_layer() -> None:
    one = gw.Network([3, dense(m=7), "4 softmax"]).backprop().explain()
    other = gw.Network("3 -> 7 tanh -> 4 softmax").backprop().explain()
    pairs = zip(without_local(one), without_local(other), strict=True)
    differing = [line for line, same in pairs if line != same]
    assert all(
        "W₁" in line
        or "tanh(W*x + b)" in line
        or line.startswith("Parameters: ")
        or ("×" in line and "=" not in line)  # shapes under a line with W₁
        for line in differing
    )
    assert "Z₁ = X W₁ᵀ + ones(n) b₁ᵀ" in one
    assert "∂L/∂W₁ = δZ₁ᵀ X" in one


def test_repeated_layers_are_one_recursion() -> None:
    net = gw.Network([4, *[dense(m=4)] * 30, swish, swish, swish, "2 softmax"])
    text = net.backprop().explain()
    assert "Zₗ = A₍ₗ₋₁₎ Wₗᵀ + ones(n) bₗᵀ" in text and "l = 1, …, 30" in text
    assert "4 -> 30 * 4 tanh(W*x + b) -> 3 * 4 z .* sigmoid(z) -> 2 softmax" in text
    assert "for layer in range(0, 30)" in net.backprop().source()


def test_parts_of_a_formula_have_names(rng: np.random.Generator) -> None:
    norm = gw.layer(
        "g .* (x - sum(x)/n)/sqrt(norm2(x - sum(x)/n)^2/n + 0.1)", input="vector n", g="vector n"
    )
    gate = gw.layer(
        "sigmoid(W*x + b).*x + (1 - sigmoid(W*x + b)).*tanh(H*x)",
        input="vector n",
        W="matrix n n",
        b="vector n",
        H="matrix n n",
    )
    assert [name for name, _ in norm.formula.batch] == ["H", "A"]
    # H is a parameter there, so it is no name of a part; sigmoid(W*x + b) occurs twice.
    assert sorted(name for name, _ in gate.formula.batch) == ["A", "G", "K", "V", "Z"]
    net = gw.Network([4, norm, gate, "2 softmax"])
    text = " ".join(net.backprop().explain().split())
    assert "δA₁ = " in text and "X ones(4) ones(4)ᵀ/4" in text
    assert net.backprop().check().ok


def test_names_and_functions_that_statements_give(rng: np.random.Generator) -> None:
    """A layer is what its names stand for."""
    sizes = {"W": "matrix m n", "b": "vector m"}
    named = gw.layer("h = W*x + b; f(t) = t*sigmoid(t); f(h) + h", input="vector n", **sizes)
    plain = gw.layer("(W*x + b).*sigmoid(W*x + b) + W*x + b", input="vector n", **sizes)
    one, other = (gw.Network([3, layer(m=4), "2 softmax"]) for layer in (named, plain))
    p = moved(one, rng)
    X, y = rng.normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])
    q = other.init()
    q.flat[:] = p.flat
    assert np.isclose(one.loss(p, X, y), other.loss(q, X, y), rtol=1e-14)
    assert np.allclose(one.gradient(p, X, y).flat, other.gradient(q, X, y).flat, atol=1e-13)
    assert one.backprop().check().ok
    with pytest.raises(GradwrightError, match="W is"):
        gw.layer("W = 2*x; W*x", input="vector n", W="matrix m n")


def test_softmax_and_softplus_written_out_do_not_overflow() -> None:
    smooth = gw.layer("log(1 + exp(x))", input="vector n")
    shares = gw.layer("exp(x - c)/sum(exp(x - c))", input="vector n", c="vector n")
    net = gw.Network([2, smooth, shares], loss="squared_error")
    p = net.init()
    large = np.array([[1e4, 1e4 - 1.0], [-1e4, 0.0]])
    assert np.allclose(net.predict(p, large)[0], [1 / (1 + np.exp(-1.0)), 1 / (1 + np.exp(1.0))])
    assert np.all(np.isfinite(net.gradient(p, large, np.zeros((2, 2))).flat))


def test_everything_that_a_network_does(rng: np.random.Generator, tmp_path: object) -> None:
    block = gw.layer("x + U*tanh(W*x + b)/n", input="vector n", U="matrix n k", W="matrix k n",
                     b="vector k")  # fmt: skip
    net = gw.Network([3, dense(m=6), swish, block(k=5), "4 softmax"])
    X, y = rng.normal(size=(8, 3)), rng.integers(4, size=8)
    p = net.init(seed=1)
    assert list(p) == ["W1", "b1", "U3", "W3", "b3", "W4", "b4"]
    assert p["U3"].shape == (6, 5) and not np.any(p["b3"])
    assert net.backprop().check().ok
    bp = net.backprop()
    for text in (bp.explain(), bp.explain("outline"), bp.explain("index"), bp.latex(), bp.html()):
        assert text
    trace = bp.trace(p, X, y)
    assert np.allclose(trace.values["δU3"], net.gradient(p, X, y)["U3"], rtol=1e-12)
    assert net.features(p, X).shape == (8, 6)
    p.save(tmp_path / "p.npz")
    assert np.array_equal(type(p).load(tmp_path / "p.npz", net.model.layers).flat, p.flat)
    run = gw.train(net, X, y, epochs=50, batch_size=4, learning_rate=0.2)
    assert run.history[-1].loss < run.history[0].loss
    single = net.init(dtype="float32")
    assert net.gradient(single, X, y).flat.dtype == np.float32
    assert gw.flow(net, p, X, y).to_dict()["layers"][1]["slope_bound"] is None


BAD = {
    "two inputs": ("tanh(W*x + y)", {"W": "matrix m n"}, NetworkError),
    "no input": ("W*b", {"W": "matrix m n", "b": "vector n"}, NetworkError),
    "a scalar": ("sum(x)", {}, ShapeError),
    "a matrix": ("x*x'", {}, ShapeError),
    "sizes": ("W*x", {"W": "matrix n m"}, ShapeError),
    "unused": ("tanh(x)", {"W": "matrix m n"}, NetworkError),
    "three axes": ("tanh(x*x')*x", {}, UnsupportedError),
    "inverse": ("inv(diag(x))*x", {}, UnsupportedError),
    "taken": ("X*x", {"X": "matrix n n"}, NetworkError),
    "numbered": ("W1*x", {"W1": "matrix n n"}, NetworkError),
    "keyword": ("lambda*x", {"lambda": "scalar"}, NetworkError),
    "gradient's name": ("W*(dW*x)", {"W": "matrix n n", "dW": "matrix n n"}, NetworkError),
    "facts": ("S*x", {"S": "symmetric n n"}, UnsupportedError),
    "kron": ("kron(x, u)", {"u": "vector m"}, ShapeError),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_layer_ends_in_a_typed_error(name: str) -> None:
    text, parameters, kind = BAD[name]
    with pytest.raises(kind) as caught:
        gw.layer(text, input="vector n", **parameters)
    assert caught.value.asked and caught.value.clash and caught.value.instead


@pytest.mark.parametrize("given", [{"input": 5}, {"input": "vector n", "W": 5}, {"input": ""}])
def test_declarations_are_text(given: dict) -> None:
    with pytest.raises(GradwrightError):
        gw.layer("W*x" if "W" in given else "x.^2", **given)


LISTS = [
    [],
    [3],
    ["6 relu"],
    [dense(m=4), "2 softmax"],
    [3, dense, "2 softmax"],
    [3, dense(n=4, m=2), "2 softmax"],
    [3, None, "2 softmax"],
    [True, "2 softmax"],
    [3, "7 rleu"],
    [3.5, "2 softmax"],
]


@pytest.mark.parametrize("items", LISTS, ids=str)
def test_what_is_no_list_of_layers_ends_in_a_typed_error(items: list) -> None:
    with pytest.raises(GradwrightError) as caught:
        gw.Network(items)
    assert caught.value.asked and caught.value.clash and caught.value.instead


@pytest.mark.parametrize("sizes", [{"k": 3}, {"m": 0}, {"m": 2.0}, {"m": True}, {"m": 10**9}])
def test_sizes_that_a_layer_does_not_have(sizes: dict) -> None:
    with pytest.raises(NetworkError):
        dense(**sizes)


def test_outside_its_domain_a_layer_has_no_wrong_numbers() -> None:
    net = gw.Network([2, gw.layer("log(x)", input="vector n"), "2 softmax"])
    p = net.init()
    inside, outside = np.ones((2, 2)), np.array([[1.0, 2.0], [1.0, -1.0]])
    assert np.isfinite(net.loss(p, inside, [0, 1]))
    for ask in (
        lambda: net.predict(p, outside),
        lambda: net.loss(p, outside, [0, 1]),
        lambda: net.gradient(p, outside, [0, 1]),
    ):
        with pytest.raises(DomainError):
            ask()


def test_a_layer_may_be_zero() -> None:
    net = gw.Network([2, gw.layer("0*x", input="vector n"), "2 softmax"])
    trace = net.backprop().trace(net.init(), np.ones((3, 2)), [0, 1, 1])
    assert np.array_equal(trace.values["A1"], np.zeros((3, 2)))


def test_what_layers_by_formula_do_not_do_yet() -> None:
    with pytest.raises(UnsupportedError):
        gw.Network([3, dense(m=2)], loss="squared_error", layout="columns")
    net = gw.Network([3, dense(m=2)], loss="squared_error")
    with pytest.raises(UnsupportedError):
        net.init().relayout("columns")
    with pytest.raises(NetworkError, match="formula"):
        net.collapse(net.init())
    with pytest.raises(UnsupportedError, match="notation 003"):
        net.backprop(notation="003")
    with pytest.raises(UnsupportedError, match="formula"):
        gw.check_equations("dL/dA1 = 2*(A1 - Y)/n", net)
