"""Emitted source as a module."""

from __future__ import annotations

import inspect
import linecache
import traceback

import pytest

from gradwright.run.load import CACHED, load

FAILING = '''"""A module."""


def ratio(x):
    """1 / x."""
    return 1 / x
'''


def test_the_same_source_is_the_same_module() -> None:
    assert load(FAILING) is load(FAILING)
    assert load(FAILING) is not load(FAILING + "\n")


def test_modules_have_names_of_their_own() -> None:
    assert load(FAILING).ratio(4) == 0.25
    assert load(FAILING).__name__ != load(FAILING + "\n").__name__


def test_tracebacks_show_the_line() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        load(FAILING).ratio(0)
    shown = "".join(traceback.format_exception(caught.value))
    assert "return 1 / x" in shown
    assert load(FAILING).__name__ in shown


def test_the_source_of_a_function_can_be_read() -> None:
    assert inspect.getsource(load(FAILING).ratio).startswith("def ratio(x):")


def test_what_is_kept_is_bounded() -> None:
    lines = len(linecache.cache)
    for number in range(2 * CACHED):
        assert number == load(f"NUMBER = {number}\n").NUMBER
    assert load.cache_info().currsize <= CACHED
    assert len(linecache.cache) == lines
