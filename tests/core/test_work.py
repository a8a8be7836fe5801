"""What one call may do: counted, refused when it is too much, raised by `limits`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from typing import TypeVar

import pytest

import gradwright as gw
from gradwright.core import work
from gradwright.core.graph import Graph
from gradwright.errors import DomainError, GradwrightError, LimitError
from gradwright.simplify import readable
from gradwright.simplify.rewrite import Rule

T = TypeVar("T")


def sines(depth: int) -> str:
    return "sin(" * depth + "x" + ")" * depth


def test_the_hessian_of_sixty_sines_is_refused_by_counting() -> None:
    with pytest.raises(LimitError) as caught:
        gw.hessian(sines(60), "x", x="scalar")
    message = str(caught.value)
    assert "the Hessian of a formula" in message
    assert "gw.limits(10)" in message
    assert str(work.ALLOWED) in message


def test_more_is_allowed_inside_limits_and_no_longer_after_it() -> None:
    text = "+".join(f"exp({k + 2}*x)" for k in range(150))
    with gw.limits(10):
        found = gw.gradient(text, "x", x="scalar")
    assert found(x=0.0) == sum(k + 2 for k in range(150))
    with gw.limits(0.01), pytest.raises(LimitError):
        gw.gradient(text, "x", x="scalar")


def test_limits_raise_the_length_of_a_text_and_the_count_of_its_symbols() -> None:
    text = "+".join(["x"] * 120)
    with gw.limits(0.01), pytest.raises(LimitError, match="200 symbols"):
        gw.formula(text, x="scalar")
    with gw.limits(0.03):
        assert gw.formula(text, x="scalar")(x=2.0) == 240
    with gw.limits(0.001), pytest.raises(LimitError, match="100 are read"):
        gw.formula("x" + " " * 100, x="scalar")


def test_a_result_is_the_same_each_time_it_is_asked_for() -> None:
    """The count does not depend on time: what is left out is always the same."""
    text = sines(14)
    assert len({str(gw.gradient(text, "x", x="scalar")) for _ in range(3)}) == 1


def test_calls_inside_a_call_share_its_account() -> None:
    with work.account("outer") as outer:
        gw.gradient("x'*x", "x")
        assert outer.left < outer.allowed
        with work.account("inner") as inner:
            assert inner is outer


def test_another_thread_has_its_own_account() -> None:
    seen: list[int] = []

    def spend() -> None:
        with work.account("another") as mine:
            work.spend(5)
            seen.append(mine.allowed - mine.left)

    with work.account("one") as mine:
        thread = threading.Thread(target=spend)
        thread.start()
        thread.join()
        assert (seen, mine.left) == ([5], mine.allowed)


def test_what_is_not_necessary_is_left_out_when_its_share_is_gone() -> None:
    with work.account("a call") as account:
        assert work.within(0.1, lambda: work.spend(account.allowed // 5)) is None
        assert account.left >= 0.8 * account.allowed
        assert work.within(0.3, lambda: account.left) is not None


def test_a_refusal_that_was_caught_on_the_way_is_told_in_the_end() -> None:
    """What is made after it cannot be relied on: a check may have counted it as a difference."""
    with pytest.raises(LimitError, match="a call"), work.account("a call") as account:
        work.spend(account.left)
        with pytest.raises(LimitError):
            work.spend(1)
        assert work.within(0.5, lambda: 1) is None


def test_the_last_quarter_is_kept_for_what_is_necessary() -> None:
    with work.account("a call") as account:
        for _ in range(20):
            work.within(0.2, lambda: work.spend(account.allowed // 6))
        assert account.left >= work.RESERVE * account.allowed - account.allowed // 6


def test_a_nested_share_ends_where_the_outer_one_does() -> None:
    def outer() -> str:
        work.within(0.5, lambda: work.spend(work.ALLOWED // 3))
        return "went on"

    with work.account("a call"):
        assert work.within(0.1, outer) is None


def test_a_rule_that_never_ends_leaves_a_result_that_is_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A simplification that runs out gives the result as it was differentiated."""

    def grow(graph: Graph, node: object) -> None:
        work.spend(work.ALLOWED)

    monkeypatch.setattr(readable, "BASIC", (Rule("endless", "never", grow),))
    d = gw.gradient("sin(x)^2", "x", x="scalar")
    assert d(x=0.5) == pytest.approx(0.8414709848078965, rel=1e-12)
    assert Fraction(1) and str(d)


def searches(times: int) -> work.Account:
    return work.Account("searches", times * work.ALLOWED)


def test_a_search_of_its_own_leaves_the_account_of_the_call_alone() -> None:
    with work.account("a call") as opened:
        before = opened.left
        assert work.apart(searches(2), lambda: work.spend(work.ALLOWED) or "done") == "done"
        assert opened.left == before

    def greedy() -> str:
        work.spend(3 * work.ALLOWED)
        return "found"

    assert work.apart(searches(2), greedy) is None
    assert work.apart(searches(4), greedy) == "found"
    several = searches(4)
    assert [work.apart(several, greedy) for _ in range(3)] == ["found", None, None]


def test_an_error_that_follows_from_a_refusal_says_so() -> None:
    """A caller that takes a refusal for a fact about the formula cannot be relied on."""
    with pytest.raises(LimitError), work.account("a call") as account:
        with suppress(GradwrightError):
            work.spend(account.allowed + 1)
        raise DomainError("a value", "no point was found", "give one")


def test_a_check_is_counted() -> None:
    d = gw.gradient("norm2(A*x)^2", "x", A="matrix 8 9", x="vector 9")
    assert d.check().ok
    with gw.limits(0.01), pytest.raises(LimitError, match="checking a derivative"):
        d.check()


def test_searches_for_corrections_take_as_much_as_a_call_and_the_derived_formula_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[int] = []

    def apart(account: work.Account, make: Callable[[], T]) -> T | None:
        found = work.apart(account, make)
        taken.append(account.allowed - account.left)
        return found

    monkeypatch.setattr("gradwright.api.equations.judge.apart", apart)
    net = gw.Network("3 -> 4 relu -> 2 softmax")
    report = gw.check_equations("\n".join(["dL/dW2 = X * b1 * A1 * Y * A1 + Z2"] * 30), net)
    assert {one.corrected for one in report.equations} == {"A1'*dL/dZ2"}
    assert work.ALLOWED / 2 < taken[0] <= taken[-1] <= work.ALLOWED + 1
