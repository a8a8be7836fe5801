"""Conditions of rewriting rules: near misses are left alone, and a condition left out shows."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from tests.simplify.planting import code_is_right, expected_at, text_is_right
from tests.suites.conditions import SEED, SIMPLEST, Corpus, survivors
from tests.suites.focused import RULE_FORMS, rules
from tests.suites.near_forms import EQUIVALENT

#: Formulas that a rule once took for what it fits.
NEAR_MISSES = {
    # Σₖ (1 - sigmoid(xₖ)), repeated along an axis, is not 1 - sigmoid(x).
    "log(1 - sigmoid)": ("v'*log(-sum(sigmoid(x) - 1)*ones(n))", "v"),
    # The index of x is not summed over here, so (B + x x') takes nothing away.
    "Sherman-Morrison": ("sum((inv(B + x*x') .* (v*x')) .* S)", "v"),
    "Sherman-Morrison from the left": ("sum((inv(B + x*x') .* (x*v')) .* S)", "v"),
}


@pytest.mark.parametrize("rule", NEAR_MISSES)
def test_a_near_miss_is_left_alone(rule: str) -> None:
    declared = {"x": "vector n", "v": "vector n", "B": "matrix n n invertible", "S": "matrix n n"}
    text, wrt = NEAR_MISSES[rule]
    point, expected = expected_at(text, wrt, declared)
    derived = gw.formula(text, **declared).gradient(wrt)
    assert code_is_right(derived, point, expected)
    assert text_is_right(derived, point, expected)


def test_the_sum_of_complements_repeated_is_its_own() -> None:
    x = np.array([0.1, 0.2, 0.3])
    derived = gw.gradient("v'*log(-sum(sigmoid(x) - 1)*ones(n))", "v", x="vector n", v="vector n")
    expected = np.log(np.sum(1 - 1 / (1 + np.exp(-x))))
    np.testing.assert_allclose(derived(x=x, v=x), np.full(3, expected), rtol=1e-14)


#: Rules, with conditions of theirs that are caught when they are left out.
CAUGHT = {
    "log(1 - sigmoid)": {"_log_one_minus_sigmoid: labels != inner.out"},
    "Sherman-Morrison": {"_sherman_morrison: often(node, shared) != 2"},
    "inverse": {"_inverse_pairs: right is not left.arguments[0]"},
}


#: Rules of which some conditions show on nodes of other rules alone: the whole suite judges these.
SHOWN_ELSEWHERE = {
    "log of a product",
    "distribute",
    "complement",
    "even slope",
    "softmax",
    "shifted softmax",
    "fractions merged",
    "common denominator",
    "relu times step",
    "diagonals",
    "tanh from sigmoid",
    "expm1",
    "Sherman-Morrison",
}


def corpus_of(name: str) -> Corpus:
    """The formulas of one rule, and those that all must leave alone."""
    forms = [form.removeprefix("= ") for form in RULE_FORMS[name]]
    for place, symbol in SIMPLEST.items():
        forms = [form.replace(place, symbol) for form in forms]
    return Corpus(forms, SEED)


@pytest.mark.parametrize("name", sorted(set(rules()) - SHOWN_ELSEWHERE))
def test_every_condition_matters_or_is_declared_not_to(name: str) -> None:
    corpus, rule = corpus_of(name), rules()[name]
    left = {m.name for m, caught in survivors(corpus, [rule]) if not caught}
    assert left <= set(EQUIVALENT)


@pytest.mark.parametrize("name", CAUGHT)
def test_a_condition_left_out_changes_a_near_miss(name: str) -> None:
    """The suite of conditions on one rule: as it stands it changes no value, spoilt it does."""
    corpus, rule = corpus_of(name), rules()[name]
    assert not corpus.caught(rule)
    caught = {mutant.name for mutant, was in survivors(corpus, [rule]) if was}
    assert CAUGHT[name] <= caught, caught
