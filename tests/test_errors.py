"""Errors as objects: copied, and sent from one process to another."""

from __future__ import annotations

import copy
import multiprocessing
import pickle

import pytest

import gradwright as gw
from gradwright.errors import GradwrightError, ShapeError, Span


def _gradient(text: str) -> str:
    return str(gw.formula(text).gradient("x"))


@pytest.mark.parametrize(
    "made", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_a_copy_says_the_same(made):
    error = ShapeError("x*y", "one and two", "three", text="x*y", span=Span(1, 2), place="line 1")
    other = made(error)
    assert type(other) is ShapeError
    assert str(other) == str(error)
    assert vars(other) == vars(error)


def test_an_error_of_another_process_arrives():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        waiting = pool.map_async(_gradient, ["x+"])
        with pytest.raises(GradwrightError, match="x\\+"):
            waiting.get(timeout=60)
