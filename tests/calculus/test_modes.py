"""Reverse, forward and cross-country: equal results, and the multiplications that are reported."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.api import planning
from gradwright.api.checking import sample_point
from gradwright.api.modes import MODES
from gradwright.calculus import elimination
from gradwright.errors import InternalError, SymbolError
from gradwright.notation.reference import evaluate
from gradwright.verification import complex_step
from tests.suites.counting import multiplications

SYMBOLS = {
    "A": "matrix n k",
    "B": "matrix m n",
    "D": "matrix n k",
    "S": "matrix k k symmetric",
    "x": "vector k",
    "u": "vector n",
    "v": "vector n",
    "y": "vector m",
}

JACOBIANS = {
    "two scalings in a chain": ("B*(u .* (v .* (A*x)))", "x"),
    "written as diagonal matrices": ("B*diag(u)*diag(v)*A*x", "x"),
    "two branches": ("B*(tanh(A*x) + sigmoid(D*x))", "x"),
    "one node used three times": ("(B*tanh(A*x)) .* softmax(B*sin(A*x))", "x"),
    "by a matrix": ("tanh(A*S*A'*u)", "A"),
    "of a matrix by a matrix": ("tanh(B*A)", "A"),
    "of a matrix by a vector": ("exp(B*diag(u)*A)", "u"),
    "a diamond": ("B*((A*x) .* exp(-(D*x)) + (A*x) .* u)", "x"),
    "a variable alone": ("x", "x"),
    "without the variable": ("B*u + 0*B*A*x", "x"),
    "by a symmetric matrix": ("A*S*x", "S"),
}
HESSIANS = {
    "logistic": ("sum(log(1 + exp(A*x)))", "x"),
    "least squares of a network": ("norm2(B*tanh(A*x) - y)^2", "x"),
    "by a matrix": ("norm2(B*A)^2", "A"),
}
CASES = [("jacobian", *case) for case in JACOBIANS.values()]
CASES += [("hessian", *case) for case in HESSIANS.values()]
NAMES = [*JACOBIANS, *(f"Hessian, {name}" for name in HESSIANS)]

LENGTHS = {"k": 5, "m": 7, "n": 4}


def point(derived: gw.Derivation, rng: np.random.Generator) -> dict[str, np.ndarray]:
    drawn = sample_point(derived.scope, rng)
    for name, declared in derived.scope.symbols.items():
        shape = tuple(LENGTHS[size] for size in declared.sizes)
        drawn[name] = rng.normal(size=shape)
        if "symmetric" in declared.facts:
            drawn[name] = drawn[name] + drawn[name].T
    return drawn


@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize(("kind", "text", "wrt"), CASES, ids=NAMES)
def test_every_mode_is_right(
    kind: str, text: str, wrt: str, mode: str, rng: np.random.Generator
) -> None:
    formula = gw.formula(text, **SYMBOLS)
    derived = getattr(formula, kind)(wrt, mode=mode)
    if kind == "hessian":
        formula = formula.derived([wrt])
    at = point(derived, rng)

    def function(values: dict[str, np.ndarray]) -> np.ndarray:
        return np.asarray(evaluate(formula.tree, values, formula.scope))

    expected = complex_step.jacobian(function, at, wrt)
    np.testing.assert_allclose(derived(**at), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize(("kind", "text", "wrt"), CASES, ids=NAMES)
def test_the_cost_is_what_the_code_does(
    kind: str, text: str, wrt: str, mode: str, rng: np.random.Generator
) -> None:
    """The emitted module runs on arrays that count their products."""
    formula = gw.formula(text, **SYMBOLS)
    sizes = {size: LENGTHS[size] for size in formula.scope.sizes}
    derived = getattr(formula, kind)(wrt, mode=mode, sizes=sizes)
    found = multiplications(derived.source(), kind, point(derived, rng))
    assert found == derived.cost.multiplications


@pytest.mark.parametrize(("kind", "text", "wrt"), CASES, ids=NAMES)
def test_auto_takes_the_cheapest(kind: str, text: str, wrt: str) -> None:
    report = getattr(gw.formula(text, **SYMBOLS), kind)(wrt).cost
    counts = [row.multiplications for row in report.modes]
    assert [row.mode for row in report.modes] == ["reverse", "forward", "cross_country"]
    assert report.multiplications == min(counts)
    assert report["cross_country"] <= min(report["reverse"], report["forward"])


def test_weights_of_a_chain_are_multiplied_first() -> None:
    """B diag(u) diag(v) A: forward and reverse scale a matrix twice, u ⊙ v is n products."""
    text, wrt = JACOBIANS["two scalings in a chain"]
    k, m, n = 50, 20, 30
    sizes = {"k": k, "m": m, "n": n}
    report = gw.formula(text, **SYMBOLS).jacobian(wrt, sizes=sizes).cost
    assert report["reverse"] == 2 * m * n + m * n * k
    assert report["forward"] == 2 * n * k + m * n * k
    assert report["cross_country"] == n + m * n + m * n * k
    assert report.mode == "cross_country"


def test_branches_meet_before_they_are_multiplied() -> None:
    """B (diag(s) A + diag(t) D): reverse mode multiplies B with both, elimination with the sum."""
    text, wrt = JACOBIANS["two branches"]
    k, m, n = 50, 20, 30
    report = gw.formula(text, **SYMBOLS).jacobian(wrt, sizes={"k": k, "m": m, "n": n}).cost
    assert report["reverse"] > 2 * m * n * k
    assert m * n * k < report["cross_country"] < 1.3 * m * n * k


def test_elimination_beats_both_sweeps() -> None:
    """A narrow middle between wide ends: the cheapest order starts in neither end."""
    formula = gw.formula(
        "P*(tanh(Q*tanh(x)) + sin(Q*tanh(x)))",
        P="matrix a b",
        Q="matrix b c",
        x="vector c",
    )
    report = formula.jacobian("x", sizes={"a": 40, "b": 8, "c": 60}).cost
    assert report["cross_country"] < min(report["reverse"], report["forward"])


def test_a_wrong_edge_is_caught(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted fault: parallel edges replace each other instead of adding up."""

    def replaced(self, user, argument, jacobian):
        self.below[user][argument] = jacobian
        self.above[argument][user] = None

    monkeypatch.setattr(elimination._Edges, "_add", replaced)
    text, wrt = JACOBIANS["two branches"]
    with pytest.raises(InternalError):
        gw.formula(text, **SYMBOLS).jacobian(wrt, mode="cross_country").source()
    monkeypatch.setattr(planning, "differ", lambda one, other: False)
    with pytest.raises(AssertionError):
        test_every_mode_is_right("jacobian", text, wrt, "cross_country", rng)


def test_the_report_as_text_and_as_values() -> None:
    formula = gw.formula("norm2(tanh(A*x))^2", **SYMBOLS)
    report = formula.gradient("x", sizes={"n": 300}).cost
    assert report.sizes == {"k": 32, "n": 300}
    assert str(report).splitlines()[0] == "multiplications at k = 32, n = 300"
    assert len(str(report).splitlines()) == 5
    made = report.to_dict()
    assert made["schema"] == "gradwright.cost/1"
    assert made["modes"]["reverse"]["multiplications"] == report["reverse"]
    assert (made["mode"], made["why"]) == (report.mode, report.why)
    assert formula.vjp("x").cost.mode == "reverse"
    assert formula.jvp("x").cost.why == "forward, the only one for this product"


def test_unknown_modes_and_sizes_are_refused() -> None:
    formula = gw.formula("A*x", **SYMBOLS)
    with pytest.raises(SymbolError, match="'sideways' is asked for"):
        formula.jacobian("x", mode="sideways")
    with pytest.raises(SymbolError, match="a length is given for q"):
        _ = formula.jacobian("x", sizes={"q": 3}).cost


def test_a_comparison_that_is_the_smallest_factor_takes_the_sign() -> None:
    text = "hard_tanh(relu(solve(B + 0.1*p*p', p)))"
    d = gw.formula(text, B="matrix n n invertible", p="vector n").jacobian("B")
    assert d.check(seed=1).ok
