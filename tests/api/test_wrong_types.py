"""What is given in the place of a path, a function, a declaration or a seed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.data import csv_file
from gradwright.errors import GradwrightError, ShapeError
from gradwright.verification.check import check_derivative

NET = gw.Network("3 -> 4 tanh -> 2 softmax")
PARAMETERS = NET.init()
SAMPLES = np.ones((4, 3)), np.array([0, 1, 0, 1])
GRADIENT = gw.gradient("x'*A*x", "x")
BACKPROP = NET.backprop()


def type_name(value: object) -> str:
    """Where an object lies would name the test otherwise in every process."""
    return type(value).__name__


def train(**settings: Any) -> object:
    return gw.train(NET, *SAMPLES, epochs=1, target="numpy", **settings)


def within(times: Any) -> None:
    with gw.limits(times):
        gw.gradient("x'*x", "x")


def check(**given: Any) -> object:
    point = {"x": np.ones(3)}
    plain = {"claimed": lambda at: {"x": 2 * at["x"]}, "function": lambda at: at["x"] @ at["x"]}
    return check_derivative(**{**plain, **given}, point=point, blocks=["x"], seed=1)


PATHS: dict[str, Callable[[Any], object]] = {
    "p.save": PARAMETERS.save,
    "net.load": NET.load,
    "gw.train, checkpoint": lambda given: train(checkpoint=given),
    "gw.train, resume": lambda given: train(resume=given),
    "the standalone module": lambda given: BACKPROP.standalone(PARAMETERS).write(given),
    "samples of a CSV file": csv_file.read,
    "features of a CSV file": lambda given: csv_file.read_features(given, ["a"]),
}
FUNCTIONS: dict[str, Callable[[Any], object]] = {
    "callbacks": lambda given: train(callbacks=given),
    "a callback": lambda given: train(callbacks=[given]),
    "progress": lambda given: BACKPROP.check(progress=given),
    "what is checked": lambda given: check(function=given),
    "what is claimed": lambda given: check(claimed=given),
    "redraw": lambda given: check(redraw=given),
    "an abstract function": lambda given: gw.formula("sum(f(x))", f="elementwise")(
        x=np.ones(3), f=given
    ),
}
OTHERS: dict[str, Callable[[Any], object]] = {
    "a declaration": lambda given: gw.formula("x'*x", x=given),
    "gw.function": lambda given: gw.function("phi", given),
    "gw.schedule": gw.schedule,
    "gw.train, schedule": lambda given: train(schedule=given),
    "gw.limits": within,
    "d.check": lambda given: GRADIENT.check(seed=given),
    "backprop.check": lambda given: BACKPROP.check(seed=given),
    "d.html": lambda given: GRADIENT.html(given or "no report"),
    "backprop.html": lambda given: BACKPROP.html(given or "no report"),
    "backprop.figures": lambda given: BACKPROP.figures(given or "no report"),
}

MAP = gw.jacobian("A*x", "x").operator(A=np.ones((2, 3)), x=np.ones(3))
NAMES: dict[str, Callable[[Any], object]] = {
    "gw.scalar": gw.scalar,
    "gw.vector": lambda given: gw.vector(given, "n"),
    "gw.matrix": lambda given: gw.matrix(given, "m", "n"),
    "gw.tensor": lambda given: gw.tensor(given, "b", "m", "n"),
    "the size of a vector": lambda given: gw.vector("x", given),
    "the columns of a matrix": lambda given: gw.matrix("A", "m", given),
    "a fact": lambda given: gw.vector("x", "n", given),
    "the name of a function": lambda given: gw.function(given, "elementwise"),
    "a factor of a linear map": lambda given: MAP @ given,
}


class Bytes:
    """A path whose name is no text."""

    def __fspath__(self) -> bytes:
        return b"p.npz"


def refused(call: Callable[[Any], object], given: Any) -> None:
    with pytest.raises(GradwrightError) as caught:
        call(given)
    assert caught.value.asked and caught.value.clash and caught.value.instead


@pytest.mark.parametrize("given", [3, [], object(), b"p.npz", "a\0b", Bytes()], ids=type_name)
@pytest.mark.parametrize("name", PATHS)
def test_what_is_no_path(
    name: str, given: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(PATHS[name], given)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", [name for name in PATHS if not name.startswith("gw.train")])
def test_no_path_at_all(name: str) -> None:
    refused(PATHS[name], None)


@pytest.mark.parametrize("given", [3, "f", object(), b"f"], ids=type_name)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_no_function(name: str, given: Any) -> None:
    refused(FUNCTIONS[name], given)


@pytest.mark.parametrize("given", [None, [], object(), {}, "\0"], ids=type_name)
@pytest.mark.parametrize("name", OTHERS)
def test_other_things_of_another_type(name: str, given: Any) -> None:
    refused(OTHERS[name], given)


@pytest.mark.parametrize("given", [None, 1.5, True, b"x", ["n"], {}, object()], ids=type_name)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_name_and_no_size(name: str, given: Any) -> None:
    refused(NAMES[name], given)


def test_parameters_are_multiplied_as_their_vector() -> None:
    with pytest.raises(ShapeError, match=r"a Parameters, which has arrays by name(.|\n)*p\.flat"):
        MAP @ PARAMETERS
    assert gw.vector("x", np.int64(3)).shape == (3,)
