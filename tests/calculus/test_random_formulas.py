"""A slice of the random formulas, with a fresh seed, and faults that it must find."""

from __future__ import annotations

import random
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import gradwright as gw
from gradwright.calculus import elimination, local
from gradwright.notation.parser import parse
from gradwright.ops.table import OPERATIONS
from tests.suites import focused, random_formulas
from tests.suites.dual_numbers import Arithmetic
from tests.suites.infinitesimals import PRIME, REAL, Dual, mixed, moving
from tests.suites.judging import Judge, mode_nodes
from tests.suites.random_formulas import sample_point
from tests.suites.rounding import ROUNDED, AsLeft, amplified, relative


def test_random_formulas(seed: int) -> None:
    tally = random_formulas.run(80, seed)
    assert not tally.failures
    refused = {o: n for o, n in tally.counts.items() if o.startswith("refused")}
    assert sum(refused.values()) <= 3, (refused, tally.counts)
    assert tally.counts["set aside"] <= 5, tally.aside


def test_a_planted_wrong_rule_is_caught(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The power rule without its exponent: the harness must fail."""
    right = local.local_jacobians

    def wrong(graph, node, wanted):
        for argument, jacobian in right(graph, node, wanted):
            is_power = hasattr(node, "exponent")
            yield argument, graph.scale(1 / node.exponent, jacobian) if is_power else jacobian

    monkeypatch.setattr("gradwright.calculus.modes.local_jacobians", wrong)
    failures = random_formulas.run(25, seed).failures
    # A wrong value, and no error of the planted function itself, is what is to be found.
    assert failures and not any("TypeError" in line for line in failures)


def test_a_wrong_elimination_alone_is_caught(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def replaced(self, user, argument, jacobian):
        self.below[user][argument] = jacobian
        self.above[argument][user] = None

    monkeypatch.setattr(elimination._Edges, "_add", replaced)
    failures = random_formulas.run(40, seed).failures
    assert failures and all("cross_country" in line or "code" in line for line in failures)


def test_every_operation_and_rule_has_a_form() -> None:
    """What is added to a table is asked for at once, or refused with its name."""
    assert {f"operation {name}" for name in OPERATIONS} <= set(focused.focuses())
    assert {f"rule {name}" for name in focused.rules()} <= set(focused.focuses())
    with pytest.raises(KeyError):
        focused.operation_forms("no such operation")


@pytest.mark.parametrize("name", sorted(focused.focuses()))
def test_a_form_hits_what_it_is_for(name: str) -> None:
    """With the simplest expressions in its places, by one variable or another."""
    simplest = {"{s}": "s", "{n}": "x", "{m}": "y", "{M}": "A"}
    with random_formulas.counted_rules() as fired:
        for form in focused.focuses()[name]:
            for place, symbol in simplest.items():
                form = form.replace(place, symbol)
            written = gw.formula(form.removeprefix("= "), **random_formulas.SYMBOLS)
            for wrt in [v for v in written.variables if v in random_formulas.WRT]:
                derived = written.derivative(wrt)
                derived.source()
                if name in fired | random_formulas.operations_in(derived):
                    return
    pytest.fail(f"no form of {name} uses it")


# The oracles themselves -------------------------------------------------------------------------


def test_dual_numbers_of_a_known_function() -> None:
    field = Arithmetic(real=True)
    with mpmath.workdps(30):
        x = field.given(np.array([0.3, 0.7]), [np.array([1.0, 0.0])], False)
        (found,) = field.evaluate(parse("sum(tanh(x).^2)"), {"x": x}, {}).ravel()
        t = mpmath.tanh(mpmath.mpf(0.3))
        assert abs(found.slope - 2 * t * (1 - t**2)) < 1e-28


def test_exact_dual_numbers_of_an_inverse() -> None:
    """d tr(inv(B)) = -tr(inv(B) V inv(B)), in integers modulo the prime."""
    field, draw = Arithmetic(real=False), random.Random(3)
    B = np.array([[draw.randrange(PRIME) for _ in range(3)] for _ in range(3)], dtype=object)
    V = np.array([[draw.randrange(PRIME) for _ in range(3)] for _ in range(3)], dtype=object)
    (found,) = field.evaluate(parse("tr(inv(B))"), {"B": field.given(B, [V], False)}, {}).ravel()
    inverse = field.evaluate(parse("inv(B)"), {"B": field.given(B, [None], False)}, {})
    plain = np.vectorize(lambda dual: dual.value.value, otypes=[object])(inverse)
    assert found.slope.value == -np.trace(plain.dot(V).dot(plain)) % PRIME
    assert isinstance(found, Dual) and field.number(Fraction(1, 2)).value.value * 2 % PRIME == 1


@pytest.mark.parametrize("text", ["det(B + s*S)", "(x'*B*x)^2", "tr(inv(B)*S)"])
def test_exact_arithmetic_finds_the_smallest_fault(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A derivative that is off by one part in 10¹⁵ is wrong modulo the prime."""
    right = local.local_jacobians
    nearly = 1 + Fraction(1, 10**15)

    def wrong(graph, node, wanted):
        for argument, jacobian in right(graph, node, wanted):
            yield argument, graph.scale(nearly, jacobian)

    written = gw.formula(text, **random_formulas.SYMBOLS)
    point = sample_point(written.scope, np.random.default_rng(1))
    judged = Judge(written.gradient("B"), point)
    assert judged.exactly(random.Random(1)) == "right"
    monkeypatch.setattr("gradwright.calculus.modes.local_jacobians", wrong)
    judged = Judge(written.gradient("B"), point)
    assert "wrong modulo a prime" in judged.exactly(random.Random(1))


def test_dual_numbers_of_extremes_and_of_opposites() -> None:
    """The largest entry of all, or along an axis, and a scalar with its sign turned."""
    field = Arithmetic(real=True)
    M, V = np.array([[1.0, 4.0, 2.0], [3.0, -1.0, 5.0]]), np.arange(6.0).reshape(2, 3)
    at = {"M": field.given(M, [V], False)}
    expected = {"-max(M)": [-5.0], "(-min(M))*2": [-8.0], "max(M, axis=1)": [1.0, 5.0]}
    for text, slopes in expected.items():
        found = field.evaluate(parse(text), at, {})
        assert [float(entry.slope) for entry in found.ravel()] == slopes, text


@pytest.mark.parametrize("name", sorted(REAL))
def test_second_derivatives_of_functions(name: str) -> None:
    """The coefficient of both infinitesimals, against differences of 60 digits in mpmath."""
    plain = REAL[name]
    with mpmath.workdps(30):
        x = mpmath.mpf("0.7")
        found = mixed(plain(moving(x, [mpmath.mpf(2), mpmath.mpf(3)], mpmath.mpf(0))))
        assert abs(found - 6 * mpmath.diff(plain, x, 2)) < 1e-20


def test_what_vanishes_beside_its_value_is_not_judged_by_its_own_size() -> None:
    """1 - tanh(25)² is 8e-22 and comes out as 0, the rounding of 1."""
    derived = gw.formula("tanh(c)", c="scalar").derivative("c")
    far, near = (Judge(derived, {"c": np.array(at)}) for at in (25.0, 2.5))
    assert far.by_dual_numbers(random.Random(1)) == "set aside"
    assert near.by_dual_numbers(random.Random(1)) == "right"


@pytest.mark.parametrize("names", [("B", "B"), ("B", "x"), ("x", "B"), ("x", "x", "B")])
def test_exact_arithmetic_judges_higher_derivatives(names: tuple[str, ...]) -> None:
    """One that is off by one part in 10¹⁵ is wrong modulo the prime."""
    derived = gw.formula("x'*inv(B)*x*s", **random_formulas.SYMBOLS).derivative(*names)
    point = sample_point(derived.scope, np.random.default_rng(1))
    judged = Judge(derived, point)
    assert judged.exactly(random.Random(1)) == "right"
    assert judged.by_dual_numbers(random.Random(1)) == "right"
    nodes = list(mode_nodes(derived))
    nearly = [(mode, derived._graph.scale(1 + Fraction(1, 10**15), n)) for mode, n in nodes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.suites.judging.mode_nodes", lambda _: iter(nearly))
        assert "wrong modulo a prime" in judged.exactly(random.Random(1))


def test_rounding_is_measured_where_digits_cancel() -> None:
    """sin(s) - sin(s + 1e-6 t): of sixteen digits six go, and so the measure says."""
    derived = gw.formula("sin(x) - sin(x + v/1000000)", x="vector n", v="vector n").jacobian("v")
    graph = derived._graph
    x, v = (graph.variable(name, ("n",)) for name in "xv")
    shifted = graph.add([(1, x), (Fraction(1, 10**6), v)], ("n",))
    node = graph.add([(1, graph.function("sin", x)), (-1, graph.function("sin", shifted))], ("n",))
    point = {"x": np.array([0.5, 1.0, 0.2]), "v": np.array([1.0, -1.0, 0.5])}
    found = amplified(node, point, {"n": 3})
    assert 1e5 < found / ROUNDED < 1e7
    with mpmath.workdps(30):
        exact = [
            float(mpmath.sin(a) - mpmath.sin(a + mpmath.mpf(b) / 10**6))
            for a, b in zip(point["x"], point["v"], strict=True)
        ]
    gap = np.max(np.abs(AsLeft(node, {"n": 3})(point) - exact)) / np.max(np.abs(exact))
    assert gap < 4 * found


def test_what_the_complex_step_cannot_say_is_judged_in_30_digits() -> None:
    """log(1 + s²) as it is written loses seven digits where s is 1e-4; the code does not."""
    derived = gw.formula("t*log(1 + s^2)*x", **random_formulas.SYMBOLS).jacobian("x")
    point = sample_point(derived.scope, np.random.default_rng(1)) | {"s": np.array(1e-4)}
    judged = Judge(derived, point)
    assert relative(judged.oracle(point), judged.in_digits) > 1e-10
    assert judged.outcome() == "right"


@pytest.mark.parametrize(
    ("text", "names"),
    [("tanh(A*x)", "Ax"), ("tanh(A*x)", "A"), ("tanh(A*x)", "xx"), ("tanh(s)*t", "s")],
)
def test_30_digits_agree_with_the_complex_step(text: str, names: str, seed: int) -> None:
    derived = gw.formula(text, **random_formulas.SYMBOLS).derivative(*names)
    judged = Judge(derived, sample_point(derived.scope, np.random.default_rng(seed)))
    assert relative(judged.oracle(judged.point), judged.in_digits) < 1e-13
