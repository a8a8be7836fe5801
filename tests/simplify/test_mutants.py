"""Every rule is planted wrong once, and every wrong one is caught.

Derivatives of operations: by the proofs and by the check. Rewriting rules: by the numbers of the
complex step where they change what runs, and by the verification of printed text where they change
what is shown. Ways of writing a result down: by the verification, which leaves another form or an
error, never a text that says something else.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.api.derivation import Derivation
from gradwright.api.planning import CHEAPER
from gradwright.calculus import local
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node
from gradwright.errors import GradwrightError
from gradwright.notation.tree import Call, Negate, Transpose
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS
from gradwright.simplify.expand import EXPAND, QUOTIENTS
from gradwright.simplify.inverses import INVERSES
from gradwright.simplify.quotients import FRACTIONS
from gradwright.simplify.rewrite import Rule
from gradwright.simplify.rules import BASIC, DIAGONALS
from gradwright.simplify.stable import LAST, STABLE
from tests.ops import test_records
from tests.simplify.planting import (
    WRONG,
    code_is_right,
    expected_at,
    text_is_right,
    wrong_derivative,
    wrong_function,
    wrong_rule,
)


@pytest.fixture(autouse=True)
def code_is_run_uncompared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers have to show a fault, not the comparison of the code with what is printed."""
    monkeypatch.setattr("gradwright.api.planning.differ", lambda one, other: False)


# Derivatives of operations ----------------------------------------------------------------------

#: Operations of matrices; the others are called with a vector, or with a scalar for `power`.
OF_MATRICES = ("det", "logdet", "inv", "log_of_det")
#: What only code computes: it stands in a formula after all derivatives are taken.
ONLY_CODE = ("solve", "cholesky_logdet")
#: Operations by the names that they have in a text.
SPELLED = {"largest": "max"}


def called(name: str, place: int) -> tuple[str, str, dict[str, str]]:
    """(formula, variable, declarations) that uses an operation's derivative in one argument."""
    if name == "power":
        return "x^y", "xy"[place], {"x": "scalar positive", "y": "scalar"}
    if name in OF_MATRICES:
        text = "log(det(X))" if name == "log_of_det" else f"{name}(X)"
        return text, "X", {"X": "matrix n n positive invertible"}
    fact = OPERATIONS[name].sample
    # hard_tanh is constant beyond its kinks, so an entry between them is needed.
    size = "8" if name == "hard_tanh" else "n"
    declared = {"x": f"vector {size} {fact}".strip(), "y": f"vector {size}"}
    if getattr(OPERATIONS[name], "arity", 1) == 2:
        return f"{name}(x, y)", "xy"[place], declared
    return f"{SPELLED.get(name, name)}(x)", "x", {"x": declared["x"]}


PLACES = [
    (name, place)
    for name, record in OPERATIONS.items()
    if name not in ONLY_CODE
    for place in range(getattr(record, "arity", 1))
]
#: Twice nothing is nothing: the derivatives of sign and step are zero.
EQUIVALENT = {
    (name, kind) for name in ("sign", "step", "hardmax") for kind in ("twice", "negated", "dropped")
}
MUTANTS = [
    (name, place, kind)
    for name, place in PLACES
    for kind in WRONG
    if (name, kind) not in EQUIVALENT
]


@pytest.mark.parametrize(("name", "place", "kind"), MUTANTS)
def test_a_wrong_derivative_fails_the_check(name: str, place: int, kind: str) -> None:
    text, wrt, declared = called(name, place)
    assert gw.formula(text, **declared).jacobian(wrt).check(seed=3).ok
    with wrong_derivative(name, place, WRONG[kind]):
        assert not gw.formula(text, **declared).jacobian(wrt).check(seed=3).ok


@pytest.mark.parametrize(("name", "place", "kind"), MUTANTS)
def test_a_wrong_derivative_fails_its_proof(name: str, place: int, kind: str) -> None:
    record = OPERATIONS[name]
    if isinstance(record, Elementwise) and place == 0:
        with wrong_derivative(name, place, WRONG[kind]), pytest.raises(AssertionError):
            test_records.test_the_rule_is_the_last_line_of_the_proof(record)


# The rules of the calculus itself ---------------------------------------------------------------

CORE = {
    "product": ("x'*A*x", "x"),
    "sum": ("3*x - 2*(A*x)", "x"),
    "power": ("sum((1 + x).^3)", "x"),
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("rule", CORE)
def test_a_wrong_rule_of_the_calculus_fails_the_check(
    rule: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = local.local_jacobians
    names = {"product": "Product", "sum": "Add", "power": "Power"}

    def planted(graph: Graph, node: Node, wanted: Container[Node]) -> Any:
        for argument, jacobian in right(graph, node, wanted):
            fits = type(node).__name__ == names[rule]
            yield argument, WRONG[kind](graph, jacobian) if fits else jacobian

    text, wrt = CORE[rule]
    written = gw.formula(text, A="matrix n n", x="vector n")
    assert written.jacobian(wrt).check(seed=3).ok
    for module in ("modes", "elimination"):
        monkeypatch.setattr(f"gradwright.calculus.{module}.local_jacobians", planted)
    assert not written.jacobian(wrt).check(seed=3).ok


# Rewriting rules --------------------------------------------------------------------------------

SYMBOLS = {
    "x": "vector n",
    "v": "vector n",
    "y": "vector n binary",
    "B": "matrix n n invertible",
    "A": "matrix m n",
    "P": "posdef n n",
    "s": "scalar",
    "t": "scalar",
    "Q": "orthogonal n n",
    "D": "diagonal n n",
    "E": "diagonal n n",
    "z": "vector n positive",
    "r": "scalar positive",
}

#: For each rule a formula whose derivative uses it.
USES = {
    "inverse": ("x'*inv(B)*B*v", "x"),
    "double inverse": ("s*det(inv(B))", "s"),
    "row sum": ("t*sum(softmax(x))", "t"),
    "zero or one": ("sum(x .* y.^2)", "x"),
    "relu times step": ("sum(relu(x).^2)", "x"),
    "sign": ("sum(abs(x) .* x)", "x"),
    "quotient": ("sum(log(cosh(x)))", "x"),
    "sigmoid": ("sum(v ./ (1 + exp(x)))", "v"),
    "sigmoid times exp": ("sum(v .* exp(x) ./ (1 + exp(x)))", "v"),
    "complement": ("s*(1 - sigmoid(-t))", "s"),
    "even slope": ("s*sigmoid(t)*sigmoid(-t)", "s"),
    "softplus": ("s*log(1 + exp(t))", "s"),
    "log-sum-exp": ("s*log(sum(exp(x)))", "s"),
    "softmax": ("v'*(exp(x)/sum(exp(x)))", "v"),
    "log of a transpose": ("s*sum(log(softmax(A')'))", "s"),
    "log softmax": ("sum(log(softmax(x)) .* v)", "v"),
    "log sigmoid": ("s*log(sigmoid(t))", "s"),
    "log(1 - sigmoid)": ("s*log(1 - sigmoid(t))", "s"),
    "log of a total": ("s*log(sum(exp(A)))", "s"),
    "shifted softmax": ("s*v'*softmax(x - t)", "s"),
    "shifted log-sum-exp": ("s*logsumexp(x - t)", "s"),
    "log of two exponentials": ("s*log(exp(t) + exp(2*t))", "s"),
    "log det": ("s*log(det(B*B'))", "s"),
    "Cholesky": ("s*logdet(P)", "s"),
    "sigmoid from tanh": ("s*(1 + tanh(t))", "s"),
    "tanh from exp": ("s*(exp(t) - exp(-t))/(exp(t) + exp(-t))", "s"),
    "tanh from sigmoid": ("s*(1 - exp(t))/(1 + exp(t))", "s"),
    "expm1": ("s*(exp(t) - 1)", "s"),
    "1 - sigmoid": ("s*(1 - sigmoid(t))", "s"),
    "log1p": ("s*log(1 + t^2)", "s"),
    "solve": ("s*v'*inv(B)*x", "s"),
    "orthonormal": ("x'*Q'*Q*v", "x"),
    "inverse of an orthogonal matrix": ("x'*inv(Q)*v", "x"),
    "diagonal matrices commute": ("x'*E*D*v + x'*D*E*v", "x"),
    "above zero": ("s*sum(abs(z))", "s"),
    "log of a product": ("s*log(r^3)", "s"),
    "diagonals": ("tanh(x) + sigmoid(x)", "x"),
    "distribute quotients": ("sum(y .* log(sigmoid(x)) + (1 - y) .* log(1 - sigmoid(x)))", "x"),
    "inverse of a product": ("x'*inv(B*B)*v", "x"),
    "Sherman-Morrison": ("x'*inv(B + x*x')*x", "x"),
    "fractions merged": ("t - t*s^2/(1 + s^2)", "t"),
    "common denominator": ("(1 + t/s)*(x'*v)", "x"),
    "distribute": ("(x + v)'*B*x", "x"),
}
PRINTING = (DIAGONALS, QUOTIENTS, *INVERSES, *FRACTIONS, EXPAND)


def derived(text: str, wrt: str) -> Derivation:
    written = gw.formula(text, **SYMBOLS)
    scalar = written.scope.shape.kind == "scalar"
    return written.gradient(wrt) if scalar else written.jacobian(wrt)


def test_every_rule_has_a_formula() -> None:
    assert {rule.name for rule in (*BASIC, *STABLE, *LAST, *PRINTING)} == set(USES)


@pytest.mark.parametrize("kind", ["twice", "negated", "one more"])
@pytest.mark.parametrize("rule", (*BASIC, *STABLE, *LAST, *PRINTING), ids=lambda rule: rule.name)
def test_a_wrong_rewriting_rule_is_caught(rule: Rule, kind: str) -> None:
    text, wrt = USES[rule.name]
    point, expected = expected_at(text, wrt, SYMBOLS)
    right = derived(text, wrt)
    assert code_is_right(right, point, expected) and text_is_right(right, point, expected)
    with wrong_rule(rule, WRONG[kind]) as used:
        made = derived(text, wrt)
        assert text_is_right(made, point, expected)
        printing = used.total()
        runs_right = code_is_right(made, point, expected)
    if rule in PRINTING and rule not in CHEAPER:
        assert printing and runs_right
    else:
        assert used.total() and not runs_right


# Raising ----------------------------------------------------------------------------------------

TEXTS = [
    ("x'*B*x + (v'*x)^2/(1 + t^2)", "x"),
    ("sum(tanh(A*x)) - 3*sum(A*x)", "A"),
    ("softmax(A*x)", "x"),
    ("tr(B*S)*logdet(B)", "B"),
    ("B*S*B", "B"),
    ("norm2(A*x)", "x"),
    ("sum(exp(A - v'))", "A"),
    ("sum((x .* v).^3 ./ (1 + x.^2))", "x"),
    ("sum(A)^2 + x'*v", "A"),
    ("diag(tanh(x))*v", "x"),
    ("sum(sin(x))", "x"),
    ("tanh(B*x)", "B"),
    ("tanh(B*S*B)", "S"),
    ("x'*v*B", "x"),
    ("softmax(A)", "A"),
    ("B'*B", "B"),
    ("softmax(S*B)", "B"),
]


def negated(tree: Any) -> Any:
    return Negate(tree)


def turned(tree: Any) -> Any:
    return Transpose(tree)


def of_the_whole(tree: Any) -> Any:
    return Call("exp", (tree,))


def reversed_chain(chain: Any) -> Any:
    return tuple(reversed(chain))


def without_last(chain: Any) -> Any:
    return chain[:-1] if len(chain) > 1 else chain


def first_negated(chain: Any) -> Any:
    return (Negate(chain[0]), *chain[1:]) if chain else chain


def other_sign(found: Any) -> Any:
    return (-found[0], found[1])


TREES = (negated, turned, of_the_whole)
CHAINS = (reversed_chain, without_last, first_negated)
RAISING: list[tuple[str, tuple[Callable[[Any], Any], ...]]] = [
    ("number_tree", (negated, of_the_whole)),
    ("product", TREES),
    ("transposed", TREES),
    ("transposed_chain", CHAINS),
    ("hadamard", TREES),
    ("_multiplied", TREES),
    ("joined", TREES),
    ("sum_tree", TREES),
    ("_inner_product", TREES),
    ("_vector_total", TREES),
    ("_matrix_total", TREES),
    ("_ones", TREES),
    ("_diagonal", (first_negated,)),
    ("chain", CHAINS),
    ("body", CHAINS),
    ("signed", (other_sign,)),
    ("_power", TREES),
    ("_function", TREES),
    ("kronecker", TREES),
    ("tree", TREES),
    ("_kronecker", (first_negated,)),
    ("_outer", (first_negated,)),
    ("_crossed", (first_negated,)),
    ("_around", CHAINS),
    ("_oriented", TREES),
]


@pytest.fixture(scope="module")
def expectations() -> list[tuple[str, str, Any, np.ndarray]]:
    declared = SYMBOLS | {"S": "matrix n n symmetric"}
    return [(text, wrt, *expected_at(text, wrt, declared)) for text, wrt in TEXTS]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [(name, wrong) for name, ways in RAISING for wrong in ways],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_wrong_way_of_writing_never_prints_a_wrong_text(
    name: str,
    wrong: Callable[[Any], Any],
    expectations: list[tuple[str, str, Any, np.ndarray]],
) -> None:
    declared = SYMBOLS | {"S": "matrix n n symmetric"}
    made = 0
    for text, wrt, point, expected in expectations:
        written = gw.formula(text, **declared)
        with wrong_function(name, wrong) as used:
            scalar = written.scope.shape.kind == "scalar"
            try:
                found = written.gradient(wrt) if scalar else written.jacobian(wrt)
            except GradwrightError:
                found = None
            made += used.total()
        if found is not None:
            assert text_is_right(found, point, expected), (text, str(found))
    assert made, f"no formula of the table uses {name}"
