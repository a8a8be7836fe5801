"""Which library makes large products of compiled code."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import UnsupportedError
from gradwright.run import blas
from gradwright.run.compiling import compiled
from tests.emit.c.judging import compiles, distance

needs_mkl = pytest.mark.skipif(
    not sorted((Path(sys.prefix) / "lib").glob("libmkl_rt.so*")), reason="MKL is not installed"
)


def trained(rng, **more):
    net = gw.Network("150 -> 170 tanh -> 160 tanh -> 3", loss="squared_error")
    X, Y = rng.normal(size=(190, 150)), rng.normal(size=(190, 3))
    return gw.train(net, X, Y, epochs=2, batch_size=190, target="c", **more)


def test_a_library_that_nobody_knows(monkeypatch):
    monkeypatch.setenv("GRADWRIGHT_BLAS", "netlib")
    with pytest.raises(UnsupportedError, match="the libraries are mkl and scipy"):
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


@compiles
def test_the_library_alone_computes_what_it_does_behind_its_interface(monkeypatch, rng):
    monkeypatch.setenv("GRADWRIGHT_BLAS", "scipy")
    state = rng.bit_generator.state
    alone = trained(rng).params.flat
    rng.bit_generator.state = state
    monkeypatch.setattr(blas, "_scipy", blas._scipy_imported)
    np.testing.assert_array_equal(trained(rng).params.flat, alone)


@compiles
@pytest.mark.parametrize("fault", ["no library", "a library without the routine"])
def test_where_there_is_no_library_the_interface_is_taken(fault, monkeypatch, tmp_path):
    folder = tmp_path / "scipy"
    (tmp_path / "scipy.libs").mkdir()
    if fault != "no library":
        made = compiled("long something(void) { return 1; }")
        (tmp_path / "scipy.libs" / "libscipy_openblas-0.so").write_bytes(made.read_bytes())
    monkeypatch.setenv("GRADWRIGHT_BLAS", "scipy")
    package = ModuleSpec("scipy", None, origin=str(folder / "__init__.py"))
    monkeypatch.setattr(blas, "find_spec", lambda _: package)
    assert blas.found("float32").address == blas._scipy_imported("sgemm")


def test_without_scipy_there_is_none(monkeypatch):
    monkeypatch.delenv("GRADWRIGHT_BLAS", raising=False)
    monkeypatch.setattr(blas, "_of_intel", lambda: False)
    monkeypatch.setattr(blas, "find_spec", lambda _: None)
    assert blas.found("float64") is None
