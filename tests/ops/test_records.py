"""Every operation is tested unasked: definition, derivative, proof, sample, code."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from gradwright.api.formula import formula
from gradwright.api.network import Network
from gradwright.core.graph import Graph
from gradwright.notation.declarations import declare
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import infer
from gradwright.ops.record import Elementwise, Record, Structured
from gradwright.ops.table import OPERATIONS
from gradwright.verification import ridders

ELEMENTWISE = [r for r in OPERATIONS.values() if isinstance(r, Elementwise)]
STRUCTURED = [r for r in OPERATIONS.values() if isinstance(r, Structured)]

#: Points away from kinks and inside every domain, on both sides of zero where allowed.
POINTS = {"positive": (0.3, 1.7), "unit": (0.15, 0.8), "": (-1.3, -0.2, 0.4, 1.9)}

#: Rounding of a proof line of at most 20 operations with values and derivatives of size about 1,
#: times the cancellation that near 0.2 costs a decimal digit.
ROUNDING = 1e-13


def scalar(expression: str, **values: float) -> float:
    declared = {name: declare(name, "scalar") for name in values}
    tree = parse(expression)
    return float(evaluate(tree, values, infer(tree, declared, expression)))


def called(record: Elementwise) -> str:
    arguments = "x" if record.arity == 1 else "x, y"
    return "x^y" if record.name == "power" else f"{record.name}({arguments})"


def points(record: Elementwise) -> list[dict[str, float]]:
    found = [{"x": x} for x in POINTS[record.sample]]
    return [p | {"y": 0.7} for p in found] if record.arity == 2 else found


def slope(expression: str, point: dict[str, float]) -> tuple[float, float]:
    """The derivative in x by Ridders' method, and its error estimate."""

    def function(at: dict[str, np.ndarray]) -> float:
        return scalar(expression, **{name: float(value) for name, value in at.items()})

    at = {name: np.asarray(value) for name, value in point.items()}
    estimate = ridders.jacobian(function, at, "x")
    return float(estimate.values), float(estimate.errors)


@pytest.mark.parametrize("record", ELEMENTWISE, ids=lambda r: r.name)
def test_the_definition_is_the_operation(record: Elementwise) -> None:
    for point in points(record):
        expected = scalar(called(record), **point)
        assert scalar(record.definition, **point) == pytest.approx(expected, rel=ROUNDING)


@pytest.mark.parametrize("record", ELEMENTWISE, ids=lambda r: r.name)
def test_the_proof_leads_from_the_definition_to_the_rule(record: Elementwise) -> None:
    """S1.2 (sigmoid), S1.3 (tanh): each line equals the derivative of the definition."""
    for point in points(record):
        expected, error = slope(record.definition, point)
        for line in record.proof:
            found = scalar(line.expression, **point)
            assert abs(found - expected) <= 1e-9 * max(1.0, abs(expected)) + 4 * error, line


@pytest.mark.parametrize("record", ELEMENTWISE, ids=lambda r: r.name)
def test_the_rule_is_the_last_line_of_the_proof(record: Elementwise) -> None:
    declarations = {"x": "scalar", "y": "scalar"} if record.arity == 2 else {"x": "scalar"}
    derivative = formula(called(record), **declarations).gradient("x")
    for point in points(record):
        expected = scalar(record.proof[-1].expression, **point)
        assert derivative(**point) == pytest.approx(expected, rel=ROUNDING, abs=1e-300)


@pytest.mark.parametrize("record", ELEMENTWISE, ids=lambda r: r.name)
def test_the_second_derivative_is_the_derivative_of_the_rule(record: Elementwise) -> None:
    if not record.kink:
        declarations = {"x": "scalar", "y": "scalar"} if record.arity == 2 else {"x": "scalar"}
        hessian = formula(called(record), **declarations).hessian("x")
        for point in points(record):
            expected, error = slope(record.proof[-1].expression, point)
            assert abs(hessian(**point) - expected) <= 1e-9 * max(1.0, abs(expected)) + 4 * error


@pytest.mark.parametrize("record", STRUCTURED, ids=lambda r: r.name)
def test_structured_definitions_and_proofs(record: Structured, rng: np.random.Generator) -> None:
    """Each proof line equals the Jacobian of the definition, in vec form for a matrix result."""
    matrix = record.argument == "X"
    n = 3
    # The diagonal outweighs the rest of each row, so the determinant is positive.
    x = 3 * np.eye(n) + rng.uniform(-0.9, 0.9, (n, n)) if matrix else rng.normal(size=n)
    declared = {record.argument: declare(record.argument, "matrix n n" if matrix else "vector n")}
    beside = {}
    if "y" in record.definition:
        declared["y"], beside = declare("y", "vector n"), {"y": rng.normal(size=n)}

    def function(at: dict[str, np.ndarray]) -> np.ndarray:
        tree = parse(record.definition)
        return np.asarray(evaluate(tree, {**at, **beside}, infer(tree, declared)))

    estimate = ridders.jacobian(function, {record.argument: x}, record.argument)
    expected = np.asarray(estimate.values)
    if expected.ndim == 4:
        expected = expected.transpose(1, 0, 3, 2).reshape(n * n, n * n)
    if expected.ndim == 3:
        expected = expected.transpose(0, 2, 1).reshape(n, n * n)
    for line in record.proof:
        tree = parse(line.expression)
        at = {record.argument: x, **beside}
        scope = infer(tree, declared)
        found = np.asarray(evaluate(tree, {k: at[k] for k in scope.symbols}, scope))
        assert found.shape == expected.shape, line
        assert np.max(np.abs(found - expected)) <= 1e-8 * np.max(np.abs(expected)), line


@pytest.mark.parametrize("record", list(OPERATIONS.values()), ids=lambda r: r.name)
def test_every_record_cites_its_source(record: Record) -> None:
    assert record.source
    assert record.proof


KINKS = [
    # (formula, at zero): the published conventions, in exact numbers.
    ("relu(x)", 0.0),
    ("abs(x)", 0.0),
    ("max(x, 0)", 0.0),
    ("max(0, x)", 0.0),
    ("min(x, 0)", 0.0),
    ("leaky_relu(x)", 0.1),
    ("leaky_relu(x, kink=1)", 1.0),
    ("leaky_relu(x, 0.25)", 0.25),
    ("max(x, 0) + 0.1*min(x, 0)", 0.0),
    ("max(x, 2*x)", 1.5),
    ("max(x, -x)", 0.0),
]


@pytest.mark.parametrize(("text", "expected"), KINKS, ids=[text for text, _ in KINKS])
def test_the_conventions_at_a_kink(text: str, expected: float) -> None:
    """S0.1: leaky ReLU with kink=1; the sum as typed follows the rule for constants."""
    assert formula(text, x="scalar").gradient("x")(x=0.0) == pytest.approx(expected, abs=1e-15)


def test_s0_1_leaky_relu_on_both_sides() -> None:
    derivative = formula("leaky_relu(z, kink=1)", z="vector n").jacobian("z")
    at = np.array([-2.0, -0.5, 0.0, 0.5])
    assert np.allclose(np.diag(derivative(z=at)), [0.1, 0.1, 1.0, 1.0], rtol=0, atol=1e-15)


def test_a_record_with_a_planted_wrong_rule_is_caught() -> None:
    """The proof test fails when the rule and the definition disagree."""
    sigmoid = OPERATIONS["sigmoid"]
    assert isinstance(sigmoid, Elementwise)
    graph = Graph()
    x = graph.variable("x")
    node = graph.function("sigmoid", x)
    (right,) = sigmoid.derivative(graph, node)
    assert right is not graph.scale(Fraction(1, 2), right)
    expected, _ = slope("1/(1 + exp(-x))", {"x": 0.4})
    wrong = scalar("sigmoid(x)*(1 + sigmoid(x))", x=0.4)
    assert abs(wrong - expected) > 0.1


#: The limits at -inf and inf, as C has them (tests/emit/c/test_functions.py).
LIMITS = {
    "elu": (-1, np.inf),
    "gelu": (0, np.inf),
    "gelu_tanh": (0, np.inf),
    "hard_tanh": (-1, 1),
    "mish": (0, np.inf),
    "relu": (0, np.inf),
    "selu": (-1.7580993408473766, np.inf),
    "sigmoid": (0, 1),
    "silu": (0, np.inf),
    "softplus": (0, np.inf),
    "softsign": (-1, 1),
    "tanh": (-1, 1),
}


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_infinities_have_the_limit(name: str, dtype: str) -> None:
    """A product of an infinity and a 0 is no number; neither evaluator nor code makes one."""
    z = np.array([-np.inf, -np.finfo(dtype).max, np.inf, 0.5], dtype)
    low, high = LIMITS[name]
    half = OPERATIONS[name].value(0.5)
    net = Network(f"4 -> 4 {name}", loss="absolute_error")
    p = net.init(dtype=dtype)
    p["W1"], p["b1"] = np.zeros((4, 4)), z
    with np.errstate(over="ignore"):
        emitted = net.model.module.forward(p.flat, np.zeros((1, 4), dtype))[-1][0]
    for found in (formula(f"{name}(z)", z="vector n")(z=z), emitted):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, [low, low, high, half], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_derivative_of_silu_is_1_where_silu_is_large(dtype: str) -> None:
    """y + σ (1 − y) would cancel: from 1/u on it is 0."""
    z = np.array([0.1, 1, 1e4, 1e8, 1e17, 1e30]).astype(dtype)
    exact = [0.5499167914, 0.9276705119, 1, 1, 1, 1]
    found = formula("sum(silu(z))", z="vector n").gradient("z")(z=z)
    np.testing.assert_allclose(found, exact, rtol=1e-6)
    net = Network("6 -> 6 silu", loss="absolute_error", reduction="sum")
    p = net.init(dtype=dtype)
    p["W1"], p["b1"] = np.zeros((6, 6)), z
    slopes = net.gradient(p, np.zeros((1, 6)), np.zeros((1, 6)))["b1"]
    np.testing.assert_allclose(slopes, exact, rtol=1e-6)
