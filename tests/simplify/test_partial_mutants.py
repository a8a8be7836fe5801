"""Rules and derivatives of which a part is wrong: a term or a factor left out, axes exchanged.

A mutant that leaves a result as it is does not count. One that changes it must be caught, or stand
among those that are equivalent, with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.core.graph import Graph
from gradwright.core.nodes import Add, Function, Node, Product
from gradwright.errors import GradwrightError
from gradwright.ops.samples import draw
from gradwright.simplify import exponentials, rules
from gradwright.simplify.rewrite import Rule
from tests.simplify.planting import (
    code_is_right,
    expected_at,
    text_is_right,
    wrong_derivative,
    wrong_rule,
)
from tests.simplify.test_mutants import PLACES, PRINTING, SYMBOLS, USES, called, derived
from tests.suites.focused import rules as all_rules


@pytest.fixture(autouse=True)
def code_is_run_uncompared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers have to show a fault, not the comparison of the code with what is printed."""
    monkeypatch.setattr("gradwright.api.planning.differ", lambda one, other: False)


def without_a_term(graph: Graph, node: Node) -> Node:
    """The first sum in a node without its last term."""
    if isinstance(node, Add):
        return graph.add(node.terms[:-1], node.axes)
    return _inside(graph, node, without_a_term)


def without_a_factor(graph: Graph, node: Node) -> Node:
    """A product without its first factor."""
    if not isinstance(node, Product) or len(node.factors) < 2:
        return node
    (first, labels), *rest = node.factors
    sizes = dict(zip(node.out, node.axes, strict=True))
    held = {label for _, others in rest for label in others}
    lost = {x: s for x, s in zip(labels, first.axes, strict=True) if x not in held}
    return graph.product(rest, node.out, coefficient=node.coefficient, sizes=sizes | lost)


def turned(graph: Graph, node: Node) -> Node:
    """The last two axes exchanged where they are equally long."""
    if node.order < 2 or node.axes[-1] != node.axes[-2]:
        return node
    last = node.order - 1
    return graph.permute(node, (*range(last - 1), last, last - 1))


def exchanged(graph: Graph, node: Node) -> Node:
    """The two arguments of a function in each other's place."""
    if isinstance(node, Function) and len(node.arguments) == 2:
        return graph.function(node.operation, *node.arguments[::-1], options=node.options)
    return _inside(graph, node, exchanged)


def opposite(graph: Graph, node: Node) -> Node:
    """A function with the opposite argument."""
    if isinstance(node, Function) and len(node.arguments) == 1:
        inner = graph.scale(-1, node.arguments[0])
        return graph.function(node.operation, inner, options=node.options)
    return _inside(graph, node, opposite)


def _inside(graph: Graph, node: Node, wrong: Callable[[Graph, Node], Node]) -> Node:
    """The first factor of a product that a mutant changes."""
    if not isinstance(node, Product):
        return node
    sizes = dict(zip(node.out, node.axes, strict=True))
    for place, (factor, labels) in enumerate(node.factors):
        made = wrong(graph, factor)
        if made is not factor:
            factors = [*node.factors[:place], (made, labels), *node.factors[place + 1 :]]
            return graph.product(factors, node.out, coefficient=node.coefficient, sizes=sizes)
    return node


PARTIAL = {
    "a term left out": without_a_term,
    "a factor left out": without_a_factor,
    "axes exchanged": turned,
    "arguments exchanged": exchanged,
    "the opposite argument": opposite,
}

#: (rule or operation, mutant): why it changes no value.
EQUIVALENT = {
    ("sign", "the opposite argument"): "|u| is |-u|",
    ("sin", "the opposite argument"): "the derivative cos is even",
    ("sinh", "the opposite argument"): "the derivative cosh is even",
    ("normpdf", "the opposite argument"): "in -x φ(x) the function φ is even",
    ("normcdf", "the opposite argument"): "the derivative φ is even",
    ("erf", "the opposite argument"): "the derivative is a number times φ(√2 x), which is even",
}

RULES = list(all_rules().values())


def counted(wrong: Callable[[Graph, Node], Node]) -> tuple[Any, Counter[str]]:
    """A mutant that counts what it changes."""
    changed: Counter[str] = Counter()

    def planted(graph: Graph, node: Node) -> Node:
        made = wrong(graph, node)
        changed["nodes"] += made is not node
        return made

    return planted, changed


@pytest.mark.parametrize("kind", PARTIAL)
@pytest.mark.parametrize("rule", [r for r in RULES if r.name in USES], ids=lambda rule: rule.name)
def test_a_partly_wrong_rule_is_caught(rule: Rule, kind: str) -> None:
    text, wrt = USES[rule.name]
    point, expected = expected_at(text, wrt, SYMBOLS)
    planted, changed = counted(PARTIAL[kind])
    with wrong_rule(rule, planted):
        try:
            made = derived(text, wrt)
            assert text_is_right(made, point, expected)
            runs_right = code_is_right(made, point, expected)
        except (GradwrightError, AssertionError, ValueError):
            runs_right = False
    if not changed["nodes"] or rule in PRINTING:
        return
    assert runs_right == ((rule.name, kind) in EQUIVALENT), (text, kind)


@pytest.mark.parametrize("kind", PARTIAL)
@pytest.mark.parametrize(("name", "place"), PLACES)
def test_a_partly_wrong_derivative_is_caught(name: str, place: int, kind: str) -> None:
    text, wrt, declared = called(name, place)
    planted, changed = counted(PARTIAL[kind])
    with wrong_derivative(name, place, planted):
        try:
            found_right = gw.formula(text, **declared).jacobian(wrt).check(seed=3).ok
        except (GradwrightError, AssertionError, ValueError):
            found_right = False
    if changed["nodes"]:
        assert found_right == ((name, kind) in EQUIVALENT), (text, kind)


#: Conditions under which rules hold: how each is dropped, and a formula that then comes out wrong.
CONDITIONS = {
    "inverse: the matrix stands the right way round": (
        lambda patch: patch.setattr(Graph, "symmetric", lambda self, node: True),
        ("x'*inv(B)*B'*v", "x"),
    ),
    "row sum: nothing else holds the summed index": (
        lambda patch: patch.setattr(rules, "_count", lambda product, label: 1),
        ("v'*softmax(x)", "v"),
    ),
    "row sum: the entries sum to one": (
        lambda patch: patch.setattr(rules, "_axis_of_unit_sums", _last_axis_of_any_function),
        ("t*sum(exp(x))", "t"),
    ),
    "sigmoid: the exponential is added to one": (
        lambda patch: patch.setattr(exponentials, "_one_plus_exp", _any_sum_with_exp),
        ("sum(v ./ (3 + exp(x)))", "v"),
    ),
}


def _last_axis_of_any_function(node: Node) -> int | None:
    return node.order - 1 if isinstance(node, Function) and node.order else None


def _any_sum_with_exp(node: Node) -> Node | None:
    if not isinstance(node, Add):
        return None
    found = [t for _, t in node.terms if isinstance(t, Function) and t.operation == "exp"]
    return found[0].arguments[0] if found else None


def test_sampled_matrices_show_exchanged_axes(rng: np.random.Generator) -> None:
    for facts in ("invertible", "positive invertible", "unit invertible", "positive", ""):
        value = draw("matrix", (3, 3), frozenset(facts.split()), rng)
        # Far more than rounding; three pairs of entries are that near once in ten million draws.
        assert np.max(np.abs(value - value.T)) > 1e-4, facts


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_left_out_is_caught(condition: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drop, (text, wrt) = CONDITIONS[condition]
    point, expected = expected_at(text, wrt, SYMBOLS)
    assert code_is_right(derived(text, wrt), point, expected)
    drop(monkeypatch)
    assert not code_is_right(derived(text, wrt), point, expected)
