"""Which library makes large products of compiled code."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import UnsupportedError
from gradwright.run import blas
from tests.emit.c.judging import compiles, distance

needs_mkl = pytest.mark.skipif(
    not sorted((Path(sys.prefix) / "lib").glob("libmkl_rt.so*")), reason="MKL is not installed"
)


def trained(rng, **more):
    net = gw.Network("150 -> 170 tanh -> 160 tanh -> 3", loss="squared_error")
    X, Y = rng.normal(size=(190, 150)), rng.normal(size=(190, 3))
    return gw.train(net, X, Y, epochs=2, batch_size=190, target="c", **more)


@pytest.mark.parametrize(
    ("asked", "said"),
    [("netlib", "the libraries are mkl and scipy"), ("", "the libraries are mkl and scipy")],
)
def test_a_library_that_nobody_knows(asked, said, monkeypatch):
    monkeypatch.setenv("GRADWRIGHT_BLAS", asked)
    with pytest.raises(UnsupportedError, match=said):
        blas.found("float64")


def test_a_library_that_is_not_installed(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADWRIGHT_BLAS", "mkl")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(UnsupportedError, match="it is not installed"):
        blas.found("float32")


def test_a_library_that_does_not_load_is_left(monkeypatch, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libmkl_rt.so.2").write_text("no library")
    monkeypatch.delenv("GRADWRIGHT_BLAS", raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(blas, "_of_intel", lambda: True)
    assert blas.found("float64").target == "c with BLAS"


def test_processors_of_other_makers_have_that_of_scipy(monkeypatch):
    monkeypatch.delenv("GRADWRIGHT_BLAS", raising=False)
    monkeypatch.setattr(blas, "_of_intel", lambda: False)
    monkeypatch.setattr(blas, "_mkl", lambda _: pytest.fail("looked for"))
    assert blas.found("float64").target == "c with BLAS"


@needs_mkl
@compiles
@pytest.mark.parametrize("threads", [1, 3])
def test_mkl_computes_the_same(threads, monkeypatch, rng):
    state = rng.bit_generator.state
    monkeypatch.setenv("GRADWRIGHT_BLAS", "scipy")
    expected = trained(rng)
    rng.bit_generator.state = state
    monkeypatch.setenv("GRADWRIGHT_BLAS", "mkl")
    found = trained(rng, threads=threads)
    assert (expected.target, found.target) == ("c with BLAS", "c with MKL")
    assert distance(found.params.flat, expected.params.flat) <= 1e-12
    assert not np.array_equal(found.params.flat, expected.params.flat)
